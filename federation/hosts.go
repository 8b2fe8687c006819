package federation

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"viche/internal/store"
)

const (
	// deadAfter is how long a host may fail before it is parked: what is for it
	// waits, as much as parkedMost, and it is asked once a day with one of them.
	deadAfter  = 7 * 24 * time.Hour
	parkedMost = 100
	probeAfter = 24 * time.Hour
	// outage is how many failures make one: what waited is sent as soon as the
	// host is back, not when each delivery's own time comes.
	outage = 3
	// forever is when a host rests that the operator has parked.
	forever = math.MaxInt64 / 2
)

// judge keeps the record of a host: one that took something is there, one that
// failed rests, and one that asks for time gets it.
func (c *City) judge(ctx context.Context, tx *store.Tx, host string, reached bool, failed error, asked time.Duration) error {
	now := store.Millis(tx.Now)
	if reached {
		_, err := tx.Exec(ctx, `
			insert into peers (host, signs, signs_until, last_ok, last_error, last_failed) values (?, '', 0, ?, '', 0)
			on conflict (host) do update set last_ok = excluded.last_ok where peers.last_ok < excluded.last_ok - 60000`, host, now)
		if err != nil {
			return err
		}
		if err := c.back(ctx, tx, host); err != nil {
			return err
		}
	}
	if failed == nil {
		return nil
	}
	_, err := tx.Exec(ctx, `
		insert into peers (host, signs, signs_until, last_ok, last_error, last_failed) values (?, '', 0, 0, ?, ?)
		on conflict (host) do update set last_error = excluded.last_error, last_failed = excluded.last_failed`,
		host, plainText(failed.Error()), now)
	if err != nil || reached && asked == 0 {
		return err // what failed waits by itself
	}
	return c.restHost(ctx, tx, host, asked)
}

// plainText is an error as it can be stored and shown: strangers write parts of it.
func plainText(s string) string {
	out := make([]rune, 0, 200)
	for _, r := range s {
		if len(out) == cap(out) {
			break
		}
		if r < ' ' || r == 0x7f {
			r = ' '
		}
		out = append(out, r)
	}
	return string(out)
}

// back ends a host's rest.
func (c *City) back(ctx context.Context, tx *store.Tx, host string) error {
	var failures int
	err := tx.Row(ctx, []any{&failures}, "delete from hosts where host = ? and retry_at < ? returning failures", host, forever)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil || failures < outage {
		return err
	}
	return c.hurry(ctx, tx, host)
}

// hurry makes due what waits for a host.
func (c *City) hurry(ctx context.Context, tx *store.Tx, host string) error {
	now := store.Millis(tx.Now)
	n, err := tx.Exec(ctx, "update deliveries set due = ? where host = ? and due > ?", now, host, now)
	if err != nil || n == 0 {
		return err
	}
	return c.wakeDelivery(ctx, tx)
}

// restHost counts a failure of a host and keeps away from it for a while: 15
// seconds at first, twice as long each time, an hour at most or as it asked,
// and a little longer so that not all return in one moment.
func (c *City) restHost(ctx context.Context, tx *store.Tx, host string, asked time.Duration) error {
	var since int64
	var failures int
	err := tx.Row(ctx, []any{&since, &failures}, `
		insert into hosts (host, since, failures, retry_at) values (?, ?, 1, 0)
		on conflict (host) do update set failures = hosts.failures + 1
		returning since, failures`, host, store.Millis(tx.Now))
	if err != nil {
		return err
	}
	pause := min(15*time.Second<<min(failures-1, 10), time.Hour)
	dead := since <= store.Millis(tx.Now.Add(-deadAfter))
	if dead {
		pause = probeAfter
	}
	pause = min(max(pause+rand.N(pause/10+1), asked), longestWait+time.Hour)
	_, err = tx.Exec(ctx, "update hosts set retry_at = ? where host = ? and retry_at < ?", store.Millis(tx.Now.Add(pause)), host, forever)
	if err != nil || !dead {
		return err
	}
	c.Log.Warn("host has not answered for a week, so it is asked once a day", "peer", host)
	return c.trim(ctx, tx, host)
}

// trim keeps the newest of what waits for a parked host.
func (c *City) trim(ctx context.Context, tx *store.Tx, host string) error {
	return c.drop(ctx, tx, `
		delete from deliveries where host = ?
			and id <= (select id from deliveries where host = ? order by id desc limit 1 offset ?)
		returning activity`, host, host, parkedMost)
}

// drop runs a deletion of deliveries that returns their activities, and forgets
// those that nobody waits for any more.
func (c *City) drop(ctx context.Context, tx *store.Tx, query string, args ...any) error {
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	dropped := map[int64]bool{}
	for rows.Next() {
		var activity int64
		if err := rows.Scan(&activity); err != nil {
			return err
		}
		dropped[activity] = true
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return fmt.Errorf("drop deliveries: %w", err)
	}
	for activity := range dropped {
		if err := c.forget(ctx, tx, activity); err != nil {
			return err
		}
	}
	return nil
}

// forget removes activities that were for a few alone, once all of them have
// it: what residents say elsewhere, and how they vote there, is not kept.
func (c *City) forget(ctx context.Context, tx *store.Tx, activity int64) error {
	_, err := tx.Exec(ctx, `
		delete from activities where id = ? and public = 0 and fanned = 1
			and type not in ('Follow', 'Invite')
			and not exists (select 1 from deliveries where activity = activities.id)`, activity)
	return err
}
