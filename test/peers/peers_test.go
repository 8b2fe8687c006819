// Package peers_test lets servers of other makes meet Viche: they look up a
// sphere, follow it, get its polls, vote as strangers, and learn the result.
// `make test` sets VICHE_TEST_PEERS once their npm packages are installed.
package peers_test

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"testing"
	"time"
)

// fediverse is what the journey needs of the fediverse under test: a city with
// its spheres, and the coordinator at which the national poll lives.
type fediverse interface {
	// Trust is what lets the peer speak https with everybody in the test.
	Trust() trust
	// Hosts says where the peer finds every server: "host:443" to
	// "127.0.0.1:port".
	Hosts() map[string]string
	// Meet lets the cities reach the peer under its name.
	Meet(host, address string)
	// Sphere is the handle of a sphere's channel, "@ecology@kamianske.test",
	// and its ActivityPub id.
	Sphere() (handle, id string)
	// OpenPoll opens a national poll of one choice that the sphere announces,
	// and returns its ActivityPub id.
	OpenPoll(title string, options []string) string
	// ResidentsVote lets verified residents answer, none of them with the
	// second option.
	ResidentsVote(id string)
	// ClosePoll closes it and publishes what was counted.
	ClosePoll(id string)
	// Counts are the numbers of the closed poll by the options' names.
	Counts(id string) (verified, guests map[string]int)
	// Settle does all the work that is due.
	Settle()
}

// trust names PEM files: an authority's certificate, a certificate that it
// issued for the peer's host, and that one's key.
type trust struct{ authority, cert, key string }

func needPeers(t *testing.T) {
	t.Helper()
	if os.Getenv("VICHE_TEST_PEERS") == "" {
		t.Skip("VICHE_TEST_PEERS is not set: `make test` installs the peers and sets it")
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatal("VICHE_TEST_PEERS is set, but node is not on the PATH")
	}
	if _, err := os.Stat("node_modules/@fedify/fedify"); err != nil {
		t.Fatal("VICHE_TEST_PEERS is set, but the npm packages are absent: scripts/npm.sh test/peers")
	}
}

type fedifyPoll struct {
	ID, Name, Content, AttributedTo, EndTime, Closed string
	Multiple                                         bool
	Voters                                           *int
	Options                                          []struct {
		Name  string
		Count *int
	}
}

// TestFedifyUnderstandsTheTest runs the journey against a fediverse of a few
// lines, so that a failure of the next test is known to be the city's.
func TestFedifyUnderstandsTheTest(t *testing.T) {
	needPeers(t)
	followVoteAndLearn(t, startFake(t))
}

// followVoteAndLearn is the whole life of a poll as a stranger sees it.
func followVoteAndLearn(t *testing.T, c fediverse) {
	peer := startFedify(t, fedify1, c.Trust(), c.Hosts())
	c.Meet(fedifyHost, peer.Address)
	handle, sphere := c.Sphere()

	var found struct{ ID, Type, Inbox string }
	peer.do("lookup", map[string]any{"handle": handle}, &found)
	if found.ID != sphere || found.Type != "Group" {
		t.Fatalf("WebFinger of %s leads to %s %s, want Group %s", handle, found.Type, found.ID, sphere)
	}

	following := make(chan error, 1)
	go func() { following <- peer.try("follow", map[string]any{"handle": handle, "seconds": 30}, nil) }()
	settleUntil(t, c, following)

	title := "Чи потрібен окремий збір побутових відходів у кожній громаді?"
	options := []string{"Так", "Ні", "Важко відповісти"}
	id := c.OpenPoll(title, options)
	c.Settle()
	c.ResidentsVote(id)
	c.Settle()

	var announced struct {
		Actor string
		Poll  fedifyPoll
		Raw   map[string]json.RawMessage
	}
	peer.do("announced", map[string]any{"actor": sphere, "name": title, "seconds": 30}, &announced)
	checkOpen(t, announced.Poll, announced.Raw, id, options)

	peer.do("vote", map[string]any{"poll": id, "choices": []string{"Ні"}}, nil)
	c.Settle()
	var later struct {
		Poll fedifyPoll
		Raw  map[string]json.RawMessage
	}
	peer.do("fetch", map[string]any{"poll": id}, &later)
	checkOpen(t, later.Poll, later.Raw, id, options)

	c.ClosePoll(id)
	c.Settle()
	verified, guests := c.Counts(id)
	if want := (map[string]int{"Ні": 1}); !maps.Equal(positive(guests), want) {
		t.Errorf("guests' votes = %v, want %v", guests, want)
	}
	if verified["Ні"] != 0 {
		t.Errorf("verified votes = %v: a stranger's vote is among them", verified)
	}
	var closed struct{ Poll fedifyPoll }
	peer.do("closed", map[string]any{"poll": id, "seconds": 30}, &closed)
	checkClosed(t, closed.Poll, verified)
}

// checkOpen holds an open poll to showing what is asked and nothing that
// depends on votes.
func checkOpen(t *testing.T, poll fedifyPoll, raw map[string]json.RawMessage, id string, options []string) {
	t.Helper()
	if poll.ID != id || poll.Multiple || poll.EndTime == "" || poll.Closed != "" {
		t.Errorf("Fedify understands the open poll as %+v, want id %s, one choice, an end time, not closed", poll, id)
	}
	if len(poll.Options) != len(options) {
		t.Fatalf("Fedify sees %d options, want %d", len(poll.Options), len(options))
	}
	for i, option := range poll.Options {
		if option.Name != options[i] {
			t.Errorf("option %d = %q, want %q", i, option.Name, options[i])
		}
		if option.Count != nil {
			t.Errorf("option %q of an open poll tells a count: %d", option.Name, *option.Count)
		}
	}
	if poll.Voters != nil {
		t.Errorf("an open poll tells how many voted: %d", *poll.Voters)
	}
	for _, name := range []string{"replies", "votersCount", "closed"} {
		if value, there := raw[name]; there {
			t.Errorf("the open poll as served has %s: %s", name, value)
		}
	}
	for _, name := range []string{"oneOf", "endTime", "proof"} {
		if _, there := raw[name]; !there {
			t.Errorf("the open poll as served has no %s", name)
		}
	}
}

func checkClosed(t *testing.T, poll fedifyPoll, verified map[string]int) {
	t.Helper()
	if poll.Closed == "" || poll.Voters == nil {
		t.Fatalf("Fedify understands the closed poll as %+v, want closed and a number of voters", poll)
	}
	total := 0
	for _, option := range poll.Options {
		if option.Count == nil {
			t.Errorf("option %q of the closed poll has no count", option.Name)
			continue
		}
		if *option.Count != verified[option.Name] {
			t.Errorf("option %q = %d, want the verified %d", option.Name, *option.Count, verified[option.Name])
		}
		total += verified[option.Name]
	}
	if *poll.Voters != total {
		t.Errorf("votersCount = %d, want %d", *poll.Voters, total)
	}
}

// positive leaves out options that nobody chose.
func positive(counts map[string]int) map[string]int {
	counts = maps.Clone(counts)
	maps.DeleteFunc(counts, func(_ string, n int) bool { return n == 0 })
	return counts
}

// settleUntil lets the city work while the peer waits for its answer.
func settleUntil(t *testing.T, c fediverse, done <-chan error) {
	t.Helper()
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			return
		case <-time.After(20 * time.Millisecond): // the peer is another process
			c.Settle()
		}
	}
}
