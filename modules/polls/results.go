package polls

import (
	"context"
	"errors"
	"fmt"
	"time"

	"viche/internal/ballot"
	"viche/internal/store"
	"viche/internal/union"
	"viche/web"
)

// ErrVoteFirst says that the totals open after the viewer's own vote, or after
// the close where the policy says so (R4.2).
var ErrVoteFirst = fmt.Errorf("vote first: %w", store.ErrDenied)

// Results are a poll's totals as one viewer may see them.
type Results struct {
	Closed  bool // no more ballots are taken
	Final   bool // nothing can change the numbers any more
	TooFew  bool // there is nothing to show: too few, or all said the same
	Waiting bool // closed, and the counts are on their way
	TakenAt time.Time
	Total   ballot.Numbers // the result: the city's, or the nation's
	Guests  *ballot.Numbers

	// Of a poll across cities.
	Across bool
	Here   *ballot.Numbers // this city's share
	Result *union.ResultView
}

// ResultsFor gives a poll's totals to a viewer. ErrVoteFirst where they have not
// opened for this viewer; this is the only door, for pages and for the API.
func (p *Polls) ResultsFor(ctx context.Context, poll *Poll, v *web.Viewer) (Results, error) {
	if !ballot.Visible(poll.Sight(false), p.DB.Now()) {
		voted := false
		if v != nil {
			m, err := p.Voted(ctx, []*Poll{poll}, v.AccountID)
			if err != nil {
				return Results{}, err
			}
			voted = m[poll.ID]
		}
		if !ballot.Visible(poll.Sight(voted), p.DB.Now()) {
			return Results{}, ErrVoteFirst
		}
	}
	return p.results(ctx, poll)
}

func (p *Polls) results(ctx context.Context, poll *Poll) (Results, error) {
	r := Results{Closed: !poll.Accepts(p.DB.Now()), Across: poll.Scope != City}
	last, err := p.Box.Latest(ctx, poll.Box())
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return r, err
	}
	has := err == nil && (last.Final || !r.Closed)
	if r.Across {
		return p.acrossResults(ctx, poll, r, last, has)
	}
	switch {
	case r.Closed && !has:
		r.Waiting = true
	case !has, !last.Verified.Showable(poll.K):
		r.TooFew = true
	}
	r.TakenAt, r.Final = last.TakenAt, last.Final
	if r.TooFew || r.Waiting {
		return r, nil
	}
	r.Total = last.Verified
	if r.Closed {
		r.Guests = &last.Guests
	}
	return r, nil
}

// acrossResults takes the nation's numbers from the union, and this city's own
// from its box; the latter only if the nation's result does not hide them.
func (p *Polls) acrossResults(ctx context.Context, poll *Poll, r Results, last ballot.Snapshot, has bool) (Results, error) {
	if has && !p.Coordinator && last.Verified.Showable(poll.K) {
		here := last.Verified
		r.Here = &here
	}
	view, ok, err := p.Union.ResultOf(ctx, poll.PollID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return r, err
	}
	switch {
	case ok && view.TooFew:
		r.TooFew, r.Here = true, nil
		return r, nil
	case !ok || (r.Closed && view.Stage == union.Interim):
		r.Waiting, r.TooFew = r.Closed, !r.Closed
		return r, nil
	}
	r.Result, r.Total, r.TakenAt, r.Final = &view, view.Verified, view.At, view.Stage == union.Final
	r.Guests = view.Open
	if r.Closed && r.Here != nil && !shown(view, p.Union.Actor()) {
		r.Here = nil
	}
	return r, nil
}

// shown says whether a result names a city with its numbers.
func shown(r union.ResultView, actor string) bool {
	for _, m := range r.Members {
		if m.Actor == actor {
			return true
		}
	}
	// A city that is still missing hides nothing: its count is on the way.
	for _, m := range r.Missing {
		if m.Actor == actor {
			return true
		}
	}
	return false
}
