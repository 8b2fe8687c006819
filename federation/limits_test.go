package federation

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
)

// tally is what a town counts.
type tally struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *tally) count(name, label string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n[name+" "+label]++
}

func (c *tally) all() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.n)
}

// limited is a town with small limits, and what it counts.
func limited(t *testing.T, old *town, l Limits) (*town, *tally) {
	t.Helper()
	counted := &tally{n: map[string]int{}}
	o := old.Options
	o.Limits, o.Count = l, counted.count
	return &town{New(o), old.f}, counted
}

// arrives gives the status of a request to the shared inbox from an address.
func (c *town) arrives(t *testing.T, from, keyID string, body any) int {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, c.Base+"/inbox", strings.NewReader(string(raw)))
	r.Header.Set("Content-Type", ap.ContentType)
	r.RemoteAddr = from
	r.URL.Host = r.Host
	if err := signCavage(r, raw, keyID, testKey(), c.f.clock()); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	c.handler().ServeHTTP(w, r)
	if w.Code == http.StatusTooManyRequests && w.Header().Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
	return w.Code
}

// TestAddressesAreCountedByNetwork lets one address do so much in a minute, and
// a /64 of IPv6 no more than one address.
func TestAddressesAreCountedByNetwork(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, f *fediverse, towns ...*town) {
		lviv, counted := limited(t, towns[0], Limits{PerAddress: 2, PerHost: -1})
		ada := f.stranger(t, "far.test").person("ada")
		n := 0
		send := func(from string) int {
			n++
			id := fmt.Sprintf("https://far.test/a/%d", n)
			return lviv.arrives(t, from, ada+"#main-key", activity("Create", id, ada, note(id+"/note", ada)))
		}
		for _, step := range []struct {
			from string
			want int
		}{
			{"198.51.100.7:1", 202}, {"198.51.100.7:2", 202}, {"198.51.100.7:3", 429}, {"[::ffff:198.51.100.7]:4", 429},
			{"198.51.100.8:1", 202},
			{"[2001:db8:0:1::1]:1", 202}, {"[2001:db8:0:1:ffff::2]:1", 202}, {"[2001:db8:0:1::3%eth0]:1", 429},
			{"[2001:db8:0:2::1]:1", 202},
		} {
			if got := send(step.from); got != step.want {
				t.Errorf("from %s: %d, want %d", step.from, got, step.want)
			}
		}
		if got := counted.all()["refused rate"]; got != 3 {
			t.Errorf("counted %d for the rate, want 3", got)
		}
		f.pass(time.Minute)
		if got := send("198.51.100.7:5"); got != 202 {
			t.Errorf("a minute later: %d, want 202", got)
		}
	})
}

// TestServersAreCountedByWhoSigned bounds a server that comes from many
// addresses; another server is not touched by that.
func TestServersAreCountedByWhoSigned(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, f *fediverse, towns ...*town) {
		lviv, _ := limited(t, towns[0], Limits{PerAddress: -1, PerHost: 3})
		far, other := f.stranger(t, "far.test"), f.stranger(t, "other.test")
		people := []string{far.person("ada"), far.person("bo")}
		for i := range 5 {
			who, want := people[i%2], 202
			if i >= 3 {
				want = 429
			}
			id := fmt.Sprintf("https://far.test/a/%d", i)
			if got := lviv.arrives(t, fmt.Sprintf("198.51.100.%d:1", i), who+"#main-key", activity("Create", id, who, note(id+"/n", who))); got != want {
				t.Errorf("activity %d of one server: %d, want %d", i, got, want)
			}
		}
		eve := other.person("eve")
		if got := lviv.arrives(t, "198.51.100.1:1", eve+"#main-key", activity("Create", "https://other.test/a/1", eve, note("https://other.test/n/1", eve))); got != 202 {
			t.Errorf("another server: %d, want 202", got)
		}
	})
}

// TestKeysThatFailCloseTheDoor is the circuit breaker: who sends signatures that
// no key fits has us ask for keys only so often, whatever names it uses.
func TestKeysThatFailCloseTheDoor(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, f *fediverse, towns ...*town) {
		lviv, counted := limited(t, towns[0], Limits{PerAddress: -1, PerHost: -1, BadKeys: 5})
		far := f.stranger(t, "far.test")
		asked := func() (n int) {
			far.mu.Lock()
			defer far.mu.Unlock()
			for _, times := range far.asked {
				n += times
			}
			return n
		}
		for i := range 50 {
			who := fmt.Sprintf("https://far.test/users/nobody%d", i)
			want := http.StatusUnauthorized
			if i >= 5 {
				want = http.StatusTooManyRequests
			}
			if got := lviv.arrives(t, "198.51.100.7:1", who+"#main-key", activity("Like", who+"/likes/1", who, lviv.Base+"/x")); got != want {
				t.Fatalf("try %d: %d, want %d", i, got, want)
			}
		}
		if n := asked(); n != 5 {
			t.Errorf("%d keys were asked for, want 5", n)
		}
		if got := counted.all(); got["refused rate"] != 45 || got["refused key"]+got["refused signature"] != 5 {
			t.Errorf("counted %v, want 45 for the rate and 5 for keys", got)
		}
		ada := far.person("ada")
		if got := lviv.arrives(t, "198.51.100.8:1", ada+"#main-key", activity("Create", "https://far.test/a/1", ada, note("https://far.test/n/1", ada))); got != 202 {
			t.Errorf("from another address: %d, want 202", got)
		}
		f.pass(time.Minute)
		if got := lviv.arrives(t, "198.51.100.7:1", ada+"#main-key", activity("Create", "https://far.test/a/2", ada, note("https://far.test/n/2", ada))); got != 202 {
			t.Errorf("a minute later: %d, want 202", got)
		}
	})
}

// TestMetersForget holds what a million strangers leave behind in bounds.
func TestMetersForget(t *testing.T) {
	t.Parallel()
	m := newMeter(10)
	for i := range 100_000 {
		m.over(fmt.Sprintf("host%d.test", i), noon)
	}
	if n := len(m.at); n > 16_384 {
		t.Errorf("%d names are kept", n)
	}
	if n := cap(m.order); n > 4*16_384 {
		t.Errorf("the order has room for %d names", n)
	}
	if m.over("host99999.test", noon.Add(2*time.Minute)) {
		t.Error("a count outlived its minute")
	}
}

// TestNewFollowersComeSlowly bounds what a server with invented people brings; an
// old acquaintance may bring as many more as it has.
func TestNewFollowersComeSlowly(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, f *fediverse, towns ...*town) {
		lviv, _ := limited(t, towns[0], Limits{PerAddress: -1, PerHost: -1, NewHost: 2})
		news, err := lviv.Book.Own(t.Context(), lviv.DB.Read(), actors.News)
		if err != nil {
			t.Fatal(err)
		}
		far, n := f.stranger(t, "far.test"), 0
		follow := func(times int) (followers int) {
			for range times {
				n++
				who := far.person(fmt.Sprint("p", n))
				if got := lviv.arrives(t, "198.51.100.7:1", who+"#main-key", activity("Follow", who+"/follows/1", who, news.URI)); got != 202 {
					t.Fatalf("follow: %d, want 202", got)
				}
			}
			settle(t, lviv)
			followers, _, err := lviv.Book.CountFollows(t.Context(), lviv.DB.Read(), news.ID)
			if err != nil {
				t.Fatal(err)
			}
			return followers
		}
		if got := follow(4); got != 2 {
			t.Errorf("%d followers of a new server, want 2", got)
		}
		f.pass(61 * time.Minute)
		if got := follow(6); got != 6 {
			t.Errorf("%d followers an hour later, want 2 and 4 more", got)
		}
		// Those who were refused are forgotten with their wish.
		if k := lviv.count(t, "select count(*) from follows"); k != 6 {
			t.Errorf("%d follows are kept, want 6", k)
		}
	})
}

// TestCutServersLeaveNoFollows ends the follows both ways, of subdomains too and
// whatever the spelling.
func TestCutServersLeaveNoFollows(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, _ *fediverse, towns ...*town) {
		lviv := towns[0]
		olena := lviv.resident(t, "olena")
		for _, host := range []string{"far.test", "sub.far.test", "far.test:8443", "nofar.test"} {
			lviv.write(t, func(ctx context.Context, tx *store.Tx) error {
				uri := "https://" + host + "/users/ada"
				ada, err := lviv.Book.Upsert(ctx, tx, actors.RemoteActor{URI: uri, Type: "Person", Handle: "ada", Inbox: uri + "/inbox", Open: true})
				if err != nil {
					return err
				}
				if _, err := lviv.Book.Follow(ctx, tx, ada.URI+"/follow", ada, olena); err != nil {
					return err
				}
				return lviv.Follow(ctx, tx, olena, ada)
			})
		}
		lviv.write(t, func(ctx context.Context, tx *store.Tx) error {
			return lviv.Book.Block(ctx, tx, "https://FAR.test.:8443", "spam")
		})
		if n := lviv.count(t, "select count(*) from follows"); n != 2 {
			t.Errorf("%d follows are left, want the 2 of nofar.test", n)
		}
	})
}
