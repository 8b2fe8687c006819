package city

import (
	"context"
	"slices"
	"strings"

	"viche/internal/ballot"
	"viche/internal/store"
	"viche/modules/people"
	"viche/modules/polls"
	"viche/modules/primaries"
	"viche/web"
)

// openPrimaries makes the assessment of future candidates; its rounds of grades
// are votes of the polls, whose totals open after the close alone.
func (c *City) openPrimaries() {
	c.Primaries = primaries.New(primaries.Options{
		DB: c.DB, Words: c.Words, Base: c.Config.Base(), Territory: c.Config.Territory, Coordinator: c.Config.Role == RoleCoordinator, Spheres: c.Config.Spheres,
		Within: c.Territories.Within, Place: c.known, Reach: c.reach,
		OpenVote: c.openAssessment, CastAnswer: c.Polls.CastAnswer, StandOf: c.standInAssessment, NumbersOf: c.numbersOfAssessment,
		ByHandle: func(ctx context.Context, handle string) (primaries.Person, error) {
			return c.participant(ctx, "a.handle = ?", strings.ToLower(handle))
		},
		ByID: func(ctx context.Context, account int64) (primaries.Person, error) {
			return c.participant(ctx, "p.id = ?", account)
		},
	})
}

// reach are the instance's own territory and those it lies in, the widest first.
func (c *City) reach() []string {
	codes := []string{c.Config.Territory}
	for _, u := range c.Territories.Ancestors(c.Config.Territory) {
		if !slices.Contains(codes, u.Code) {
			codes = append(codes, u.Code)
		}
	}
	slices.SortStableFunc(codes, func(a, b string) int {
		return len(c.Territories.Ancestors(a)) - len(c.Territories.Ancestors(b))
	})
	return codes
}

// openAssessment asks for grades. Whoever lives in this city is asked, also where
// the office is of a wider territory.
func (c *City) openAssessment(ctx context.Context, tx *store.Tx, v primaries.Vote) (string, error) {
	vote := polls.Vote{
		Module: "primaries", Title: v.Title, Body: v.Body, Sphere: v.Sphere, Scope: string(polls.City), Territory: v.Territory,
		Results: string(ballot.AfterClose), ClosesAt: v.ClosesAt, By: v.By,
	}
	for _, q := range v.Questions {
		one := polls.Question{ID: q.ID, Kind: ballot.Scale, Text: q.Text}
		for _, o := range q.Options {
			one.Options = append(one.Options, polls.Option(o))
		}
		vote.Questions = append(vote.Questions, one)
	}
	poll, err := c.Polls.OpenVoteIn(ctx, tx, vote)
	if err != nil {
		return "", err
	}
	return poll.PollID, nil
}

func (c *City) standInAssessment(ctx context.Context, id string, v *web.Viewer) (primaries.Stand, error) {
	s, err := c.Polls.StandOf(ctx, id, v)
	return primaries.Stand{CanVote: s.CanVote, Reason: s.Reason, Voted: s.Voted, Hidden: s.Hidden, Answer: s.Answer}, err
}

func (c *City) numbersOfAssessment(ctx context.Context, id string, v *web.Viewer) (n ballot.Numbers, seen, closed bool, err error) {
	n, seen, closed, err = c.Polls.NumbersOf(ctx, id, v)
	if !seen {
		n = ballot.Numbers{} // what may not be shown goes no further
	}
	return n, seen, closed, err
}

// participant is an account as primaries know it: a resident is verified, lives
// here and is no organisation.
func (c *City) participant(ctx context.Context, where string, arg any) (primaries.Person, error) {
	var p primaries.Person
	var kind string
	err := c.DB.ReadBound().Row(ctx, []any{&p.Account, &p.Handle, &p.Name, &kind}, `
		select p.id, a.handle, a.name, p.kind
		from accounts p join actors a on a.id = p.actor
		where `+where+" and a.local = 1 and a.deleted = 0 and a.suspended = 0 and p.deleted_at is null", arg)
	if err != nil || kind != people.Resident {
		return p, err
	}
	home, ok, err := c.lives(ctx, p.Account)
	p.Resident = ok && c.Territories.Within(home, c.Config.Territory)
	return p, err
}
