package polls

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"viche/federation"
	"viche/internal/ballot"
	"viche/internal/store"
)

// Close ends a poll before its time, with a reason that everybody reads (rule 8).
// A poll whose totals open only after the close cannot be ended early.
func (p *Polls) Close(ctx context.Context, pollID, reason, by string) error {
	poll, err := p.Load(ctx, p.DB.Read(), pollID)
	if err != nil {
		return err
	}
	if reason == "" {
		return store.Invalid("reason", "polls.close.reason.missing")
	}
	if !poll.Home {
		return fmt.Errorf("only the coordinator closes %s: %w", poll.URI, store.ErrDenied)
	}
	if poll.Policy == ballot.AfterClose {
		return store.Invalid("id", "polls.close.after-close")
	}
	err = p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		at := tx.Now
		if poll.Scope != City {
			if at, err = p.Union.EarlyClose(ctx, tx, poll.PollID, reason); err != nil {
				return err
			}
		}
		if err := p.end(ctx, tx, poll.ID, at, reason); err != nil {
			return err
		}
		return tx.Act(ctx, by, "poll.close", poll.URI, reason)
	})
	if err != nil {
		return fmt.Errorf("close poll: %w", err)
	}
	return p.CloseDue(ctx)
}

// end stops the casting: from the commit on no ballot gets in.
func (p *Polls) end(ctx context.Context, tx *store.Tx, id int64, at time.Time, reason string) error {
	if err := tx.Alone(ctx, id); err != nil {
		return err
	}
	n, err := tx.Exec(ctx, "update polls set state = 'closed', closed_at = ?, close_reason = ? where id = ? and state = 'open'", store.Millis(at), reason, id)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrClosed
	}
	return nil
}

// CloseDue ends the polls whose time has come and counts those that have ended.
// Each step may be repeated: what is done already is left alone.
func (p *Polls) CloseDue(ctx context.Context) error {
	p.closing.Lock() // one process counts a box once at a time; the database keeps two apart
	defer p.closing.Unlock()
	var due []row
	if err := p.DB.Read().NewSelect().Model(&due).
		Where("(state = 'open' and closes_at <= ?) or (state = 'closed' and counted = 0)", store.Millis(p.DB.Now())).
		Order("id").Limit(100).Scan(ctx); err != nil {
		return fmt.Errorf("polls to close: %w", store.Kind(err))
	}
	var errs []error
	for _, r := range due {
		poll, err := r.poll()
		if err == nil {
			err = p.finish(ctx, poll)
		}
		if err != nil {
			p.Log.Error("a poll was not closed", "poll", r.PollID, "err", err)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (p *Polls) finish(ctx context.Context, poll *Poll) error {
	if poll.State == Open {
		err := p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
			return p.end(ctx, tx, poll.ID, poll.ClosesAt, "")
		})
		if err != nil && !errors.Is(err, ErrClosed) {
			return err
		}
		poll.State, poll.ClosedAt = Closed, poll.ClosesAt
	}
	final, err := p.Box.Close(ctx, poll.Box(), p.Rules)
	if err != nil {
		return err
	}
	return p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.Exec(ctx, "update polls set counted = 1 where id = ? and counted = 0", poll.ID)
		if err != nil || n == 0 {
			return err
		}
		p.Log.Info("poll closed", "poll", poll.PollID, "register", poll.Register)
		switch {
		case poll.Module != "":
			return nil // its module tells of it
		case poll.Scope == City:
			return p.publishResult(ctx, tx, poll, &final)
		case poll.Home:
			return nil // the union publishes once cities have stated their counts
		}
		return p.Union.Final(ctx, tx, poll.PollID, final.Verified, final.Guests)
	})
}

// publishResult sends the closed poll with its counts to followers and to every
// remote voter's server.
func (p *Polls) publishResult(ctx context.Context, tx *store.Tx, poll *Poll, final *ballot.Snapshot) error {
	raw, err := p.question(poll, final)
	if err != nil {
		return err
	}
	return p.update(ctx, tx, poll, raw)
}

func (p *Polls) update(ctx context.Context, tx *store.Tx, poll *Poll, raw []byte) error {
	if err := p.Federation.Store(ctx, tx, poll.URI, raw, poll.object(), p.self.URI); err != nil {
		return err
	}
	update, err := p.envelope(tx, "").Update(raw)
	if err != nil {
		return fmt.Errorf("publish result of %s: %w", poll.URI, err)
	}
	channel, err := p.Book.BySlug(ctx, tx, poll.Sphere)
	if err != nil {
		return err
	}
	inboxes, err := p.voterInboxes(ctx, tx, poll.ID)
	if err != nil {
		return err
	}
	return p.Federation.Publish(ctx, tx, p.self, update, federation.Audience{Followers: []int64{p.self.ID, channel.ID}, Inboxes: inboxes})
}

// Snapshots takes a new snapshot of each open poll where the rules call for one,
// and has the union tell the coordinator. A box is gone through at most once in
// SnapshotEvery, whether or not that gave a snapshot.
func (p *Polls) Snapshots(ctx context.Context) error {
	var open []row
	if err := p.DB.Read().NewSelect().Model(&open).
		Where("state = 'open' and closes_at > ?", store.Millis(p.DB.Now().Add(ballot.LastHour))).Order("id").Scan(ctx); err != nil {
		return fmt.Errorf("polls to count: %w", store.Kind(err))
	}
	var errs []error
	for _, r := range open {
		if err := p.snapshot(ctx, r); err != nil {
			p.Log.Error("a poll was not counted", "poll", r.PollID, "err", err)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (p *Polls) snapshot(ctx context.Context, r row) error {
	poll, err := r.poll()
	if err != nil || poll.Policy == ballot.AfterClose {
		return err
	}
	now := p.DB.Now()
	box := poll.Box()
	if last, ok := p.tried.Load(poll.ID); !ok || !now.Before(last.(time.Time).Add(p.Rules.SnapshotEvery)) {
		taken, err := p.Box.Snapshot(ctx, box, poll.ClosesAt, p.Rules)
		if err != nil {
			return err
		}
		if taken {
			p.tried.Store(poll.ID, now)
		}
	}
	if poll.Home {
		return nil
	}
	latest, err := p.Box.Latest(ctx, box)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := p.Union.Interim(ctx, tx, poll.PollID, latest.Verified, latest.Guests)
		return err
	})
}

// voterInboxes are where the result of a poll goes besides to followers: the
// inboxes through which accounts elsewhere have voted. The ballots name nobody,
// so the addresses are kept apart from them; mostly they are a server's shared one.
func (p *Polls) voterInboxes(ctx context.Context, idb bun.IDB, poll int64) (inboxes []string, err error) {
	err = idb.NewRaw("select inbox from guest_servers where poll = ? order by inbox", poll).Scan(ctx, &inboxes)
	return inboxes, store.Kind(err)
}
