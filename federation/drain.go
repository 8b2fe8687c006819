package federation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
)

const (
	inboxBatch    = 64
	inboxAttempts = 8
	lease         = 5 * time.Minute // how long a taken batch belongs to its taker
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

// DrainInbox works off one batch of what has arrived and says how many there
// were; call it until that is 0. What cannot be done now is tried again later,
// and one bad activity spoils none of the others.
func (c *City) DrainInbox(ctx context.Context) (int, error) {
	batch, err := c.takeArrived(ctx)
	if err != nil || len(batch) == 0 {
		return 0, err
	}
	c.prepare(ctx, batch)
	err = c.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		for _, a := range batch {
			if err := c.work(ctx, tx, a); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		return len(batch), nil
	}
	c.Log.Warn("a batch of activities failed as a whole, so each is tried alone", "count", len(batch), "err", err)
	var errs []error
	for _, a := range batch {
		errs = append(errs, c.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return c.work(ctx, tx, a) }))
	}
	return len(batch), errors.Join(errs...)
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
	slices.SortFunc(batch, func(a, b *arrived) int { return int(min(max(a.id-b.id, -1), 1)) })
	return batch, nil
}

// prepare reads the batch and fetches what its Handlers need, a few at a time.
func (c *City) prepare(ctx context.Context, batch []*arrived) {
	var wait sync.WaitGroup
	slots := make(chan struct{}, 8)
	for _, a := range batch {
		if a.activity, a.err = ap.Parse(a.body); a.err != nil {
			a.err = fmt.Errorf("%w: %w", ErrRefused, a.err)
			continue
		}
		if a.err = resolve(ctx, c.DB.ReadBound(), c.Base, a.activity); a.err != nil {
			continue
		}
		handlers := c.mux.find(a.activity)
		if !slices.ContainsFunc(handlers, func(on On) bool { return on.Need != nil }) {
			continue
		}
		wait.Add(1)
		slots <- struct{}{}
		go func() {
			defer func() { <-slots; wait.Done() }()
			a.err = fetchNeeds(ctx, handlers, a.activity)
		}()
	}
	wait.Wait()
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

// work does one activity inside a savepoint: whatever comes of it, the rest of
// the batch stands.
func (c *City) work(ctx context.Context, tx *store.Tx, a *arrived) error {
	if _, err := tx.Exec(ctx, "savepoint activity"); err != nil {
		return err
	}
	outcome := a.err
	if outcome == nil {
		outcome = guard(func() error { return c.dispatch(ctx, tx, a) })
	}
	if outcome == nil {
		_, err := tx.Exec(ctx, "release savepoint activity")
		return err
	}
	for _, q := range []string{"rollback to savepoint activity", "release savepoint activity"} {
		if _, err := tx.Exec(ctx, q); err != nil {
			return err
		}
	}
	return c.afterFailure(ctx, tx, a, outcome)
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
	day := store.Millis(tx.Now.UTC().Truncate(24 * time.Hour))
	n, err := tx.Exec(ctx, "update inbox set state = ?, body = null, received = ? where id = ? and state = 'new'", state, day, a.id)
	return n > 0, err
}

func (c *City) afterFailure(ctx context.Context, tx *store.Tx, a *arrived, why error) error {
	kind := ""
	if a.activity != nil {
		kind = a.activity.Type
	}
	state := ""
	switch {
	case errors.Is(why, ErrIgnored):
		state = "done"
	case isFinal(why):
		c.Log.Info("activity refused", "peer", a.host, "type", kind, "activity", a.id, "err", why)
		state = "refused"
	case a.attempts+1 >= inboxAttempts:
		c.Log.Error("activity given up", "peer", a.host, "type", kind, "activity", a.id, "attempts", a.attempts+1, "err", why)
		state = "dead"
	}
	if state != "" {
		_, err := c.settle(ctx, tx, a, state)
		return err
	}
	c.Log.Warn("activity will be tried again", "peer", a.host, "type", kind, "activity", a.id, "attempt", a.attempts+1, "err", why)
	_, err := tx.Exec(ctx, "update inbox set attempts = attempts + 1, due = ? where id = ?",
		store.Millis(tx.Now.Add(backoff(a.attempts+1))), a.id)
	return err
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
