package polls_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"viche/internal/ballot"
	"viche/internal/citytest"
	"viche/internal/store"
	"viche/modules/polls"
)

// grades are two questions of a vote that a module asks for.
func grades(n *citytest.Network) polls.Vote {
	return polls.Vote{
		Module: "officials", Title: "Оцінка міського голови", Sphere: "government", ClosesAt: n.Now().Add(7 * 24 * time.Hour), By: "test",
		Questions: []polls.Question{
			{ID: "openness", Kind: ballot.Scale, Options: []polls.Option{{ID: "5"}, {ID: "4"}, {ID: "3"}, {ID: "none"}}},
			{ID: "duties", Kind: ballot.Several, Max: 2, Options: []polls.Option{{ID: "a"}, {ID: "b"}, {ID: "c"}}},
		},
	}
}

func openVote(t *testing.T, n *citytest.Network, v polls.Vote) *polls.Poll {
	t.Helper()
	poll, err := n.Town("kamianske").Polls.OpenVote(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	return poll
}

func TestVoteOfAModuleIsCountedAndKeptOutOfThePolls(t *testing.T) {
	t.Parallel()
	each(t, []string{"kamianske"}, func(t *testing.T, n *citytest.Network) {
		town, ctx := n.Town("kamianske").Polls, t.Context()
		crowd := n.Crowd("kamianske", 34)
		vote := openVote(t, n, grades(n))
		for i, r := range crowd[:32] {
			a := ballot.Answer{{[]string{"5", "3"}[i%2]}, nil}
			if i < 3 {
				a[1] = []string{"a", "c"}
			}
			if receipt, err := town.CastAnswer(ctx, r.Viewer(), vote.PollID, a); err != nil || !receipt.First {
				t.Fatalf("ballot %d: %+v, %v", i, receipt, err)
			}
		}
		for what, a := range map[string]ballot.Answer{
			"another question's option": {{"a"}, nil}, "three of two": {{"5"}, {"a", "b", "c"}}, "one question": {{"5"}}, "nothing": {nil, nil},
		} {
			if _, err := town.CastAnswer(ctx, crowd[32].Viewer(), vote.PollID, a); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("an answer with %s: %v, want it refused", what, err)
			}
		}
		own, err := town.StandOf(ctx, vote.PollID, crowd[0].Viewer())
		if err != nil || !own.Voted || !slices.Equal(own.Answer[0], []string{"5"}) || !slices.Equal(own.Answer[1], []string{"a", "c"}) {
			t.Errorf("the own answer: %+v, %v", own, err)
		}
		n.Settle()
		if _, seen, closed, err := town.NumbersOf(ctx, vote.PollID, crowd[33].Viewer()); seen || closed || err != nil {
			t.Errorf("who has not voted sees %v, closed %v, %v", seen, closed, err)
		}
		got, seen, closed, err := town.NumbersOf(ctx, vote.PollID, crowd[0].Viewer())
		if !seen || closed || err != nil || got.Ballots != 32 || got.Questions[0].Counts[0] != 16 || got.Questions[1].Blank != 29 {
			t.Errorf("who has voted sees %+v (%v, closed %v, %v)", got, seen, closed, err)
		}

		b := as(t, n, "kamianske", crowd[0])
		for _, path := range []string{"/", "/polls", "/polls?state=open", "/@government", "/spheres", "/polls/feed.atom", "/spheres/government/feed.atom", "/actor/outbox"} {
			if _, page := b.Get(path); strings.Contains(page, vote.Title) || strings.Contains(page, vote.PollID) || strings.Contains(page, "Триває 1 опитування") {
				t.Errorf("%s lists the vote of another module", path)
			}
		}
		for _, path := range []string{"", "/change"} {
			if status, _ := b.Get("/polls/" + vote.PollID + path); status != 404 {
				t.Errorf("GET %s = %d, want 404: its page is the module's", path, status)
			}
		}
		if status, _ := b.Post("/polls/"+vote.PollID+"/ballot", "choices", "5"); status != 404 {
			t.Errorf("a ballot by the page of polls = %d, want 404", status)
		}

		n.Advance(7*24*time.Hour + time.Minute)
		n.Settle()
		got, seen, closed, err = town.NumbersOf(ctx, vote.PollID, nil)
		if !seen || !closed || err != nil || got.Ballots != 32 || got.Questions[1].Counts[0] != 3 {
			t.Errorf("after the close everybody sees %+v (%v, closed %v, %v)", got, seen, closed, err)
		}
		var objects int
		if err := n.Town("kamianske").DB.ReadBound().Row(ctx, []any{&objects}, "select count(*) from objects where uri = ?", vote.URI); err != nil || objects != 0 {
			t.Errorf("%d objects of the vote were published, %v; want none", objects, err)
		}
	})
}

func TestVoteOfAModuleIsChecked(t *testing.T) {
	t.Parallel()
	n := citytest.Fediverse(t, citytest.Options{}, "kamianske")
	town := n.Town("kamianske").Polls
	for what, spoil := range map[string]func(*polls.Vote){
		"no module":      func(v *polls.Vote) { v.Module = "" },
		"no title":       func(v *polls.Vote) { v.Title = "" },
		"another scope":  func(v *polls.Vote) { v.Scope = "national" },
		"no such place":  func(v *polls.Vote) { v.Territory = "UA00" },
		"no such sphere": func(v *polls.Vote) { v.Sphere = "none" },
		"no such policy": func(v *polls.Vote) { v.Results = "never" },
		"closed":         func(v *polls.Vote) { v.ClosesAt = n.Now() },
		"far away":       func(v *polls.Vote) { v.ClosesAt = n.Now().AddDate(3, 0, 0) },
		"no questions":   func(v *polls.Vote) { v.Questions = nil },
		"one id twice":   func(v *polls.Vote) { v.Questions[1].ID = v.Questions[0].ID },
		"an option twice": func(v *polls.Vote) {
			v.Questions[1].Options[1].ID = "a"
		},
		"no options":         func(v *polls.Vote) { v.Questions[0].Options = nil },
		"no such kind":       func(v *polls.Vote) { v.Questions[0].Kind = "essay" },
		"a forward branch":   func(v *polls.Vote) { v.Questions[0].When = &polls.When{Question: "duties", Option: "a"} },
		"a branch to itself": func(v *polls.Vote) { v.Questions[0].When = &polls.When{Question: "openness", Option: "5"} },
		"a branch to none":   func(v *polls.Vote) { v.Questions[1].When = &polls.When{Question: "openness", Option: "7"} },
	} {
		v := grades(n)
		spoil(&v)
		if _, err := town.OpenVote(t.Context(), v); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("a vote with %s: %v, want it refused", what, err)
		}
	}
	for _, place := range []string{"", "UA"} { // the country's residents who live here
		v := grades(n)
		v.Territory = place
		if _, err := town.OpenVote(t.Context(), v); err != nil {
			t.Errorf("a vote in %q: %v", place, err)
		}
	}
}
