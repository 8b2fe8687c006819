package federation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
)

const (
	inboxBatch    = 64
	inboxAttempts = 8
	lease         = 5 * time.Minute // how long a taken batch belongs to its taker
	needTime      = 15 * time.Second
	hostsAsked    = 32   // hosts whose activities wait for the network at once
	mostLeased    = 1024 // activities in hand
)

// arrived is one activity on its way through the drain.
type arrived struct {
	id       int64
	host     string
	body     []byte
	attempts int
	activity *ap.Activity
	err      error // why it can't be dispatched
}

// DrainInbox works off what waits in the inbox: what could not be done when it
// came. It says how many there were; call it until that is 0. What cannot be
// done now is tried again later, and one bad activity spoils none of the
// others; nor does a server that lets us wait hold up those of other servers.
func (c *City) DrainInbox(ctx context.Context) (int, error) {
	d := &drain{city: c, hosts: map[string][]*arrived{}, ends: make(chan ended), slots: make(chan struct{}, hostsAsked)}
	return d.run(ctx, time.Now().Add(looking))
}

// drain is one run. hosts holds, for each host that is being asked for
// something, what waits behind that.
type drain struct {
	city   *City
	hosts  map[string][]*arrived
	leased int
	ends   chan ended
	slots  chan struct{}
	count  int
	errs   []error
}

type ended struct {
	host  string
	count int
	err   error
}

func (d *drain) run(ctx context.Context, until time.Time) (int, error) {
	for {
		taken := 0
		if d.leased < mostLeased && time.Now().Before(until) && len(d.errs) == 0 {
			batch, err := d.city.takeArrived(ctx)
			if err != nil {
				d.errs = append(d.errs, err)
			}
			taken = len(batch)
			d.sort(ctx, batch)
		}
		if taken == 0 && len(d.hosts) == 0 {
			return d.count, errors.Join(d.errs...)
		}
		if taken == 0 {
			select {
			case e := <-d.ends:
				d.end(ctx, e)
			case <-time.After(time.Second): // something else may have become due
			}
		}
		for more := true; more; {
			select {
			case e := <-d.ends:
				d.end(ctx, e)
			default:
				more = false
			}
		}
	}
}

// sort does at once what needs nobody, and leaves the rest to its hosts.
func (d *drain) sort(ctx context.Context, batch []*arrived) {
	d.count += len(batch)
	var now []*arrived
	for _, a := range batch {
		if d.city.atOnce(ctx, a) && d.hosts[a.host] == nil {
			now = append(now, a)
			continue
		}
		d.leased++
		if behind, busy := d.hosts[a.host]; busy {
			d.hosts[a.host] = append(behind, a)
			continue
		}
		d.start(ctx, a.host, []*arrived{a})
	}
	if err := d.city.workAll(ctx, now); err != nil {
		d.errs = append(d.errs, err)
	}
}

func (d *drain) start(ctx context.Context, host string, list []*arrived) {
	d.hosts[host] = []*arrived{}
	go func() {
		d.slots <- struct{}{}
		d.city.askFor(ctx, list)
		<-d.slots
		d.ends <- ended{host, len(list), d.city.workAll(ctx, list)}
	}()
}

func (d *drain) end(ctx context.Context, e ended) {
	if e.err != nil {
		d.errs = append(d.errs, e.err)
	}
	d.leased -= e.count
	behind := d.hosts[e.host]
	delete(d.hosts, e.host)
	if len(behind) > 0 {
		d.start(ctx, e.host, behind)
	}
}

// takeArrived marks a batch as ours for a while. Two processes that reach for
// the same rows wait for each other, and the second finds them taken.
func (c *City) takeArrived(ctx context.Context) ([]*arrived, error) {
	var batch []*arrived
	err := c.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		batch = nil
		now := store.Millis(tx.Now)
		rows, err := tx.Query(ctx, `
			update inbox set due = ?
			where id in (select id from inbox where state = 'new' and due <= ? order by due, id limit ?)
				and state = 'new' and due <= ?
			returning id, host, body, attempts`, store.Millis(tx.Now.Add(lease)), now, inboxBatch, now)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			a := &arrived{}
			if err := rows.Scan(&a.id, &a.host, &a.body, &a.attempts); err != nil {
				return err
			}
			batch = append(batch, a)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("take from the inbox: %w", err)
	}
	slices.SortFunc(batch, func(a, b *arrived) int { return cmp.Compare(a.id, b.id) })
	return batch, nil
}

// atOnce reads an activity and tells whether it can be done, or refused,
// without the network.
func (c *City) atOnce(ctx context.Context, a *arrived) bool {
	if a.activity, a.err = ap.Parse(a.body); a.err != nil {
		a.err = fmt.Errorf("%w: %w", ErrRefused, a.err)
		return true
	}
	return c.ready(ctx, a.activity)
}

// askFor fetches what Handlers need, for activities of one host in turn. When
// that host, or whom it has us ask, does not answer, the rest waits.
func (c *City) askFor(ctx context.Context, list []*arrived) {
	for i, a := range list {
		if a.err != nil {
			continue
		}
		if a.err = resolve(ctx, c.DB.ReadBound(), c.Base, a.activity); a.err != nil {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, needTime)
		a.err = fetchNeeds(ctx, c.mux.find(a.activity), a.activity)
		slow := ctx.Err() != nil
		cancel()
		if !slow {
			continue
		}
		for _, later := range list[i+1:] {
			if later.err == nil {
				later.err = fmt.Errorf("behind one that was slow: %w", context.DeadlineExceeded)
			}
		}
	}
}

func fetchNeeds(ctx context.Context, handlers []On, a *ap.Activity) error {
	for _, on := range handlers {
		if on.Need == nil {
			continue
		}
		if err := guard(func() error { return on.Need(ctx, a) }); err != nil && !errors.Is(err, ErrIgnored) {
			return err
		}
	}
	return nil
}

// resolve gives a link to something of ours its type, so that a Like of a poll
// finds who likes polls.
func resolve(ctx context.Context, db store.Bound, base string, a *ap.Activity) error {
	o := a.Object
	if o == nil || o.Type != "" || !actors.SameOrigin(o.ID, base) {
		return nil
	}
	err := db.Row(ctx, []any{&o.Type, &o.AttributedTo}, `
		select type, owner from objects where uri = ? and deleted = 0
		union all select activities.type, actors.uri from activities join actors on actors.id = activities.actor where activities.uri = ?
		union all select type, uri from actors where uri = ? and local = 1 limit 1`, o.ID, o.ID, o.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// workAll does activities in one transaction, and if it fails as a whole each
// alone.
func (c *City) workAll(ctx context.Context, batch []*arrived) error {
	if len(batch) == 0 {
		return nil
	}
	err := c.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		for _, a := range batch {
			if err := c.work(ctx, tx, a); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		return nil
	}
	c.Log.Warn("a batch of activities failed as a whole, so each is tried alone", "count", len(batch), "err", err)
	var errs []error
	for _, a := range batch {
		errs = append(errs, c.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return c.work(ctx, tx, a) }))
	}
	return errors.Join(errs...)
}

// work does one activity: whatever comes of it, the rest of the batch stands.
func (c *City) work(ctx context.Context, tx *store.Tx, a *arrived) error {
	outcome, err := c.try(ctx, tx, func() error {
		if a.err != nil {
			return a.err
		}
		return c.dispatch(ctx, tx, a)
	})
	if err != nil || outcome == nil {
		return err
	}
	return c.afterFailure(ctx, tx, a, outcome)
}

// try runs do inside a savepoint and takes back what it wrote if it fails.
// outcome is what do says; err ends the transaction.
func (c *City) try(ctx context.Context, tx *store.Tx, do func() error) (outcome, err error) {
	if err := tx.Soon(ctx, nil, nil, "savepoint activity"); err != nil {
		return nil, err
	}
	outcome = guard(func() error {
		if err := do(); err != nil {
			return err
		}
		return tx.Settle(ctx)
	})
	if outcome == nil {
		return nil, tx.Soon(ctx, nil, nil, "release savepoint activity")
	}
	const back = "rollback to savepoint activity"
	if _, err := tx.Exec(ctx, back); err != nil {
		// Something that do had put down went wrong on the way.
		if _, err := tx.Exec(ctx, back); err != nil {
			return nil, err
		}
	}
	_, err = tx.Exec(ctx, "release savepoint activity")
	return outcome, err
}

func (c *City) dispatch(ctx context.Context, tx *store.Tx, a *arrived) error {
	// First the end, so that another process whose lease ran out finds nothing
	// left to do.
	if mine, err := c.settle(ctx, tx, a, "done"); err != nil || !mine {
		return err
	}
	if err := c.check(ctx, tx, a.activity); err != nil {
		return err
	}
	return c.mux.Handle(ctx, tx, a.activity)
}

// settle ends an activity. What was in it is forgotten: only the hash of who
// sent which id stays, and the day.
func (c *City) settle(ctx context.Context, tx *store.Tx, a *arrived, state string) (mine bool, err error) {
	n, err := tx.Exec(ctx, "update inbox set state = ?, body = null, received = ? where id = ? and state = 'new'", state, day(tx), a.id)
	return n > 0, err
}

// day is all that is kept of when something came.
func day(tx *store.Tx) int64 { return store.Millis(tx.Now.UTC().Truncate(24 * time.Hour)) }

func (c *City) afterFailure(ctx context.Context, tx *store.Tx, a *arrived, why error) error {
	state := ""
	switch {
	case errors.Is(why, ErrIgnored):
		state = "done"
	case isFinal(why):
		c.refuse(a, why)
		state = "refused"
	case a.attempts+1 >= inboxAttempts:
		c.Log.Error("activity given up", "peer", a.host, "type", a.kind(), "activity", a.id, "attempts", a.attempts+1, "err", why)
		state = "dead"
	}
	if state != "" {
		_, err := c.settle(ctx, tx, a, state)
		return err
	}
	c.Log.Warn("activity will be tried again", "peer", a.host, "type", a.kind(), "activity", a.id, "attempt", a.attempts+1, "err", why)
	_, err := tx.Exec(ctx, "update inbox set attempts = attempts + 1, due = ? where id = ?",
		store.Millis(tx.Now.Add(backoff(a.attempts+1))), a.id)
	return err
}

// refuse says so where the operator reads it; the sender was told 202 long ago.
func (c *City) refuse(a *arrived, why error) {
	c.Log.Info("activity refused", "peer", a.host, "type", a.kind(), "activity", a.id, "err", why)
}

func (a *arrived) kind() string {
	if a.activity == nil {
		return ""
	}
	return a.activity.Type
}

// isFinal tells whether trying again would only give the same answer.
func isFinal(err error) bool {
	for _, kind := range []error{store.ErrNotFound, store.ErrExists, store.ErrDenied, store.ErrInvalid, ErrRefused, ErrGone} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// guard turns a panic of a Handler into an error of this one activity.
func guard(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("federation: a handler panicked: %v", p)
		}
	}()
	return do()
}
