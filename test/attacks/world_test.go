package attacks

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"viche/federation/ap"
	"viche/internal/city"
	"viche/internal/citytest"
	"viche/internal/store/storetest"
)

// quiet swallows what servers say about connections that tests break.
var quiet = log.New(io.Discard, "", 0)

// A world is a running city with its neighbours, and everybody else.
type world struct {
	t      *testing.T
	n      *citytest.Network
	town   *citytest.Town // the city that is attacked
	base   string
	peer   *peer
	client *http.Client
	ids    atomic.Int64

	evil, good *actor // one of evil.test and one of good.test, both in good standing
}

// each runs a test in a world of its own, on every database that there is.
// The first name is the city that is attacked.
func each(t *testing.T, run func(t *testing.T, w *world), names ...string) {
	t.Helper()
	eachWith(t, citytest.Options{}, run, names...)
}

func eachWith(t *testing.T, o citytest.Options, run func(t *testing.T, w *world), names ...string) {
	t.Helper()
	if len(names) == 0 {
		names = []string{"lviv"}
	}
	for kind, on := range kinds() {
		on.Config = o.Config
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			run(t, open(t, on, names...))
		})
	}
}

func open(t *testing.T, o citytest.Options, names ...string) *world {
	t.Helper()
	change := o.Config
	o.Config = func(name string, c *city.Config) {
		if len(names) == 1 {
			c.Coordinator = "" // a city by itself: nobody to ask for trust lists
		}
		c.K, c.Step = 3, 2
		if change != nil {
			change(name, c)
		}
	}
	w := &world{t: t}
	w.n = citytest.Fediverse(t, o, names...)
	w.town, w.base = w.n.Town(names[0]), "https://"+names[0]+".test"
	w.peer = startPeer(t, w.n)
	w.client = w.n.HTTP()
	w.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	w.evil, w.good = w.peer.person("https://evil.test/users/mallory"), w.peer.person("https://good.test/users/olena")
	return w
}

// id is a fresh id of a host, such as evil.test.
func (w *world) id(host string) string {
	return fmt.Sprintf("https://%s/activities/%d", host, w.ids.Add(1))
}

// activity is one of an actor, with an id of its own server.
func (w *world) activity(kind string, by *actor, object any) map[string]any {
	return map[string]any{"@context": ap.ActivityStreams, "id": w.id(hostOf(by.id)), "type": kind, "actor": by.id, "object": object}
}

func hostOf(address string) string { return strings.SplitN(address, "/", 4)[2] }

// follow is the honest activity of most tests: an actor follows a sphere. Sent
// again it changes the follow's id, so its effect can always be seen.
func (w *world) follow(by *actor) map[string]any {
	return w.activity("Follow", by, w.base+"/spheres/ecology")
}

// works is a test's control: the request is accepted, and changes the table.
func (w *world) works(what string, q *request, table string) {
	w.t.Helper()
	before := w.state()
	if got := w.send(q); got != http.StatusAccepted {
		w.t.Errorf("%s: status %d, want 202", what, got)
	}
	w.n.Settle()
	if changed := differ(before, w.state()); len(changed[table]) == 0 {
		w.t.Errorf("%s: nothing changes in %s, only %v", what, table, changed)
	}
}

// An allowance is what an attack may cause all the same.
type allowance struct {
	tables []string
	asks   int
}

// leaves allows changes in a table.
func leaves(tables ...string) allowance { return allowance{tables: tables} }

// asks allows up to so many requests to the peer, and the notes about the hosts
// that they went to.
func asks(n int) allowance { return allowance{asks: n, tables: []string{"peers"}} }

// seen allows what is left of an activity that was let in and then refused: the
// hash of its id, so that it is not looked at again, and the job that did it.
func seen() allowance {
	return allowance{tables: []string{"inbox", "river_job", "river_queue", "river_notification", "sqlite_sequence"}}
}

// refused sends a request that must be answered so, and change nothing.
func (w *world) refused(what string, status int, q *request, but ...allowance) {
	w.t.Helper()
	w.harmless(what, func() {
		if got := w.send(q); got != status {
			w.t.Errorf("%s: status %d, want %d", what, got, status)
		}
	}, but...)
}

// ignored sends a request that is let in and then comes to nothing: what is
// kept of it is its hash.
func (w *world) ignored(what string, q *request, but ...allowance) {
	w.t.Helper()
	w.refused(what, http.StatusAccepted, q, append(but, seen())...)
	for _, row := range w.state()["inbox"] {
		if !strings.Contains(row, "body=<nil>") || strings.Contains(row, "state=new") {
			w.t.Errorf("%s: the activity is kept: %.300s", what, row)
		}
	}
}

// harmless does something after which the database must be as it was, and
// nobody must have been asked anything, but for what is allowed.
func (w *world) harmless(what string, do func(), but ...allowance) {
	w.t.Helper()
	before, asked := w.state(), len(w.peer.requests(""))
	do()
	w.n.Settle()
	may := allowance{}
	for _, b := range but {
		may.tables, may.asks = append(may.tables, b.tables...), may.asks+b.asks
	}
	for table, rows := range differ(before, w.state()) {
		if !slices.Contains(may.tables, table) {
			w.t.Errorf("%s: changes %s: %.600s", what, table, strings.Join(rows, "\n"))
		}
	}
	if all := w.peer.requests(""); len(all)-asked > may.asks {
		w.t.Errorf("%s: %d requests are made, %d may be: %q", what, len(all)-asked, may.asks, all[asked:])
	}
}

// state is every row of every table of the city, as text.
func (w *world) state() map[string][]string {
	w.t.Helper()
	out := storetest.Rows(w.t, w.town.DB)
	for _, known := range []string{"actors", "actor_keys", "follows", "inbox", "guest_ballots", "river_job"} {
		if _, there := out[known]; !there {
			w.t.Fatalf("%q is not among the tables", known)
		}
	}
	delete(out, "territories") // thousands that no activity touches
	delete(out, "territory_names")
	return out
}

// differ gives the rows that came and went, by table.
func differ(before, after map[string][]string) map[string][]string {
	out := map[string][]string{}
	for table := range after {
		was, is := count(before[table]), count(after[table])
		for _, row := range after[table] {
			if is[row] > was[row] {
				out[table] = append(out[table], "+ "+row)
			}
		}
		for _, row := range before[table] {
			if was[row] > is[row] {
				out[table] = append(out[table], "- "+row)
			}
		}
	}
	return out
}

func count(rows []string) map[string]int {
	out := make(map[string]int, len(rows))
	for _, row := range rows {
		out[row]++
	}
	return out
}

// number runs a query that counts.
func (w *world) number(query string, args ...any) (n int) {
	w.t.Helper()
	if err := w.town.DB.ReadBound().Row(w.t.Context(), []any{&n}, query, args...); err != nil {
		w.t.Fatal(err)
	}
	return n
}
