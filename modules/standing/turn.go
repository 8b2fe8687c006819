package standing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	rules "viche/actors/standing"
	"viche/internal/ballot"
	"viche/internal/store"
)

// lateness is how long a turn waits for polls that ended before it and are not
// counted yet; those that come later go into the next month.
const lateness = time.Hour

// Note notes who took part in polls that have been counted.
func (s *Standing) Note(ctx context.Context) error {
	list, err := s.Closed(ctx)
	if err != nil {
		return err
	}
	for _, one := range list {
		if err := s.Box.Note(ctx, one, s.K, s.persons(ctx)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Standing) persons(ctx context.Context) ballot.Persons { return ballot.Persons(s.Persons(ctx)) }

// Turn turns the month, if one has begun: all levels are worked out, and then
// change at the same moment. Interrupted, it goes on where it stopped.
func (s *Standing) Turn(ctx context.Context) error {
	if !s.turning.TryLock() {
		return nil
	}
	defer s.turning.Unlock()
	newest, _, err := s.epoch(ctx)
	if err != nil {
		return err
	}
	now := s.DB.Now()
	this := s.MonthOf(now)
	next := this
	if !newest.IsZero() {
		next = newest.AddDate(0, 1, 0)
	}
	for ; !next.After(this); next = next.AddDate(0, 1, 0) {
		if now.Before(next.Add(lateness)) {
			late, err := s.Late(ctx, next)
			if err != nil || late {
				return err
			}
		}
		if err := s.Note(ctx); err != nil {
			return err
		}
		if err := s.turn(ctx, next); err != nil {
			return fmt.Errorf("turn of %s: %w", next.Format("2006-01"), err)
		}
	}
	return nil
}

func (s *Standing) turn(ctx context.Context, epoch time.Time) error {
	f, err := s.begin(ctx, epoch)
	if err != nil {
		return err
	}
	if err := s.Box.Fold(ctx, epoch, epoch.AddDate(0, -rules.Kept, 0), s.persons(ctx)); err != nil {
		return err
	}
	changes, report, err := s.judge(ctx, epoch, f)
	if err != nil {
		return err
	}
	if err := s.prepare(ctx, epoch, changes); err != nil {
		return err
	}
	raw, err := json.Marshal(report)
	if err != nil {
		return err
	}
	err = s.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "update status_epochs set done_at = ?, report = ? where epoch = ? and done_at = 0", store.Millis(tx.Now), string(raw), store.Millis(epoch))
		return err
	})
	if err == nil {
		s.Log.Info("statuses changed", "epoch", epoch.Format("2006-01-02"))
	}
	return err
}

// begin fixes the formula of a turn.
func (s *Standing) begin(ctx context.Context, epoch time.Time) (f rules.Formula, err error) {
	if f, err = s.formulaAt(ctx, epoch); err != nil {
		return f, err
	}
	raw, err := json.Marshal(f)
	if err != nil {
		return f, err
	}
	var text string
	err = s.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if _, err := tx.Exec(ctx, "insert into status_epochs (epoch, formula) values (?, ?) on conflict do nothing", store.Millis(epoch), string(raw)); err != nil {
			return err
		}
		return tx.Row(ctx, []any{&text}, "select formula from status_epochs where epoch = ?", store.Millis(epoch))
	})
	if err != nil {
		return f, err
	}
	return readFormula(text)
}

// span is a time that somebody asked to leave out; until is zero while it lasts.
type span struct{ from, until time.Time }

// covers says whether a span takes up half of a month or more. Less leaves no
// month out, or an idle one could be taken back on its last day.
func (p span) covers(from, until time.Time) bool {
	begin, end := from, until
	if p.from.After(begin) {
		begin = p.from
	}
	if !p.until.IsZero() && p.until.Before(end) {
		end = p.until
	}
	return 2*end.Sub(begin) >= until.Sub(from)
}

func (p span) holds(at time.Time) bool {
	return !p.from.After(at) && (p.until.IsZero() || p.until.After(at))
}

// freezes are the spans of one account, or (0) of all, by account.
func (s *Standing) freezes(ctx context.Context, account int64) (map[int64][]span, error) {
	rows, err := s.DB.ReadBound().Query(ctx, "select account, valid_from, valid_until from status_freezes where cast(? as bigint) = 0 or account = ? order by valid_from", account, account)
	if err != nil {
		return nil, fmt.Errorf("read freezes: %w", err)
	}
	defer rows.Close()
	out := map[int64][]span{}
	for rows.Next() {
		var who, from, until int64
		if err := rows.Scan(&who, &from, &until); err != nil {
			return nil, fmt.Errorf("read freezes: %w", err)
		}
		out[who] = append(out[who], span{s.moment(from), s.moment(until)})
	}
	return out, store.Kind(rows.Err())
}

// assembly puts together what the rules look at, person by person, over the same
// months.
type assembly struct {
	epoch time.Time
	blank []rules.Month
	index map[int64]int // where a month stands, by the epoch that ended it
}

func newAssembly(epoch time.Time) *assembly {
	a := &assembly{epoch: epoch, blank: rules.MonthsBefore(epoch, rules.Kept), index: map[int64]int{}}
	for i, m := range a.blank {
		a.index[store.Millis(m.Start.AddDate(0, 1, 0))] = i
	}
	return a
}

// since is the beginning of the first month.
func (a *assembly) since() time.Time { return a.blank[0].Start }

// person fills in months, which is overwritten.
func (a *assembly) person(months []rules.Month, r Resident, f ballot.Facts, deeds []Contribution, frozen []span) rules.Person {
	copy(months, a.blank)
	for _, m := range f.Months {
		i, ok := a.index[store.Millis(m.Epoch)]
		if !ok {
			continue
		}
		for in, t := range m.Scopes {
			months[i].Polls[in] = rules.Polls{Could: int(t.Could), Took: int(t.Took), Changed: int(t.Changed)}
		}
	}
	for _, d := range deeds {
		at := rules.MonthStart(d.At, a.epoch.Location())
		if i, ok := a.index[store.Millis(at.AddDate(0, 1, 0))]; ok {
			months[i].Propose(scopeOf(d.Sphere), d.ToPoll)
		}
	}
	for i := range months {
		for _, span := range frozen {
			months[i].Frozen = months[i].Frozen || span.covers(months[i].Start, months[i].Start.AddDate(0, 1, 0))
		}
	}
	return rules.Person{Verified: r.Verified, Organisation: r.Organisation, Months: months, Agrees: f.Agrees}
}

// each goes over all residents, as of an epoch.
func (s *Standing) each(ctx context.Context, epoch time.Time, do func(r Resident, p rules.Person, frozen bool) error) error {
	a := newAssembly(epoch)
	byPerson := map[string]Resident{}
	for r, err := range s.Residents(ctx) {
		if err != nil {
			return err
		}
		byPerson[string(r.Person)] = r
	}
	deeds := map[int64][]Contribution{}
	list, err := s.Contributions(ctx, a.since(), epoch, 0)
	if err != nil {
		return err
	}
	for _, d := range list {
		deeds[d.Account] = append(deeds[d.Account], d)
	}
	frozen, err := s.freezes(ctx, 0)
	if err != nil {
		return err
	}
	months := make([]rules.Month, len(a.blank))
	return s.Box.EachFacts(ctx, a.since(), epoch, s.persons(ctx), func(person []byte, f ballot.Facts) error {
		r, ok := byPerson[string(person)]
		if !ok {
			return nil
		}
		spans := frozen[r.Account]
		now := slices.ContainsFunc(spans, func(p span) bool { return p.holds(epoch) })
		return do(r, a.person(months, r, f, deeds[r.Account], spans), now)
	})
}

// Report counts people by district and by their highest level.
type Report map[string]*[rules.Leader + 1]int

// changes of a turn, by the rows that they concern.
type changes struct {
	end     []int64            // rows of standings that end
	failing map[bool][]int64   // rows that begin to fail at this epoch, or no longer do
	begin   []standingOf       // new ones
	old     map[int64][]oldRow // by account; those not seen again end
}

type standingOf struct {
	account int64
	rules.Status
}

type oldRow struct {
	id int64
	rules.Held
}

func (s *Standing) judge(ctx context.Context, epoch time.Time, f rules.Formula) (*changes, Report, error) {
	c := &changes{failing: map[bool][]int64{}}
	var err error
	if c.old, err = s.open(ctx); err != nil {
		return nil, nil, err
	}
	report := Report{}
	err = s.each(ctx, epoch, func(r Resident, p rules.Person, frozen bool) error {
		old := c.old[r.Account]
		delete(c.old, r.Account)
		held := make([]rules.Held, len(old))
		for i, o := range old {
			held[i] = o.Held
		}
		meets := slices.DeleteFunc(f.Meets(p), func(s rules.Status) bool { return s.Level == rules.Registered })
		if p.Verified.IsZero() {
			held, frozen = nil, false // no grace for who is no resident any more
		}
		next, _ := f.Step(held, meets, frozen, epoch)
		c.compare(r.Account, old, next)
		if !p.Verified.IsZero() {
			top := rules.Registered
			if len(next) > 0 {
				top = next[0].Level
			}
			if report[r.District] == nil {
				report[r.District] = new([rules.Leader + 1]int)
			}
			report[r.District][top]++
		}
		return nil
	})
	for _, gone := range c.old {
		for _, row := range gone {
			c.end = append(c.end, row.id)
		}
	}
	return c, report, err
}

// open are all statuses that are held, by account.
func (s *Standing) open(ctx context.Context) (map[int64][]oldRow, error) {
	rows, err := s.DB.ReadBound().Query(ctx, "select id, account, level, scope, since, failing from standings where until = 0")
	if err != nil {
		return nil, fmt.Errorf("read standings: %w", err)
	}
	defer rows.Close()
	out := map[int64][]oldRow{}
	for rows.Next() {
		var one oldRow
		var account, since, failing int64
		if err := rows.Scan(&one.id, &account, &one.Level, &one.Scope, &since, &failing); err != nil {
			return nil, fmt.Errorf("read standings: %w", err)
		}
		one.Since, one.Failing = s.moment(since), s.moment(failing)
		out[account] = append(out[account], one)
	}
	return out, store.Kind(rows.Err())
}

// compare notes what becomes of one person's rows.
func (c *changes) compare(account int64, old []oldRow, next []rules.Held) {
	for _, row := range old {
		i := slices.IndexFunc(next, func(h rules.Held) bool { return h.Status == row.Status })
		switch {
		case i < 0:
			c.end = append(c.end, row.id)
		case !next[i].Failing.Equal(row.Failing):
			begins := !next[i].Failing.IsZero()
			c.failing[begins] = append(c.failing[begins], row.id)
		}
	}
	for _, h := range next {
		if !slices.ContainsFunc(old, func(o oldRow) bool { return o.Status == h.Status }) {
			c.begin = append(c.begin, standingOf{account, h.Status})
		}
	}
}

// batch is how many rows one change touches, so that casting waits for none.
const batch = 500

// prepare stores the changes of a turn. Nobody sees them before it is done: what
// begins or ends at an epoch shows from the moment that the epoch does.
func (s *Standing) prepare(ctx context.Context, epoch time.Time, c *changes) error {
	at := store.Millis(epoch)
	for some := range slices.Chunk(c.end, batch) {
		if err := s.mark(ctx, "until", at, some); err != nil {
			return err
		}
	}
	for begins, list := range c.failing {
		column, value := "told = 1, failing", int64(0) // of the next time it is told anew
		if begins {
			column, value = "failing", at
		}
		for some := range slices.Chunk(list, batch) {
			if err := s.mark(ctx, column, value, some); err != nil {
				return err
			}
		}
	}
	for some := range slices.Chunk(c.begin, batch) {
		var args []any
		for _, one := range some {
			args = append(args, store.NewID(), one.account, int(one.Level), int(one.Scope), at)
		}
		err := s.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, "insert into standings (id, account, level, scope, since) values "+
				strings.TrimSuffix(strings.Repeat("(?, ?, ?, ?, ?),", len(some)), ",")+" on conflict do nothing", args...)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Standing) mark(ctx context.Context, column string, value int64, ids []int64) error {
	args := []any{value}
	for _, id := range ids {
		args = append(args, id)
	}
	return s.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "update standings set "+column+" = ? where id in ("+strings.TrimSuffix(strings.Repeat("?,", len(ids)), ",")+")", args...)
		return err
	})
}

// tells is what a holder has to be told of. "told" of a row is 1 once its holder
// heard of the beginning, 2 of the rules that are not met, 3 of the end.
const tells = `
	(until = 0 and told = 0) or (until = 0 and failing > 0 and told < 2) or (until > 0 and told < 3)`

// Tell writes to those whose status changed: one letter a person, to the holder
// alone.
func (s *Standing) Tell(ctx context.Context) error {
	epoch, f, err := s.epoch(ctx)
	if err != nil || epoch.IsZero() {
		return err
	}
	at := store.Millis(epoch)
	var accounts []int64
	if err := s.DB.Read().NewRaw("select distinct account from standings where ("+tells+") and since <= ? and until <= ? and failing <= ? order by account limit 200", at, at, at).Scan(ctx, &accounts); err != nil {
		return fmt.Errorf("whom to tell: %w", store.Kind(err))
	}
	var errs []error
	for _, account := range accounts {
		errs = append(errs, s.tell(ctx, account, epoch, f))
	}
	return errors.Join(errs...)
}

func (s *Standing) tell(ctx context.Context, account int64, epoch time.Time, f rules.Formula) error {
	r, err := s.Resident(ctx, account)
	gone := errors.Is(err, store.ErrNotFound)
	if err != nil && !gone {
		return err
	}
	at := store.Millis(epoch)
	changed, err := s.records(ctx, "account = ? and ("+tells+") and since <= ? and until <= ? and failing <= ? order by level desc, scope", account, at, at, at)
	if err != nil {
		return err
	}
	now, err := s.Of(ctx, account)
	if err != nil && !gone {
		return err
	}
	return s.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.Exec(ctx, `update standings set told = case when until > 0 then 3 when failing > 0 then 2 else 1 end
			where account = ? and (`+tells+`) and since <= ? and until <= ? and failing <= ?`, account, at, at, at)
		if err != nil || n == 0 || gone || r.Email == "" {
			return err
		}
		return s.Mail.Send(ctx, tx, s.letter(r, changed, now, f))
	})
}
