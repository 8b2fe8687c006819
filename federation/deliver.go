package federation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"viche/federation/ap"
	"viche/internal/store"
)

const (
	hostsAtOnce      = 16
	perHostAtOnce    = 4
	deliveryBatch    = 48
	deliveryAttempts = 16
	deliveryTime     = 15 * time.Second // one request
	roundTime        = 20 * time.Second // one host in one round
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
	raw          []byte
	from         int64

	done  bool          // delivered, or refused for good
	skip  bool          // not tried: the host had stopped answering
	after time.Duration // the host asked to wait so long
	err   error
}

// Deliver sends what is due, host by host and several hosts at once, and says
// how many deliveries it tried; call it until that is 0.
func (c *City) Deliver(ctx context.Context) (int, error) {
	hosts, err := c.dueHosts(ctx)
	if err != nil || len(hosts) == 0 {
		return 0, err
	}
	var (
		mu    sync.Mutex
		tried int
		errs  []error
		wait  sync.WaitGroup
		slots = make(chan struct{}, hostsAtOnce)
	)
	for _, host := range hosts {
		wait.Add(1)
		slots <- struct{}{}
		go func() {
			defer func() { <-slots; wait.Done() }()
			n, err := c.deliverTo(ctx, host)
			mu.Lock()
			defer mu.Unlock()
			tried += n
			if err != nil {
				errs = append(errs, fmt.Errorf("deliver to %s: %w", host, err))
			}
		}()
	}
	wait.Wait()
	return tried, errors.Join(errs...)
}

// dueHosts are those with something due that are not resting after failures,
// the longest waiting first.
func (c *City) dueHosts(ctx context.Context) ([]string, error) {
	now := store.Millis(c.DB.Now())
	rows, err := c.DB.ReadBound().Query(ctx, `
		select host from deliveries
		where due <= ? and not exists (select 1 from hosts where hosts.host = deliveries.host and retry_at > ?)
		group by host order by min(due) limit ?`, now, now, 4*hostsAtOnce)
	if err != nil {
		return nil, fmt.Errorf("hosts to deliver to: %w", err)
	}
	defer rows.Close()
	var hosts []string
	for rows.Next() {
		var host string
		if err := rows.Scan(&host); err != nil {
			return nil, err
		}
		hosts = append(hosts, host)
	}
	return hosts, rows.Err()
}

func (c *City) deliverTo(ctx context.Context, host string) (int, error) {
	batch, err := c.takeDeliveries(ctx, host)
	if err != nil || len(batch) == 0 {
		return 0, err
	}
	c.send(ctx, batch)
	err = c.DB.Write(context.WithoutCancel(ctx), func(ctx context.Context, tx *store.Tx) error {
		return c.record(ctx, tx, host, batch)
	})
	return len(batch), err
}

func (c *City) takeDeliveries(ctx context.Context, host string) ([]*delivery, error) {
	var batch []*delivery
	err := c.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		batch = nil
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
	if err != nil {
		return nil, err
	}
	there := batch[:0]
	for _, d := range batch {
		err := c.DB.ReadBound().Row(ctx, []any{&d.raw, &d.from}, "select raw, actor from activities where id = ?", d.activity)
		if errors.Is(err, store.ErrNotFound) {
			continue // withdrawn since, and its deliveries with it
		}
		if err != nil {
			return nil, err
		}
		there = append(there, d)
	}
	return there, nil
}

// send tries a batch for one host: the first alone, which shows whether the
// host answers at all, then a few at a time. As soon as the host itself fails,
// the rest of the batch is left for later.
func (c *City) send(ctx context.Context, batch []*delivery) {
	ctx, cancel := context.WithTimeout(ctx, roundTime)
	defer cancel()
	if c.post(ctx, batch[0]); batch[0].err != nil && !batch[0].done {
		cancel()
	}
	var wait sync.WaitGroup
	slots := make(chan struct{}, perHostAtOnce)
	for _, d := range batch[1:] {
		slots <- struct{}{}
		if ctx.Err() != nil {
			d.skip = true
			<-slots
			continue
		}
		wait.Add(1)
		go func() {
			defer func() { <-slots; wait.Done() }()
			if c.post(ctx, d); d.err != nil && !d.done {
				cancel()
			}
		}()
	}
	wait.Wait()
}

// post sends one activity and judges the answer.
func (c *City) post(ctx context.Context, d *delivery) {
	ctx, cancel := context.WithTimeout(ctx, deliveryTime)
	defer cancel()
	sign, err := c.signer(ctx, d.from)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrDenied) {
		d.done, d.err = true, err // the sender is gone
		return
	}
	var answer *Response
	if err == nil {
		answer, err = c.Client.Post(ctx, d.inbox, ap.ContentType, d.raw, sign)
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
// and a host that failed rests, after a week of failures for good.
func (c *City) record(ctx context.Context, tx *store.Tx, host string, batch []*delivery) error {
	reached, failed, rest := false, false, time.Duration(0)
	for _, d := range batch {
		var err error
		switch {
		case d.skip:
			_, err = tx.Exec(ctx, "update deliveries set due = ? where id = ?", store.Millis(tx.Now), d.id)
		case d.done:
			reached = true
			err = c.finish(ctx, tx, host, d)
		case d.attempts+1 >= deliveryAttempts:
			failed = true
			err = c.finish(ctx, tx, host, d)
		default:
			failed, rest = true, max(rest, d.after)
			due := tx.Now.Add(max(backoff(d.attempts+1), d.after))
			_, err = tx.Exec(ctx, "update deliveries set attempts = attempts + 1, due = ? where id = ?", store.Millis(due), d.id)
		}
		if err != nil {
			return err
		}
	}
	if reached {
		// A host that took something is there; what failed waits by itself.
		_, err := tx.Exec(ctx, "delete from hosts where host = ?", host)
		return err
	}
	if !failed {
		return nil
	}
	return c.restHost(ctx, tx, host, rest, batch)
}

func (c *City) finish(ctx context.Context, tx *store.Tx, host string, d *delivery) error {
	if d.err != nil {
		c.Log.Info("delivery given up", "peer", host, "activity", d.activity, "attempts", d.attempts+1, "err", d.err)
	}
	if _, err := tx.Exec(ctx, "delete from deliveries where id = ?", d.id); err != nil {
		return err
	}
	return c.forget(ctx, tx, d.activity)
}

// restHost counts a failure of a host and keeps away from it for a while: 15
// seconds at first, twice as long each time, an hour at most or as it asked.
func (c *City) restHost(ctx context.Context, tx *store.Tx, host string, asked time.Duration, batch []*delivery) error {
	now := store.Millis(tx.Now)
	var since int64
	var failures int
	err := tx.Row(ctx, []any{&since, &failures}, `
		insert into hosts (host, since, failures, retry_at) values (?, ?, 1, 0)
		on conflict (host) do update set failures = hosts.failures + 1
		returning since, failures`, host, now)
	if err != nil {
		return err
	}
	pause := max(min(15*time.Second<<min(failures-1, 10), time.Hour), asked)
	if _, err := tx.Exec(ctx, "update hosts set retry_at = ? where host = ?", store.Millis(tx.Now.Add(pause)), host); err != nil {
		return err
	}
	if since > store.Millis(tx.Now.Add(-deadAfter)) {
		return nil
	}
	c.Log.Warn("host has not answered for a week, so nothing is sent there until it speaks", "peer", host)
	if _, err := tx.Exec(ctx, "delete from deliveries where host = ?", host); err != nil {
		return err
	}
	for _, d := range batch {
		if err := c.forget(ctx, tx, d.activity); err != nil {
			return err
		}
	}
	return nil
}
