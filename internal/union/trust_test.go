package union

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"viche/federation/ap"
	"viche/internal/ballot"
	"viche/internal/store"
)

func TestCityReadsTheListsInBetween(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, open func(func() time.Time) *store.DB) {
		w := newWorld(t, open, kamianske, lviv, kharkiv)
		grow := func(n int) {
			w.write(w.hub, func(ctx context.Context, tx *store.Tx) error {
				actor := fmt.Sprintf("https://more%d.example/actor", n)
				_, err := w.hub.AddMembers(ctx, tx, Member{Actor: actor, Territory: stryi, Ceiling: 100, Keys: []Key{{ID: actor + "#tally", Public: w.hub.Public()}}})
				return err
			})
		}
		var old *Poll
		for i := range 6 {
			grow(i)
			switch i {
			case 1:
				w.cut = w.cities[0].Base
				old = w.open(nil) // one city hears of it after a later one
				w.cut = ""
			case 3, 5:
				w.open(nil)
			}
		}
		w.pass(5 * time.Minute)
		w.tick()
		c, err := w.cities[0].trust(t.Context(), w.cities[0].DB.ReadBound())
		if err != nil || c.newest().Version != 7 || c.lists[0].Version != 3 {
			t.Fatalf("lists = %d to %d, %v; want 3 to 7", c.lists[0].Version, c.newest().Version, err)
		}
		if _, _, err := w.cities[0].Poll(t.Context(), old.PollID); err != nil {
			t.Errorf("the poll of the older list: %v", err)
		}
		if len(w.faults) > 0 {
			t.Errorf("faults: %v", w.faults)
		}
		if _, err := w.cities[0].AddMembers(t.Context(), nil); !errors.Is(err, store.ErrDenied) {
			t.Errorf("a city that makes a list = %v, want it denied", err)
		}
	})
}

func TestOnlyThePinnedCoordinatorIsFollowed(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, open func(func() time.Time) *store.DB) {
		w := newWorld(t, open, kamianske)
		n := w.cities[0]
		n.pinned = n.Public() // anybody but the coordinator
		w.open(nil)
		if len(w.faults) != 1 || ap.FaultCode(w.faults[0]) != "key-not-pinned" {
			t.Errorf("a coordinator of another key: %v, want key-not-pinned", w.faults)
		}
		w.faults, n.pinned = nil, w.hub.Public()
		w.open(nil)
		if len(w.faults) > 0 {
			t.Errorf("the pinned coordinator: %v", w.faults)
		}
	})
}

func TestInvitationsThatCannotBeHonestlyAccepted(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, open func(func() time.Time) *store.DB) {
		w := newWorld(t, open, kamianske, lviv)
		n := w.cities[0]
		n.register = 100_001
		p := w.open(nil)
		if len(w.faults) != 1 || ap.FaultCode(w.faults[0]) != "register-over-ceiling" || !errors.Is(w.faults[0], store.ErrInvalid) {
			t.Errorf("register over the ceiling: %v", w.faults)
		}
		if _, _, err := n.Poll(t.Context(), p.PollID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the poll was kept: %v", err)
		}
		w.faults, n.register = nil, 5000
		lone := w.open(func(c *Core) { c.Territory = "UA46000000000026241" }) // Lviv oblast
		if _, _, err := n.Poll(t.Context(), lone.PollID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a poll of another oblast reached the city: %v", err)
		}
		if _, _, err := w.cities[1].Poll(t.Context(), lone.PollID); err != nil || len(w.faults) > 0 {
			t.Errorf("a poll of its own oblast: %v, %v", err, w.faults)
		}
		for name, change := range map[string]func(*Core){
			"no options":        func(c *Core) { c.Questions[0].Options = nil },
			"two alike":         func(c *Core) { c.Questions[0].Options[1].Name = "Так" },
			"ends before start": func(c *Core) { c.EndTime = c.OpensAt },
			"no such policy":    func(c *Core) { c.Policy = "whenever" },
			"not a UUIDv7":      func(c *Core) { c.PollID = "1" },
		} {
			core := Core{
				PollID: newPollID(w.clock()), Name: "?", Territory: country, Policy: AfterVote, OpensAt: w.clock(), EndTime: w.clock().Add(time.Hour),
				Questions: []Question{{Kind: ballot.One, Options: []Option{{"o1", "Так"}, {"o2", "Ні"}}}},
			}
			change(&core)
			err := w.hub.DB.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				_, err := w.hub.OpenPoll(ctx, tx, core)
				return err
			})
			if !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s: OpenPoll = %v, want it invalid", name, err)
			}
		}
	})
}

func TestPollOfSeveralQuestionsAndTooFewBallots(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, open func(func() time.Time) *store.DB) {
		w := newWorld(t, open, kamianske, lviv, kharkiv)
		p := w.open(func(c *Core) {
			c.Questions = []Question{
				{ID: "q1", Name: "Стан доріг", Kind: ballot.Scale, Options: []Option{{"1", "1"}, {"2", "2"}}},
				{ID: "q2", Name: "Що спершу", Kind: ballot.Ranking, Options: []Option{{"a", "Мости"}, {"b", "Дороги"}}},
			}
		})
		few := w.open(nil)
		w.pass(72 * time.Hour)
		for i, n := range w.cities {
			w.write(n, func(ctx context.Context, tx *store.Tx) error {
				q1, q2 := []int{20, 25 + i}, []int{30, 10}
				return n.Final(ctx, tx, p.PollID, ballot.Numbers{Register: n.register, Ballots: 50 + i, Questions: []ballot.QuestionNumbers{
					{Blank: 5, Counts: q1, First: q1}, {Blank: 10, Counts: q2, First: q2},
				}}, ballot.Numbers{Ballots: 12, Questions: []ballot.QuestionNumbers{{Counts: []int{5, 7}}, {Counts: []int{6, 6}}}})
			})
			n.final(few, 2, 1)
		}
		w.pump()
		w.pass(2 * time.Minute)
		w.tick()
		r := w.hub.result(p)
		if r.Stage != Final || r.Verified.Ballots != 153 || r.Verified.Questions[0].Counts[1] != 78 || r.Verified.Questions[1].Blank != 30 || r.Open == nil || r.Open.Ballots != 36 {
			t.Errorf("result = %+v, open %+v", r.Verified, r.Open)
		}
		verifyAll(t, w, p)
		for _, n := range append([]*node{w.hub}, w.cities...) {
			r, found, err := n.ResultOf(t.Context(), few.PollID)
			if err != nil || !found || !r.TooFew || r.Verified.Ballots != 0 || !n.results[few.PollID].TooFew {
				t.Errorf("%s: nine ballots of the country: %+v, %v; want that they are too few to show", n.Base, r, err)
			}
		}
	})
}
