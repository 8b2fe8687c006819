package union

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"viche/federation/ap"
	"viche/internal/ballot"
	"viche/internal/keys"
	"viche/internal/store"
	"viche/internal/store/storetest"
)

// eachKind runs f with a function that opens fresh databases of one kind.
func eachKind(t *testing.T, f func(t *testing.T, open func(clock func() time.Time) *store.DB)) {
	t.Run("sqlite", func(t *testing.T) {
		f(t, func(clock func() time.Time) *store.DB {
			return storetest.Open(t, storetest.SQLite(t), store.Options{Clock: clock, Conns: 2})
		})
	})
	if os.Getenv("VICHE_TEST_POSTGRES") != "" {
		t.Run("postgres", func(t *testing.T) {
			f(t, func(clock func() time.Time) *store.DB {
				return storetest.Open(t, storetest.Postgres(t), store.Options{Clock: clock, Conns: 4})
			})
		})
	}
}

const (
	kamianske = "UA12040150010056523"
	lviv      = "UA46060250010015970"
	kharkiv   = "UA63120270010096107"
	stryi     = "UA46100230010074173"
	tyha      = "UA46080150240073472"
)

func testWithin(code, area string) bool {
	return area == country || code == area || strings.HasSuffix(area, "000000000026241") && code[:4] == area[:4]
}

func testOblast(code string) string {
	if code[:4] == "UA46" {
		return "UA46000000000026241"
	}
	return code[:4]
}

// world is a coordinator and some cities over a network that a test can spoil.
type world struct {
	t      testing.TB
	mu     sync.Mutex
	now    time.Time
	hub    *node
	cities []*node
	post   []letter
	rand   *rand.Rand
	lose   int // per cent
	double int
	cut    string // base of a city that nothing reaches or leaves
	faults []error
}

type letter struct {
	from, to string
	raw      []byte
}

type node struct {
	*Union
	world    *world
	register int
	closed   map[string]time.Time
	results  map[string]ResultView
}

func newWorld(t testing.TB, open func(func() time.Time) *store.DB, territories ...string) *world {
	w := &world{t: t, now: time.Date(2026, 12, 1, 6, 0, 0, 0, time.UTC), rand: rand.New(rand.NewPCG(1, 1))}
	w.hub = w.add("https://ukraine.example", "", open)
	var members []Member
	for i, code := range territories {
		n := w.add(fmt.Sprintf("https://city%d.example", i+1), code, open)
		n.register = 5000 + i
		w.cities = append(w.cities, n)
		members = append(members, Member{Actor: n.Actor(), Territory: code, Ceiling: 100_000, Keys: []Key{{ID: n.KeyID(), Public: n.Public()}}})
	}
	w.write(w.hub, func(ctx context.Context, tx *store.Tx) error {
		_, err := w.hub.AddMembers(ctx, tx, members...)
		return err
	})
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	w.now = w.now.Add(d)
	w.mu.Unlock()
}

func (w *world) add(base, territory string, open func(func() time.Time) *store.DB) *node {
	w.t.Helper()
	kind := "tally"
	if territory == "" {
		kind = "trust"
	}
	f, err := keys.Create(filepath.Join(w.t.TempDir(), "keys"), kind, w.clock())
	if err != nil {
		w.t.Fatal(err)
	}
	n := &node{world: w, closed: map[string]time.Time{}, results: map[string]ResultView{}}
	n.Union, err = New(Options{
		DB: open(w.clock), Keys: f, Base: base, Coordinator: territory == "", CoordinatorActor: "https://ukraine.example/actor",
		Within: testWithin, Oblast: testOblast,
		Send: func(ctx context.Context, tx *store.Tx, raw []byte, to ...string) error {
			tx.AfterCommit(func() {
				for _, actor := range to {
					w.post = append(w.post, letter{base, strings.TrimSuffix(actor, "/actor"), raw})
				}
			})
			return nil
		},
		Fetch: func(ctx context.Context, uri string) ([]byte, error) { return w.fetch(ctx, base, uri) },
		Opened: func(ctx context.Context, tx *store.Tx, p *Poll) (int, error) {
			return n.register, nil
		},
		Closed: func(ctx context.Context, tx *store.Tx, poll string, at time.Time, reason string) error {
			n.closed[poll] = at
			return nil
		},
		Result: func(ctx context.Context, tx *store.Tx, poll string, r ResultView) error {
			n.results[poll] = r
			return nil
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w *world) write(n *node, do func(context.Context, *store.Tx) error) {
	w.t.Helper()
	if err := n.DB.Write(context.Background(), do); err != nil {
		w.t.Fatal(err)
	}
}

var errLost = errors.New("lost on the way")

// fetch is what the coordinator's web serves to anybody.
func (w *world) fetch(ctx context.Context, from, uri string) ([]byte, error) {
	if from == w.cut || w.rand.IntN(100) < w.lose {
		return nil, errLost
	}
	if o, err := w.hub.Object(ctx, uri); err == nil {
		if !o.Public {
			return nil, store.ErrNotFound
		}
		return o.Raw, nil
	}
	return w.hub.PollRaw(ctx, uri[strings.LastIndex(uri, "/")+1:])
}

func (w *world) node(base string) *node {
	for _, n := range append([]*node{w.hub}, w.cities...) {
		if n.Base == base {
			return n
		}
	}
	return nil
}

// pump delivers what is on the way, in any order, with the network's faults.
func (w *world) pump() {
	w.t.Helper()
	for len(w.post) > 0 {
		i := 0
		if w.lose > 0 {
			i = w.rand.IntN(len(w.post))
		}
		l := w.post[i]
		w.post = slices.Delete(w.post, i, i+1)
		if l.from == w.cut || l.to == w.cut || w.rand.IntN(100) < w.lose {
			continue
		}
		w.deliver(l)
		if w.rand.IntN(100) < w.double {
			w.deliver(l)
		}
	}
}

func (w *world) deliver(l letter) {
	w.t.Helper()
	ctx := context.Background()
	n := w.node(l.to)
	if n == nil {
		return // a member of the list whose server is no part of this test
	}
	// What is sent must be readable by the inbox, and be known as ours.
	if _, err := ap.Parse(l.raw); err != nil {
		w.t.Fatalf("an inbox refuses a %d byte activity: %v, %s", len(l.raw), err, l.raw)
	}
	if !Concerns(l.raw) {
		w.t.Fatalf("not known as ours: %s", l.raw)
	}
	if err := n.Need(ctx, l.raw); err != nil {
		if !errors.Is(err, errLost) {
			w.t.Fatalf("%s prefetch: %v", n.Base, err)
		}
		return
	}
	err := n.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return n.Do(ctx, tx, l.raw) })
	if err != nil && !errors.Is(err, store.ErrIgnored) {
		w.faults = append(w.faults, fmt.Errorf("%s: %w", n.Base, err))
	}
}

func (w *world) tick() {
	w.t.Helper()
	for _, n := range append([]*node{w.hub}, w.cities...) {
		if err := n.Tick(context.Background()); err != nil && !errors.Is(err, errLost) {
			w.t.Fatalf("%s: %v", n.Base, err)
		}
	}
	w.pump()
}

func (w *world) open(change func(*Core)) *Poll {
	w.t.Helper()
	core := Core{
		PollID: newPollID(w.clock()), Name: "Чи потрібен окремий збір?", Content: "<p>Так чи ні & чому</p>", Sphere: "ecology", Territory: country,
		Level: 2, Policy: AfterVote, OpensAt: w.clock(), EndTime: w.clock().Add(72 * time.Hour),
		Questions: []Question{{Kind: ballot.One, Options: []Option{{"o1", "Так"}, {"o2", "Ні"}}}},
	}
	if change != nil {
		change(&core)
	}
	var p *Poll
	w.write(w.hub, func(ctx context.Context, tx *store.Tx) (err error) {
		p, err = w.hub.OpenPoll(ctx, tx, core)
		return err
	})
	w.pump()
	return p
}

func newPollID(at time.Time) string {
	id := uuid.Must(uuid.NewV7())
	ms := at.UnixMilli()
	for i := range 6 {
		id[i] = byte(ms >> (8 * (5 - i)))
	}
	return id.String()
}

// yesNo are numbers of a poll with one question and two options.
func yesNo(register, yes, no int) ballot.Numbers {
	return ballot.Numbers{Register: register, Ballots: yes + no, Questions: []ballot.QuestionNumbers{{Counts: []int{yes, no}, First: []int{yes, no}}}}
}

func (n *node) final(p *Poll, yes, no int) {
	n.world.t.Helper()
	n.world.write(n, func(ctx context.Context, tx *store.Tx) error {
		return n.Final(ctx, tx, p.PollID, yesNo(n.register, yes, no), ballot.Numbers{})
	})
}

func (n *node) result(p *Poll) ResultView {
	n.world.t.Helper()
	r, _, err := n.ResultOf(context.Background(), p.PollID)
	if err != nil {
		n.world.t.Fatalf("%s: result: %v", n.Base, err)
	}
	return r
}

func TestNationalPollFromOpeningToResult(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, open func(func() time.Time) *store.DB) {
		w := newWorld(t, open, kamianske, lviv, kharkiv)
		p := w.open(nil)
		ctx := t.Context()
		interim := func(n *node, yes, no int) (sent bool) {
			w.write(n, func(ctx context.Context, tx *store.Tx) (err error) {
				sent, err = n.Interim(ctx, tx, p.PollID, yesNo(n.register, yes, no), ballot.Numbers{})
				return err
			})
			return sent
		}
		w.pass(time.Hour)
		if interim(w.cities[0], 12, 12) {
			t.Error("24 ballots were stated, the step is 25")
		}
		if !interim(w.cities[0], 20, 10) || interim(w.cities[0], 200, 100) {
			t.Error("want one statement now and none again within the hour")
		}
		w.pump()
		w.tick()
		if r := w.cities[1].result(p); r.Stage != Interim || r.Verified.Ballots != 30 {
			t.Errorf("interim result in another city = %+v, want 30 ballots", r)
		}
		if s, err := w.hub.Statements(ctx, p.PollID); err != nil || len(s) != 0 {
			t.Errorf("%d statements of an open poll are readable, %v", len(s), err)
		}
		if o, err := w.hub.Object(ctx, p.URI+"/results/1"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("an interim result can be fetched: %s, %v", o.Raw, err)
		}
		if o, err := w.cities[0].Object(ctx, w.cities[0].Base+"/tallies/"+p.PollID+"/1"); err != nil || o.Public {
			t.Errorf("statement of an open poll: public = %v, %v", o.Public, err)
		}
		w.pass(71 * time.Hour)
		if interim(w.cities[1], 100, 100) {
			t.Error("an interim statement in the last hour")
		}
		w.cities[0].final(p, 700, 300)
		w.cities[1].final(p, 400, 600)
		w.pump()
		w.pass(2 * time.Minute)
		w.tick()
		r := w.hub.result(p)
		if r.Stage != Preliminary || r.Verified.Ballots != 2000 || len(r.Missing) != 1 || r.Outstanding != w.cities[2].register {
			t.Fatalf("preliminary result = %+v, want 2000 ballots and one city missing", r)
		}
		w.cities[2].final(p, 333, 111)
		w.cities[2].final(p, 334, 111) // what is final stays
		w.pump()
		w.pass(11 * time.Minute)
		w.tick()
		for _, n := range append([]*node{w.hub}, w.cities...) {
			r := n.result(p)
			if want := []int{1433, 1011}; r.Stage != Final || r.Verified.Ballots != 2444 || !slices.Equal(r.Verified.Questions[0].Counts, want) || len(r.Members) != 3 {
				t.Errorf("%s: result = %+v, want %v in the final one", n.Base, r, want)
			}
			if n != w.hub && r.Own != OwnStands {
				t.Errorf("%s: own statement stands = %v", n.Base, r.Own)
			}
			s, err := n.Statements(ctx, p.PollID)
			want := 1
			if n == w.hub {
				want = 3
			}
			if err != nil || len(s) != want {
				t.Errorf("%s: %d statements are readable, %v; want %d", n.Base, len(s), err, want)
			}
		}
		raw, err := w.hub.PollRaw(ctx, p.PollID)
		if closed, rerr := readPoll(raw); err != nil || rerr != nil || closed.closed.IsZero() || !strings.Contains(string(raw), `"totalItems":1433`) {
			t.Errorf("closed poll = %s, %v %v", raw, err, rerr)
		}
		verifyAll(t, w, p)
		if len(w.faults) > 0 {
			t.Errorf("faults on a sound network: %v", w.faults)
		}
	})
}

// verifyAll reads everything as a stranger does and checks it by the rules.
func verifyAll(t *testing.T, w *world, p *Poll) {
	t.Helper()
	r := &reader{polls: map[string]*pollState{}, registers: map[string]int{}, statements: map[string][]*statement{}, last: map[string]string{}}
	ctx := t.Context()
	newest, err := w.hub.TrustList(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	var objects [][]byte
	for v := 1; v <= newest.Version; v++ {
		l, err := w.hub.TrustList(ctx, v)
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, l.Raw)
	}
	objects = append(objects, p.Raw)
	if o, err := w.hub.Object(ctx, p.URI+"/close"); err == nil {
		objects = append(objects, o.Raw)
	}
	statements, err := w.hub.Statements(ctx, p.PollID)
	if err != nil {
		t.Fatal(err)
	}
	objects = append(objects, statements...)
	v := w.hub.result(p)
	objects = append(objects, v.Raw)
	for i, raw := range objects {
		if i == len(objects)-1 {
			res, err := readResult(raw)
			if err != nil {
				t.Fatal(err)
			}
			r.last[p.URI] = res.supersedes
		}
		if err := r.check(raw); err != nil {
			t.Errorf("a stranger's check of %.300s: %v", raw, err)
		}
	}
}

func TestFaultyFediverse(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, open func(func() time.Time) *store.DB) {
		w := newWorld(t, open, kamianske, lviv, kharkiv)
		runs := storetest.Runs(t, 20)
		if strings.HasSuffix(t.Name(), "postgres") {
			runs = max(runs/5, 3) // the same rules on a slower path
		}
		for seed := range uint64(runs) {
			w.rand = rand.New(rand.NewPCG(seed, 7))
			w.lose, w.double = 30, 20
			w.run(seed)
			w.pass(48 * time.Hour)
		}
		for _, err := range w.faults {
			// Overtaken and late things are refused by name; nothing else may be.
			switch code := ap.FaultCode(err); code {
			case "sequence-old", "poll-unknown", "time", "form":
			default:
				t.Errorf("unexpected fault %q: %v", code, err)
			}
		}
	})
}

// run is one poll on the faulty network: the exact sum must come out.
func (w *world) run(seed uint64) {
	w.t.Helper()
	lame := w.cities[w.rand.IntN(len(w.cities))]
	p := w.open(nil)
	want := make([]int, 2)
	tallies := map[*node][2]int{}
	cutFrom := w.rand.IntN(6)
	// 72 hours open and 24 after, in steps of an hour; one city is cut off for
	// half of them, but hears of the poll and speaks before the last day ends.
	corrector := w.cities[w.rand.IntN(len(w.cities))]
	for hour := range 95 {
		w.cut = ""
		if (hour/6+cutFrom)%2 == 0 && hour < 84 {
			w.cut = lame.Base
		}
		switch {
		case hour < 70 && hour%20 == 0:
			for _, n := range w.cities {
				have := tallies[n]
				have[0] += w.rand.IntN(60)
				have[1] += w.rand.IntN(60)
				tallies[n] = have
				w.write(n, func(ctx context.Context, tx *store.Tx) error {
					_, err := n.Interim(ctx, tx, p.PollID, yesNo(n.register, have[0], have[1]), ballot.Numbers{})
					if errors.Is(err, store.ErrNotFound) {
						return nil // the invitation is still on its way
					}
					return err
				})
			}
		case hour == 72:
			for _, n := range w.cities {
				n.final(p, tallies[n][0]+10, tallies[n][1]+10)
				tallies[n] = [2]int{tallies[n][0] + 10, tallies[n][1] + 10}
			}
		case hour == 74 && seed%3 == 0:
			w.write(corrector, func(ctx context.Context, tx *store.Tx) error {
				have := tallies[corrector]
				have[0] += 40
				tallies[corrector] = have
				return corrector.Correct(ctx, tx, p.PollID, yesNo(corrector.register, have[0], have[1]), ballot.Numbers{}, "перелічено")
			})
		}
		w.pump()
		if hour%3 == 0 {
			w.tick()
		}
		w.pass(time.Hour)
	}
	w.lose, w.double, w.cut = 0, 0, ""
	for range 6 {
		w.tick()
		w.pass(2 * time.Hour)
	}
	for _, n := range w.cities {
		want[0] += tallies[n][0]
		want[1] += tallies[n][1]
	}
	for _, n := range append([]*node{w.hub}, w.cities...) {
		r := n.result(p)
		if r.Stage != Final || len(r.Verified.Questions) == 0 || !slices.Equal(r.Verified.Questions[0].Counts, want) || len(r.Missing) > 0 {
			w.t.Errorf("seed %d, %s: %s result %+v, missing %v, want %v", seed, n.Base, r.Stage, r.Verified, r.Missing, want)
		} else if n != w.hub && r.Own != OwnStands {
			w.t.Errorf("seed %d, %s: its statement stands = %v", seed, n.Base, r.Own)
		}
	}
}

func TestEarlyCloseReachesCities(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, open func(func() time.Time) *store.DB) {
		w := newWorld(t, open, kamianske, lviv, kharkiv)
		p := w.open(nil)
		w.pass(5 * time.Hour)
		w.cut = w.cities[1].Base
		w.write(w.hub, func(ctx context.Context, tx *store.Tx) error {
			_, err := w.hub.EarlyClose(ctx, tx, p.PollID, "питання вирішено")
			return err
		})
		w.pump()
		if len(w.cities[0].closed) != 1 || len(w.cities[1].closed) != 0 {
			t.Fatalf("closed here %v, there %v", w.cities[0].closed, w.cities[1].closed)
		}
		w.cut = ""
		w.pass(5 * time.Minute)
		w.tick() // goes again to who has not stated
		if len(w.cities[1].closed) != 1 {
			t.Errorf("the close did not reach the city that was cut off")
		}
		for i, n := range w.cities {
			n.final(p, 100*i+50, 40)
		}
		w.pump()
		w.tick()
		if r := w.hub.result(p); r.Stage != Final || r.Verified.Ballots != 570 || !r.ClosedAt.Equal(p.OpensAt.Add(5*time.Hour)) {
			t.Errorf("result = %+v, want the final one of 570 ballots", r)
		}
		verifyAll(t, w, p)

		primary := w.open(func(c *Core) { c.Policy = AfterClose })
		w.pass(time.Hour)
		err := w.hub.DB.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			_, err := w.hub.EarlyClose(ctx, tx, primary.PollID, "досить")
			return err
		})
		if ap.FaultCode(err) != "early-close-forbidden" {
			t.Errorf("early close of a primary = %v, want it forbidden", err)
		}
		w.write(w.cities[0], func(ctx context.Context, tx *store.Tx) error {
			if sent, err := w.cities[0].Interim(ctx, tx, primary.PollID, yesNo(5000, 500, 500), ballot.Numbers{}); sent || err != nil {
				t.Errorf("interim statement of a primary: %v, %v", sent, err)
			}
			return nil
		})
	})
}

func TestCityThatSignsTwiceIsExcludedAndQuarantined(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, open func(func() time.Time) *store.DB) {
		w := newWorld(t, open, kamianske, lviv, kharkiv)
		p := w.open(nil)
		w.pass(72 * time.Hour)
		for _, n := range w.cities {
			n.final(p, 300, 200)
		}
		w.pump()
		liar := w.cities[2]
		twice := restate(t, liar, p, func(s map[string]any) {
			v := s["verified"].(map[string]any)
			v["ballots"] = 510
			v["counts"].([]any)[0].(map[string]any)["count"] = 310
			v["firstAnswers"].([]any)[0].(map[string]any)["count"] = 310
		})
		for range 2 { // whoever brings it
			w.write(w.cities[0], func(ctx context.Context, tx *store.Tx) error {
				return w.cities[0].deliver(ctx, tx, "Create", twice, w.hub.Actor())
			})
		}
		w.pump()
		w.pass(2 * time.Minute)
		w.tick()
		r := w.hub.result(p)
		if r.Verified.Ballots != 1000 || len(r.Excluded) != 1 || r.Excluded[0].Actor != liar.Actor() || r.Excluded[0].Evidence == "" {
			t.Errorf("result = %+v, want it without the city, with evidence", r)
		}
		l, err := w.hub.TrustList(t.Context(), 0)
		if m, _ := l.Member(liar.Actor()); err != nil || l.Version != 2 || m.Status != Quarantined {
			t.Errorf("trust list %d has the city as %q, %v", l.Version, m.Status, err)
		}
		if o, err := w.hub.Object(t.Context(), r.Excluded[0].EvidenceURI); err != nil || !o.Public {
			t.Errorf("evidence: public = %v, %v", o.Public, err)
		}
		if _, err := w.cities[0].DB.Read().NewRaw("select 1 from exclusions").Exec(t.Context()); err != nil {
			t.Error(err)
		}
		var kept int
		if err := w.cities[0].DB.ReadBound().Row(t.Context(), []any{&kept}, "select count(*) from exclusions where member = ?", liar.Actor()); err != nil || kept != 1 {
			t.Errorf("%d cities' evidence kept by another city, %v; want 1", kept, err)
		}
		if s, err := liar.Standing(t.Context(), p.PollID); err != nil || s.State != "accepted" {
			t.Errorf("standing = %+v, %v", s, err)
		}
	})
}

// restate signs a city's newest statement again with something changed.
func restate(t *testing.T, n *node, p *Poll, change func(map[string]any)) []byte {
	t.Helper()
	var raw []byte
	if err := n.DB.ReadBound().Row(t.Context(), []any{&raw}, "select raw from statements where poll = ? order by sequence desc limit 1", p.PollID); err != nil {
		t.Fatal(err)
	}
	var obj map[string]any
	if err := json.Unmarshal(raw, &obj); err != nil {
		t.Fatal(err)
	}
	delete(obj, "proof")
	change(obj)
	out, err := n.sign(obj, n.DB.Now())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestFaultyStatementsAreAnsweredByName(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, open func(func() time.Time) *store.DB) {
		w := newWorld(t, open, kamianske, lviv, kharkiv)
		p := w.open(nil)
		w.pass(72 * time.Hour)
		n := w.cities[0]
		n.final(p, 300, 200)
		w.pump()
		number := func(obj map[string]any, name string, v int) { obj["verified"].(map[string]any)[name] = v }
		cases := map[string]func(map[string]any){
			"poll-digest":           func(s map[string]any) { s["pollDigest"] = "sha-256:00" },
			"register":              func(s map[string]any) { number(s, "register", 5001) },
			"ballots-over-register": func(s map[string]any) { number(s, "ballots", 5001) },
			"sum":                   func(s map[string]any) { number(s, "ballots", 501) },
			"stage-backwards":       func(s map[string]any) { s["stage"] = "final" },
			"supersedes":            func(s map[string]any) { s["supersedes"] = "https://city1.example/tallies/x/9" },
			"reason":                func(s map[string]any) { delete(s, "reason") },
			"poll-unknown":          func(s map[string]any) { s["poll"] = p.URI + "0" },
		}
		for _, want := range sorted(cases) {
			bad := restate(t, n, p, func(s map[string]any) {
				s["sequence"], s["stage"], s["reason"], s["supersedes"] = 2, Correction, "бо", s["id"]
				s["id"] = fmt.Sprintf("%s/tallies/%s/2", n.Base, p.PollID)
				cases[want](s)
			})
			err := w.hub.DB.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error { return w.hub.Receive(ctx, tx, bad, nil) })
			if want == "poll-unknown" {
				if ap.FaultCode(err) != want || !errors.Is(err, store.ErrInvalid) {
					t.Errorf("%s: %v", want, err)
				}
				continue
			}
			if err != nil || len(w.post) != 1 {
				t.Fatalf("%s: %v, %d letters; want one answer", want, err, len(w.post))
			}
			answer, err := read(w.post[0].raw)
			if err != nil || answer.text("type") != "Reject" || answer.text("fault") != want || answer.text("reason") == "" {
				t.Errorf("%s: answer %s", want, w.post[0].raw)
			}
			w.post = nil
		}
		var rows int
		if err := w.hub.DB.ReadBound().Row(t.Context(), []any{&rows}, "select count(*) from statements"); err != nil || rows != 1 {
			t.Errorf("%d statements kept, %v; want the good one alone", rows, err)
		}
	})
}

func TestSmallCitiesAreSeenOnlyInLines(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, open func(func() time.Time) *store.DB) {
		w := newWorld(t, open, kamianske, lviv, kharkiv, stryi, tyha)
		p := w.open(nil)
		w.pass(72 * time.Hour)
		tallies := [][2]int{{700, 300}, {600, 400}, {500, 500}, {80, 63}, {4, 2}}
		for i, n := range w.cities[:4] {
			n.final(p, tallies[i][0], tallies[i][1])
		}
		w.cities[4].final(p, 4, 2)
		w.pump()
		w.pass(2 * time.Minute)
		w.tick()
		r := w.hub.result(p)
		// Lviv oblast: Tyha is too small, Stryi and Lviv hide it.
		if r.Stage != Final || r.Verified.Ballots != 3149 || len(r.Members) != 2 || len(r.Lines) != 1 || r.Lines[0].Cities != 3 || r.Lines[0].Territory != testOblast(lviv) {
			t.Fatalf("result = %+v, want one line of three cities", r)
		}
		for _, n := range w.cities[1:] {
			s, err := n.Statements(t.Context(), p.PollID)
			want := 0
			if n == w.cities[2] {
				want = 1
			}
			if err != nil || len(s) != want {
				t.Errorf("%s shows %d statements, %v; want %d", n.Base, len(s), err, want)
			}
			if own := n.result(p).Own; own != OwnStands {
				t.Errorf("%s: own statement stands = %v", n.Base, own)
			}
		}
		if o, err := w.hub.Object(t.Context(), w.cities[4].Base+"/tallies/"+p.PollID+"/1"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a hidden statement can be fetched: %v %v", o, err)
		}
		verifyAll(t, w, p)
		// A correction of the hidden city alone would tell its numbers.
		w.pass(20 * time.Minute)
		err := w.cities[4].DB.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			return w.cities[4].Correct(ctx, tx, p.PollID, yesNo(w.cities[4].register, 5, 2), ballot.Numbers{}, "ще один")
		})
		if !errors.Is(err, ErrTooLittle) {
			t.Errorf("a correction by one ballot = %v, want it told in words", err)
		}
	})
}

func TestAfterARestoreNothingIsSignedBeforeAsking(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, open func(func() time.Time) *store.DB) {
		w := newWorld(t, open, kamianske, lviv, kharkiv)
		p := w.open(nil)
		w.pass(5 * time.Hour)
		n := w.cities[0]
		interim := func(yes int) error {
			return n.DB.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				_, err := n.Interim(ctx, tx, p.PollID, yesNo(n.register, yes, 10), ballot.Numbers{})
				return err
			})
		}
		for i := range 3 {
			if err := interim(100 * (i + 1)); err != nil {
				t.Fatal(err)
			}
			w.pump()
			w.pass(2 * time.Hour)
		}
		// Back to when only the first statement was there.
		w.write(n, func(ctx context.Context, tx *store.Tx) error {
			if _, err := tx.Exec(ctx, "delete from statements where sequence > 1"); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, "insert into facts (name, value) values ('restored', '2026-12-01T12:00:00Z')")
			return err
		})
		if err := interim(250); !errors.Is(err, ErrRestored) {
			t.Fatalf("statement after the restore = %v, want ErrRestored", err)
		}
		for _, uri := range []string{"/1/x", fmt.Sprintf("/%d/AAAA", w.clock().Unix())} {
			if o, err := w.hub.Object(t.Context(), p.URI+"/newest/city1.example"+uri); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("somebody else reads the newest statement: %s, %v", o.Raw, err)
			}
		}
		w.cut = n.Base
		w.tick()
		if err := interim(250); !errors.Is(err, ErrRestored) {
			t.Fatalf("statement while the coordinator does not answer = %v, want ErrRestored", err)
		}
		w.cut = ""
		w.tick()
		if err := interim(500); err != nil {
			t.Fatal(err)
		}
		w.pump()
		s, err := n.Standing(t.Context(), p.PollID)
		if err != nil || s.Sequence <= 4 || s.State != "accepted" {
			t.Errorf("standing = %+v, %v; want a number accepted that was never used before", s, err)
		}
		var raw []byte
		if err := n.DB.ReadBound().Row(t.Context(), []any{&raw}, "select raw from statements order by sequence desc limit 1"); err != nil || !strings.Contains(string(raw), "restored from 2026-12-01T12:00:00Z") {
			t.Errorf("statement %s, %v: want the reason in it", raw, err)
		}
	})
}

func TestLateStatementCountsOnlyByDecision(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, open func(func() time.Time) *store.DB) {
		w := newWorld(t, open, kamianske, lviv, kharkiv)
		p := w.open(nil)
		w.pass(72 * time.Hour)
		for _, n := range w.cities[:2] {
			n.final(p, 300, 200)
		}
		w.pump()
		w.pass(25 * time.Hour)
		w.tick()
		late := w.cities[2]
		late.final(p, 400, 450)
		w.pump()
		w.pass(11 * time.Minute)
		w.tick()
		if r := w.hub.result(p); r.Stage != Final || r.Verified.Ballots != 1000 {
			t.Fatalf("result = %+v, want the final one without the late city", r)
		}
		w.write(w.hub, func(ctx context.Context, tx *store.Tx) error {
			return w.hub.IncludeLate(ctx, tx, p.PollID, "city3.example", "місто було без світла")
		})
		w.pump()
		for _, n := range []*node{w.hub, late} {
			if r := n.result(p); r.Verified.Ballots != 1850 || !strings.Contains(r.Reason, "без світла") || len(r.Missing)+len(r.Excluded) > 0 {
				t.Errorf("%s: result = %+v, want the late city in it, with the reason", n.Base, r)
			}
		}
		verifyAll(t, w, p)
	})
}

func TestCoordinatorThatChangesItsWordIsNotFollowed(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, open func(func() time.Time) *store.DB) {
		w := newWorld(t, open, kamianske, lviv, kharkiv)
		p := w.open(nil)
		n := w.cities[0]
		receive := func(raw []byte) error {
			return n.DB.Write(t.Context(), func(ctx context.Context, tx *store.Tx) error { return n.Receive(ctx, tx, raw, nil) })
		}
		var obj map[string]any
		if err := json.Unmarshal(p.Raw, &obj); err != nil {
			t.Fatal(err)
		}
		delete(obj, "proof")
		obj["name"] = "Інше питання?"
		obj["pollDigest"], _ = digestOfCore(obj)
		changed, err := w.hub.sign(obj, w.clock())
		if err != nil {
			t.Fatal(err)
		}
		if err := receive(changed); ap.FaultCode(err) != "core-changed" {
			t.Errorf("another wording = %v, want core-changed", err)
		}
		// A result that leaves out what this city signed.
		w.pass(72 * time.Hour)
		for _, c := range w.cities {
			c.final(p, 300, 200)
		}
		w.pump()
		w.pass(2 * time.Minute)
		if err := w.hub.Tick(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.post = nil
		r := w.hub.result(p)
		var result map[string]any
		if err := json.Unmarshal(r.Raw, &result); err != nil {
			t.Fatal(err)
		}
		delete(result, "proof")
		for _, m := range result["members"].([]any) {
			if m := m.(map[string]any); m["actor"] == n.Actor() {
				m["statement"].(map[string]any)["digest"] = "sha-256:" + strings.Repeat("0", 64)
			}
		}
		forged, err := w.hub.sign(result, w.clock())
		if err != nil {
			t.Fatal(err)
		}
		if err := receive(forged); err != nil {
			t.Fatal(err)
		}
		if own := n.result(p).Own; own != OwnDiffers {
			t.Errorf("own = %v, want that the city says its statement does not stand", own)
		}
		if s, err := n.Statements(t.Context(), p.PollID); err != nil || len(s) != 1 {
			t.Errorf("%d statements are shown, %v; want the one that was passed over", len(s), err)
		}
	})
}
