package union

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"viche/federation/ap"
	"viche/internal/ballot"
	"viche/internal/keys"
	"viche/internal/store"
	"viche/internal/store/storetest"
)

// hromadas is how many member cities the whole country could have.
const hromadas = 1772

// country1772 is a coordinator with a member in every hromada and a poll that
// all have accepted and that has closed, with one final statement a city.
type country1772 struct {
	hub        *Union
	poll       *Poll
	statements [][]byte
	sent       int
	now        time.Time
}

func newCountry(t testing.TB) *country1772 {
	t.Helper()
	c := &country1772{now: time.Date(2026, 12, 1, 6, 0, 0, 0, time.UTC)}
	f, err := keys.Create(filepath.Join(t.TempDir(), "keys"), "trust", c.now)
	if err != nil {
		t.Fatal(err)
	}
	c.hub, err = New(Options{
		DB: storetest.Open(t, storetest.SQLite(t), store.Options{Clock: func() time.Time { return c.now }}), Keys: f,
		Base: "https://ukraine.example", Coordinator: true, Grace: time.Second,
		Within: func(_, area string) bool { return area == country },
		Oblast: func(code string) string { return code[:4] },
		Send:   func(context.Context, *store.Tx, []byte, ...string) error { c.sent++; return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	private := make([]ed25519.PrivateKey, hromadas)
	members := make([]Member, hromadas)
	for i := range members {
		seed := make([]byte, ed25519.SeedSize)
		copy(seed, fmt.Sprint("city", i))
		private[i] = ed25519.NewKeyFromSeed(seed)
		actor := fmt.Sprintf("https://hromada-%d.example/actor", i)
		members[i] = Member{
			Actor: actor, Territory: fmt.Sprintf("UA%02d%015d", 1+i%27, i), Ceiling: 50_000,
			Keys: []Key{{ID: actor + "#tally-2026", Public: private[i].Public().(ed25519.PublicKey)}},
		}
	}
	write := func(do func(context.Context, *store.Tx) error) {
		t.Helper()
		if err := c.hub.DB.Write(context.Background(), do); err != nil {
			t.Fatal(err)
		}
	}
	write(func(ctx context.Context, tx *store.Tx) error {
		_, err := c.hub.AddMembers(ctx, tx, members...)
		return err
	})
	write(func(ctx context.Context, tx *store.Tx) error {
		c.poll, err = c.hub.OpenPoll(ctx, tx, Core{
			PollID: newPollID(c.now), Name: "Питання до всієї країни?", Content: "<p>…</p>", Sphere: "ecology", Territory: country, Level: 2,
			Policy: AfterVote, OpensAt: c.now, EndTime: c.now.Add(time.Hour),
			Questions: []Question{{Kind: ballot.One, Options: []Option{{"o1", "Так"}, {"o2", "Ні"}, {"o3", "Важко відповісти"}}}},
		})
		return err
	})
	p := c.poll
	c.now = c.now.Add(time.Hour)
	for i, m := range members {
		n := ballot.Numbers{Register: 10_000, Ballots: 60 + i, Questions: []ballot.QuestionNumbers{{Counts: []int{30, 20, 10 + i}, First: []int{30, 20, 10 + i}}}}
		if i%5 == 0 { // a fifth of them too small to be shown
			n = ballot.Numbers{Register: 300, Ballots: 5, Questions: []ballot.QuestionNumbers{{Counts: []int{3, 1, 1}, First: []int{3, 1, 1}}}}
		}
		raw, err := ap.Sign(map[string]any{
			"id": fmt.Sprintf("https://%s/tallies/%s/1", m.Host(), p.PollID), "type": "Tally", "attributedTo": m.Actor, "to": []string{c.hub.Actor()},
			"published": ap.FormatTime(c.now), "poll": p.URI, "pollDigest": p.Digest, "trustList": p.list.wire(),
			"stage": Final, "sequence": 1, "verified": p.wire(n),
		}, private[i], m.Keys[0].ID, c.now)
		if err != nil {
			t.Fatal(err)
		}
		c.statements = append(c.statements, raw)
	}
	return c
}

// batch is how many activities the inbox hands over in one transaction.
const batch = 64

func (c *country1772) receive(t testing.TB) {
	t.Helper()
	for from := 0; from < len(c.statements); from += batch {
		part := c.statements[from:min(from+batch, len(c.statements))]
		if err := c.hub.DB.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error {
			for _, raw := range part {
				if err := c.hub.Receive(ctx, tx, raw, nil); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func (c *country1772) sum(t testing.TB) ResultView {
	t.Helper()
	c.now = c.now.Add(2 * time.Second)
	if err := c.hub.DB.Write(context.Background(), func(ctx context.Context, tx *store.Tx) error { return c.hub.Result(ctx, tx, c.poll.PollID) }); err != nil {
		t.Fatal(err)
	}
	r, found, err := c.hub.ResultOf(context.Background(), c.poll.PollID)
	if err != nil || !found {
		t.Fatalf("result: %v, found %v", err, found)
	}
	return r
}

// cpu is what this process has used so far.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail for oneself
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkCoordinator1772 verifies, stores and sums one statement of every
// hromada; then every one is sent again, and the result is read.
func BenchmarkCoordinator1772(b *testing.B) {
	for range b.N {
		b.StopTimer()
		c := newCountry(b)
		runtime.GC() // what opening the poll left
		b.StartTimer()
		start := cpu()
		c.receive(b)
		received := cpu()
		r := c.sum(b)
		b.ReportMetric((cpu() - start).Seconds(), "cpu-s/country")
		b.ReportMetric((received - start).Seconds(), "cpu-s/verified+stored")
		b.StopTimer()
		if want := sumOfAll(c.hub, b, c.poll); r.Stage != Final || r.Verified.Ballots != want || len(r.Lines) == 0 {
			b.Fatalf("%s result of %d ballots, %d lines; want the final one of %d", r.Stage, r.Verified.Ballots, len(r.Lines), want)
		}
		b.ReportMetric(readCost(b, c)*1e3, "result-page-ms")
		for range 3 {
			c.receive(b)
		}
		b.ReportMetric(readCost(b, c)*1e3, "result-page-after-3-resends-ms")
		b.StartTimer()
	}
}

func sumOfAll(u *Union, t testing.TB, p *Poll) (ballots int) {
	t.Helper()
	all, err := query(context.Background(), u.DB.ReadBound(), "poll = ?", p.PollID)
	if err != nil || len(all) != hromadas {
		t.Fatalf("%d statements kept, %v; want %d", len(all), err, hromadas)
	}
	for _, s := range all {
		ballots += s.numbers.Ballots
	}
	return ballots
}

// readCost is the CPU time of one reading of the result, in seconds.
func readCost(t testing.TB, c *country1772) float64 {
	t.Helper()
	const times = 5
	start := cpu()
	for range times {
		clear(c.hub.results) // what it costs the first time
		if _, _, err := c.hub.ResultOf(context.Background(), c.poll.PollID); err != nil {
			t.Fatal(err)
		}
	}
	return (cpu() - start).Seconds() / times
}

func TestStatementsSentAgainLeaveNoTrace(t *testing.T) {
	t.Parallel()
	c := newCountry(t)
	c.statements = c.statements[:100]
	count := func() (n int) {
		if err := c.hub.DB.ReadBound().Row(t.Context(), []any{&n}, `
			select (select count(*) from statements) + (select count(*) from refusals) + (select count(*) from counted_statements)
				+ (select count(*) from union_results)`); err != nil {
			t.Fatal(err)
		}
		return n
	}
	c.receive(t)
	before, answers := count(), c.sent
	for range 5 {
		c.receive(t)
	}
	if after := count(); after != before || before != 100 {
		t.Errorf("%d rows, after five more deliveries %d; want 100 both times", before, after)
	}
	if got := c.sent - answers; got != 500 {
		t.Errorf("%d answers to statements sent again, want one each time: an earlier one may be lost", got)
	}
}
