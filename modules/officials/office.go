package officials

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"viche/internal/store"
)

// Office is a post, whoever holds it.
type Office struct {
	bun.BaseModel `bun:"table:offices"`

	ID        int64  `bun:"id,pk"`
	Kind      string `bun:"kind"`
	Level     Level  `bun:"level"`
	Territory string `bun:"territory"`
	Sphere    string `bun:"sphere"`
	Title     string `bun:"title"`
	Body      string `bun:"body"`
	Remit     string `bun:"remit"`
	Seats     int    `bun:"seats"`
	Created   int64  `bun:"created"`
	Closed    int64  `bun:"closed"`
}

// Path is the page of the office.
func (o *Office) Path() string { return "/officials/offices/" + strconv.FormatInt(o.ID, 10) }

// NewOffice is an office that a moderator wants to add.
type NewOffice struct {
	Kind, Territory, Sphere string
	Title, Body, Remit      string
	Seats                   string // one if empty
	By, Reason              string
}

// AddOffice adds an office to the register.
// Errors: *store.FieldError, joined.
func (o *Officials) AddOffice(ctx context.Context, in NewOffice) (*Office, error) {
	w := newWrongs()
	kind, known := kindOf(in.Kind)
	if !known {
		w.Add("kind", "officials.kind.unknown")
	}
	unit, found := o.Territories.Get(in.Territory)
	switch {
	case !found || !o.inReach(in.Territory):
		w.Add("territory", "officials.territory.unknown")
	case known && !kind.Level.fits(unit):
		w.Add("territory", "officials.territory.level")
	}
	if in.Sphere != "" && !slices.Contains(o.Spheres, in.Sphere) {
		w.Add("sphere", "officials.sphere.unknown")
	}
	seats := 1
	if in.Seats = strings.TrimSpace(in.Seats); in.Seats != "" {
		var err error
		if seats, err = strconv.Atoi(in.Seats); err != nil || seats < 1 || seats > 500 {
			w.Add("seats", "officials.seats")
		}
	}
	one := &Office{
		ID: store.NewID(), Kind: in.Kind, Level: kind.Level, Territory: in.Territory, Sphere: in.Sphere, Seats: seats,
		Title: w.Line("title", in.Title, maxLine, true), Body: w.Line("body", in.Body, maxLine, false), Remit: w.Text("remit", in.Remit, maxText, false),
	}
	reason := w.reason(in.Reason)
	if err := w.Err(); err != nil {
		return nil, err
	}
	return one, o.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		one.Created = store.Millis(tx.Now)
		if _, err := tx.NewInsert().Model(one).Exec(ctx); err != nil {
			return fmt.Errorf("add office: %w", store.Kind(err))
		}
		return note(ctx, tx, change{Act: "office.add", Office: one.ID, What: one.Title, Reason: reason, By: in.By})
	})
}

// inReach says whether offices of a territory belong into this register: those
// of the instance's own, of what lies in it, and of what it lies in.
func (o *Officials) inReach(code string) bool {
	return o.Territories.Within(code, o.Territory) || o.Territories.Within(o.Territory, code)
}

// CloseOffice ends an office that is no more. Somebody still in it is an error:
// the term is ended first, with its own day and reason.
func (o *Officials) CloseOffice(ctx context.Context, id int64, reason, by string) error {
	w := newWrongs()
	reason = w.reason(reason)
	if err := w.Err(); err != nil {
		return err
	}
	return o.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Alone(ctx, id); err != nil {
			return err
		}
		one, err := o.Office(ctx, tx, id)
		if err != nil {
			return err
		}
		terms, err := termsOf(ctx, tx, "where t.office = ? and (t.until_at = 0 or t.until_at > ?)", id, store.Millis(tx.Now))
		if err != nil {
			return err
		}
		if len(terms) > 0 {
			return store.Invalid("reason", "officials.office.held", "Name", terms[0].Name)
		}
		n, err := tx.Exec(ctx, "update offices set closed = ? where id = ? and closed = 0", store.Millis(tx.Now), id)
		if err == nil && n == 0 {
			err = fmt.Errorf("office %d is closed: %w", id, store.ErrExists)
		}
		if err != nil {
			return err
		}
		return note(ctx, tx, change{Act: "office.close", Office: id, What: one.Title, Reason: reason, By: by})
	})
}

// Office reads an office, from the read pool or inside a change.
func (o *Officials) Office(ctx context.Context, idb bun.IDB, id int64) (*Office, error) {
	one := new(Office)
	if err := idb.NewSelect().Model(one).Where("id = ?", id).Scan(ctx); err != nil {
		return nil, fmt.Errorf("office %d: %w", id, store.Kind(err))
	}
	return one, nil
}

// Filter narrows the list of offices. Zero fields filter nothing.
type Filter struct {
	Territories  []string // codes; nil: all
	Level        Level
	Kind, Sphere string
	Vacant       bool // with a free seat
	After        Place
	Limit        int
}

// A Place is where the list goes on: after the office of that level and id.
type Place struct {
	Level Level
	ID    int64
}

// where is the filter as SQL, for the list and for its count.
func (f Filter) where(now time.Time) (string, []any) {
	sql, args := "where o.closed = 0", []any(nil)
	add := func(clause string, more ...any) { sql, args = sql+" and "+clause, append(args, more...) }
	if f.Territories != nil {
		add("o.territory in (?)", bun.List(f.Territories))
	}
	if f.Level != 0 {
		add("o.level = ?", f.Level)
	}
	if f.Kind != "" {
		add("o.kind = ?", f.Kind)
	}
	if f.Sphere != "" {
		add("o.sphere = ?", f.Sphere)
	}
	if f.Vacant {
		ms := store.Millis(now)
		add("o.seats > (select count(*) from office_terms t where t.office = o.id and t.from_at <= ? and (t.until_at = 0 or t.until_at > ?))", ms, ms)
	}
	return sql, args
}

// List gives offices by level and in the order of the register, and whether
// there are more.
func (o *Officials) List(ctx context.Context, f Filter) (list []Office, more bool, err error) {
	if f.Limit <= 0 || f.Limit > 100 {
		f.Limit = 20
	}
	if f.Territories != nil && len(f.Territories) == 0 {
		return nil, false, nil
	}
	sql, args := f.where(o.DB.Now())
	if f.After.ID != 0 {
		sql, args = sql+" and (o.level > ? or o.level = ? and o.id > ?)", append(args, f.After.Level, f.After.Level, f.After.ID)
	}
	if err := o.DB.Read().NewRaw("select o.* from offices o "+sql+" order by o.level, o.id limit ?", append(args, f.Limit+1)...).Scan(ctx, &list); err != nil {
		return nil, false, fmt.Errorf("list offices: %w", store.Kind(err))
	}
	if len(list) > f.Limit {
		list, more = list[:f.Limit], true
	}
	return list, more, nil
}

// Count is how many offices a filter finds.
func (o *Officials) Count(ctx context.Context, f Filter) (n int, err error) {
	if f.Territories != nil && len(f.Territories) == 0 {
		return 0, nil
	}
	sql, args := f.where(o.DB.Now())
	if err = o.DB.Read().NewRaw("select count(*) from offices o "+sql, args...).Scan(ctx, &n); err != nil {
		return 0, fmt.Errorf("count offices: %w", store.Kind(err))
	}
	return n, nil
}

// places are the territories that offices of the register have.
func (o *Officials) places(ctx context.Context) (codes []string, err error) {
	if err = o.DB.Read().NewRaw("select distinct territory from offices where closed = 0 order by territory").Scan(ctx, &codes); err != nil {
		return nil, fmt.Errorf("territories of offices: %w", store.Kind(err))
	}
	return codes, nil
}

// change is one act of the register.
type change struct {
	bun.BaseModel `bun:"table:official_changes"`

	ID     int64  `bun:"id,pk"`
	At     int64  `bun:"at"`
	Act    string `bun:"act"`
	Office int64  `bun:"office"`
	Term   int64  `bun:"term"`
	What   string `bun:"what"` // whom or what it concerns, by name
	Reason string `bun:"reason"`
	By     string `bun:"by_handle"`
}

// path is the page of what was changed.
func (c change) path() string {
	if c.Term != 0 {
		return termPath(c.Term)
	}
	return (&Office{ID: c.Office}).Path()
}

// note writes an act into the register's own history and into the log of acts,
// with the change itself.
func note(ctx context.Context, tx *store.Tx, c change) error {
	c.ID, c.At = store.NewID(), store.Millis(tx.Now)
	if _, err := tx.NewInsert().Model(&c).Exec(ctx); err != nil {
		return fmt.Errorf("note %s: %w", c.Act, store.Kind(err))
	}
	return tx.Act(ctx, c.By, "officials."+c.Act, c.path(), c.Reason)
}

// changes are acts, the newest first.
func (o *Officials) changes(ctx context.Context, limit int, where string, args ...any) (list []change, err error) {
	if err = o.DB.Read().NewRaw("select * from official_changes "+where+" order by id desc limit ?", append(args, limit)...).Scan(ctx, &list); err != nil {
		return nil, fmt.Errorf("changes of the register: %w", store.Kind(err))
	}
	return list, nil
}
