package city_test

import (
	"testing"
	"time"

	"viche/internal/city"
	"viche/internal/citytest"
	"viche/internal/union"
)

// The main job: a national poll is answered in three cities, the nation's
// result is the sum of what they signed.
func TestNationalPollAddsUpWhatCitiesSigned(t *testing.T) {
	t.Parallel()
	for kind, o := range citytest.Kinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			o.Config = func(_ string, c *city.Config) { c.K, c.Step = 3, 2 }
			n := citytest.Fediverse(t, o, "ukraine", "kamianske", "lviv", "kharkiv")
			crowd := map[string][]citytest.Resident{}
			for _, name := range []string{"kamianske", "lviv", "kharkiv"} {
				crowd[name] = n.Crowd(name, 6)
			}
			p := n.OpenPoll("ukraine", "national")
			n.Settle()
			for name, residents := range crowd {
				for i, r := range residents {
					choice := "o1"
					if i < 2 {
						choice = "o2"
					}
					if err := n.Cast(r, p.PollID, choice); err != nil {
						t.Fatalf("%s votes in %s: %v", r.Handle, name, err)
					}
				}
			}
			n.Advance(2 * time.Minute)
			n.Settle()
			city, err := n.Town("lviv").Polls.Load(t.Context(), n.Town("lviv").DB.Read(), p.PollID)
			if err != nil {
				t.Fatal(err)
			}
			r, err := n.Town("lviv").Polls.ResultsFor(t.Context(), city, crowd["lviv"][0].Viewer())
			if err != nil || r.TooFew || r.Total.Ballots != 18 || r.Here == nil || r.Here.Ballots != 6 {
				t.Errorf("interim result in Lviv = %+v, %v; want 18 ballots of the nation and 6 here", r, err)
			}
			n.Advance(8 * 24 * time.Hour)
			for range 5 {
				n.Settle()
				n.Advance(time.Minute)
			}
			view, ok, err := n.Town("ukraine").Union.ResultOf(t.Context(), p.PollID)
			if err != nil || !ok || view.Stage != union.Final {
				t.Fatalf("result = %+v, %v, %v; want a final one", view, ok, err)
			}
			counts := view.Verified.Questions[0].Counts
			if view.Verified.Ballots != 18 || counts[0] != 12 || counts[1] != 6 || len(view.Members) != 3 {
				t.Errorf("the nation counted %+v from %d cities, want 12 and 6 of 18 from 3", view.Verified, len(view.Members))
			}
		})
	}
}
