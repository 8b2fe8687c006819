package federation

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"viche/internal/store"
)

// What has arrived and what is to be sent lie in our own tables. These two jobs
// only say "look": one waiting job is enough, however much there is.
type (
	inboxJob    struct{}
	deliveryJob struct{}
)

// Kind names the job in the queue.
func (inboxJob) Kind() string { return "federation.inbox" }

// Kind names the job in the queue.
func (deliveryJob) Kind() string { return "federation.deliver" }

// looking is how long one job goes on while there is something to do; the next
// one continues.
const looking = 90 * time.Second

// often is how long something waits at most when its wake-up was lost.
const often = 5 * time.Second

func onlyOne() *river.InsertOpts {
	return &river.InsertOpts{
		MaxAttempts: 1,
		UniqueOpts: river.UniqueOpts{ByState: []rivertype.JobState{
			rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning,
			rivertype.JobStateRetryable, rivertype.JobStateScheduled,
		}},
	}
}

func (c *City) wakeInbox(ctx context.Context, tx *store.Tx) error {
	return wake(ctx, tx, inboxJob{}, &c.wokenInbox)
}

func (c *City) wakeDelivery(ctx context.Context, tx *store.Tx) error {
	tx.AfterCommit(c.tellPostman)
	return wake(ctx, tx, deliveryJob{}, &c.wokenDelivery)
}

// wake stores the wake-up, unless this process knows of one that waits.
func wake(ctx context.Context, tx *store.Tx, job river.JobArgs, woken *atomic.Bool) error {
	if woken.Load() {
		return nil
	}
	if err := tx.Enqueue(ctx, job, onlyOne()); err != nil {
		return err
	}
	tx.AfterCommit(func() { woken.Store(true) })
	return nil
}

// Workers adds the two jobs to the queue's workers.
func (c *City) Workers(w *river.Workers) {
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, _ *river.Job[inboxJob]) error { return c.drainAll(ctx) }))
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, _ *river.Job[deliveryJob]) error { return c.deliverAll(ctx) }))
	river.AddWorker(w, river.WorkFunc(func(ctx context.Context, j *river.Job[syncWish]) error { return c.synchronise(ctx, j.Args) }))
}

// Periodic is the safety net under the wake-ups, and the housekeeping.
func (c *City) Periodic() []store.Periodic {
	return []store.Periodic{
		{Name: "federation.inbox", Every: often, Do: c.drainAll},
		{Name: "federation.deliver", Every: often, Do: c.deliverAll},
		{Name: "federation.moves", Every: time.Minute, Do: c.moveOn},
		{Name: "federation.tidy", Every: time.Hour, Do: c.Tidy},
	}
}

func (c *City) drainAll(ctx context.Context) error {
	return repeat(ctx, &c.wokenInbox, c.DrainInbox)
}

// deliverAll fans out and delivers. One at a time does it in this process; what
// is published meanwhile it is told.
func (c *City) deliverAll(ctx context.Context) error {
	if !c.sending.CompareAndSwap(false, true) {
		c.tellPostman()
		return nil
	}
	defer c.sending.Store(false)
	p := newPostman(c)
	p.fans, p.again = make(chan ended, 1), true
	_, err := p.run(ctx, time.Now().Add(looking))
	return err
}

// tellPostman says that there may be something to send.
func (c *City) tellPostman() {
	select {
	case c.published <- struct{}{}:
	default: // it is told already
	}
}

// repeat calls step until there is nothing left to do, or long enough.
func repeat(ctx context.Context, woken *atomic.Bool, step func(context.Context) (int, error)) error {
	for end := time.Now().Add(looking); time.Now().Before(end); {
		woken.Store(false)
		if n, err := step(ctx); err != nil || n == 0 {
			return err
		}
	}
	return nil
}

// Tidy forgets what no longer serves: the hashes of activities older than any
// signature that would still be taken, tombstones that nobody came to, what has
// waited two weeks for a host, and hosts that nothing waits for.
func (c *City) Tidy(ctx context.Context) error {
	const day = 24 * time.Hour
	return c.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		before := func(days time.Duration) int64 { return store.Millis(tx.Now.Add(-days * day)) }
		for _, q := range []struct {
			text  string
			until int64
		}{
			{"delete from inbox where state <> 'new' and received < ?", before(7)},
			{"delete from heard where deleted = 1 and at < ?", before(90)},
			{"delete from hosts where retry_at < ? and not exists (select 1 from deliveries where deliveries.host = hosts.host)", before(7)},
		} {
			if _, err := tx.Exec(ctx, q.text, q.until); err != nil {
				return err
			}
		}
		return c.drop(ctx, tx, `
			delete from deliveries
			where exists (select 1 from activities where activities.id = deliveries.activity and published < ?)
			returning activity`, before(14))
	})
}
