package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"viche/internal/store"
	"viche/internal/store/storetest"
)

const (
	goodRate  = 20 // deliveries a second
	badRate   = 15
	postEvery = 4 * time.Second
	inboxes   = 50              // of good followers
	judged    = 5 * time.Minute // runs as long as this may not grow
)

// TestSoak lets the built program live for a while among good servers and bad
// ones, and then counts: everything good has had its effect once, and memory and
// goroutines are what they were. It takes VICHE_SOAK, such as 30m, and is left out without it. In short
// runs growth is shown but not judged. It runs on SQLite, or on the server that
// VICHE_TEST_POSTGRES names.
func TestSoak(t *testing.T) {
	text := os.Getenv("VICHE_SOAK")
	if text == "" {
		t.Skip("set VICHE_SOAK to how long it shall run, such as 30m")
	}
	long, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("VICHE_SOAK: %v", err)
	}
	dsn := storetest.SQLite
	if os.Getenv("VICHE_TEST_POSTGRES") != "" {
		dsn = storetest.Postgres
	}
	f := newFediverse(t)
	s := newTown(t, dsn(t))
	var followers []string
	for n := range inboxes {
		followers = append(followers, f.good(n))
	}
	for _, host := range []string{"hangs", "fails", "busy", "bomb", "drips", "pours"} {
		followers = append(followers, f.at(host, "/u/1"))
	}
	followers = append(followers, "http://dead.localhost:1/u/1")
	s.settle(followers)
	s.open()

	g := newKindness(t, f, s)
	h := newHostility(f, s, g.some)
	g.begin()
	idle := g.measure(true)
	series := live(g, h, long)
	g.finish()
	if long < judged {
		f.release() // else a short run waits a minute for what hangs
	}
	h.wait.Wait()
	g.judge()
	h.judge(t)
	judgeGrowth(t, series, idle, long)
	g.report(h, long)
	if log := s.stop(); strings.Contains(log, "panic") || strings.Contains(log, "DATA RACE") {
		t.Errorf("the server's log:\n%s", log[max(0, len(log)-4000):])
	}
}

// A sample is what the process holds at some moment.
type sample struct {
	at         time.Duration
	goroutines float64
	memory     float64 // MiB
	waiting    float64 // deliveries
}

// live lets good and bad happen for a while, and measures.
func live(g *kindness, h *hostility, long time.Duration) (series []sample) {
	began := time.Now()
	good, bad, posts := time.NewTicker(time.Second/goodRate), time.NewTicker(time.Second/badRate), time.NewTicker(postEvery)
	looks := time.NewTicker(min(10*time.Second, long/10))
	defer good.Stop()
	defer bad.Stop()
	defer posts.Stop()
	defer looks.Stop()
	end := time.After(long)
	for {
		select {
		case <-good.C:
			g.next()
		case <-bad.C:
			h.strike()
		case <-posts.C:
			g.wait.Go(g.post)
		case <-looks.C:
			one := g.measure(false)
			one.at = time.Since(began)
			series = append(series, one)
		case <-end:
			return series
		}
	}
}

// kindness is what good servers do, and what has to come of it.
type kindness struct {
	t      testing.TB
	f      *fediverse
	town   *town
	client *http.Client
	wait   sync.WaitGroup
	n      int

	mu         sync.Mutex
	want       map[string]map[string]bool // by kind: uris that must be there once
	undone     map[string]bool            // follows that must be gone
	accepts    map[string]int             // inboxes that must get answers to follows, and how many
	voters     int
	sent       int
	again      int // tries after one that was not taken
	waits      []time.Duration
	posts      []string // ids of the activities of olha's posts
	newest     string   // her newest post
	answered   string   // the post of taras that others answer
	letters    []letter // some that were let in, to be replayed
	unmeasured int
}

func newKindness(t testing.TB, f *fediverse, s *town) *kindness {
	return &kindness{
		t: t, f: f, town: s, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: time.Minute},
		want: map[string]map[string]bool{"post": {}, "like": {}, "boost": {}, "follow": {}}, undone: map[string]bool{}, accepts: map[string]int{},
	}
}

// begin writes the posts that others answer and like.
func (g *kindness) begin() {
	g.t.Helper()
	g.answered = strings.TrimSuffix(g.write(g.town.host, g.town.reply), "/activity")
	g.post()
	if g.answered == "" || g.newest == "" {
		g.t.Fatal("no post to begin with")
	}
}

// write posts to a resident's outbox and gives the activity's id.
func (g *kindness) write(who, token string) string {
	raw, err := json.Marshal(map[string]any{
		"@context": streams, "type": "Note", "content": "<p>Доброго дня! " + time.Now().Format(time.RFC3339Nano) + "</p>",
		"to": []string{public}, "cc": []string{who + "/followers"},
	})
	if err != nil {
		g.t.Error(err)
		return ""
	}
	r, err := http.NewRequest(http.MethodPost, who+"/outbox", bytes.NewReader(raw))
	if err != nil {
		g.t.Error(err)
		return ""
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", activityType)
	answer, err := g.client.Do(r)
	if err != nil {
		g.t.Errorf("a resident's post: %v", err)
		return ""
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body) // shown alone
	if answer.StatusCode != http.StatusCreated {
		g.t.Errorf("a resident's post: status %d: %s", answer.StatusCode, body)
		return ""
	}
	return answer.Header.Get("Location")
}

func (g *kindness) post() {
	id := g.write(g.town.writer, g.town.token)
	if id == "" {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.posts, g.newest = append(g.posts, id), strings.TrimSuffix(id, "/activity")
}

// next begins the next good delivery, one kind after the other.
func (g *kindness) next() {
	g.n++
	n := g.n
	g.mu.Lock()
	newest := g.newest
	g.mu.Unlock()
	by := g.f.good(n % 500)
	id := fmt.Sprintf("%s/a/%d", by, n)
	inbox := g.town.base + "/inbox"
	g.wait.Go(func() {
		switch n % 6 {
		case 0, 1: // names a resident, or answers one
			object := map[string]any{
				"id": id, "type": "Note", "attributedTo": by, "to": []string{public}, "cc": []string{g.town.host}, "content": fmt.Sprintf("<p>@taras %d</p>", n),
				"published": time.Now().UTC().Format(time.RFC3339), "tag": []any{map[string]any{"type": "Mention", "href": g.town.host, "name": "@taras"}},
			}
			if n%6 == 1 {
				object["inReplyTo"] = g.answered
			}
			g.give("post", id, g.f.write(inbox, by, map[string]any{"id": id + "/activity", "type": "Create", "to": []string{public}, "cc": []string{g.town.host}, "object": object}))
		case 2:
			g.give("like", id, g.f.write(g.town.writer+"/inbox", by, map[string]any{"id": id, "type": "Like", "object": newest}))
		case 3:
			g.give("boost", id, g.f.write(inbox, by, map[string]any{"id": id, "type": "Announce", "to": []string{public}, "object": newest, "published": time.Now().UTC().Format(time.RFC3339)}))
		case 4: // a new person follows a sphere; every second one thinks better of it
			by = g.f.good(1_000_000 + n)
			sphere := g.town.base + "/spheres/ecology"
			follow := map[string]any{"id": by + "/f", "type": "Follow", "object": sphere}
			g.mu.Lock()
			g.accepts[by+"/inbox"]++
			g.mu.Unlock()
			if n%12 != 4 {
				g.give("follow", by+"/f", g.f.write(inbox, by, follow))
				return
			}
			g.give("", "", g.f.write(inbox, by, follow))
			undo := map[string]any{"id": by + "/f/undo", "type": "Undo", "object": map[string]any{"id": by + "/f", "type": "Follow", "actor": by, "object": sphere}}
			g.give("", "", g.f.write(inbox, by, undo))
			g.mu.Lock()
			g.undone[by+"/f"] = true
			g.mu.Unlock()
		case 5: // a new person votes
			by = g.f.good(2_000_000 + n)
			vote := map[string]any{"id": by + "/v", "type": "Note", "attributedTo": by, "to": []string{g.town.base + "/actor"}, "name": []string{"Так", "Ні"}[n/6%2], "inReplyTo": g.town.poll}
			g.give("", "", g.f.write(g.town.base+"/actor/inbox", by, map[string]any{"id": by + "/v/activity", "type": "Create", "to": []string{g.town.base + "/actor"}, "object": vote}))
			g.mu.Lock()
			g.voters++
			g.mu.Unlock()
		}
	})
}

// give sends a letter until it is taken, as good servers do, and notes what has
// to be there afterwards.
func (g *kindness) give(kind, uri string, l letter) {
	for try := range 8 {
		began := time.Now()
		status, answer := 0, error(nil)
		r, err := g.client.Do(l.request())
		if err == nil {
			_, _ = io.Copy(io.Discard, r.Body) // so that the connection is used again
			_ = r.Body.Close()
			status = r.StatusCode
		} else {
			answer = err
		}
		g.mu.Lock()
		if status == http.StatusAccepted {
			g.sent++
			g.waits = append(g.waits, time.Since(began))
			if kind != "" {
				g.want[kind][uri] = true
			}
			if len(g.letters) < 500 {
				g.letters = append(g.letters, l)
			} else {
				g.letters[g.sent%500] = l
			}
			g.mu.Unlock()
			return
		}
		g.again++
		g.mu.Unlock()
		if status != 0 && status < 500 && status != http.StatusTooManyRequests {
			g.t.Errorf("a good delivery (%s) is refused with %d: %s", kind, status, l.body)
			return
		}
		if try == 7 {
			g.t.Errorf("a good delivery (%s) is not taken: status %d, %v", kind, status, answer)
		}
		time.Sleep(time.Duration(1+try) * time.Second)
	}
}

// some is a letter that was let in before, of any kind.
func (g *kindness) some() (letter, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.letters) == 0 {
		return letter{}, false
	}
	return g.letters[(g.sent*7)%len(g.letters)], true
}

// measure looks at the process. A look that fails is counted, unless it must
// not fail.
func (g *kindness) measure(must bool) sample {
	m, err := g.town.metrics()
	if err != nil {
		if g.unmeasured++; must {
			g.t.Fatal(err)
		}
		return sample{}
	}
	if must && (m["go_goroutines"] == 0 || m["process_resident_memory_bytes"] == 0) {
		g.t.Fatal("goroutines and memory are not measured")
	}
	return sample{goroutines: m["go_goroutines"], memory: m["process_resident_memory_bytes"] / (1 << 20), waiting: m["viche_deliveries_waiting"]}
}

// finish waits until all is said, worked off, and delivered.
func (g *kindness) finish() {
	g.wait.Wait()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		m, err := g.town.metrics()
		if err == nil && m["viche_inbox_waiting"] == 0 && len(g.undelivered()) == 0 {
			return
		}
	}
}

// undelivered are the pairs of an inbox and an activity that did not get there.
func (g *kindness) undelivered() (list []string) {
	g.f.mu.Lock()
	defer g.f.mu.Unlock()
	for n := range inboxes {
		inbox := g.f.good(n) + "/inbox"
		for _, id := range g.posts {
			if g.f.got[inbox][id] == 0 {
				list = append(list, inbox+" ← "+id)
			}
		}
	}
	for inbox, n := range g.accepts {
		if len(g.f.got[inbox]) < n {
			list = append(list, inbox+" ← an answer to a follow")
		}
	}
	return list
}

// twice is how many deliveries came more than once: allowed, but told.
func (g *kindness) twice() (n, all int) {
	g.f.mu.Lock()
	defer g.f.mu.Unlock()
	for _, ids := range g.f.got {
		for _, times := range ids {
			n, all = n+times-1, all+1
		}
	}
	return n, all
}

// judge compares what is in the database with what had to come of it.
func (g *kindness) judge() {
	t := g.t
	t.Helper()
	db, err := store.Open(context.Background(), g.town.env["VICHE_DATABASE"], store.Options{Conns: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for kind, query := range map[string]string{
		"post":   "select uri from posts where local = 0",
		"like":   "select uri from reactions",
		"boost":  "select uri from feed where boost = 1",
		"follow": "select f.uri from follows f join actors a on a.id = f.followee where a.kind = 'sphere'",
	} {
		rows, err := db.Read().QueryContext(context.Background(), query)
		if err != nil {
			t.Fatal(err)
		}
		have := map[string]int{}
		for rows.Next() {
			var uri string
			if err := rows.Scan(&uri); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(uri, "http://g") {
				have[uri]++
			}
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
		for uri := range g.want[kind] {
			if have[uri] != 1 {
				t.Errorf("%s %s is there %d times", kind, uri, have[uri])
			}
		}
		for uri := range have {
			if !g.want[kind][uri] {
				t.Errorf("%s %s is there, and nobody sent it (undone: %v)", kind, uri, g.undone[uri])
			}
		}
	}
	number := func(query string) (n int) {
		if err := db.ReadBound().Row(context.Background(), []any{&n}, query); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := number("select count(*) from guest_ballots"); n != g.voters {
		t.Errorf("%d ballots of %d voters elsewhere", n, g.voters)
	}
	if n := number("select count(*) from inbox where state in ('new', 'dead')"); n != 0 {
		t.Errorf("%d activities were let in and not worked off", n)
	}
	told := number("select count(*) from notices n join posts p on p.id = n.post join actors a on a.id = n.by_actor where n.kind = 'mention' and a.host like 'g%' and p.local = 0")
	if told != len(g.want["post"]) {
		t.Errorf("%d mentions were noticed of %d", told, len(g.want["post"]))
	}
	if lost := g.undelivered(); len(lost) > 0 {
		t.Errorf("%d deliveries are lost: %v", len(lost), lost[:min(len(lost), 10)])
	}
}

// judge makes sure that nothing hostile was let in, nor brought the server to fail.
func (h *hostility) judge(t testing.TB) {
	t.Helper()
	for _, a := range h.attacks() {
		said := h.said[a.name]
		if len(said) == 0 {
			t.Errorf("%q was not tried", a.name)
		}
		for status, n := range said {
			switch {
			case status == -2:
				t.Errorf("%q: the server listened for a minute and a half, %d times", a.name, n)
			case !a.open && status == http.StatusAccepted:
				t.Errorf("%q was let in %d times", a.name, n)
			case status == http.StatusInternalServerError:
				t.Errorf("%q: the server failed %d times", a.name, n)
			}
		}
	}
}

// judgeGrowth compares the last third of a run with the first.
func judgeGrowth(t testing.TB, series []sample, idle sample, long time.Duration) {
	t.Helper()
	var text strings.Builder
	for _, s := range series {
		fmt.Fprintf(&text, "%6.0f s %6.1f MiB %5.0f goroutines %5.0f deliveries waiting\n", s.at.Seconds(), s.memory, s.goroutines, s.waiting)
	}
	t.Logf("at the start: %.1f MiB, %.0f goroutines\n%s", idle.memory, idle.goroutines, &text)
	series = slices.DeleteFunc(series, func(s sample) bool { return s.memory == 0 })
	if len(series) < 6 {
		t.Errorf("%d samples are too few", len(series))
		return
	}
	third := len(series) / 3
	for name, value := range map[string]func(sample) float64{
		"memory":     func(s sample) float64 { return s.memory },
		"goroutines": func(s sample) float64 { return s.goroutines },
	} {
		first, middle, last := median(series[:third], value), median(series[third:2*third], value), median(series[2*third:], value)
		t.Logf("median of %s by thirds: %.1f, %.1f, %.1f", name, first, middle, last)
		if long >= judged && last > 1.25*first {
			t.Errorf("%s grows: %.1f in the first third, %.1f in the last", name, first, last)
		}
	}
}

func median(series []sample, value func(sample) float64) float64 {
	list := make([]float64, len(series))
	for i, s := range series {
		list[i] = value(s)
	}
	slices.Sort(list)
	return list[len(list)/2]
}

// report prints what happened.
func (g *kindness) report(h *hostility, long time.Duration) {
	var text strings.Builder
	slices.Sort(g.waits)
	at := func(share float64) float64 {
		return float64(g.waits[int(share*float64(len(g.waits)-1))].Microseconds()) / 1000
	}
	twice, all := g.twice()
	fmt.Fprintf(&text, "%s of good and bad\n", long)
	fmt.Fprintf(&text, "good deliveries taken %d, tried again %d, p50 %.1f ms, p99 %.1f ms, longest %.1f ms\n", g.sent, g.again, at(.5), at(.99), at(1))
	fmt.Fprintf(&text, "in the database: %d posts, %d likes, %d boosts, %d follows (%d undone), %d votes\n",
		len(g.want["post"]), len(g.want["like"]), len(g.want["boost"]), len(g.want["follow"]), len(g.undone), g.voters)
	fmt.Fprintf(&text, "posts of ours %d to %d inboxes; %d deliveries got to good inboxes, %d of them more than once; %d lost; looks that failed: %d\n",
		len(g.posts), inboxes, all, twice, len(g.undelivered()), g.unmeasured)
	for _, a := range h.attacks() {
		said := h.said[a.name]
		fmt.Fprintf(&text, "%-26s", a.name)
		for _, status := range slices.Sorted(maps.Keys(said)) {
			fmt.Fprintf(&text, " %d × %d", said[status], status)
		}
		fmt.Fprintf(&text, "   longest %.1f s\n", h.most[a.name].Seconds())
	}
	if m, err := g.town.metrics(); err == nil {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			if strings.HasPrefix(name, "viche_federation_total") || strings.HasPrefix(name, "viche_hosts") || strings.HasPrefix(name, "viche_inbox") {
				fmt.Fprintf(&text, "%s %.0f\n", name, m[name])
			}
		}
		fmt.Fprintf(&text, "afterwards: %.1f MiB, %.0f goroutines\n", m["process_resident_memory_bytes"]/(1<<20), m["go_goroutines"])
	}
	g.t.Log("\n" + text.String())
}
