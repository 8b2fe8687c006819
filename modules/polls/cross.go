package polls

import (
	"context"
	"errors"
	"fmt"
	"time"

	"viche/internal/ballot"
	"viche/internal/store"
	"viche/internal/union"
)

// What the union of cities asks of this module. internal/city hands these
// functions to union.New.

// Opened makes a poll that the coordinator invites to known here, freezes who
// may vote in this city, and lets the sphere's channel announce it.
func (p *Polls) Opened(ctx context.Context, tx *store.Tx, u *union.Poll) (register int, err error) {
	poll := &Poll{
		ID: store.NewID(), PollID: u.PollID, URI: u.URI, Scope: National, Territory: u.Territory, Sphere: u.Sphere,
		Title: u.Name, Body: plain(u.Content, u.Name), Policy: ballot.Policy(u.Policy), K: u.K, Level: u.Level, State: Open,
		OpensAt: u.OpensAt, ClosesAt: u.EndTime, Created: tx.Now,
	}
	if u.Territory != "UA" {
		poll.Scope = Region
	}
	for _, q := range u.Questions {
		own := Question{ID: q.ID, Kind: q.Kind, Text: q.Name}
		if len(u.Questions) == 1 && q.Name == u.Name {
			own.Text = ""
		}
		for _, o := range q.Options {
			own.Options = append(own.Options, Option{ID: o.ID, Text: o.Name})
		}
		poll.Questions = append(poll.Questions, own)
	}
	if err := p.insert(ctx, tx, poll); err != nil {
		return 0, fmt.Errorf("accept %s: %w", u.URI, err)
	}
	return poll.Register, p.announce(ctx, tx, poll, nil)
}

// ClosedEarly ends a poll that the coordinator has ended before its time.
func (p *Polls) ClosedEarly(ctx context.Context, tx *store.Tx, pollID string, at time.Time, reason string) error {
	poll, err := p.Load(ctx, tx, pollID)
	if err != nil {
		return err
	}
	err = p.end(ctx, tx, poll.ID, at, reason)
	if errors.Is(err, ErrClosed) {
		return nil
	}
	return err
}

// Resulted passes a newer result of the union on: at the coordinator to the
// fediverse. The signed poll with its counts comes from the union.
func (p *Polls) Resulted(ctx context.Context, tx *store.Tx, pollID string, r union.ResultView) error {
	if !p.Coordinator || r.Stage == union.Interim {
		return nil
	}
	poll, err := p.Load(ctx, tx, pollID)
	if err != nil {
		return err
	}
	var raw []byte
	if err := tx.Row(ctx, []any{&raw}, "select latest from union_polls where poll = ?", pollID); err != nil {
		return fmt.Errorf("closed poll %s: %w", pollID, err)
	}
	return p.update(ctx, tx, poll, raw)
}

// OpenHere counts the guests' votes at this instance, once the poll is counted.
func (p *Polls) OpenHere(ctx context.Context, tx *store.Tx, pollID string) (ballot.Numbers, error) {
	poll, err := p.Load(ctx, tx, pollID)
	if err != nil {
		return ballot.Numbers{}, err
	}
	return p.Box.Guests(ctx, tx.Bound, poll.Box())
}
