package federation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"viche/actors"
	"viche/internal/store"
)

// HostQueue is what waits for one host, as its operator sees it.
type HostQueue struct {
	Host      string
	Waiting   int
	Oldest    time.Time // when the oldest of what waits was published
	Due       time.Time // when the next is tried, if the host does not rest
	Failing   time.Time // since when it has not answered; zero if it does
	Failures  int
	Rests     time.Time // until when nothing is tried; zero if it does not rest
	Parked    bool      // it failed for long, or the operator parked it
	ByHand    bool      // the operator did
	LastError string
	LastOK    time.Time
}

// Queue lists the hosts for which something waits or that rest, those first
// that have failed longest.
func (c *City) Queue(ctx context.Context, limit int) ([]HostQueue, error) {
	rows, err := c.DB.ReadBound().Query(ctx, `
		with waiting as (
			select d.host as host, count(*) as waiting, min(a.published) as oldest, min(d.due) as due
			from deliveries d join activities a on a.id = d.activity
			group by d.host
		), listed as (
			select host from waiting union select host from hosts
		)
		select l.host, coalesce(w.waiting, 0), coalesce(w.oldest, 0), coalesce(w.due, 0),
			coalesce(h.since, -1), coalesce(h.failures, 0), coalesce(h.retry_at, 0),
			coalesce(p.last_error, ''), coalesce(p.last_ok, 0)
		from listed l
			left join waiting w on w.host = l.host
			left join hosts h on h.host = l.host
			left join peers p on p.host = l.host
		order by coalesce(h.failures, 0) desc, coalesce(w.oldest, 0), l.host
		limit ?`, limit)
	if err != nil {
		return nil, fmt.Errorf("queue by host: %w", err)
	}
	defer rows.Close()
	now := c.DB.Now()
	var list []HostQueue
	for rows.Next() {
		var q HostQueue
		var oldest, due, since, rests, ok int64
		if err := rows.Scan(&q.Host, &q.Waiting, &oldest, &due, &since, &q.Failures, &rests, &q.LastError, &ok); err != nil {
			return nil, err
		}
		q.Oldest, q.Due, q.LastOK = store.Time(oldest), store.Time(due), store.Time(ok)
		if since > 0 {
			q.Failing = store.Time(since)
		}
		q.ByHand = rests >= forever
		q.Parked = since >= 0 && (q.ByHand || since <= store.Millis(now.Add(-deadAfter)))
		if !q.ByHand && rests > store.Millis(now) {
			q.Rests = store.Time(rests)
		}
		list = append(list, q)
	}
	return list, rows.Err()
}

// Retry sends at once what waits for a host, whether it rests or is parked.
func (c *City) Retry(ctx context.Context, tx *store.Tx, host string) error {
	if _, err := tx.Exec(ctx, "delete from hosts where host = ?", host); err != nil {
		return fmt.Errorf("retry %s: %w", host, err)
	}
	return c.hurry(ctx, tx, host)
}

// Park stops sending to a host until Retry. The newest of what is for it waits.
func (c *City) Park(ctx context.Context, tx *store.Tx, host string) error {
	if host = actors.HostOf(c.Client.Scheme() + "://" + host + "/"); host == "" {
		return store.Invalid("host", "network.host.invalid")
	}
	_, err := tx.Exec(ctx, `
		insert into hosts (host, since, failures, retry_at) values (?, 0, 0, ?)
		on conflict (host) do update set since = 0, retry_at = excluded.retry_at`, host, int64(forever))
	if err != nil {
		return fmt.Errorf("park %s: %w", host, err)
	}
	return c.trim(ctx, tx, host)
}

// Stats are the numbers that tell whether traffic flows.
type Stats struct {
	Waiting     int           // deliveries
	Oldest      time.Duration // how long the one that is due longest has been so
	Unfanned    int           // activities whose inboxes are still to be found
	Resting     int           // hosts that failed, the parked ones too
	Parked      int
	Inbox       int           // activities that are still to be worked off
	InboxOldest time.Duration // since the oldest of them came
	InboxDead   int           // given up within the last week
}

// Stats reads the numbers of now.
func (c *City) Stats(ctx context.Context) (s Stats, err error) {
	now := store.Millis(c.DB.Now())
	var due, came int64
	for _, q := range []struct {
		into []any
		text string
		args []any
	}{
		{[]any{&s.Waiting}, "select count(*) from deliveries", nil},
		{[]any{&due}, `
			select coalesce(min(due), 0) from deliveries
			where due <= ? and not exists (select 1 from hosts where hosts.host = deliveries.host and retry_at > ?)`, []any{now, now}},
		{[]any{&s.Unfanned}, "select count(*) from activities where fanned = 0", nil},
		{[]any{&s.Resting}, "select count(*) from hosts where retry_at > ?", []any{now}},
		{[]any{&s.Parked}, "select count(*) from hosts where since <= ?", []any{store.Millis(c.DB.Now().Add(-deadAfter))}},
		{[]any{&s.Inbox, &came}, "select count(*), coalesce(min(received), 0) from inbox where state = 'new'", nil},
		{[]any{&s.InboxDead}, "select count(*) from inbox where state = 'dead'", nil},
	} {
		err = errors.Join(err, c.DB.ReadBound().Row(ctx, q.into, q.text, q.args...))
	}
	s.Oldest, s.InboxOldest = since(due, now), since(came, now)
	return s, err
}

func since(then, now int64) time.Duration {
	if then == 0 || then > now {
		return 0
	}
	return time.Duration(now-then) * time.Millisecond
}
