package federation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"viche/actors"
	"viche/internal/store"
)

const (
	fanBatch    = 16
	fanPage     = 500
	fanAttempts = 8
)

// outgoing is a published activity whose inboxes are still to be found.
type outgoing struct {
	id       int64
	audience Audience
	attempts int
}

// FanOut turns a few published activities into deliveries, one an inbox, and
// says how many it looked at; call it until that is 0. An actor that is unknown
// is fetched before the transaction, and again later if its server is silent.
func (c *City) FanOut(ctx context.Context) (int, error) {
	list, err := c.waiting(ctx)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	for _, o := range list {
		known, unknown := c.meet(ctx, o.audience.Actors)
		err := c.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return c.fan(ctx, tx, o, known, unknown) })
		if err != nil {
			return 0, fmt.Errorf("fan out activity %d: %w", o.id, err)
		}
	}
	return len(list), nil
}

func (c *City) waiting(ctx context.Context) ([]outgoing, error) {
	rows, err := c.DB.ReadBound().Query(ctx, `
		select id, audience, attempts from activities
		where fanned = 0 and due <= ? order by due, id limit ?`, store.Millis(c.DB.Now()), fanBatch)
	if err != nil {
		return nil, fmt.Errorf("activities to fan out: %w", err)
	}
	defer rows.Close()
	var list []outgoing
	for rows.Next() {
		var o outgoing
		var audience string
		if err := rows.Scan(&o.id, &audience, &o.attempts); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(audience), &o.audience); err != nil {
			return nil, fmt.Errorf("audience of activity %d: %w", o.id, err)
		}
		list = append(list, o)
	}
	return list, rows.Err()
}

// meet finds the inboxes of actors, asking servers if need be. unknown are
// those whose server may answer another time.
func (c *City) meet(ctx context.Context, uris []string) (inboxes, unknown []string) {
	for _, uri := range uris {
		if c.IsLocal(uri) {
			continue
		}
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

func (c *City) fan(ctx context.Context, tx *store.Tx, o outgoing, inboxes, unknown []string) error {
	rest, err := json.Marshal(Audience{Actors: unknown})
	if err != nil {
		return err
	}
	done := len(unknown) == 0 || o.attempts+1 >= fanAttempts
	n, err := tx.Exec(ctx, "update activities set fanned = ?, audience = ?, attempts = attempts + 1, due = ? where id = ? and fanned = 0 and attempts = ?",
		flag(done), string(rest), store.Millis(tx.Now.Add(backoff(o.attempts+1))), o.id, o.attempts)
	if err != nil || n == 0 { // another process was quicker
		return err
	}
	if err := c.enqueue(ctx, tx, o.id, append(inboxes, o.audience.Inboxes...)); err != nil {
		return err
	}
	for _, followed := range o.audience.Followers {
		for after := ""; ; {
			page, err := c.Book.Inboxes(ctx, tx, followed, after, fanPage)
			if err != nil {
				return err
			}
			if err := c.enqueue(ctx, tx, o.id, page); err != nil {
				return err
			}
			if len(page) < fanPage {
				break
			}
			after = page[len(page)-1]
		}
	}
	return c.forget(ctx, tx, o.id)
}

// enqueue adds deliveries, each inbox once, without hosts that are shut out or
// have not answered for a week.
func (c *City) enqueue(ctx context.Context, tx *store.Tx, activity int64, inboxes []string) error {
	hosts := map[string]bool{}
	for _, inbox := range inboxes {
		host := actors.HostOf(inbox)
		if host == "" || c.IsLocal(inbox) {
			continue
		}
		open, known := hosts[host]
		if !known {
			var err error
			if open, err = c.deliverable(ctx, tx, host); err != nil {
				return err
			}
			hosts[host] = open
		}
		if !open {
			continue
		}
		if _, err := tx.Exec(ctx, `
			insert into deliveries (id, activity, inbox, host, attempts, due) values (?, ?, ?, ?, 0, ?)
			on conflict (activity, inbox) do nothing`, store.NewID(), activity, inbox, host, store.Millis(tx.Now)); err != nil {
			return err
		}
	}
	return nil
}

func (c *City) deliverable(ctx context.Context, tx *store.Tx, host string) (bool, error) {
	blocked, err := c.Book.Blocked(ctx, tx, host)
	if err != nil || blocked {
		return false, err
	}
	var since int64
	err = tx.Row(ctx, []any{&since}, "select since from hosts where host = ?", host)
	if errors.Is(err, store.ErrNotFound) {
		return true, nil
	}
	return err == nil && since > store.Millis(tx.Now.Add(-deadAfter)), err
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
