package union

import (
	"context"
	"errors"
	"fmt"
	"time"

	"viche/internal/store"
)

// Tick does what is due by the clock: results, what must go again because
// nobody answered, and, in a city, asking for results that did not come. Call
// it every few seconds, outside of a transaction; twice at once does no harm.
func (u *Union) Tick(ctx context.Context) error {
	if u.CoordinatorActor == "" {
		return nil
	}
	if u.Coordinator {
		return errors.Join(u.tickResults(ctx), u.resendInvitations(ctx))
	}
	return errors.Join(u.Resume(ctx), u.resendStatements(ctx), u.askForResults(ctx))
}

// ids reads a column of texts.
func (u *Union) ids(ctx context.Context, query string, args ...any) (out []string, err error) {
	rows, err := u.DB.ReadBound().Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		out = append(out, id)
	}
	return out, rows.Err()
}

func (u *Union) tickResults(ctx context.Context) error {
	polls, err := u.ids(ctx, "select poll from union_polls where settled = 0 and opens <= ? order by ends", store.Millis(u.DB.Now()))
	if err != nil {
		return fmt.Errorf("polls with results to come: %w", err)
	}
	var errs []error
	for _, id := range polls {
		errs = append(errs, u.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return u.Result(ctx, tx, id) }))
	}
	return errors.Join(errs...)
}

// resends bounds how much one Tick sends again.
const resends = 200

// resendInvitations sends invitations that were not accepted, and early closes
// to cities whose final statement has not come.
func (u *Union) resendInvitations(ctx context.Context) error {
	due, err := u.ids(ctx, "select poll from invitations where due > 0 and due <= ? limit 1", store.Millis(u.DB.Now()))
	if err != nil || len(due) == 0 {
		return err
	}
	return u.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		rows, err := tx.Query(ctx, `
			select i.poll, i.member, i.tries, i.register, i.raw, p.early, p.ends, p.due
			from invitations i join union_polls p on p.poll = i.poll
			where i.due > 0 and i.due <= ? order by i.due limit ?`, store.Millis(tx.Now), resends)
		if err != nil {
			return fmt.Errorf("unanswered invitations: %w", err)
		}
		defer rows.Close()
		type again struct {
			poll, member    string
			tries, register int
			raw, early      []byte
			ends, due       int64
		}
		var list []again
		for rows.Next() {
			a := again{}
			if err := rows.Scan(&a.poll, &a.member, &a.tries, &a.register, &a.raw, &a.early, &a.ends, &a.due); err != nil {
				return err
			}
			list = append(list, a)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		for _, a := range list {
			next, kind, raw := u.backoff(tx.Now, a.tries+1), "Offer", a.raw
			now := store.Millis(tx.Now)
			switch {
			case a.register < 0 && now < a.ends:
			case a.register >= 0 && a.early != nil && now < a.due:
				kind, raw = "Create", a.early
			default:
				next, raw = 0, nil
			}
			if _, err := tx.Exec(ctx, "update invitations set tries = tries + 1, due = ? where poll = ? and member = ?", next, a.poll, a.member); err != nil {
				return err
			}
			if raw == nil {
				continue
			}
			if err := u.deliver(ctx, tx, kind, raw, a.member); err != nil {
				return err
			}
		}
		return nil
	})
}

// resendStatements sends this city's statements that the coordinator has not
// answered. An interim one is not sent again once there is a newer one.
func (u *Union) resendStatements(ctx context.Context) error {
	due, err := u.ids(ctx, "select poll from statements where state = 'waiting' and due > 0 and due <= ? and author = ? limit 1", store.Millis(u.DB.Now()), u.Actor())
	if err != nil || len(due) == 0 {
		return err
	}
	return u.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		rows, err := tx.Query(ctx, `
			select poll, sequence, tries, raw, stage = 'interim' and sequence < (select max(sequence) from statements n where n.poll = s.poll and n.author = s.author)
			from statements s
			where state = 'waiting' and due > 0 and due <= ? and author = ? order by due limit ?`, store.Millis(tx.Now), u.Actor(), resends)
		if err != nil {
			return fmt.Errorf("unanswered statements: %w", err)
		}
		defer rows.Close()
		type again struct {
			poll            string
			sequence, tries int
			raw             []byte
			replaced        bool
		}
		var list []again
		for rows.Next() {
			a := again{}
			if err := rows.Scan(&a.poll, &a.sequence, &a.tries, &a.raw, &a.replaced); err != nil {
				return err
			}
			list = append(list, a)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		for _, a := range list {
			next := u.backoff(tx.Now, a.tries+1)
			if a.replaced {
				next = 0
			}
			if _, err := tx.Exec(ctx, "update statements set tries = tries + 1, due = ? where poll = ? and author = ? and sequence = ?",
				next, a.poll, u.Actor(), a.sequence); err != nil {
				return err
			}
			waits, err := u.waits(ctx, tx, a.poll, a.sequence)
			if err != nil {
				return err
			}
			if a.replaced || waits {
				continue
			}
			if err := u.deliver(ctx, tx, "Create", a.raw, u.CoordinatorActor); err != nil {
				return err
			}
		}
		return nil
	})
}

// corrected is how long after the last day a city goes on asking whether a
// result was corrected.
const corrected = 60 * 24 * time.Hour

// askForResults looks at closed polls for a result that did not come, or one
// newer than the last: soon at first, then ever less often.
func (u *Union) askForResults(ctx context.Context) error {
	if u.Fetch == nil {
		return nil
	}
	now := u.DB.Now()
	polls, err := u.ids(ctx, "select uri from union_polls where settled = 0 and ends + ? <= ? and next_try <= ? order by ends limit 20",
		u.Grace.Milliseconds()*2, store.Millis(now), store.Millis(now))
	if err != nil {
		return fmt.Errorf("polls whose result has not come: %w", err)
	}
	var errs []error
	for _, uri := range polls {
		if err := u.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
			p, err := u.load(ctx, tx.Bound, uri)
			if err != nil {
				return err
			}
			next := tx.Now.Add(max(u.RenewEvery, tx.Now.Sub(p.close)/8))
			_, err = tx.Exec(ctx, "update union_polls set next_try = ?, settled = ? where uri = ?",
				store.Millis(next), store.Flag(tx.Now.After(p.TalliesDue.Add(corrected))), uri)
			return err
		}); err != nil {
			return err
		}
		errs = append(errs, u.Ask(ctx, uri))
	}
	return errors.Join(errs...)
}

// Ask reads a poll at the coordinator, with its result if it has one.
func (u *Union) Ask(ctx context.Context, uri string) error {
	raw, err := u.Fetch(ctx, uri)
	if err != nil {
		return fmt.Errorf("ask for %s: %w", uri, err)
	}
	got, err := u.Prefetch(ctx, raw)
	if err != nil {
		return fmt.Errorf("ask for %s: %w", uri, err)
	}
	return u.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return u.Receive(ctx, tx, raw, got) })
}
