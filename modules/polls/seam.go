package polls

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"viche/actors"
	"viche/internal/ballot"
	"viche/internal/store"
	"viche/web"
)

// Vote is a vote that another module asks for: its ballots lie in the same box
// under the same rules, while its page and its news are the module's.
type Vote struct {
	Module string
	Title  string
	Body   string
	Sphere string // may be empty
	Scope  string // "city" if empty; a module asks nobody else's residents
	// Territory is whose residents are asked, as far as they live in this city;
	// the instance's own if empty.
	Territory string
	Results   string    // "afterVote" if empty
	OpensAt   time.Time // now if zero; not in the future
	ClosesAt  time.Time
	Level     int // of verification; Level if zero
	Questions []Question
	By        string // who opens it, for the log
}

// OpenVote opens a vote of another module at once: freezes its questions and its
// register. Lists of polls leave it out, and nobody in the fediverse is told.
// Ids of questions and options are the module's; an option's text may be empty.
// Errors are *store.FieldError, joined.
func (p *Polls) OpenVote(ctx context.Context, v Vote) (*Poll, error) {
	var poll *Poll
	err := p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		poll, err = p.OpenVoteIn(ctx, tx, v)
		return err
	})
	return poll, err
}

// OpenVoteIn is OpenVote inside a change of the module's.
func (p *Polls) OpenVoteIn(ctx context.Context, tx *store.Tx, v Vote) (*Poll, error) {
	poll, err := p.voteOf(v, tx.Now)
	if err != nil {
		return nil, err
	}
	if err := p.insert(ctx, tx, poll); err != nil {
		return nil, fmt.Errorf("open vote of %s: %w", v.Module, err)
	}
	return poll, tx.Act(ctx, v.By, v.Module+".open", poll.URI, "")
}

// voteOf checks what a module asks for. The module's pages have tidied it.
func (p *Polls) voteOf(v Vote, now time.Time) (*Poll, error) {
	var errs []error
	bad := func(field, key string, args ...any) { errs = append(errs, store.Invalid(field, key, args...)) }
	if v.Territory == "" {
		v.Territory = p.Territory
	}
	if v.Results == "" {
		v.Results = string(ballot.AfterVote)
	}
	if v.Level == 0 {
		v.Level = Level
	}
	if v.OpensAt.IsZero() || v.OpensAt.After(now) {
		v.OpensAt = now
	}
	v.OpensAt, v.ClosesAt = v.OpensAt.UTC().Truncate(time.Second), v.ClosesAt.UTC().Truncate(time.Second)
	if v.Module == "" || v.Title == "" {
		bad("title", "polls.draft.title.missing")
	}
	if v.Scope != "" && v.Scope != string(City) {
		bad("scope", "polls.draft.scope.unknown", "Scope", v.Scope)
	}
	if v.Territory != p.Territory && p.Place(v.Territory, "uk") == "" {
		bad("territory", "polls.draft.territory.unknown", "Code", v.Territory)
	}
	if v.Sphere != "" && !actors.IsSphere(v.Sphere) {
		bad("sphere", "polls.draft.sphere.unknown", "Sphere", v.Sphere)
	}
	switch ballot.Policy(v.Results) {
	case ballot.AfterVote, ballot.AfterClose:
	default:
		bad("results", "polls.draft.results.unknown", "Value", v.Results)
	}
	switch {
	case !v.ClosesAt.After(now):
		bad("closesAt", "polls.draft.closes.past")
	case v.ClosesAt.After(now.Add(maxOpen)):
		bad("closesAt", "polls.draft.closes.far")
	}
	if err := checkQuestions(v.Questions); err != nil {
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("open vote: %w", err)
	}
	return &Poll{
		ID: store.NewID(), PollID: id.String(), URI: p.Base + "/polls/" + id.String(), Home: true, Module: v.Module, Scope: City,
		Territory: v.Territory, Sphere: v.Sphere, Title: v.Title, Body: v.Body, Questions: v.Questions, Policy: ballot.Policy(v.Results),
		K: p.Rules.K, Level: v.Level, State: Open, OpensAt: v.OpensAt, ClosesAt: v.ClosesAt, Created: now,
	}, nil
}

// mostQuestions bounds a poll, so that a ballot stays small.
const mostQuestions = 60

// checkQuestions holds what the box and the branches rely on: ids that differ,
// something to choose from, and conditions that look back.
func checkQuestions(questions []Question) error {
	if len(questions) == 0 || len(questions) > mostQuestions {
		return store.Invalid("questions", "polls.draft.questions", "Max", mostQuestions)
	}
	seen := map[string]int{}
	var errs []error
	for i, q := range questions {
		bad := func(key string, args ...any) { errs = append(errs, store.Invalid(field(i), key, args...)) }
		if _, twice := seen[q.ID]; q.ID == "" || twice {
			bad("polls.draft.questions.id")
		}
		ids := map[string]bool{}
		for _, o := range q.Options {
			if o.ID == "" || ids[o.ID] {
				bad("polls.draft.questions.id")
			}
			ids[o.ID] = true
		}
		if len(q.Options) == 0 {
			bad("polls.draft.options.few")
		}
		switch q.Kind {
		case ballot.One, ballot.Several, ballot.Scale, ballot.Ranking:
		default:
			bad("polls.draft.kind.unknown")
		}
		if q.When != nil {
			on, ok := seen[q.When.Question]
			switch {
			case !ok: // itself, a later one, or none: so no circle can come about
				bad("polls.draft.when.back")
			case questions[on].option(q.When.Option) < 0 || questions[on].Kind == ballot.Ranking:
				bad("polls.draft.when.option")
			}
		}
		seen[q.ID] = i
	}
	return errors.Join(errs...)
}

// StandOf says how somebody stands to a vote, with the own answer.
func (p *Polls) StandOf(ctx context.Context, pollID string, v *web.Viewer) (Standing, error) {
	poll, err := p.Load(ctx, p.DB.Read(), pollID)
	if err != nil {
		return Standing{}, err
	}
	return p.Stand(ctx, poll, v)
}

// NumbersOf gives the totals of a vote to a viewer. Where seen is false there is
// nothing that this viewer may be shown: not yet, or never, as too few voted.
func (p *Polls) NumbersOf(ctx context.Context, pollID string, v *web.Viewer) (n ballot.Numbers, seen, closed bool, err error) {
	poll, err := p.Load(ctx, p.DB.Read(), pollID)
	if err != nil {
		return n, false, false, err
	}
	r, err := p.ResultsFor(ctx, poll, v)
	if errors.Is(err, ErrVoteFirst) {
		return n, false, !poll.Accepts(p.DB.Now()), nil
	}
	if err != nil {
		return n, false, false, err
	}
	return r.Total, !r.Waiting && !r.TooFew, r.Closed, nil
}
