package attacks

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"viche/federation"
	"viche/federation/ap"
	"viche/internal/city"
	"viche/internal/citytest"
	"viche/internal/store"
)

// A house is a world whose city dials real addresses, as it does in earnest. The
// peer lives at 127.0.0.2, which stands for the public internet; what listens at
// 127.0.0.1 and ::1 is the inside of the house, and counts who comes.
type house struct {
	*world
	inside  string // port
	port    string // of the peer
	reached atomic.Int64

	mu      sync.Mutex
	names   map[string]netip.Addr
	lookups []string
}

func eachHouse(t *testing.T, run func(t *testing.T, h *house)) {
	t.Helper()
	for kind, o := range kinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			run(t, openHouse(t, o))
		})
	}
}

func openHouse(t *testing.T, o citytest.Options) *house {
	t.Helper()
	public, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{names: map[string]netip.Addr{}}
	_, h.port, _ = net.SplitHostPort(public.Addr().String())
	for _, name := range []string{"evil.test", "victim.test", "good.test", "rebinding.test"} {
		h.name(name, "127.0.0.2")
	}
	h.name("inside.test", "127.0.0.1")
	o.Config = func(_ string, c *city.Config) {
		c.Coordinator = ""
		c.Client = federation.NewClient(federation.ClientOptions{
			Resolve: h.resolve, AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}, TLS: citytest.Trust(t), UserAgent: "viche test",
		})
	}
	w := &world{t: t, n: citytest.Fediverse(t, o, "lviv")}
	w.town, w.base, w.client = w.n.Town("lviv"), "https://lviv.test", w.n.HTTP()
	w.peer = servePeer(t, w.n, public)
	w.evil = w.peer.person("https://evil.test:" + h.port + "/users/mallory")
	w.good = w.peer.person("https://good.test:" + h.port + "/users/olena")
	h.world = w
	h.listenInside()
	return h
}

// listenInside opens one port at both addresses of this machine.
func (h *house) listenInside() {
	h.t.Helper()
	count := func(l net.Listener) {
		h.t.Cleanup(func() { _ = l.Close() }) // the test is over
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				h.reached.Add(1)
				_ = conn.Close() // it has nothing to say
			}
		}()
	}
	four, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	count(four)
	_, h.inside, _ = net.SplitHostPort(four.Addr().String())
	if six, err := net.Listen("tcp", "[::1]:"+h.inside); err == nil { // there may be no IPv6
		count(six)
	}
	if same, err := net.Listen("tcp", "127.0.0.1:"+h.port); err == nil { // the peer's port, inside
		count(same)
	}
}

func (h *house) name(host, ip string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.names[host] = netip.MustParseAddr(ip)
}

func (h *house) resolve(_ context.Context, host string) (netip.Addr, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lookups = append(h.lookups, host)
	ip, ok := h.names[host]
	return ip, ok
}

// safe does something after which nobody may have been inside.
func (h *house) safe(what string, do func()) {
	h.t.Helper()
	before := h.reached.Load()
	do()
	h.n.Settle()
	time.Sleep(5 * time.Millisecond) // a connection is counted a moment after it is made
	if n := h.reached.Load() - before; n > 0 {
		h.t.Errorf("%s: %d connections go inside", what, n)
	}
}

// private are ways to write an address inside; %s is the port.
var private = []string{
	"127.0.0.1:%s", "127.1.2.3:%s", "0.0.0.0:%s", "[::1]:%s", "[::]:%s", "[::ffff:127.0.0.1]:%s", "[::7f00:1]:%s", "[64:ff9b::7f00:1]:%s",
	"[2002:7f00:1::]:%s", "[fe80::1]:%s", "[fd00::1]:%s", "10.0.0.1:%s", "172.16.0.1:%s", "192.168.1.1:%s", "169.254.169.254:%s", "100.64.0.1:%s", "198.18.0.1:%s", "224.0.0.1:%s", "255.255.255.255:%s",
	"2130706433:%s", "0x7f000001:%s", "0177.0.0.1:%s", "127.1:%s", "localhost:%s", "inside.test:%s", "169.254.169.254", "127.0.0.1",
}

// 41: every address inside, however it is written, wherever it is named.
func TestAttack41PrivateAddresses(t *testing.T) {
	t.Parallel()
	eachHouse(t, func(t *testing.T, h *house) {
		h.works("an honest follow", h.from(h.evil, h.follow(h.evil)), "follows")
		for _, form := range private {
			at := form
			if strings.Contains(form, "%s") {
				at = fmt.Sprintf(form, h.inside)
			}
			who := &actor{id: "https://" + at + "/users/x", keyID: "https://" + at + "/users/x#main-key", key: h.evil.key}
			h.safe("key and actor at "+at, func() {
				if got := h.send(h.from(who, with(h.follow(h.evil), "id", who.id+"/a/1", "actor", who.id))); got == http.StatusAccepted {
					t.Errorf("a key at %s: status %d", at, got)
				}
			})
			h.safe("what is fetched at "+at, func() {
				if _, err := h.town.Federation.Fetch(t.Context(), "https://"+at+"/n/1"); err == nil {
					t.Errorf("a fetch from %s succeeds", at)
				}
			})
			h.safe("a handle at "+at, func() {
				if _, err := h.town.Federation.Lookup(t.Context(), "@x@"+at); err == nil {
					t.Errorf("a handle at %s is found", at)
				}
			})
		}
		// An actor whose boxes are inside.
		for i, member := range []map[string]any{
			{"inbox": "https://127.0.0.1:" + h.inside + "/inbox"},
			{"endpoints": map[string]any{"sharedInbox": "https://127.0.0.1:" + h.inside + "/inbox"}},
			{"endpoints": map[string]any{"sharedInbox": "https://inside.test:" + h.inside + "/inbox"}},
			{"icon": map[string]any{"type": "Image", "url": "https://127.0.0.1:" + h.inside + "/i.png"}},
			{"featured": "https://127.0.0.1:" + h.inside + "/featured", "followers": "https://127.0.0.1:" + h.inside + "/followers", "outbox": "https://127.0.0.1:" + h.inside + "/outbox"},
		} {
			who := h.peer.person(fmt.Sprintf("https://evil.test:%s/users/boxes%d", h.port, i))
			doc := who.document()
			for name, value := range member {
				doc[name] = value
			}
			h.peer.document(who.id, doc)
			h.safe(fmt.Sprint("an actor with ", member), func() {
				h.send(h.from(who, h.follow(who)))
				h.n.Settle()
			})
		}
		h.canBeReached()
	})
}

// canBeReached is the control: whoever may go inside does, by the same client.
func (h *house) canBeReached() {
	h.t.Helper()
	before := h.reached.Load()
	free := federation.NewClient(federation.ClientOptions{Resolve: h.resolve, AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, TLS: citytest.Trust(h.t)})
	for _, at := range []string{"127.0.0.1", "inside.test"} {
		if _, err := free.Get(h.t.Context(), "https://"+at+":"+h.inside+"/", "*/*", nil); err == nil {
			h.t.Errorf("%s answers, though it hangs up on everybody", at)
		}
	}
	deadline := time.Now().Add(2 * time.Second)
	for h.reached.Load()-before < 2 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	if n := h.reached.Load() - before; n < 2 {
		h.t.Errorf("a client that may go inside is counted %d times, so nothing was tried", n)
	}
}

// 42: a name that is public when it is looked at, and inside when it is dialled.
func TestAttack42NameThatChanges(t *testing.T) {
	t.Parallel()
	eachHouse(t, func(t *testing.T, h *house) {
		who := h.peer.person("https://rebinding.test:" + h.port + "/users/eve")
		h.works("while the name is public", h.from(who, h.follow(who)), "follows")
		if h.peer.letters("https://rebinding.test") == nil {
			t.Error("nothing was delivered while the name was public, so nothing could be afterwards")
		}
		// From now on it lies inside; every dial looks the name up once, and judges
		// what it connects to.
		h.name("rebinding.test", "127.0.0.1")
		h.hangUp()
		h.safe("a delivery", func() {
			h.send(h.from(who, h.follow(who)))
			h.n.Settle()
			for range 3 {
				h.n.Advance(time.Hour)
				h.n.Settle()
			}
		})
		h.mu.Lock()
		h.lookups = nil
		h.mu.Unlock()
		h.safe("a fetch", func() {
			if _, err := h.town.Federation.Fetch(t.Context(), who.id); !errors.Is(err, federation.ErrRefused) {
				t.Errorf("Fetch = %v, want it refused by the address", err)
			}
		})
		if len(h.lookups) != 1 {
			t.Errorf("the name is looked up %d times for one connection: %q", len(h.lookups), h.lookups)
		}
		h.canBeReached()
	})
}

// 43: a public address that leads inside, for unsigned and signed requests.
func TestAttack43RedirectInside(t *testing.T) {
	t.Parallel()
	eachHouse(t, func(t *testing.T, h *house) {
		base := "https://evil.test:" + h.port
		for i, to := range []string{"https://127.0.0.1:" + h.inside + "/x", "https://inside.test:" + h.inside + "/x", "https://[::1]:" + h.inside + "/x", "//127.0.0.1:" + h.inside + "/x", "http://127.0.0.1:" + h.inside + "/x"} {
			for _, status := range []int{301, 302, 303, 307, 308} {
				at := fmt.Sprintf("%s/r/%d/%d", base, i, status)
				h.peer.put(at, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Location", to)
					w.WriteHeader(status)
				})
				h.safe(fmt.Sprintf("%d to %s", status, to), func() {
					if _, err := h.town.Federation.Fetch(t.Context(), at); err == nil { // signed by the instance
						t.Errorf("%d to %s: a fetch succeeds", status, to)
					}
					if _, err := h.town.Client.Get(t.Context(), at, "*/*", nil); err == nil {
						t.Errorf("%d to %s: an unsigned fetch succeeds", status, to)
					}
					if r, err := h.town.Client.HTTP().Get(at); err == nil {
						_ = r.Body.Close()
						t.Errorf("%d to %s: a request of another protocol succeeds", status, to)
					}
				})
			}
		}
		// A key, a handle and an inbox that lead inside.
		who := &actor{id: base + "/users/leads", keyID: base + "/users/leads#main-key", key: h.evil.key}
		h.peer.redirect(who.id, "https://127.0.0.1:"+h.inside+"/users/leads")
		h.safe("a key", func() { h.send(h.from(who, h.follow(who))) })
		h.peer.redirect(base+"/.well-known/webfinger?resource=acct%3Ax%40evil.test%3A"+h.port, "https://127.0.0.1:"+h.inside+"/")
		h.safe("a handle", func() {
			if _, err := h.town.Federation.Lookup(t.Context(), "@x@evil.test:"+h.port); err == nil {
				t.Error("a handle that leads inside is found")
			}
		})
		h.peer.inbox = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://127.0.0.1:"+h.inside+"/inbox")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}
		h.safe("an inbox", func() { h.send(h.from(h.evil, h.follow(h.evil))) })
		if len(h.peer.letters(base)) == 0 {
			t.Error("nothing was posted to the inbox that leads inside")
		}
		h.peer.document(base+"/n/1", note(base+"/n/1", h.evil.id))
		h.peer.redirect(base+"/r/home", base+"/n/1")
		if _, err := h.town.Federation.Fetch(t.Context(), base+"/r/home"); err != nil {
			t.Errorf("a redirect that stays outside: %v", err)
		}
		h.canBeReached()
	})
}

// 44: redirects without an end, or into other schemes.
func TestAttack44EndlessRedirects(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.peer.redirect("https://evil.test/loop", "https://evil.test/loop")
		for i := range 50 {
			w.peer.redirect(fmt.Sprintf("https://evil.test/hop/%d", i), fmt.Sprintf("https://evil.test/hop/%d", i+1))
		}
		w.peer.redirect("https://evil.test/ping", "https://victim.test/pong")
		w.peer.redirect("https://victim.test/pong", "https://evil.test/ping")
		for _, at := range []string{"https://evil.test/loop", "https://evil.test/hop/0", "https://evil.test/ping"} {
			w.harmless(at, func() {
				if _, err := w.town.Federation.Fetch(t.Context(), at); !errors.Is(err, federation.ErrRefused) {
					t.Errorf("Fetch(%s) = %v, want it refused", at, err)
				}
			}, asks(4))
			who := &actor{id: at, keyID: at + "#main-key", key: w.evil.key}
			w.refused("a key at "+at, http.StatusUnauthorized, w.from(who, with(w.follow(w.evil), "actor", who.id)), asks(4))
		}
		for i, to := range []string{"file:///etc/passwd", "data:application/activity+json,{}", "gopher://127.0.0.1:70/x", "ftp://evil.test/x", "http://evil.test/x", "javascript:1", "https://user:password@evil.test/x", "https:///x", "://"} {
			at := fmt.Sprintf("https://evil.test/scheme/%d", i)
			w.peer.redirect(at, to)
			w.harmless(to, func() {
				if _, err := w.town.Federation.Fetch(t.Context(), at); err == nil {
					t.Errorf("to %s: a fetch succeeds", to)
				}
				if r, err := w.town.Client.HTTP().Get(at); err == nil {
					_ = r.Body.Close()
					t.Errorf("to %s: a request of another protocol succeeds", to)
				}
			}, asks(3))
		}
		w.peer.document("https://evil.test/hop/3", note("https://evil.test/hop/3", w.evil.id))
		if _, err := w.town.Federation.Fetch(t.Context(), "https://evil.test/hop/0"); err != nil {
			t.Errorf("three redirects: %v", err)
		}
	})
}

// 45: followers whose inbox is somebody else's server; thousands of followers of
// one new host.
func TestAttack45InboxOfAnother(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		fake := w.peer.person("https://evil.test/users/fake")
		w.peer.document(fake.id, with(fake.document(), "inbox", "https://victim.test/inbox"))
		w.refused("an inbox at the victim's", http.StatusUnauthorized, w.from(fake, w.follow(fake)), asks(2))
		w.n.Advance(time.Hour)
		w.peer.document(fake.id, with(fake.document(), "endpoints", map[string]any{"sharedInbox": "https://victim.test/inbox"}))
		w.works("a shared inbox at the victim's is left aside", w.from(fake, w.follow(fake)), "follows")
		// Later it says so of itself: it keeps the inbox that it had.
		w.ignored("an inbox moved to the victim's", w.from(fake, w.activity("Update", fake, with(fake.document(), "inbox", "https://victim.test/inbox"))), asks(2))
		crowd := 0
		for i := range 30 {
			id := fmt.Sprintf("https://good.test/users/fan%d", i)
			fan := &actor{id: id, keyID: id + "#main-key", key: w.good.key}
			w.peer.document(id, fan.document())
			if w.send(w.from(fan, w.follow(fan))) == http.StatusAccepted {
				crowd++
			}
		}
		w.n.Settle()
		before := len(w.peer.letters("https://good.test/"))
		w.announce()
		if n := len(w.peer.letters("https://good.test/")) - before; n != 1 {
			t.Errorf("%d followers of one host with a shared inbox are %d deliveries, want 1", crowd, n)
		}
		if n := len(w.peer.letters("https://evil.test/users/fake/inbox")); n == 0 {
			t.Error("the follower's own inbox gets nothing, so nothing was tried")
		}
		if got := w.peer.requests("https://victim.test/"); len(got) > 0 {
			t.Errorf("the victim is asked %q", got)
		}
	})
}

// 45, the crowd: a host that nobody knew yesterday brings a thousand followers.
func TestAttack45CrowdOfFollowers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		const crowd = 1000
		for i := range crowd {
			id := fmt.Sprintf("https://evil.test/users/fan%d", i)
			fan := &actor{id: id, keyID: id + "#main-key", key: w.evil.key}
			w.peer.document(id, with(fan.document(), "endpoints", nil)) // each an inbox of its own
			w.send(w.from(fan, w.follow(fan)))
			if i%100 == 99 {
				w.n.Advance(2 * time.Minute) // slowly enough for a limit of requests
			}
		}
		w.n.Settle()
		n := w.number("select count(*) from follows join actors on actors.id = follows.follower where actors.host = 'evil.test'")
		if n >= crowd || n == 0 {
			t.Errorf("%d of %d followers of one new host are taken within the hour", n, crowd)
		}
		w.works("a follower of another host", w.from(w.good, w.follow(w.good)), "follows")
		w.n.Advance(2 * time.Hour)
		later := w.peer.person("https://evil.test/users/later")
		w.works("a follower of that host, hours later", w.from(later, w.follow(later)), "follows")
	})
}

// announce has the city say something to all followers of ecology.
func (w *world) announce() {
	w.t.Helper()
	channel, err := w.town.Book.BySlug(w.t.Context(), w.town.DB.Read(), "ecology")
	if err != nil {
		w.t.Fatal(err)
	}
	err = w.town.DB.Write(w.t.Context(), func(ctx context.Context, tx *store.Tx) error {
		return w.town.Federation.AnnounceFrom(ctx, tx, channel, "https://good.test/n/"+fmt.Sprint(store.NewID()), nil)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.n.Settle()
}

// 46: hosts that cannot be reached, one for each fake actor.
func TestAttack46HostForEachActor(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		// Keys that cannot be fetched leave nothing.
		w.harmless("keys at a hundred ports", func() {
			for i := range 100 {
				id := fmt.Sprintf("https://evil.test:%d/users/x", 10_000+i)
				who := &actor{id: id, keyID: id + "#main-key", key: w.evil.key}
				if got := w.send(w.from(who, with(w.follow(w.evil), "id", id+"/a/1", "actor", id))); got == http.StatusAccepted {
					t.Fatalf("status %d", got)
				}
			}
		}, leaves("peers"))
		if n := w.number("select count(*) from peers"); n > 0 {
			t.Errorf("%d rows of peers are kept of hosts that never answered", n)
		}
		// Followers whose host has gone since: what is noted about it ends with it.
		w.works("a follower", w.from(w.good, w.follow(w.good)), "follows")
		w.n.Meet("good.test", "127.0.0.1:1") // where nobody listens
		w.hangUp()
		w.announce()
		for range 60 {
			w.n.Advance(12 * time.Hour)
			w.n.Settle()
		}
		for range 40 {
			w.n.Advance(24 * time.Hour)
			if err := w.town.Federation.Tidy(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.n.Settle()
		}
		if n := w.number("select count(*) from deliveries"); n != 0 {
			t.Errorf("%d deliveries to the dead host wait still", n)
		}
		if n := w.number("select count(*) from hosts"); n != 0 {
			t.Errorf("%d rows about hosts are kept for ever", n)
		}
	})
}

// hangUp has the city dial anew for whatever it wants next.
func (w *world) hangUp() { w.peer.server.CloseClientConnections() }

// 47: a host that asks to be left alone for three years.
func TestAttack47RetryAfterYears(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.works("a follower", w.from(w.evil, w.follow(w.evil)), "follows")
		for _, header := range []string{"99999999", "-5", "9999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT", "soon", ""} {
			for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
				w.peer.inbox = func(rw http.ResponseWriter, _ *http.Request) {
					rw.Header().Set("Retry-After", header)
					rw.WriteHeader(status)
				}
				before := len(w.peer.letters("https://evil.test"))
				w.announce()
				if len(w.peer.letters("https://evil.test")) == before {
					t.Fatalf("%d %q: nothing is sent", status, header)
				}
				latest := store.Millis(w.n.Now().Add(25 * time.Hour))
				if n := w.number("select count(*) from deliveries where due > ?", latest) + w.number("select count(*) from hosts where retry_at > ?", latest); n > 0 {
					t.Errorf("%d with Retry-After %q: %d are put off for more than a day", status, header, n)
				}
				if n := w.number("select count(*) from deliveries"); n != 1 {
					t.Errorf("%d with Retry-After %q: %d deliveries wait, want 1", status, header, n)
				}
				w.peer.inbox = nil
				w.n.Advance(26 * time.Hour)
				w.n.Settle()
				if n := w.number("select count(*) from deliveries"); n != 0 {
					t.Errorf("%d with Retry-After %q: not delivered a day later", status, header)
				}
			}
		}
	})
}

// 50: a page of HTML made for readers that look for links by regular
// expressions: it is read as what it is, in no time.
func TestAttack50PageThatStallsReaders(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for name, page := range map[string]string{
			"a tag that does not end": "<link " + strings.Repeat("rel='alternate' ", 60_000),
			"brackets":                strings.Repeat("<", 900_000),
			"nested":                  strings.Repeat("<div>", 180_000),
			"quotes":                  "<a href=\"" + strings.Repeat("\"'", 450_000),
			"spaces":                  "<link" + strings.Repeat(" ", 900_000) + ">",
		} {
			for _, kind := range []string{"text/html; charset=utf-8", ap.ContentType} {
				at := "https://evil.test/page"
				w.peer.put(at, typed(kind, []byte(page)))
				begun := time.Now()
				w.harmless(name, func() {
					if _, err := w.town.Federation.Fetch(t.Context(), at); err == nil {
						t.Errorf("%s as %s: it is taken for a document", name, kind)
					}
				}, asks(1))
				if took := time.Since(begun); took > 10*time.Second {
					t.Errorf("%s as %s: it took %v", name, kind, took)
				}
			}
		}
		w.peer.document("https://evil.test/page", note("https://evil.test/page", w.evil.id))
		if _, err := w.town.Federation.Fetch(t.Context(), "https://evil.test/page"); err != nil {
			t.Errorf("an honest document there: %v", err)
		}
	})
}
