package peers_test

import (
	"fmt"
	"strings"
	"testing"

	"viche/internal/city"
	"viche/internal/citytest"
	"viche/modules/polls"
)

// TestFedifyFollowsVotesAndLearns is the meeting itself: a Fedify server and
// three cities with their coordinator.
func TestFedifyFollowsVotesAndLearns(t *testing.T) {
	needPeers(t)
	followVoteAndLearn(t, startViche(t))
}

// viche is the real thing as the journey sees it.
type viche struct {
	*citytest.Network
	t     *testing.T
	crowd []citytest.Resident
	polls map[string]*polls.Poll
}

func startViche(t *testing.T) fediverse {
	t.Helper()
	n := citytest.Fediverse(t, citytest.Options{Config: func(_ string, c *city.Config) { c.K, c.Step = 3, 2 }}, "ukraine", "kamianske", "lviv", "kharkiv")
	v := &viche{Network: n, t: t, polls: map[string]*polls.Poll{}}
	for _, name := range []string{"kamianske", "lviv", "kharkiv"} {
		v.crowd = append(v.crowd, n.Crowd(name, 5)...)
	}
	n.Settle()
	return v
}

func (v *viche) Trust() trust {
	authority, cert, key := v.Certificates()
	return trust{authority, cert, key}
}

func (v *viche) Sphere() (handle, id string) {
	return "@ecology@kamianske.test", "https://kamianske.test/spheres/ecology"
}

func (v *viche) OpenPoll(title string, options []string) string {
	v.t.Helper()
	p, err := v.Town("ukraine").Polls.OpenPoll(v.t.Context(), polls.Draft{
		Title: title, Options: options, Sphere: "ecology", Scope: "national", ClosesAt: v.Now().AddDate(0, 0, 7), By: "test",
	})
	if err != nil {
		v.t.Fatal(err)
	}
	v.polls[p.URI] = p
	return p.URI
}

func (v *viche) ResidentsVote(id string) {
	v.t.Helper()
	for i, r := range v.crowd {
		if err := v.Cast(r, v.polls[id].PollID, []string{"o1", "o3"}[i%2]); err != nil {
			v.t.Fatalf("%s: %v", r.Handle, err)
		}
	}
}

func (v *viche) ClosePoll(id string) {
	v.t.Helper()
	if err := v.Town("ukraine").Polls.Close(v.t.Context(), v.polls[id].PollID, "Зразок: запитання втратило зміст", "test"); err != nil {
		v.t.Fatal(err)
	}
}

// Counts are the coordinator's, as it published them.
func (v *viche) Counts(id string) (verified, guests map[string]int) {
	v.t.Helper()
	p := v.polls[id]
	r, ok, err := v.Town("ukraine").Union.ResultOf(v.t.Context(), p.PollID)
	if err != nil || !ok {
		v.t.Fatalf("no result: %v, %v", ok, err)
	}
	if len(r.Missing) > 0 || len(r.Members) != 3 {
		v.t.Errorf("result of %d cities, missing %v; want three", len(r.Members), r.Missing)
	}
	verified, guests = map[string]int{}, map[string]int{}
	for i, o := range p.Options() {
		verified[o.Text] = r.Verified.Questions[0].Counts[i]
		if r.Open != nil {
			guests[o.Text] = r.Open.Questions[0].Counts[i]
		}
	}
	if got := fmt.Sprint(r.Verified.Ballots); got != fmt.Sprint(len(v.crowd)) || !strings.HasPrefix(r.Stage, "final") {
		v.t.Errorf("%s ballots in a %s result, want %d in a final one", got, r.Stage, len(v.crowd))
	}
	return verified, guests
}
