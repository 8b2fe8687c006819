package federation

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
)

const (
	// crowd is how many may wait before they are only let in: their work is then
	// left to the drain, so that a flood is answered quickly.
	crowd = 256
	// fullBytes is how much may wait at all; who comes then is told to come again.
	fullBytes = 64 << 20
	// flowTime ends a transaction that hangs.
	flowTime = time.Minute
)

// An incoming activity has passed all checks of who sent it.
type incoming struct {
	envelope
	body     []byte
	seen     string
	activity *ap.Activity
	found    *actors.RemoteActor // the sender, if it had to be fetched
	ready    bool                // its Handlers have all they need

	id, stored int64
	state      string
	err        error
	done       chan struct{}
}

// inflow carries what arrives at the same moment into the database together:
// one transaction stores and does many activities. It has no goroutine of its
// own while nothing arrives.
type inflow struct {
	mu      sync.Mutex
	waiting []*incoming
	bytes   int // of what waits
	lanes   int
}

// through returns when in is stored, or why it is not.
func (f *inflow) through(c *City, in *incoming) error {
	in.done = make(chan struct{})
	f.mu.Lock()
	if f.bytes+len(in.body) > fullBytes {
		f.mu.Unlock()
		return refusal{http.StatusServiceUnavailable, errors.New("too much is waiting already")}
	}
	f.bytes += len(in.body)
	f.waiting = append(f.waiting, in)
	if f.lanes < c.lanes() {
		f.lanes++
		go f.carry(c)
	}
	f.mu.Unlock()
	<-in.done
	return in.err
}

// lanes is how many transactions run at once: SQLite has one writer.
func (c *City) lanes() int {
	if c.DB.Postgres() {
		return 2
	}
	return 1
}

func (f *inflow) carry(c *City) {
	for {
		f.mu.Lock()
		n := min(len(f.waiting), inboxBatch)
		if n == 0 {
			f.waiting = nil
			f.lanes--
			f.mu.Unlock()
			return
		}
		crowded := len(f.waiting) > crowd
		batch := f.waiting[:n:n]
		f.waiting = f.waiting[n:]
		for _, in := range batch {
			f.bytes -= len(in.body)
		}
		f.mu.Unlock()
		if crowded {
			for _, in := range batch {
				in.ready = false
			}
		}
		c.letAllIn(batch)
		for _, in := range batch {
			close(in.done)
		}
	}
}

// letAllIn lets a batch in; if it fails as a whole, each is tried alone, so that
// one spoils none of the others.
func (c *City) letAllIn(batch []*incoming) {
	err := c.letTogetherIn(batch)
	if err == nil {
		return
	}
	if len(batch) == 1 || errors.Is(err, store.ErrUnavailable) {
		for _, in := range batch {
			in.err = err
		}
		return
	}
	c.Log.Warn("activities that came together failed as a whole, so each is tried alone", "count", len(batch), "err", err)
	for i, in := range batch {
		if err := c.letTogetherIn(batch[i : i+1]); err != nil {
			in.err = err
		}
	}
}

func (c *City) letTogetherIn(batch []*incoming) error {
	// The senders wait, but none of them may end what is done for all.
	ctx, cancel := context.WithTimeout(context.Background(), flowTime)
	defer cancel()
	return c.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		for _, in := range batch {
			if err := c.remember(ctx, tx, in); err != nil {
				return err
			}
		}
		if err := tx.Settle(ctx); err != nil {
			return fmt.Errorf("store activities: %w", err)
		}
		for _, in := range batch {
			if err := c.letIn(ctx, tx, in); err != nil {
				return err
			}
		}
		return nil
	})
}

// remember stores who sent which id, and the bytes only where they are needed
// later. The answer is there once tx has settled: stored is another one's where
// the activity came before, and state "refused" where the sender is not heard.
func (c *City) remember(ctx context.Context, tx *store.Tx, in *incoming) error {
	in.id, in.err = store.NewID(), nil
	state, body, received := "new", in.body, store.Millis(tx.Now)
	if in.ready {
		state, body, received = "done", nil, day(tx)
	}
	return tx.Soon(ctx, []any{&in.stored, &in.state}, nil, `
		insert into inbox (id, seen, state, host, body, attempts, due, received)
		values (?, ?, case when exists (select 1 from actors where uri = ? and (suspended = 1 or deleted = 1)) then 'refused' else cast(? as text) end, ?, ?, 0, ?, ?)
		on conflict (seen) do update set attempts = inbox.attempts
		returning id, state`, in.id, in.seen, in.actor, state, actors.HostOf(in.actor), body, store.Millis(tx.Now), received)
}

// letIn goes on with an activity that is remembered, and does it if it is ready.
// The error is that of the transaction; what the sender is told lies in in.err.
func (c *City) letIn(ctx context.Context, tx *store.Tx, in *incoming) error {
	fresh := in.stored == in.id
	if fresh && in.state == "refused" {
		in.err = fmt.Errorf("the actor is suspended or gone: %w", store.ErrDenied)
		_, err := tx.Exec(ctx, "delete from inbox where id = ?", in.id)
		return err
	}
	if in.found != nil {
		if _, err := c.Book.Upsert(ctx, tx, *in.found); err != nil {
			return err
		}
	}
	if !fresh {
		return nil
	}
	if err := c.spoke(ctx, tx, actors.HostOf(in.actor)); err != nil {
		return err
	}
	if !in.ready {
		return c.wakeInbox(ctx, tx)
	}
	outcome, err := c.try(ctx, tx, func() error {
		if err := c.checkContent(ctx, tx, in.activity); err != nil {
			return err
		}
		if err := tx.Settle(ctx); err != nil {
			return err
		}
		return c.mux.Handle(ctx, tx, in.activity)
	})
	if err != nil || outcome == nil {
		return err
	}
	return c.leave(ctx, tx, in, outcome)
}

// spoke revives a host that was given up: who speaks is there, however long it
// did not answer.
func (c *City) spoke(ctx context.Context, tx *store.Tx, host string) error {
	if _, lately := c.heardOf.get(host, tx.Now); lately {
		return nil
	}
	revived, err := tx.Exec(ctx, "delete from hosts where host = ? and since < ? and retry_at < ?",
		host, store.Millis(tx.Now.Add(-deadAfter)), forever)
	if err != nil {
		return err
	}
	tx.AfterCommit(func() { c.heardOf.put(host, true, tx.Now) })
	if revived == 0 {
		return nil
	}
	return c.hurry(ctx, tx, host)
}

// leave decides what becomes of an activity that could not be done at once.
func (c *City) leave(ctx context.Context, tx *store.Tx, in *incoming, why error) error {
	a := &arrived{id: in.id, host: actors.HostOf(in.actor), activity: in.activity}
	switch {
	case errors.Is(why, ErrIgnored):
		return nil // it stands as done
	case isFinal(why):
		c.refuse(a, why)
		_, err := tx.Exec(ctx, "update inbox set state = 'refused' where id = ?", in.id)
		return err
	}
	c.Log.Warn("activity will be tried again", "peer", a.host, "type", in.kind, "activity", in.id, "attempt", 1, "err", why)
	_, err := tx.Exec(ctx, "update inbox set state = 'new', body = ?, attempts = 1, due = ?, received = ? where id = ?",
		in.body, store.Millis(tx.Now.Add(backoff(1))), store.Millis(tx.Now), in.id)
	return err
}

// ready prepares an activity as far as that goes without asking anybody, and
// tells whether that is all its Handlers need.
func (c *City) ready(ctx context.Context, a *ap.Activity) bool {
	if resolve(ctx, c.DB.ReadBound(), c.Base, a) != nil {
		return false
	}
	home, asked := stayHome(ctx)
	return fetchNeeds(home, c.mux.find(a), a) == nil && !asked.Load()
}
