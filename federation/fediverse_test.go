package federation

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
	"viche/internal/store/storetest"
)

// A fediverse is several servers in one process: each has its own name, its
// own certificate, and is reached over TLS by nothing but its name.
type fediverse struct {
	mu    sync.Mutex
	hosts map[string]string // name:443 → address of the listener
	roots *x509.CertPool
	cert  tls.Certificate
	now   time.Time
	down  map[string]bool
}

func newFediverse(t *testing.T) *fediverse {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"*.test"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	f := &fediverse{hosts: map[string]string{}, down: map[string]bool{}, roots: x509.NewCertPool(), now: noon}
	f.roots.AddCert(leaf)
	f.cert = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return f
}

// host starts a server under a name.
func (f *fediverse) host(t *testing.T, name string, h http.Handler) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{f.cert}}
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	f.hosts[name+":443"] = s.Listener.Addr().String()
}

func (f *fediverse) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	f.mu.Lock()
	to, down := f.hosts[addr], f.down[addr]
	f.mu.Unlock()
	if to == "" || down {
		return nil, fmt.Errorf("no route to %s", addr)
	}
	return new(net.Dialer).DialContext(ctx, network, to)
}

func (f *fediverse) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *fediverse) pass(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

func (f *fediverse) cut(name string, down bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down[name+":443"] = down
}

// sealed is a Sealer for tests, in which nobody steals keys.
type sealed struct{}

func (sealed) Seal(_ string, plain []byte) ([]byte, error)    { return plain, nil }
func (sealed) Unseal(_ string, sealed []byte) ([]byte, error) { return sealed, nil }

// town is one instance of ours in the fediverse.
type town struct {
	*City
	f *fediverse
}

func (f *fediverse) client() *Client {
	return NewClient(ClientOptions{Dial: f.dial, TLS: &tls.Config{RootCAs: f.roots}})
}

func (f *fediverse) town(t *testing.T, name, dsn string) *town {
	t.Helper()
	db := storetest.Open(t, dsn, store.Options{Clock: f.clock})
	base := "https://" + name
	book := actors.New(db, sealed{}, base)
	if err := book.Found(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	c := New(Options{DB: db, Book: book, Client: f.client(), Base: base, Name: name})
	r := chi.NewRouter()
	r.Use(c.Negotiate)
	c.Routes(r)
	f.host(t, name, r)
	return &town{c, f}
}

// each runs a test on SQLite and, where there is a server, on PostgreSQL.
func each(t *testing.T, names []string, run func(t *testing.T, f *fediverse, towns ...*town)) {
	t.Helper()
	dsns := map[string]func(testing.TB) string{"sqlite": storetest.SQLite}
	if os.Getenv("VICHE_TEST_POSTGRES") != "" {
		dsns["postgres"] = storetest.Postgres
	}
	for kind, dsn := range dsns {
		t.Run(kind, func(t *testing.T) {
			f := newFediverse(t)
			var towns []*town
			for _, name := range names {
				towns = append(towns, f.town(t, name, dsn(t)))
			}
			run(t, f, towns...)
		})
	}
}

// settle goes on until nobody has anything left to do that could be done now.
func settle(t *testing.T, towns ...*town) {
	t.Helper()
	for range 100 {
		n := 0
		for _, town := range towns {
			for _, step := range []func(context.Context) (int, error){town.DrainInbox, town.FanOut, town.Deliver} {
				done, err := step(t.Context())
				if err != nil {
					t.Fatalf("%s: %v", town.Base, err)
				}
				n += done
			}
		}
		if n == 0 {
			return
		}
	}
	t.Fatal("the towns do not come to rest")
}

func (c *town) write(t *testing.T, f func(ctx context.Context, tx *store.Tx) error) {
	t.Helper()
	if err := c.DB.Write(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func (c *town) resident(t *testing.T, handle string) (a actors.Actor) {
	t.Helper()
	c.write(t, func(ctx context.Context, tx *store.Tx) (err error) {
		a, err = c.Book.Create(ctx, tx, actors.Local{Kind: actors.Resident, Handle: handle, Name: handle})
		return err
	})
	return a
}

func (c *town) count(t *testing.T, query string, args ...any) (n int) {
	t.Helper()
	if err := c.DB.ReadBound().Row(t.Context(), []any{&n}, query, args...); err != nil {
		t.Fatal(err)
	}
	return n
}

// heardOf collects what handlers are given.
type heardOf struct {
	mu   sync.Mutex
	list []string
}

func (h *heardOf) on(activity, object string) On {
	return On{Activity: activity, Object: object, Do: func(_ context.Context, _ *store.Tx, a *ap.Activity) error {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.list = append(h.list, a.Type+" "+a.Object.ID)
		return nil
	}}
}

func (h *heardOf) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.list, "\n")
}

// TestTwoTowns is the straight way: find, follow, be told, unfollow.
func TestTwoTowns(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test", "kharkiv.test"}, func(t *testing.T, _ *fediverse, towns ...*town) {
		lviv, kharkiv := towns[0], towns[1]
		var heard heardOf
		kharkiv.Handle(heard.on("Announce", "*"))
		olena := kharkiv.resident(t, "olena")
		ecology, err := kharkiv.Lookup(t.Context(), "@ecology@lviv.test")
		if err != nil || ecology.URI != "https://lviv.test/spheres/ecology" || ecology.Type != "Group" {
			t.Fatalf("Lookup = %+v, %v", ecology, err)
		}
		kharkiv.write(t, func(ctx context.Context, tx *store.Tx) error { return kharkiv.Follow(ctx, tx, olena, ecology) })
		settle(t, towns...)
		follow, err := kharkiv.Book.Following(t.Context(), kharkiv.DB.Read(), olena.ID, ecology.ID)
		if err != nil || !follow.Accepted {
			t.Fatalf("follow at home = %+v, %v; want it accepted", follow, err)
		}
		channel, err := lviv.Book.BySlug(t.Context(), lviv.DB.Read(), "ecology")
		if err != nil {
			t.Fatal(err)
		}
		if n, _, err := lviv.Book.CountFollows(t.Context(), lviv.DB.Read(), channel.ID); err != nil || n != 1 {
			t.Fatalf("followers at lviv = %d, %v; want 1", n, err)
		}

		city, err := lviv.Book.Own(t.Context(), lviv.DB.Read(), actors.Instance)
		if err != nil {
			t.Fatal(err)
		}
		const poll = "https://lviv.test/polls/1"
		lviv.write(t, func(ctx context.Context, tx *store.Tx) error {
			raw, err := ap.Post{Type: "Note", ID: poll, AttributedTo: city.URI, To: []string{ap.Public}, Content: "<p>?</p>"}.Encode()
			if err != nil {
				return err
			}
			if err := lviv.Store(ctx, tx, poll, raw, "Question", city.URI); err != nil {
				return err
			}
			create, err := ap.Envelope{ID: lviv.ActivityURI(), Actor: city.URI, To: []string{ap.Public}}.Create(raw)
			if err != nil {
				return err
			}
			return lviv.AnnounceFrom(ctx, tx, channel, poll, create)
		})
		settle(t, towns...)
		got := heard.String()
		if !strings.Contains(got, "Announce "+poll) || strings.Count(got, "\n") != 1 {
			t.Errorf("kharkiv heard %q, want the object's and the activity's announce", got)
		}
		raw, err := kharkiv.Fetch(t.Context(), poll)
		if err != nil || !bytes.Contains(raw, []byte(`"content":"<p>?</p>"`)) {
			t.Errorf("Fetch(%s) = %s, %v", poll, raw, err)
		}
		if n := lviv.count(t, "select count(*) from deliveries"); n != 0 {
			t.Errorf("%d deliveries are left", n)
		}

		kharkiv.write(t, func(ctx context.Context, tx *store.Tx) error { return kharkiv.Unfollow(ctx, tx, olena, ecology) })
		settle(t, towns...)
		if n, _, err := lviv.Book.CountFollows(t.Context(), lviv.DB.Read(), channel.ID); err != nil || n != 0 {
			t.Errorf("followers at lviv after the undo = %d, %v; want 0", n, err)
		}
		// Neither side keeps what was said between two.
		if n := kharkiv.count(t, "select count(*) from activities where type = 'Undo'"); n != 0 {
			t.Errorf("kharkiv keeps %d Undo", n)
		}
		if n := lviv.count(t, "select count(*) from inbox where body is not null"); n != 0 {
			t.Errorf("lviv keeps %d bodies", n)
		}
	})
}

// A stranger is a server whose every document the test chooses.
type stranger struct {
	host  string
	mu    sync.Mutex
	docs  map[string]string
	gone  map[string]bool
	asked map[string]int
	got   []string
	reply func(w http.ResponseWriter) // to deliveries; 202 if nil
}

func (f *fediverse) stranger(t *testing.T, host string) *stranger {
	t.Helper()
	s := &stranger{host: host, docs: map[string]string{}, gone: map[string]bool{}, asked: map[string]int{}}
	f.host(t, host, s)
	return s
}

func (s *stranger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[r.URL.Path]++
	if r.Method == http.MethodPost {
		body, _ := io.ReadAll(r.Body)
		s.got = append(s.got, r.URL.Path+" "+string(body))
		if s.reply != nil {
			s.reply(w)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		return
	}
	if s.gone[r.URL.Path] {
		w.WriteHeader(http.StatusGone)
		return
	}
	doc, ok := s.docs[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/activity+json")
	_, _ = io.WriteString(w, doc)
}

func (s *stranger) put(path string, doc any) {
	raw, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.docs[path] = string(raw)
}

func (s *stranger) uri(path string) string { return "https://" + s.host + path }

// person serves an actor who signs with the tests' key.
func (s *stranger) person(name string) string {
	uri := s.uri("/users/" + name)
	s.put("/users/"+name, s.document(uri))
	return uri
}

func (s *stranger) document(uri string) map[string]any {
	text, err := actors.EncodeRSA(&testKey().PublicKey)
	if err != nil {
		panic(err)
	}
	return map[string]any{
		"@context": ap.ActivityStreams, "id": uri, "type": "Person", "preferredUsername": uri[strings.LastIndex(uri, "/")+1:],
		"inbox": uri + "/inbox", "endpoints": map[string]any{"sharedInbox": s.uri("/inbox")},
		"publicKey": map[string]any{"id": uri + "#main-key", "owner": uri, "publicKeyPem": text},
	}
}

// send posts an activity to a town as the holder of a key, and gives the status.
func (f *fediverse) send(t *testing.T, to *town, keyID string, activity any) int {
	t.Helper()
	body, err := json.Marshal(activity)
	if err != nil {
		t.Fatal(err)
	}
	return f.sendRaw(t, to, keyID, body)
}

func (f *fediverse) sendRaw(t *testing.T, to *town, keyID string, body []byte) int {
	t.Helper()
	answer, err := f.client().Post(t.Context(), to.Base+"/inbox", "application/activity+json", body,
		&Signer{Sign: func(r *http.Request, body []byte, _ string) error {
			return signCavage(r, body, keyID, testKey(), f.clock())
		}})
	if err != nil {
		t.Fatal(err)
	}
	return answer.Status
}

func note(id, by string) map[string]any {
	return map[string]any{"id": id, "type": "Note", "attributedTo": by, "content": "x", "to": ap.Public}
}

func activity(kind, id, by string, object any) map[string]any {
	return map[string]any{"@context": ap.ActivityStreams, "id": id, "type": kind, "actor": by, "object": object}
}

// TestWhoMaySpeak is the part of the list of attacks that is about identity:
// what the inbox answers, and what a handler gets to see.
func TestWhoMaySpeak(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, f *fediverse, towns ...*town) {
		lviv := towns[0]
		var heard heardOf
		for _, kind := range []string{"Create", "Update", "Like", "Announce"} {
			lviv.Handle(heard.on(kind, "*"))
		}
		lviv.Handle(heard.on("Delete", "Object"))
		evil, victim := f.stranger(t, "evil.test"), f.stranger(t, "victim.test")
		mallory, other := evil.person("mallory"), evil.person("other")
		ada, eve := victim.person("ada"), victim.person("eve")
		key := mallory + "#main-key"

		// 6: a key document that names the victim, who does not list it.
		evil.put("/keys/1", map[string]any{"id": evil.uri("/keys/1"), "owner": ada, "publicKeyPem": "x"})
		victim.put("/keys/1", map[string]any{"id": victim.uri("/keys/1"), "type": "CryptographicKey", "owner": ada,
			"publicKeyPem": evil.document(ada)["publicKey"].(map[string]any)["publicKeyPem"]})
		// 7: the victim's id serves another actor's document.
		victim.put("/users/swapped", evil.document(mallory))
		// 8: a key document whose id is not the one asked for.
		evil.put("/keys/2", map[string]any{"id": evil.uri("/keys/3"), "owner": mallory, "publicKeyPem": "x"})

		n := 0
		id := func(host string) string { n++; return fmt.Sprintf("https://%s/a/%d", host, n) }
		if got := f.send(t, lviv, key, activity("Create", id("evil.test"), mallory, note("https://evil.test/n/1", mallory))); got != 202 {
			t.Fatalf("a sound activity: %d, want 202", got)
		}
		settle(t, lviv)
		if got := heard.String(); got != "Create https://evil.test/n/1" {
			t.Fatalf("a sound activity was heard as %q", got)
		}
		heard.list = nil

		for name, c := range map[string]struct {
			key      string
			activity any
			status   int
		}{
			"5 id of another origin":          {key, activity("Create", id("victim.test"), mallory, note("https://evil.test/n/2", mallory)), 400},
			"6 key that its owner disowns":    {evil.uri("/keys/1"), activity("Create", id("evil.test"), mallory, note("https://evil.test/n/3", mallory)), 401},
			"6 key on the victim's own host":  {victim.uri("/keys/1"), activity("Create", id("victim.test"), ada, note("https://victim.test/n/4", ada)), 401},
			"7 another actor under the id":    {victim.uri("/users/swapped#main-key"), activity("Create", id("victim.test"), victim.uri("/users/swapped"), note("https://victim.test/n/5", ada)), 401},
			"8 key of another id":             {evil.uri("/keys/2"), activity("Create", id("evil.test"), mallory, note("https://evil.test/n/6", mallory)), 401},
			"9 actor is the victim":           {key, activity("Create", id("victim.test"), ada, note("https://victim.test/n/7", ada)), 401},
			"9 actor of the same host":        {key, activity("Create", id("evil.test"), other, note("https://evil.test/n/8", other)), 401},
			"10 object of the victim":         {key, activity("Create", id("evil.test"), mallory, note("https://evil.test/n/9", ada)), 202},
			"10 object on the victim's host":  {key, activity("Create", id("evil.test"), mallory, note("https://victim.test/n/10", mallory)), 202},
			"10 object of the same host":      {key, activity("Create", id("evil.test"), mallory, note("https://evil.test/n/11", other)), 202},
			"13 update by another author":     {other + "#main-key", activity("Update", id("evil.test"), other, note("https://evil.test/n/1", other)), 202},
			"11 update of the same host":      {other + "#main-key", activity("Update", id("evil.test"), other, note("https://evil.test/n/1", mallory)), 202},
			"11 delete of the same host":      {other + "#main-key", activity("Delete", id("evil.test"), other, "https://evil.test/n/1"), 202},
			"11 delete of another host":       {key, activity("Delete", id("evil.test"), mallory, "https://victim.test/n/1"), 202},
			"15 user in the address":          {key, activity("Create", "https://evil.test@victim.test/a/1", mallory, note("https://evil.test/n/12", mallory)), 400},
			"15 host that begins alike":       {key, activity("Create", "https://evil.test.victim.test/a/1", mallory, note("https://evil.test/n/13", mallory)), 400},
			"15 another port":                 {key, activity("Create", "https://evil.test:8443/a/1", mallory, note("https://evil.test/n/14", mallory)), 400},
			"16 two actors":                   {key, activity("Create", id("evil.test"), "", note("https://evil.test/n/15", mallory)), 400},
			"16 two authors, victim first":    {key, activity("Create", id("evil.test"), mallory, map[string]any{"id": "https://evil.test/n/16", "type": "Note", "attributedTo": []string{ada, mallory}}), 400},
			"16 two authors of one host":      {key, activity("Create", id("evil.test"), mallory, map[string]any{"id": "https://evil.test/n/17", "type": "Note", "attributedTo": []string{other, mallory}}), 202},
			"17 no id":                        {key, map[string]any{"type": "Create", "actor": mallory, "object": note("https://evil.test/n/18", mallory)}, 400},
			"17 id null":                      {key, map[string]any{"id": nil, "type": "Create", "actor": mallory, "object": "https://evil.test/x"}, 400},
			"17 id a number":                  {key, map[string]any{"id": 1, "type": "Create", "actor": mallory, "object": "https://evil.test/x"}, 400},
			"17 id a list":                    {key, map[string]any{"id": []string{"https://evil.test/a"}, "type": "Create", "actor": mallory, "object": "https://evil.test/x"}, 400},
			"17 id of 10 kB":                  {key, activity("Create", "https://evil.test/"+strings.Repeat("a", 10_000), mallory, note("https://evil.test/n/19", mallory)), 400},
			"29 key on our own host":          {"https://lviv.test/actor#main-key", activity("Create", id("evil.test"), mallory, note("https://evil.test/n/20", mallory)), 401},
			"29 our own actor from outside":   {"https://lviv.test/actor#main-key", activity("Create", id("lviv.test"), "https://lviv.test/actor", note("https://lviv.test/n/1", "https://lviv.test/actor")), 401},
			"29 acct key":                     {"acct:mallory@evil.test", activity("Create", id("evil.test"), mallory, note("https://evil.test/n/21", mallory)), 401},
			"29 data key":                     {"data:,x", activity("Create", id("evil.test"), mallory, note("https://evil.test/n/22", mallory)), 401},
			"60 undo of another's activity":   {key, activity("Undo", id("evil.test"), mallory, activity("Like", "https://victim.test/l/1", ada, "https://lviv.test/polls/1")), 202},
			"no proper type of content":       {key, []string{"x"}, 400},
			"57 accept nobody asked for":      {key, activity("Accept", id("evil.test"), mallory, activity("Follow", "https://lviv.test/f/1", "https://lviv.test/actor", mallory)), 202},
			"update of somebody else's actor": {key, activity("Update", id("evil.test"), mallory, victim.document(ada)), 202},
		} {
			if strings.HasPrefix(name, "16 two actors") {
				c.activity.(map[string]any)["actor"] = []string{mallory, ada}
			}
			if got := f.send(t, lviv, c.key, c.activity); got != c.status {
				t.Errorf("%s: status %d, want %d", name, got, c.status)
			}
			settle(t, lviv)
			if got := heard.String(); got != "" {
				t.Errorf("%s: a handler was given %q", name, got)
				heard.list = nil
			}
		}
		// An announce with the victim's words in it reaches handlers as a link.
		lviv.mux[[2]string{"Announce", "*"}] = []On{{Activity: "Announce", Object: "*", Do: func(_ context.Context, _ *store.Tx, a *ap.Activity) error {
			if a.Object.Content != "" || a.Object.Raw != nil {
				t.Errorf("53: the announcer's copy %+v was believed", a.Object)
			}
			heard.list = append(heard.list, "Announce "+a.Object.ID)
			return nil
		}}}
		f.send(t, lviv, key, activity("Announce", id("evil.test"), mallory, note("https://victim.test/n/1", ada)))
		settle(t, lviv)
		if got := heard.String(); got != "Announce https://victim.test/n/1" {
			t.Errorf("53: heard %q", got)
		}
		heard.list = nil

		// 59: what was deleted stays deleted, and only by its owner.
		mine := func(kind string, object any) int {
			return f.send(t, lviv, ada+"#main-key", activity(kind, id("victim.test"), ada, object))
		}
		f.send(t, lviv, eve+"#main-key", activity("Delete", id("victim.test"), eve, "https://victim.test/n/1"))
		mine("Create", note("https://victim.test/n/1", ada))
		settle(t, lviv)
		mine("Delete", "https://victim.test/n/1")
		settle(t, lviv)
		mine("Create", note("https://victim.test/n/1", ada))
		mine("Update", note("https://victim.test/n/1", ada))
		settle(t, lviv)
		if got, want := heard.String(), "Delete https://victim.test/n/1\nCreate https://victim.test/n/1\nDelete https://victim.test/n/1"; got != want {
			t.Errorf("59: heard\n%s\nwant\n%s", got, want)
		}
	})
}

// TestTwiceIsOnce is row 25, with the exception that GoToSocial needs.
func TestTwiceIsOnce(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, f *fediverse, towns ...*town) {
		lviv := towns[0]
		var heard heardOf
		lviv.Handle(heard.on("Create", "*"), heard.on("Update", "*"))
		far := f.stranger(t, "far.test")
		olena := far.person("olena")
		key := olena + "#main-key"
		for range 3 {
			if got := f.send(t, lviv, key, activity("Create", "https://far.test/a/1", olena, note("https://far.test/n/1", olena))); got != 202 {
				t.Errorf("status %d, want 202", got)
			}
			settle(t, lviv)
		}
		edited := note("https://far.test/n/1", olena)
		for _, text := range []string{"second", "third", "third"} {
			edited["content"] = text
			f.send(t, lviv, key, activity("Update", "https://far.test/a/2", olena, edited))
			settle(t, lviv)
		}
		if got, want := heard.String(), "Create https://far.test/n/1\nUpdate https://far.test/n/1\nUpdate https://far.test/n/1"; got != want {
			t.Errorf("heard\n%s\nwant\n%s", got, want)
		}
	})
}

// TestNoLogOfVotes looks for any trace of who voted once the vote is counted.
func TestNoLogOfVotes(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, f *fediverse, towns ...*town) {
		lviv := towns[0]
		var heard heardOf
		lviv.Handle(heard.on("Create", "Vote"))
		far := f.stranger(t, "far.test")
		olena := far.person("olena")
		vote := map[string]any{"id": olena + "#votes/1", "type": "Note", "attributedTo": olena, "name": "Yes", "inReplyTo": "https://lviv.test/polls/1", "to": "https://lviv.test/actor"}
		if got := f.send(t, lviv, olena+"#main-key", activity("Create", olena+"#votes/1/activity", olena, vote)); got != 202 {
			t.Fatalf("status %d, want 202", got)
		}
		f.pass(90 * time.Minute)
		settle(t, lviv)
		if got := heard.String(); got != "Create "+olena+"#votes/1" {
			t.Fatalf("heard %q", got)
		}
		if n := lviv.count(t, "select count(*) from inbox where state = 'done' and body is null"); n != 1 {
			t.Errorf("%d rows without a body, want 1", n)
		}
		if n := lviv.count(t, "select count(*) from heard"); n != 0 {
			t.Errorf("%d rows tell whose vote it was", n)
		}
		var received int64
		if err := lviv.DB.ReadBound().Row(t.Context(), []any{&received}, "select received from inbox"); err != nil {
			t.Fatal(err)
		}
		if at := store.Time(received); !at.Equal(at.Truncate(24 * time.Hour)) {
			t.Errorf("the hour of the vote is kept: %v", at)
		}
	})
}

// TestOneBadActivityIsSetAside has a handler fail on one of a batch: the others
// are done, and it is tried again, later and later, until it is given up.
func TestOneBadActivityIsSetAside(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, f *fediverse, towns ...*town) {
		lviv := towns[0]
		tries := map[string]int{}
		lviv.Handle(On{Activity: "Create", Object: "Note", Do: func(ctx context.Context, tx *store.Tx, a *ap.Activity) error {
			tries[a.Object.ID]++
			if _, err := tx.Exec(ctx, "insert into facts (name, value) values (?, 'x')", a.Object.ID); err != nil {
				return err
			}
			switch {
			case strings.HasSuffix(a.Object.ID, "/panic"):
				panic("a mistake")
			case strings.HasSuffix(a.Object.ID, "/sql"):
				_, err := tx.Exec(ctx, "select nonsense from nowhere")
				return err
			case strings.HasSuffix(a.Object.ID, "/denied"):
				return fmt.Errorf("no: %w", store.ErrDenied)
			}
			return nil
		}})
		far := f.stranger(t, "far.test")
		olena := far.person("olena")
		names := []string{"a", "panic", "b", "sql", "c", "denied", "d"}
		for _, name := range names {
			if got := f.send(t, lviv, olena+"#main-key", activity("Create", "https://far.test/a/"+name, olena, note("https://far.test/n/"+name, olena))); got != 202 {
				t.Fatalf("status %d, want 202", got)
			}
		}
		settle(t, lviv)
		if n := lviv.count(t, "select count(*) from facts where name like 'https://far.test/n/%'"); n != 4 {
			t.Errorf("%d of the good ones were done, want 4", n)
		}
		for range inboxAttempts {
			f.pass(longestWait)
			settle(t, lviv)
		}
		for name, want := range map[string]int{"a": 1, "d": 1, "denied": 1, "panic": inboxAttempts, "sql": inboxAttempts} {
			if got := tries["https://far.test/n/"+name]; got != want {
				t.Errorf("%s was tried %d times, want %d", name, got, want)
			}
		}
		if n := lviv.count(t, "select count(*) from inbox where state = 'dead' and body is null"); n != 2 {
			t.Errorf("%d given up, want 2", n)
		}
		if n := lviv.count(t, "select count(*) from inbox where state = 'refused'"); n != 1 {
			t.Errorf("%d refused, want 1", n)
		}
	})
}

// TestKeysThatCannotBeHad is row 31 (and what a key's rotation needs).
func TestKeysThatCannotBeHad(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, f *fediverse, towns ...*town) {
		lviv := towns[0]
		far := f.stranger(t, "far.test")
		missing := far.uri("/users/nobody")
		for i := range 20 {
			if got := f.send(t, lviv, missing+"#main-key", activity("Like", fmt.Sprintf("https://far.test/a/%d", i), missing, "https://lviv.test/polls/1")); got != 401 {
				t.Errorf("status %d, want 401", got)
			}
		}
		if n := far.asked["/users/nobody"]; n != 1 {
			t.Errorf("the key was asked for %d times, want once", n)
		}
		// A server that is down may come back: the sender is told to try again.
		f.cut("far.test", true)
		lviv.Client.wire.CloseIdleConnections()
		other := far.uri("/users/other")
		if got := f.send(t, lviv, other+"#main-key", activity("Like", "https://far.test/a/30", other, "https://lviv.test/polls/1")); got != 503 {
			t.Errorf("key of a silent server: status %d, want 503", got)
		}
		f.cut("far.test", false)

		// Rotation: the stored key fits no more, so it is fetched once, and not
		// again for a while, however often the sender tries.
		olena := far.person("olena")
		doc := far.document(olena)
		doc["publicKey"].(map[string]any)["publicKeyPem"] = otherPEM(t)
		far.put("/users/olena", doc)
		like := func(i int) int {
			return f.send(t, lviv, olena+"#main-key", activity("Like", fmt.Sprintf("https://far.test/b/%d", i), olena, "https://lviv.test/polls/1"))
		}
		if got := like(1); got != 401 {
			t.Errorf("wrong key: %d, want 401", got)
		}
		lviv.write(t, func(ctx context.Context, tx *store.Tx) error {
			r, err := readActor([]byte(far.docs["/users/olena"]))
			if err != nil {
				return err
			}
			_, err = lviv.Book.Upsert(ctx, tx, r)
			return err
		})
		far.person("olena")
		if got := like(2); got != 202 {
			t.Errorf("after the rotation: %d, want 202", got)
		}
	})
}

// rsaKey is a key that nobody else has.
func rsaKey() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) }

func otherPEM(t *testing.T) string {
	t.Helper()
	key, err := rsaKey()
	if err != nil {
		t.Fatal(err)
	}
	text, err := actors.EncodeRSA(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestWhoeverLeaves is row 30: an actor is forgotten when it says so itself, or
// when its own server says 410; an unknown one costs nothing.
func TestWhoeverLeaves(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, f *fediverse, towns ...*town) {
		lviv := towns[0]
		var heard heardOf
		lviv.Handle(heard.on("Delete", "Object"))
		far := f.stranger(t, "far.test")
		leave := func(who string) int {
			return f.send(t, lviv, who+"#main-key", activity("Delete", who+"#delete", who, who))
		}
		if got := leave(far.uri("/users/unknown")); got != 202 || far.asked["/users/unknown"] != 0 {
			t.Errorf("delete of an unknown actor: %d after %d questions; want 202 and none", got, far.asked["/users/unknown"])
		}
		for _, name := range []string{"says", "gone", "lost"} {
			if _, err := lviv.Actor(t.Context(), far.person(name)); err != nil {
				t.Fatal(err)
			}
		}
		// Their keys are known, so what follows is decided by signatures first.
		if got := leave(far.uri("/users/says")); got != 202 {
			t.Errorf("its own word: %d, want 202", got)
		}
		forge := func(name string) int {
			body, _ := json.Marshal(activity("Delete", far.uri("/users/"+name+"#d"), far.uri("/users/"+name), far.uri("/users/"+name)))
			wrong, err := rsaKey()
			if err != nil {
				t.Fatal(err)
			}
			answer, err := f.client().Post(t.Context(), lviv.Base+"/inbox", "application/activity+json", body,
				&Signer{Sign: func(r *http.Request, body []byte, _ string) error {
					return signCavage(r, body, far.uri("/users/"+name+"#main-key"), wrong, f.clock())
				}})
			if err != nil {
				t.Fatal(err)
			}
			return answer.Status
		}
		far.gone["/users/gone"] = true
		delete(far.docs, "/users/lost")
		if got := forge("gone"); got != 202 {
			t.Errorf("server says 410: %d, want 202", got)
		}
		if got := forge("lost"); got != 401 {
			t.Errorf("server says 404: %d, want 401", got)
		}
		settle(t, lviv)
		for name, want := range map[string]bool{"says": true, "gone": true, "lost": false} {
			a, err := lviv.Book.ByURI(t.Context(), lviv.DB.Read(), far.uri("/users/"+name))
			if err != nil || a.Deleted != want {
				t.Errorf("%s deleted = %v, %v; want %v", name, a.Deleted, err, want)
			}
		}
		if strings.Count(heard.String(), "Delete") != 2 {
			t.Errorf("modules were told %q", heard.String())
		}
		if got := f.send(t, lviv, far.uri("/users/says#main-key"), activity("Like", "https://far.test/l", far.uri("/users/says"), "https://lviv.test/x")); got != 403 {
			t.Errorf("a deleted actor speaks: %d, want 403", got)
		}
	})
}

// TestBlockedServersAreNotHeard is row 63.
func TestBlockedServersAreNotHeard(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, f *fediverse, towns ...*town) {
		lviv := towns[0]
		far := f.stranger(t, "sub.far.test")
		olena := far.person("olena")
		lviv.write(t, func(ctx context.Context, tx *store.Tx) error { return lviv.Book.Block(ctx, tx, "FAR.test.", "spam") })
		if got := f.send(t, lviv, olena+"#main-key", activity("Like", "https://sub.far.test/l", olena, "https://lviv.test/x")); got != 403 {
			t.Errorf("blocked server: %d, want 403", got)
		}
		if _, err := lviv.Fetch(t.Context(), olena); !errors.Is(err, store.ErrDenied) {
			t.Errorf("Fetch from a blocked server = %v, want ErrDenied", err)
		}
		if len(far.asked) != 0 {
			t.Errorf("a blocked server was asked %v", far.asked)
		}
	})
}
