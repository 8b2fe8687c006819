package browser_test

import (
	"strconv"
	"testing"
	"time"

	"viche/internal/city"
	"viche/internal/citytest"
	"viche/modules/people"
)

// TestResidentVotesInANationalPoll walks through the pages of a real city.
func TestResidentVotesInANationalPoll(t *testing.T) {
	needBrowser(t)
	n := citytest.Fediverse(t, citytest.Options{Config: func(_ string, c *city.Config) { c.K, c.Step = 3, 2 }}, "ukraine", "kamianske", "lviv")
	olena, petro := n.Resident("kamianske", "olena", true), n.Resident("kamianske", "petro", true)
	if _, err := n.Town("kamianske").People.AddResident(t.Context(), people.NewResident{
		Handle: "stepan", Name: "Модератор", Email: "stepan@mail.test", Password: citytest.Password, Role: "moderator",
	}); err != nil {
		t.Fatal(err)
	}
	crowd := append(n.Crowd("kamianske", 91), n.Crowd("lviv", 46)...)
	n.Settle()
	poll := n.OpenPoll("ukraine", "national")
	n.Settle()
	for i, r := range crowd {
		if err := n.Cast(r, poll.PollID, []string{"o1", "o1", "o2"}[i%3]); err != nil {
			t.Fatalf("%s votes: %v", r.Handle, err)
		}
	}
	for range 3 { // a snapshot, then the cities' statements, then the nation's number
		n.Advance(2 * time.Minute)
		n.Settle()
	}

	s := site{
		Base: "https://kamianske.test", Poll: "https://kamianske.test/polls/" + poll.PollID,
		Hosts:  n.Hosts(),
		People: []person{{olena.Email, citytest.Password}, {petro.Email, citytest.Password}},
		Hidden: []string{strconv.Itoa(len(crowd))},
		Visits: []visit{
			{Name: "stranger", Pages: map[string]string{
				"home": "/", "polls": "/polls", "spheres": "/spheres", "sphere": "/@ecology", "initiatives": "/polls/initiatives",
				"count": "/how-we-count", "charter": "/charter", "sign-up": "/sign-up", "password": "/password",
				"english": "/polls/" + poll.PollID + "?lang=en",
			}},
			{Name: "resident", person: person{olena.Email, citytest.Password}, Pages: map[string]string{
				"home": "/", "me": "/me", "edit": "/me/profile", "profile": "/@olena", "verify": "/verify",
			}},
			{Name: "moderator", person: person{"stepan@mail.test", citytest.Password}, Pages: map[string]string{
				"verifications": "/desk/verifications", "accounts": "/desk/accounts", "desk-polls": "/desk/polls", "new-poll": "/polls/new",
			}},
		},
	}
	checkWalk(t, s, walk(t, "national", s))

	// Both voted for the first option and changed to the second one.
	// The close, and the day that cities have for their statements.
	n.Advance(7*24*time.Hour + time.Minute)
	for range 5 {
		n.Settle()
		n.Advance(time.Minute)
	}
	result, ok, err := n.Town("ukraine").Union.ResultOf(t.Context(), poll.PollID)
	if err != nil || !ok {
		t.Fatalf("no result after the close: %v, %v", ok, err)
	}
	got := result.Verified
	if want := len(crowd) + 2; got.Ballots != want || got.Changes != 2 || got.Questions[0].Counts[1] != 45+2 {
		t.Errorf("the nation counted in a %s result (missing %v) %d ballots, %d changes, %v; want %d, 2 and %d for the second option",
			result.Stage, result.Missing, got.Ballots, got.Changes, got.Questions[0].Counts, want, 45+2)
	}
}
