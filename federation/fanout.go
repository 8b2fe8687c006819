package federation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"viche/actors"
	"viche/internal/store"
)

const (
	fanBatch    = 16
	fanPage     = 500
	fanAttempts = 8
	fanRows     = 20 // deliveries in one statement
	meetTime    = 10 * time.Second
)

// outgoing is a published activity whose inboxes are still to be found.
type outgoing struct {
	id       int64
	text     string // of left, as it is stored
	left     left
	attempts int
}

// left is the part of an audience that has no deliveries yet. Followers are
// taken in pages, a transaction each: After is the follow of the first of them
// that was taken last, so that a stop in between costs nothing.
type left struct {
	Audience
	After int64 `json:"after,omitempty"`
}

// FanOut turns some of what was published into deliveries, one an inbox, and
// says how many steps it made; call it until that is 0. Actors that are unknown
// are fetched before the transaction, and again later if their server is silent.
func (c *City) FanOut(ctx context.Context) (int, error) {
	steps := 0
	// First what needs nobody: the followers, and whom we know.
	list, err := c.waiting(ctx, "attempts = 0")
	if err != nil {
		return 0, err
	}
	for _, o := range list {
		known, unknown, err := c.known(ctx, o.left.Actors)
		if err != nil {
			return steps, err
		}
		o.left.Inboxes, o.left.Actors = append(o.left.Inboxes, known...), unknown
		if err := c.fan(ctx, o); err != nil {
			return steps, err
		}
		steps++
	}
	if steps > 0 {
		return steps, nil
	}
	list, err = c.waiting(ctx, "attempts > 0")
	if err != nil {
		return 0, err
	}
	var wait sync.WaitGroup
	errs := make([]error, len(list))
	for i, o := range list {
		wait.Add(1)
		go func() {
			defer wait.Done()
			o.left.Inboxes, o.left.Actors = c.meet(ctx, o.left.Actors)
			errs[i] = c.fan(ctx, o)
		}()
	}
	wait.Wait()
	return len(list), errors.Join(errs...)
}

func (c *City) waiting(ctx context.Context, which string) ([]outgoing, error) {
	rows, err := c.DB.ReadBound().Query(ctx, `
		select id, audience, attempts from activities
		where fanned = 0 and due <= ? and `+which+` order by due, id limit ?`, store.Millis(c.DB.Now()), fanBatch)
	if err != nil {
		return nil, fmt.Errorf("activities to fan out: %w", err)
	}
	defer rows.Close()
	var list []outgoing
	for rows.Next() {
		var o outgoing
		if err := rows.Scan(&o.id, &o.text, &o.attempts); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(o.text), &o.left); err != nil {
			return nil, fmt.Errorf("audience of activity %d: %w", o.id, err)
		}
		list = append(list, o)
	}
	return list, rows.Err()
}

// known finds the inboxes of actors that we know.
func (c *City) known(ctx context.Context, uris []string) (inboxes, unknown []string, err error) {
	for _, uri := range uris {
		if c.IsLocal(uri) {
			continue
		}
		a, err := c.Book.ByURI(ctx, c.DB.Read(), uri)
		switch {
		case errors.Is(err, store.ErrNotFound):
			unknown = append(unknown, uri)
		case err != nil:
			return nil, nil, err
		case !a.Deleted && !a.Suspended:
			inboxes = append(inboxes, a.Inbox)
		}
	}
	return inboxes, unknown, nil
}

// meet asks servers for actors. unknown are those whose server may answer
// another time.
func (c *City) meet(ctx context.Context, uris []string) (inboxes, unknown []string) {
	ctx, cancel := context.WithTimeout(ctx, meetTime)
	defer cancel()
	for _, uri := range uris {
		a, err := c.Actor(ctx, uri)
		switch {
		case err == nil && !a.Deleted && !a.Suspended:
			inboxes = append(inboxes, a.Inbox)
		case err != nil && !isFinal(err):
			unknown = append(unknown, uri)
		}
	}
	return inboxes, unknown
}

// fan makes one step: the inboxes given, and a page of followers.
func (c *City) fan(ctx context.Context, o outgoing) error {
	err := c.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		rest, inboxes := o.left, o.left.Inboxes
		rest.Inboxes = nil
		if len(rest.Followers) > 0 {
			page, next, err := c.Book.FollowerInboxes(ctx, tx, rest.Followers[0], rest.After, fanPage)
			if err != nil {
				return err
			}
			inboxes = append(inboxes, page...)
			if rest.After = next; next == 0 {
				rest.Followers = rest.Followers[1:]
			}
		}
		mine, err := c.progress(ctx, tx, o, rest)
		if err != nil || !mine { // another process was quicker
			return err
		}
		if err := c.enqueue(ctx, tx, o.id, rest.Except, inboxes); err != nil {
			return err
		}
		return c.forget(ctx, tx, o.id)
	})
	if err != nil {
		return fmt.Errorf("fan out activity %d: %w", o.id, err)
	}
	return nil
}

// progress stores what is left to do, unless somebody else did this step.
func (c *City) progress(ctx context.Context, tx *store.Tx, o outgoing, rest left) (bool, error) {
	done, attempts, due := rest.empty(), o.attempts, tx.Now
	if !done && len(rest.Followers) == 0 { // some are left whom we don't know
		attempts++
		if o.attempts > 0 {
			due = tx.Now.Add(backoff(o.attempts))
		}
		done = attempts > fanAttempts
	}
	text, err := json.Marshal(rest)
	if err != nil {
		return false, err
	}
	n, err := tx.Exec(ctx, "update activities set fanned = ?, audience = ?, attempts = ?, due = ? where id = ? and fanned = 0 and attempts = ? and audience = ?",
		store.Flag(done), string(text), attempts, store.Millis(due), o.id, o.attempts, o.text)
	return n > 0, err
}

// enqueue adds deliveries, each inbox once, without hosts that are shut out. For
// one that is parked only the newest are kept.
func (c *City) enqueue(ctx context.Context, tx *store.Tx, activity int64, except string, inboxes []string) error {
	hosts, listed, parked := map[string]bool{}, map[string]bool{}, map[string]bool{}
	var rows []any
	for _, inbox := range inboxes {
		host := actors.HostOf(inbox)
		if host == "" || host == except || listed[inbox] || c.IsLocal(inbox) {
			continue
		}
		listed[inbox] = true
		open, known := hosts[host]
		if !known {
			blocked, err := c.Book.Blocked(ctx, tx, host)
			if err != nil {
				return err
			}
			if open = !blocked; open {
				if parked[host], err = c.parked(ctx, tx, host); err != nil {
					return err
				}
			}
			hosts[host] = open
		}
		if open {
			rows = append(rows, store.NewID(), activity, inbox, host, store.Millis(tx.Now))
		}
	}
	for len(rows) > 0 {
		n := 1
		if len(rows) >= 5*fanRows {
			n = fanRows
		}
		values := strings.TrimSuffix(strings.Repeat("(?, ?, ?, ?, 0, ?), ", n), ", ")
		if _, err := tx.Exec(ctx, "insert into deliveries (id, activity, inbox, host, attempts, due) values "+values+
			" on conflict (activity, inbox) do nothing", rows[:5*n]...); err != nil {
			return err
		}
		rows = rows[5*n:]
	}
	for host, yes := range parked {
		if yes {
			if err := c.trim(ctx, tx, host); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *City) parked(ctx context.Context, tx *store.Tx, host string) (bool, error) {
	var since int64
	err := tx.Row(ctx, []any{&since}, "select since from hosts where host = ?", host)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil && since <= store.Millis(tx.Now.Add(-deadAfter)), err
}
