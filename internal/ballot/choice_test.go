package ballot_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"viche/internal/ballot"
	"viche/internal/store"
	"viche/internal/store/storetest"
)

// A poll of a ranking, a scale and a choice of several, answered at random, some
// of it changed: what comes out is what was put in, and the counts are those of
// the answers themselves, counted here in the plainest way.
func TestKindsOfQuestion(t *testing.T) {
	t.Parallel()
	questions := []ballot.Question{
		{ID: "order", Kind: ballot.Ranking, Options: []string{"a", "b", "c", "d"}},
		{ID: "grade", Kind: ballot.Scale, Options: []string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "?"}},
		{ID: "all", Kind: ballot.Several, Options: []string{"x", "y", "z"}},
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		dice := rand.New(rand.NewPCG(1, 2))
		w := open(t, db, questions, 60)
		put := func(v ballot.Voter, a ballot.Answer) error {
			return db.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				_, err := w.box.Put(ctx, tx, w.poll, v, a)
				return err
			})
		}
		random := func() ballot.Answer {
			for {
				a := ballot.Answer{nil, nil, nil}
				for i, q := range questions {
					most := len(q.Options)
					if q.Kind == ballot.Scale {
						most = 1
					}
					for _, o := range dice.Perm(len(q.Options))[:dice.IntN(most+1)] {
						a[i] = append(a[i], q.Options[o])
					}
				}
				if len(a[0])+len(a[1])+len(a[2]) > 0 {
					slices.Sort(a[2]) // chosen in whatever order, given back in the ballot's
					return a
				}
			}
		}
		given := make([]ballot.Answer, 50)
		for i := range 70 {
			i %= 50
			given[i] = random()
			if err := put(ballot.Voter{Person: person(i)}, given[i]); err != nil {
				t.Fatal(err)
			}
			own, _, err := w.box.Own(t.Context(), db.ReadBound(), w.poll, ballot.Voter{Person: person(i)})
			if err != nil || !slices.EqualFunc(own, given[i], slices.Equal) {
				t.Fatalf("the box gives back %v, %v; want %v", own, err, given[i])
			}
		}
		for _, bad := range []ballot.Answer{
			{{"a", "b", "a"}, nil, nil}, {{"e"}, nil, nil}, {nil, {"1", "2"}, nil}, {nil, {"11"}, nil}, {nil, nil, nil}, {{"a"}, nil},
			{{"a", "b", "c", "d", "a"}, nil, nil},
		} {
			if err := put(ballot.Voter{Person: person(55)}, bad); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%v: %v, want it refused", bad, err)
			}
		}
		if err := db.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			return w.box.PutGuest(ctx, tx, w.poll, "https://elsewhere.test/u", ballot.Answer{{"a"}, nil, nil})
		}); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("a guest in a poll of several questions: %v, want it refused", err)
		}
		s, err := w.box.Close(t.Context(), w.poll, rules)
		if err != nil {
			t.Fatal(err)
		}
		got := s.Verified.Questions
		order := questions[0].Options
		for a := range order {
			for b := range order {
				if a == b {
					continue
				}
				want := 0
				for _, g := range given {
					at, below := slices.Index(g[0], order[a]), slices.Index(g[0], order[b])
					if at >= 0 && (below < 0 || at < below) {
						want++
					}
				}
				if n := got[0].Counts[ballot.Pair(len(order), a, b)]; n != want {
					t.Errorf("%s over %s: %d, want %d", order[a], order[b], n, want)
				}
			}
		}
		for i := 1; i < 3; i++ {
			for o, id := range questions[i].Options {
				want := 0
				for _, g := range given {
					if slices.Contains(g[i], id) {
						want++
					}
				}
				if got[i].Counts[o] != want {
					t.Errorf("%s/%s: %d, want %d", questions[i].ID, id, got[i].Counts[o], want)
				}
			}
		}
		for i := range questions {
			blank := 0
			for _, g := range given {
				if len(g[i]) == 0 {
					blank++
				}
			}
			if got[i].Blank != blank {
				t.Errorf("%s: %d blank, want %d", questions[i].ID, got[i].Blank, blank)
			}
		}
		leads := make([]int, len(order))
		for _, g := range given {
			if len(g[0]) > 0 {
				leads[slices.Index(order, g[0][0])]++
			}
		}
		if len(got[0].Runoff) == 0 || !slices.Equal(got[0].Runoff[0], leads) {
			t.Errorf("the first round is %v, want %v", got[0].Runoff, leads)
		}
		if s.Verified.Changes == 0 || s.Verified.Ballots != 50 {
			t.Errorf("%d ballots, %d changed", s.Verified.Ballots, s.Verified.Changes)
		}
	})
}
