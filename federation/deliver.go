package federation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"viche/federation/ap"
	"viche/internal/store"
)

const (
	perHostAtOnce    = 4
	deliveryBatch    = 48
	deliveryAttempts = 16
	deliveryTime     = 15 * time.Second // one request
	roundTime        = 20 * time.Second // one batch of one host
	longestWait      = 24 * time.Hour
)

// backoff is how long to wait after the nth failure: n⁴ + 15 seconds, up to a
// third longer so that a host which returns isn't met by all at once.
func backoff(n int) time.Duration {
	d := time.Duration(n*n*n*n+15) * time.Second
	d += rand.N(d/3 + 1)
	return min(d, longestWait)
}

// delivery is one activity for one inbox, and what came of it.
type delivery struct {
	id, activity int64
	inbox        string
	attempts     int

	done    bool          // delivered, or refused for good
	skip    bool          // not tried: the host had stopped answering
	private bool          // to be forgotten once all have it
	after   time.Duration // the host asked to wait so long
	err     error
}

// A letter is an activity as it is sent: the same bytes to all.
type letter struct {
	raw     []byte
	from    int64
	private bool
	// The followers collection that it is for, if it is for followers alone.
	followers string
}

// letter is read once for all that get it about now.
func (c *City) letter(ctx context.Context, activity int64) (*letter, error) {
	key, now := strconv.FormatInt(activity, 36), c.DB.Now()
	if l, ok := c.letters.get(key, now); ok {
		return l, nil
	}
	l, public := &letter{}, 0
	err := c.DB.ReadBound().Row(ctx, []any{&l.raw, &l.from, &public}, "select raw, actor, public from activities where id = ?", activity)
	if err != nil {
		return nil, err
	}
	if l.private = public == 0; l.private {
		l.followers = toFollowers(l.raw)
	}
	c.letters.put(key, l, now)
	return l, nil
}

// Deliver sends what is due and says how many deliveries it tried; call it
// until that is 0. Each host is served by itself: nobody waits for another.
func (c *City) Deliver(ctx context.Context) (int, error) {
	p := newPostman(c)
	return p.run(ctx, time.Now().Add(looking))
}

// deliverTo sends one batch to a host. goOn tells whether more may be waiting
// for it and will be taken.
func (c *City) deliverTo(ctx context.Context, p *postman, host string, warm bool, seat *seat) (n int, goOn bool, err error) {
	batch, err := c.takeDeliveries(ctx, p, host)
	if err != nil || len(batch) == 0 {
		return 0, false, err
	}
	c.send(ctx, batch, warm, seat)
	p.stores <- struct{}{}
	defer func() { <-p.stores }()
	// What came of a batch is stored even when the program is about to end.
	err = c.DB.Write(context.WithoutCancel(ctx), func(ctx context.Context, tx *store.Tx) error {
		return c.record(ctx, tx, host, batch)
	})
	failed := slices.ContainsFunc(batch, func(d *delivery) bool { return d.skip || !d.done })
	return len(batch), !failed && err == nil, err
}

// takeDeliveries marks a batch as ours for a while. A host that was shut out
// since gets nothing more.
func (c *City) takeDeliveries(ctx context.Context, p *postman, host string) ([]*delivery, error) {
	p.stores <- struct{}{}
	defer func() { <-p.stores }()
	blocked, err := c.Book.Blocked(ctx, c.DB.Read(), host)
	if err != nil {
		return nil, err
	}
	var batch []*delivery
	err = c.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		batch = nil
		if blocked {
			return c.drop(ctx, tx, "delete from deliveries where host = ? returning activity", host)
		}
		now := store.Millis(tx.Now)
		rows, err := tx.Query(ctx, `
			update deliveries set due = ?
			where id in (select id from deliveries where host = ? and due <= ? order by due, id limit ?) and due <= ?
			returning id, activity, inbox, attempts`, store.Millis(tx.Now.Add(lease)), host, now, deliveryBatch, now)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			d := &delivery{}
			if err := rows.Scan(&d.id, &d.activity, &d.inbox, &d.attempts); err != nil {
				return err
			}
			batch = append(batch, d)
		}
		return rows.Err()
	})
	slices.SortFunc(batch, func(a, b *delivery) int { return cmp.Compare(a.id, b.id) })
	return batch, err
}

// send tries a batch for one host: the first alone, which shows whether the
// host answers at all, then a few at a time. As soon as the host itself fails,
// the rest of the batch is left for later.
func (c *City) send(ctx context.Context, batch []*delivery, warm bool, seat *seat) {
	ctx, cancel := context.WithTimeout(ctx, roundTime)
	defer cancel()
	rest := batch
	if !warm {
		if c.post(ctx, batch[0], seat); batch[0].err != nil && !batch[0].done {
			cancel()
		}
		rest = batch[1:]
	}
	var wait sync.WaitGroup
	slots := make(chan struct{}, perHostAtOnce)
	for _, d := range rest {
		slots <- struct{}{}
		if ctx.Err() != nil {
			d.skip = true
			<-slots
			continue
		}
		wait.Add(1)
		go func() {
			defer func() { <-slots; wait.Done() }()
			if c.post(ctx, d, seat); d.err != nil && !d.done {
				cancel()
			}
		}()
	}
	wait.Wait()
}

// post sends one activity and judges the answer.
func (c *City) post(ctx context.Context, d *delivery, seat *seat) {
	l, err := c.letter(ctx, d.activity)
	if errors.Is(err, store.ErrNotFound) {
		d.done = true // withdrawn since, and its deliveries with it
		return
	}
	var answer *Response
	if err == nil {
		d.private = l.private
		ctx, cancel := context.WithTimeout(ctx, deliveryTime)
		defer cancel()
		impatient := time.AfterFunc(patience, seat.leave)
		answer, err = c.postLetter(ctx, l, d.inbox)
		impatient.Stop()
	}
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrDenied) {
		d.done, d.err = true, err // the sender is gone
		return
	}
	if err != nil {
		d.err, d.done = err, errors.Is(err, ErrRefused)
		d.skip = errors.Is(err, context.Canceled) // another one's failure ended the round
		return
	}
	switch s := answer.Status; {
	case s >= 200 && s < 300:
		d.done = true
	case s >= 400 && s < 500 && s != http.StatusUnauthorized && s != http.StatusRequestTimeout && s != http.StatusTooManyRequests:
		d.done, d.err = true, fmt.Errorf("answer %d", s)
	default:
		d.err = fmt.Errorf("answer %d", s)
		d.after = retryAfter(answer.Header.Get("Retry-After"), c.DB.Now())
	}
}

// postLetter signs and sends as whoever of ours wrote it.
func (c *City) postLetter(ctx context.Context, l *letter, inbox string) (*Response, error) {
	sign, err := c.signer(ctx, l.from)
	if err != nil {
		return nil, err
	}
	if line := c.syncTo(ctx, l, inbox); line != "" {
		plain := sign.Sign
		sign.Sign = func(r *http.Request, body []byte, style string) error {
			r.Header.Set(syncHeader, line)
			return plain(r, body, style)
		}
	}
	return c.Client.Post(ctx, inbox, ap.ContentType, l.raw, sign)
}

// retryAfter reads what a host asks for, between nothing and a day.
func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(header, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), int64(longestWait/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return min(max(at.Sub(now), 0), longestWait)
	}
	return 0
}

// record stores what came of a batch: finished deliveries go, failed ones wait,
// and a host that failed rests.
func (c *City) record(ctx context.Context, tx *store.Tx, host string, batch []*delivery) error {
	var finished, skipped []int64
	reached, failed, asked := false, error(nil), time.Duration(0)
	for _, d := range batch {
		asked = max(asked, d.after)
		switch {
		case d.skip:
			skipped = append(skipped, d.id)
			continue
		case d.done:
			reached = true
		default:
			failed = d.err
		}
		if !d.done && d.attempts+1 < deliveryAttempts {
			due := tx.Now.Add(max(backoff(d.attempts+1), d.after))
			if _, err := tx.Exec(ctx, "update deliveries set attempts = attempts + 1, due = ? where id = ?", store.Millis(due), d.id); err != nil {
				return err
			}
			continue
		}
		if d.err != nil {
			c.Log.Info("delivery given up", "peer", host, "activity", d.activity, "attempts", d.attempts+1, "err", d.err)
		}
		finished = append(finished, d.id)
	}
	if err := inChunks(finished, func(ids string, args []any) error {
		_, err := tx.Exec(ctx, "delete from deliveries where id in ("+ids+")", args...)
		return err
	}); err != nil {
		return err
	}
	if err := inChunks(skipped, func(ids string, args []any) error {
		_, err := tx.Exec(ctx, "update deliveries set due = ? where id in ("+ids+")", append([]any{store.Millis(tx.Now)}, args...)...)
		return err
	}); err != nil {
		return err
	}
	if err := c.forgetSent(ctx, tx, batch); err != nil {
		return err
	}
	return c.judge(ctx, tx, host, reached, failed, asked)
}

// forgetSent forgets the private activities of a batch that all have now.
func (c *City) forgetSent(ctx context.Context, tx *store.Tx, batch []*delivery) error {
	seen := map[int64]bool{}
	for _, d := range batch {
		if !d.private || d.skip || seen[d.activity] {
			continue
		}
		seen[d.activity] = true
		if err := c.forget(ctx, tx, d.activity); err != nil {
			return err
		}
	}
	return nil
}

// chunk is how many ids stand in one statement. Shorter lists are filled up
// with their last id, so that there are few texts to prepare.
var chunks = []int{1, 8, 48}

func inChunks(ids []int64, do func(marks string, args []any) error) error {
	for len(ids) > 0 {
		n := min(len(ids), deliveryBatch)
		size := chunks[slices.IndexFunc(chunks, func(c int) bool { return c >= n })]
		args := make([]any, size)
		marks := make([]byte, 0, 2*size)
		for i := range args {
			args[i] = ids[min(i, n-1)]
			marks = append(marks, '?', ',')
		}
		if err := do(string(marks[:len(marks)-1]), args); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}
