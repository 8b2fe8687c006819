package bench_test

import (
	"context"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"viche/internal/store"
)

const (
	killClients = 32 // cast while the server is killed
	newcomers   = 40 // residents who may cast for the first time, each client and round
)

// TestKillNineLosesNoAcknowledgedCast kills the server in the middle of casting,
// again and again, and starts it anew. Every answer that was confirmed must be
// there, as its owner reads it; one that was under way may be there or not; and
// the box must hold a ballot for exactly those who find one. VICHE_KILL_ROUNDS
// is how often; 3 unless set.
func TestKillNineLosesNoAcknowledgedCast(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and starts the program several times")
	}
	rounds := number(t, "VICHE_KILL_ROUNDS", 3)
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			e := newElection(t, newInstance(t, kind.dsn(t)), killClients*rounds*newcomers)
			for round := range rounds {
				s := e.serve(t)
				confirmed := e.castUntilKilled(t, s, round, rounds)
				s = e.serve(t)
				found := e.checkOwn(t, round+1 == rounds)
				s.end(t, syscall.SIGTERM)
				if ballots := e.inBox(t); ballots != found {
					t.Fatalf("round %d: the box holds %d ballots, their owners find %d", round+1, ballots, found)
				}
				t.Logf("round %d: %d confirmed before the kill, %d ballots in the box", round+1, confirmed, found)
			}
			want := map[string]int{}
			for _, v := range e.voters {
				if v.acknowledged != "" {
					want[v.acknowledged]++
				}
			}
			ballots, _, counts := e.final(t)
			if ballots != want["o1"]+want["o2"]+want["o3"] || counts["o1"] != want["o1"] || counts["o2"] != want["o2"] || counts["o3"] != want["o3"] {
				t.Fatalf("the final count is %d ballots, %v; the owners found %v", ballots, counts, want)
			}
		})
	}
}

// castUntilKilled casts from 32 clients at once, each for residents of its own,
// first ballots and changes mixed, until the server is killed at a random
// moment. It returns how many casts were confirmed.
func (e *election) castUntilKilled(t *testing.T, s *server, round, rounds int) int {
	t.Helper()
	pid := s.cmd.Process.Pid
	confirmed := make([]int, killClients)
	var wg sync.WaitGroup
	for k := range killClients {
		// Some of those who voted in rounds before change; the others are new.
		mine := e.voters[k*rounds*newcomers : (k*rounds+round+1)*newcomers]
		c, err := dial(e.address)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			defer c.Close()
			for {
				v := &mine[len(mine)-1-rand.IntN(min(len(mine), 2*newcomers))]
				choice := []string{"o1", "o2", "o3"}[rand.IntN(3)]
				if v.attempted != "" {
					continue // nobody knows what became of it: left for the check
				}
				if err := e.cast(c, v, e.byToken(v, choice), choice); err != nil {
					return // the server is gone
				}
				confirmed[k]++
			}
		})
	}
	time.Sleep(time.Duration(100+rand.IntN(900)) * time.Millisecond)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	s.end(t, os.Kill)
	all := 0
	for _, n := range confirmed {
		all += n
	}
	if all == 0 {
		t.Fatal("nothing was confirmed before the kill: this proves nothing")
	}
	return all
}

// checkOwn asks for everybody's own answer and holds it against what was
// confirmed; of those who have not tried yet only if all is set. It returns how
// many have one.
func (e *election) checkOwn(t *testing.T, all bool) (n int) {
	t.Helper()
	found := make([]int, killClients)
	var wg sync.WaitGroup
	for k := range killClients {
		each := len(e.voters) / killClients
		mine := e.voters[k*each : (k+1)*each]
		wg.Go(func() {
			c, err := dial(e.address)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			for i := range mine {
				v := &mine[i]
				if !all && v.acknowledged == "" && v.attempted == "" {
					continue
				}
				got, err := e.ownAnswer(c, v)
				if err != nil {
					t.Error(err)
					return
				}
				if got != v.acknowledged && (v.attempted == "" || got != v.attempted) {
					t.Errorf("a resident finds %q; %q was confirmed, %q was under way", got, v.acknowledged, v.attempted)
				}
				v.acknowledged, v.attempted = got, ""
				if got != "" {
					found[k]++
				}
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	for _, one := range found {
		n += one
	}
	return n
}

// inBox counts the rows of the poll's box, beside everything that could be wrong
// in the code that reads them.
func (e *election) inBox(t *testing.T) (n int) {
	t.Helper()
	db, err := store.Open(context.Background(), e.env["VICHE_DATABASE"], store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.ReadBound().Row(context.Background(), []any{&n}, "select count(*) from ballots where poll = (select id from polls where poll_id = ?)", e.poll); err != nil {
		t.Fatal(err)
	}
	return n
}
