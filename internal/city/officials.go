package city

import (
	"context"
	"fmt"
	"strings"

	"viche/internal/ballot"
	"viche/internal/store"
	"viche/modules/blogs"
	"viche/modules/officials"
	"viche/modules/polls"
	"viche/web"
)

// openOfficials makes the register of officials; their rounds of grades are votes
// of the polls, and what channels say of them are posts.
func (c *City) openOfficials() {
	c.Officials = officials.New(officials.Options{
		DB: c.DB, Territories: c.Territories, Log: c.Log,
		Base: c.Config.Base(), Name: "Віче · " + c.Config.Name, Territory: c.Config.Territory, Coordinator: c.Config.Role == RoleCoordinator, Spheres: c.Config.Spheres,
		OpenVote: c.openGrading, CastAnswer: c.Polls.CastAnswer, StandOf: c.standInGrading, TotalsOf: c.totalsOfGrading,
		Tell: c.tellFollowers,
		ByHandle: func(ctx context.Context, handle string) (officials.Account, error) {
			return c.speaker(ctx, "a.handle = ?", strings.ToLower(strings.TrimPrefix(handle, "@")))
		},
		ByID: func(ctx context.Context, id int64) (officials.Account, error) { return c.speaker(ctx, "p.id = ?", id) },
	})
}

// openGrading asks residents for grades. The list of those who may answer is
// that of the office's territory.
func (c *City) openGrading(ctx context.Context, tx *store.Tx, v officials.Vote) (string, error) {
	vote := polls.Vote{
		Module: "officials", Title: v.Title, Body: v.Body, Sphere: v.Sphere, Scope: string(polls.City), Territory: v.Territory,
		Results: string(ballot.AfterVote), OpensAt: v.OpensAt, ClosesAt: v.ClosesAt, Level: v.Level, By: v.By,
	}
	for _, q := range v.Questions {
		one := polls.Question{ID: q.ID, Kind: ballot.Scale, Text: q.Text}
		for _, o := range q.Options {
			one.Options = append(one.Options, polls.Option{ID: o.ID, Text: o.Text})
		}
		vote.Questions = append(vote.Questions, one)
	}
	poll, err := c.Polls.OpenVoteIn(ctx, tx, vote)
	if err != nil {
		return "", err
	}
	return poll.PollID, nil
}

func (c *City) standInGrading(ctx context.Context, id string, v *web.Viewer) (officials.Stand, error) {
	s, err := c.Polls.StandOf(ctx, id, v)
	return officials.Stand{CanVote: s.CanVote, Reason: s.Reason, Voted: s.Voted, Hidden: s.Hidden, Answer: s.Answer, Changes: s.Changes}, err
}

func (c *City) totalsOfGrading(ctx context.Context, id string, v *web.Viewer) (officials.Totals, error) {
	n, seen, closed, err := c.Polls.NumbersOf(ctx, id, v)
	if !seen {
		n = ballot.Numbers{} // what may not be shown goes no further
	}
	return officials.Totals{Numbers: n, Seen: seen, Closed: closed}, err
}

// tellFollowers publishes a post of a sphere's channel, or of the city's own.
func (c *City) tellFollowers(ctx context.Context, sphere, text, mark string) error {
	handle := sphere
	if handle == "" {
		handle = "city"
	}
	channel, err := c.Book.ByHandle(ctx, c.DB.Read(), handle)
	if err != nil {
		return fmt.Errorf("channel %s: %w", handle, err)
	}
	_, err = c.Blogs.Publish(ctx, blogs.Writer{Actor: channel, Staff: true, Lang: "uk"}, blogs.Draft{Text: text, Visibility: blogs.Public, Lang: "uk", Once: mark})
	return err
}

// speaker is an account that may speak for an official.
func (c *City) speaker(ctx context.Context, where string, arg any) (officials.Account, error) {
	var a officials.Account
	var verified int
	err := c.DB.ReadBound().Row(ctx, []any{&a.ID, &a.Handle, &verified}, `
		select p.id, a.handle, (select count(*) from persons v where v.account = p.id)
		from accounts p join actors a on a.id = p.actor
		where `+where+" and a.local = 1 and a.deleted = 0 and a.suspended = 0 and p.deleted_at is null", arg)
	a.Verified = verified > 0
	return a, err
}
