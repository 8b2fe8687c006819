package city_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"viche/actors"
	"viche/internal/city"
	"viche/internal/citytest"
	"viche/internal/store/storetest"
	"viche/internal/union"
	"viche/modules/polls"
)

// Three cities over a network that loses 30 % of deliveries, doubles 20 % and
// delivers in whatever order retries bring about, with one city cut off for half
// of the time: the nation's final result is exact, each time (R4.5).
func TestFaultyFediverseCountsExactly(t *testing.T) {
	t.Parallel()
	for kind, o := range citytest.Kinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			o.Config = func(_ string, c *city.Config) { c.K, c.Step = 3, 2 }
			n := citytest.Fediverse(t, o, "ukraine", "kamianske", "lviv", "kharkiv")
			crowd := map[string][]citytest.Resident{}
			for _, name := range []string{"kamianske", "lviv", "kharkiv"} {
				crowd[name] = n.Crowd(name, 7)
			}
			n.Settle()
			runs := storetest.Runs(t, 16)
			if kind == "postgres" {
				runs = max(runs/5, 3) // the network is the same; the database is tried in full elsewhere
			}
			for seed := range runs {
				faultyRun(t, n, crowd, uint64(seed))
				if t.Failed() {
					return
				}
			}
		})
	}
}

func faultyRun(t *testing.T, n *citytest.Network, crowd map[string][]citytest.Resident, seed uint64) {
	t.Helper()
	dice := rand.New(rand.NewPCG(seed, 99))
	n.Worsen(citytest.Faults{Loss: 0.3, Double: 0.2}, seed)
	p, err := n.Town("ukraine").Polls.OpenPoll(t.Context(), polls.Draft{
		Title: fmt.Sprintf("Запитання %d", seed), Options: []string{"Так", "Ні"}, Sphere: "ecology", Scope: "national",
		ClosesAt: n.Now().Add(8 * time.Hour), By: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"kamianske", "lviv", "kharkiv"}
	isolated := names[dice.IntN(3)]
	from := dice.IntN(8)
	want := [2]int{}
	last := map[string]int{} // voter → option
	cast := func(r citytest.Resident, choice int) {
		if n.Cast(r, p.PollID, fmt.Sprintf("o%d", choice+1)) != nil {
			return // the invitation has not reached this city yet
		}
		if old, ok := last[r.Email]; ok {
			want[old]--
		}
		last[r.Email] = choice
		want[choice]++
	}
	for step := range 16 { // half an hour each, until the close
		n.Cut(isolated, step >= from && step < from+8)
		n.Settle()
		for range 4 {
			name := names[dice.IntN(3)]
			cast(crowd[name][3+dice.IntN(len(crowd[name])-3)], dice.IntN(2))
		}
		if step == 15 {
			// Three of each city, not all of one mind: no city is too small or
			// too much of one mind to be shown, which is another test's matter.
			for _, name := range names {
				for i := range 3 {
					cast(crowd[name][i], i%2)
				}
			}
		}
		n.Advance(30 * time.Minute)
	}
	n.Cut(isolated, false)
	var r union.ResultView
	for range 120 { // forty hours: a day after the close nobody is waited for
		n.Settle()
		if r, _, err = n.Town("ukraine").Union.ResultOf(t.Context(), p.PollID); err != nil {
			t.Fatal(err)
		}
		if r.Stage == union.Final && len(r.Missing) == 0 {
			break
		}
		n.Advance(20 * time.Minute)
	}
	// A city that was cut off until no try got through before the close took no
	// part: nobody voted there, and the others' sum is final without it.
	for _, m := range r.Missing {
		town := strings.TrimSuffix(actors.HostOf(m.Actor), ".test") + "_"
		for email := range last {
			if strings.HasPrefix(email, town) {
				t.Errorf("seed %d: %s is missing, where %s voted", seed, m.Actor, email)
			}
		}
	}
	if r.Stage != union.Final || len(r.Missing) > 1 {
		t.Errorf("seed %d: stage %q, missing %v, %d ballots in all: no final result", seed, r.Stage, r.Missing, len(last))
		return
	}
	got := [2]int{r.Verified.Questions[0].Counts[0], r.Verified.Questions[0].Counts[1]}
	if got != want || r.Verified.Ballots != len(last) {
		t.Errorf("seed %d: the nation counted %v of %d ballots, want %v of %d; result: members %+v, lines %+v, excluded %+v", seed, got, r.Verified.Ballots, want, len(last), r.Members, r.Lines, r.Excluded)
	}
}
