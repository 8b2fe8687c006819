package officials

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/uptrace/bun"

	"viche/internal/store"
)

// Term is somebody's time in an office: what indicators, grades and replies
// belong to.
type Term struct {
	ID     int64 `bun:"id"`
	Office int64 `bun:"office"`
	Seat   int   `bun:"seat"`
	Holder int64 `bun:"holder"`
	From   int64 `bun:"from_at"`  // beginning of the first day
	Until  int64 `bun:"until_at"` // beginning of the day after the last; 0: none is known
	Acting int   `bun:"acting"`
	Source string
	Ended  string

	// Of the holder.
	Name    string
	About   string
	Account int64
}

func termPath(id int64) string { return "/officials/" + strconv.FormatInt(id, 10) }

// Path is the official's card.
func (t *Term) Path() string { return termPath(t.ID) }

// InForce says whether the term has begun and not ended.
func (t *Term) InForce(now time.Time) bool {
	ms := store.Millis(now)
	return t.From <= ms && (t.Until == 0 || ms < t.Until)
}

// meets says whether the term shares a day with a span; until 0 is without end.
func (t *Term) meets(from, until int64) bool {
	return (until == 0 || t.From < until) && (t.Until == 0 || from < t.Until)
}

// NewTerm is a term that a moderator wants to add. Holder 0 stands for somebody
// who is not in the register yet: Name and About are theirs.
type NewTerm struct {
	Office      int64
	Holder      int64
	Name, About string
	From, Until string // days, the last one included; Until may be empty
	Acting      bool
	Source      string
	By, Reason  string
}

// AddTerm has somebody hold a free seat of an office. Two terms of one seat never
// share a day, nor does anybody hold two seats of one office at once.
// Errors: *store.FieldError, joined; store.ErrNotFound.
func (o *Officials) AddTerm(ctx context.Context, in NewTerm) (id int64, err error) {
	w := newWrongs()
	from, last := w.day("from", in.From, true), w.day("until", in.Until, false)
	if !from.IsZero() && !last.IsZero() && last.Before(from) {
		w.Add("until", "officials.term.backwards")
	}
	t := Term{Office: in.Office, Holder: in.Holder, From: store.Millis(from), Until: store.Millis(after(last)), Acting: store.Flag(in.Acting), Source: w.Line("source", in.Source, maxLine, true)}
	if in.Holder == 0 {
		t.Name, t.About = w.Line("name", in.Name, maxName, true), w.Text("about", in.About, maxText, false)
	}
	reason := w.reason(in.Reason)
	if err := w.Err(); err != nil {
		return 0, err
	}
	err = o.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		t.ID = store.NewID()
		if err := tx.Alone(ctx, in.Office); err != nil {
			return err
		}
		office, err := o.Office(ctx, tx, in.Office)
		if err != nil {
			return err
		}
		if office.Closed != 0 {
			return store.Invalid("from", "officials.office.closed")
		}
		if err := t.sit(ctx, tx, office.Seats); err != nil {
			return err
		}
		if err := t.person(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "insert into office_terms (id, office, seat, holder, from_at, until_at, acting, source, ended, created) values (?, ?, ?, ?, ?, ?, ?, ?, '', ?)",
			t.ID, t.Office, t.Seat, t.Holder, t.From, t.Until, t.Acting, t.Source, store.Millis(tx.Now)); err != nil {
			return fmt.Errorf("add term: %w", err)
		}
		return note(ctx, tx, change{Act: "term.add", Office: t.Office, Term: t.ID, What: t.Name + ", " + office.Title, Reason: reason, By: in.By})
	})
	return t.ID, err
}

// sit finds a seat that is free for the whole of the term.
func (t *Term) sit(ctx context.Context, tx *store.Tx, seats int) error {
	others, err := termsOf(ctx, tx, "where t.office = ? order by t.from_at", t.Office)
	if err != nil {
		return err
	}
	taken := map[int]Term{}
	for _, other := range others {
		if !other.meets(t.From, t.Until) {
			continue
		}
		if other.Holder == t.Holder {
			return store.Invalid("holder", "officials.term.twice", "From", typedDay(store.Time(other.From)), "Until", lastOf(other))
		}
		taken[other.Seat] = other
	}
	for seat := 1; seat <= seats; seat++ {
		if _, no := taken[seat]; !no {
			t.Seat = seat
			return nil
		}
	}
	held := taken[1]
	return store.Invalid("from", "officials.term.overlap", "Name", held.Name, "From", typedDay(store.Time(held.From)), "Until", lastOf(held))
}

// lastOf is the last day of a term, or a dash.
func lastOf(t Term) string {
	if t.Until == 0 {
		return "…"
	}
	return typedDay(before(store.Time(t.Until)))
}

// person finds the holder of a new term, or adds them.
func (t *Term) person(ctx context.Context, tx *store.Tx) error {
	if t.Holder != 0 {
		err := tx.Row(ctx, []any{&t.Name}, "select name from office_holders where id = ?", t.Holder)
		if errors.Is(err, store.ErrNotFound) {
			return store.Invalid("holder", "officials.holder.unknown")
		}
		return err
	}
	t.Holder = store.NewID()
	_, err := tx.Exec(ctx, "insert into office_holders (id, name, about, account, created) values (?, ?, ?, 0, ?)", t.Holder, t.Name, t.About, store.Millis(tx.Now))
	return err
}

// EndTerm ends a term with its last day, earlier than was known so far. Grades
// that were given before stay; from that day on nobody is graded for it.
func (o *Officials) EndTerm(ctx context.Context, id int64, last, reason, by string) error {
	w := newWrongs()
	day := w.day("last", last, true)
	reason = w.reason(reason)
	if err := w.Err(); err != nil {
		return err
	}
	return o.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		t, err := o.alone(ctx, tx, id)
		if err != nil {
			return err
		}
		until := store.Millis(after(day))
		if until <= t.From || t.Until != 0 && until >= t.Until {
			return store.Invalid("last", "officials.term.end", "From", typedDay(store.Time(t.From)), "Until", lastOf(*t))
		}
		if _, err := tx.Exec(ctx, "update office_terms set until_at = ?, ended = ? where id = ?", until, reason, id); err != nil {
			return err
		}
		return note(ctx, tx, change{Act: "term.end", Office: t.Office, Term: id, What: t.Name, Reason: reason, By: by})
	})
}

// Link has an account of ours speak for an official; handle "" ends that. Only a
// verified resident can, and only for one person.
func (o *Officials) Link(ctx context.Context, term int64, handle, reason, by string) error {
	w := newWrongs()
	reason = w.reason(reason)
	var account Account
	if handle = w.Line("handle", handle, maxName, false); handle != "" {
		found, err := o.ByHandle(ctx, handle)
		switch {
		case errors.Is(err, store.ErrNotFound):
			w.Add("handle", "officials.link.unknown")
		case err != nil:
			return err
		case !found.Verified:
			w.Add("handle", "officials.link.unverified")
		}
		account = found
	}
	if err := w.Err(); err != nil {
		return err
	}
	err := o.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		t, err := o.Term(ctx, tx, term)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "update office_holders set account = ? where id = ?", account.ID, t.Holder); err != nil {
			return err
		}
		act := "account.link"
		if account.ID == 0 {
			act = "account.unlink"
		}
		return note(ctx, tx, change{Act: act, Office: t.Office, Term: term, What: t.Name, Reason: reason, By: by})
	})
	if errors.Is(err, store.ErrExists) {
		return store.Invalid("handle", "officials.link.taken")
	}
	return err
}

const termColumns = `
	select t.id, t.office, t.seat, t.holder, t.from_at, t.until_at, t.acting, t.source, t.ended, h.name, h.about, h.account
	from office_terms t join office_holders h on h.id = t.holder `

func termsOf(ctx context.Context, idb bun.IDB, where string, args ...any) (list []Term, err error) {
	if err = idb.NewRaw(termColumns+where, args...).Scan(ctx, &list); err != nil {
		return nil, fmt.Errorf("terms: %w", store.Kind(err))
	}
	return list, nil
}

// Term reads a term with its holder.
func (o *Officials) Term(ctx context.Context, idb bun.IDB, id int64) (*Term, error) {
	list, err := termsOf(ctx, idb, "where t.id = ?", id)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("term %d: %w", id, store.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return &list[0], nil
}

// alone is Term for whoever changes it: until the change ends, nobody else
// changes terms of the same office.
func (o *Officials) alone(ctx context.Context, tx *store.Tx, id int64) (*Term, error) {
	t, err := o.Term(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	if err := tx.Alone(ctx, t.Office); err != nil {
		return nil, err
	}
	return o.Term(ctx, tx, id)
}

// Holding are the terms in force of some offices, by office and seat.
func (o *Officials) Holding(ctx context.Context, offices []Office) (map[int64][]Term, error) {
	out := map[int64][]Term{}
	if len(offices) == 0 {
		return out, nil
	}
	ids := make([]int64, len(offices))
	for i, one := range offices {
		ids[i] = one.ID
	}
	now := store.Millis(o.DB.Now())
	list, err := termsOf(ctx, o.DB.Read(), "where t.office in (?) and t.from_at <= ? and (t.until_at = 0 or t.until_at > ?) order by t.office, t.seat", bun.List(ids), now, now)
	for _, t := range list {
		out[t.Office] = append(out[t.Office], t)
	}
	return out, err
}
