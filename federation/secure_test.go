package federation

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"viche/federation/ap"
	"viche/internal/store"
)

// get asks a town for something, signed by a key of the tests' unless keyID is
// empty.
func (c *town) get(t *testing.T, path, accept, keyID string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, c.Base+path, nil)
	r.Header.Set("Accept", accept)
	if keyID != "" {
		r.URL.Host = r.Host
		if err := signCavage(r, nil, keyID, testKey(), c.f.clock()); err != nil {
			t.Fatal(err)
		}
	}
	w := httptest.NewRecorder()
	c.secureHandler().ServeHTTP(w, r)
	return w
}

// secureHandler is all that a town serves, with a page for people and a module's
// list that looks at no Accept.
func (c *town) secureHandler() http.Handler {
	r := chi.NewRouter()
	r.Use(c.Negotiate)
	c.Routes(r)
	r.Get("/about", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<p>about</p>")) })
	r.Get("/trust/1", func(w http.ResponseWriter, _ *http.Request) { Serve(w, []byte(`{"type":"TrustList"}`)) })
	r.Get("/blogs/{id}/replies", func(w http.ResponseWriter, _ *http.Request) { Serve(w, []byte(`{"type":"Collection"}`)) })
	return r
}

// TestSecureModeLeavesNothingUnsigned asks for all that there is, also with an
// Accept that asks for nothing in particular.
func TestSecureModeLeavesNothingUnsigned(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, f *fediverse, towns ...*town) {
		lviv := towns[0]
		lviv.Secure = true
		lviv.Open = func(path string) bool { return path == "/trust/1" }
		var mu sync.Mutex
		counted := map[string]int{}
		lviv.Count = func(name, label string) {
			mu.Lock()
			defer mu.Unlock()
			counted[name+" "+label]++
		}
		lviv.resident(t, "olena")
		key := f.stranger(t, "far.test").person("ada") + "#main-key"
		const poll = "https://lviv.test/polls/1"
		lviv.write(t, func(ctx context.Context, tx *store.Tx) error {
			raw, err := ap.Post{Type: "Note", ID: poll, AttributedTo: lviv.Base + "/actor", To: []string{ap.Public}, Content: "?"}.Encode()
			if err != nil {
				return err
			}
			return lviv.Store(ctx, tx, poll, raw, "Note", lviv.Base+"/actor")
		})
		refused := 0
		for _, path := range []string{
			"/users/olena", "/@olena", "/users/olena/outbox", "/users/olena/outbox?before=0", "/users/olena/followers",
			"/users/olena/following", "/spheres/ecology", "/spheres/ecology/followers?before=0", "/spheres/ecology/moderators",
			"/news/outbox", "/polls/1", "/blogs/1/replies",
		} {
			for _, accept := range []string{ap.ContentType, "application/activity+json", "*/*", "application/json", ""} {
				if path == "/polls/1" && !strings.Contains(accept, "activity") {
					continue // has a page there for those who ask for no ActivityPub
				}
				w := lviv.get(t, path, accept, "")
				if w.Code != http.StatusUnauthorized || strings.Contains(w.Body.String(), "type") || w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Vary") != "Accept, Signature" {
					t.Errorf("unsigned %s with Accept %q: %d %v %s", path, accept, w.Code, w.Header(), w.Body)
				}
				refused++
			}
			w := lviv.get(t, path, ap.ContentType, key)
			if w.Code != http.StatusOK || !IsActivityType(w.Header().Get("Content-Type")) || !strings.Contains(w.Header().Get("Vary"), "Signature") || !strings.Contains(w.Header().Get("Cache-Control"), "private") {
				t.Errorf("signed %s: %d %v %s", path, w.Code, w.Header(), w.Body)
			}
		}
		mu.Lock()
		if n := counted["refused unsigned"]; n != refused {
			t.Errorf("%d refusals counted, want %d", n, refused)
		}
		mu.Unlock()
		for _, path := range []string{"/actor", "/.well-known/webfinger?resource=acct:olena@lviv.test", "/.well-known/nodeinfo", "/nodeinfo/2.1", "/.well-known/host-meta", "/trust/1", "/about"} {
			if w := lviv.get(t, path, ap.ContentType, ""); path != "/about" && w.Code != http.StatusOK {
				t.Errorf("unsigned %s: %d, want 200: it must be open", path, w.Code)
			}
		}
		if w := lviv.get(t, "/about", "text/html", ""); w.Code != http.StatusOK || w.Body.String() != "<p>about</p>" {
			t.Errorf("a page for people: %d %s", w.Code, w.Body)
		}
	})
}

// TestShutOutServersReadNothing asks as a server that is shut out, and as one
// that says it is: what is there and what is not looks the same to it.
func TestShutOutServersReadNothing(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, f *fediverse, towns ...*town) {
		lviv := towns[0]
		lviv.resident(t, "olena")
		far := f.stranger(t, "far.test")
		key := far.person("ada") + "#main-key"
		if w := lviv.get(t, "/users/olena", ap.ContentType, key); w.Code != http.StatusOK {
			t.Fatalf("before: %d", w.Code)
		}
		lviv.write(t, func(ctx context.Context, tx *store.Tx) error { return lviv.Book.Block(ctx, tx, "FAR.test", "spam") })
		for _, path := range []string{"/users/olena", "/users/olena/outbox", "/users/nobody", "/polls/none", "/spheres/ecology/followers?before=0"} {
			for _, as := range []string{key, "https://FAR.test./users/ada#main-key", "https://sub.far.test/users/eve#main-key"} {
				w := lviv.get(t, path, ap.ContentType, as)
				if w.Code != http.StatusNotFound || w.Header().Get("Cache-Control") != "no-store" || w.Body.String() != "Not Found\n" {
					t.Errorf("%s asks for %s: %d %v %s", as, path, w.Code, w.Header(), w.Body)
				}
			}
		}
		if w := lviv.get(t, "/users/olena", ap.ContentType, f.stranger(t, "other.test").person("eve")+"#main-key"); w.Code != http.StatusOK {
			t.Errorf("another server: %d, want 200", w.Code)
		}
		if n := far.asked["/users/ada"]; n != 0 {
			t.Errorf("a server that is shut out was asked for its key %d times", n)
		}
	})
}

// TestSuspendedActorStaysSuspended asks as an actor that was suspended, also
// when its key has to be fetched again.
func TestSuspendedActorStaysSuspended(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, f *fediverse, towns ...*town) {
		lviv := towns[0]
		lviv.Secure = true
		lviv.resident(t, "olena")
		ada, key := "https://far.test/users/ada", "https://far.test/users/ada#main-key"
		f.stranger(t, "far.test").person("ada")
		if w := lviv.get(t, "/users/olena", ap.ContentType, key); w.Code != http.StatusOK {
			t.Fatalf("before: %d, want 200", w.Code)
		}
		lviv.write(t, func(ctx context.Context, tx *store.Tx) error {
			a, err := lviv.Book.ByURI(ctx, tx, ada)
			if err != nil {
				return err
			}
			return lviv.Book.Suspend(ctx, tx, a.ID)
		})
		for _, later := range []time.Duration{0, keyLife + time.Hour} {
			f.pass(later)
			if w := lviv.get(t, "/users/olena", ap.ContentType, key); w.Code != http.StatusUnauthorized {
				t.Errorf("%v later: %d, want 401", later, w.Code)
			}
		}
	})
}
