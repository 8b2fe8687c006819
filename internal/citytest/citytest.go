// Package citytest runs several cities in one process: each with a database of
// its own, served over TLS, reachable by the others under names such as
// lviv.test, and nothing leaves the machine. The network between them can lose,
// double and refuse; the clock is the test's.
package citytest

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"viche/federation"
	"viche/internal/city"
	"viche/internal/store"
	"viche/internal/store/storetest"
	"viche/modules/people"
	"viche/modules/polls"
	"viche/web"
)

// Territories of the sample cities, by name.
var territories = map[string]string{
	"kamianske": "UA12040150010056523",
	"lviv":      "UA46060250010015970",
	"kharkiv":   "UA63120270010096107",
}

// Network is several cities that know each other.
type Network struct {
	t      testing.TB
	names  []string
	cities map[string]*Town
	ca     *authority

	mu     sync.Mutex
	clock  time.Time
	chance *mathrand.Rand
	faults Faults
	cut    map[string]bool
	others map[string]string // host:port of a peer outside → where it listens
	dialed []string          // every host:port that somebody wanted to reach
}

// Town is one city of a Network.
type Town struct {
	*city.City
	Host   string
	server *httptest.Server
}

// Faults are how bad the network between the cities is, as shares of 1. A lost
// delivery reaches nobody, or reaches the other side and the answer is lost.
type Faults struct{ Loss, Double float64 }

// Options vary a Network.
type Options struct {
	Postgres bool
	Config   func(name string, c *city.Config)
}

// Kinds are the databases to run on: SQLite, and PostgreSQL where
// VICHE_TEST_POSTGRES is set.
func Kinds() map[string]Options {
	kinds := map[string]Options{"sqlite": {}}
	if os.Getenv("VICHE_TEST_POSTGRES") != "" {
		kinds["postgres"] = Options{Postgres: true}
	}
	return kinds
}

// Fediverse opens cities by name; "ukraine" is the coordinator, and its members
// are all the others. It ends with the test.
func Fediverse(t testing.TB, o Options, names ...string) *Network {
	t.Helper()
	n := &Network{t: t, names: names, cities: map[string]*Town{}, ca: newAuthority(t), clock: time.Now().UTC().Truncate(time.Second), cut: map[string]bool{}, chance: mathrand.New(mathrand.NewPCG(1, 1))}
	for _, name := range names {
		n.open(name, o)
	}
	if u := n.cities["ukraine"]; u != nil {
		for _, name := range names {
			if name == "ukraine" {
				continue
			}
			if _, err := u.Invite(t.Context(), n.cities[name].Host, 0); err != nil {
				t.Fatalf("invite %s: %v", name, err)
			}
		}
	}
	return n
}

func (n *Network) open(name string, o Options) {
	n.t.Helper()
	host := name + ".test"
	dsn := ""
	if o.Postgres {
		dsn = storetest.Postgres(n.t)
	} else {
		dsn = storetest.SQLite(n.t)
	}
	cfg := city.Defaults()
	cfg.Host, cfg.Scheme, cfg.Database, cfg.Data = host, "https", dsn, filepath.Join(n.t.TempDir(), name)
	cfg.Name, cfg.Operator = strings.ToUpper(name[:1])+name[1:], "ГО «Зразкова»"
	if cfg.Territory = territories[name]; cfg.Territory == "" {
		cfg.Territory = "UA12040150010056523"
	}
	cfg.Coordinator = "https://ukraine.test"
	if name == "ukraine" {
		cfg.Role, cfg.Territory, cfg.Coordinator = city.RoleCoordinator, "UA", ""
	}
	cfg.SnapshotEvery, cfg.TallyEvery, cfg.RenewEvery, cfg.Grace = time.Minute, time.Minute, time.Second, 0
	cfg.Clock, cfg.Logger = n.Now, slog.New(slog.NewTextHandler(logs{n.t}, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if os.Getenv("VICHE_TEST_VERBOSE") == "" {
		cfg.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if o.Config != nil {
		o.Config(name, &cfg)
	}
	if cfg.Client == nil {
		cfg.Client = federation.NewClient(federation.ClientOptions{Scheme: "https", Dial: n.dial, TLS: n.ca.trust(), UserAgent: "viche test"})
	}
	c, err := city.Open(n.t.Context(), cfg)
	if err != nil {
		n.t.Fatalf("open %s: %v", name, err)
	}
	town := &Town{City: c, Host: host}
	town.server = httptest.NewUnstartedServer(n.unreliable(name, c.Handler()))
	town.server.TLS = n.ca.serve()
	town.server.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(io.Discard, nil), slog.LevelInfo)
	town.server.StartTLS()
	n.cities[name] = town
	n.t.Cleanup(func() {
		town.server.Close()
		if err := c.Close(); err != nil {
			n.t.Errorf("close %s: %v", name, err)
		}
	})
}

// Town is a city by its name.
func (n *Network) Town(name string) *Town {
	n.t.Helper()
	t := n.cities[name]
	if t == nil {
		n.t.Fatalf("no city %q", name)
	}
	return t
}

// Now is the clock of all cities.
func (n *Network) Now() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.clock
}

// Advance moves the clock on.
func (n *Network) Advance(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.clock = n.clock.Add(d)
}

// Worsen makes the network faulty, in the way that seed says.
func (n *Network) Worsen(f Faults, seed uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.faults, n.chance = f, mathrand.New(mathrand.NewPCG(seed, 7))
}

// Cut takes a city off the network, or brings it back.
func (n *Network) Cut(name string, off bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[name] = off
}

// unreliable stands before a city's inboxes and does what Worsen says.
func (n *Network) unreliable(name string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "inbox") {
			next.ServeHTTP(w, r)
			return
		}
		n.mu.Lock()
		lose, after := n.chance.Float64() < n.faults.Loss, n.chance.Float64() < 0.5
		double := n.chance.Float64() < n.faults.Double
		n.mu.Unlock()
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		again := func() *http.Request {
			c := r.Clone(r.Context())
			c.Body = io.NopCloser(bytes.NewReader(body))
			return c
		}
		if lose && !after {
			panic(http.ErrAbortHandler) // the request never came
		}
		if double || lose {
			next.ServeHTTP(httptest.NewRecorder(), again())
		}
		if lose {
			panic(http.ErrAbortHandler) // it came, and the answer got lost
		}
		next.ServeHTTP(w, again())
	})
}

func (n *Network) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	name := strings.TrimSuffix(host, ".test")
	n.mu.Lock()
	n.dialed = append(n.dialed, addr)
	off, outside := n.cut[name], n.others[addr]
	n.mu.Unlock()
	var d net.Dialer
	if outside != "" {
		return d.DialContext(ctx, network, outside)
	}
	t := n.cities[name]
	if t == nil || off {
		return nil, fmt.Errorf("%s cannot be reached", host)
	}
	return d.DialContext(ctx, network, t.server.Listener.Addr().String())
}

// Dialed is every host:port that a city, or a client of the test, wanted to
// reach so far, whether or not there is anybody.
func (n *Network) Dialed() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string{}, n.dialed...)
}

// Trust is the authority of all networks, for a client of a test's own making.
func Trust(t testing.TB) *tls.Config { return newAuthority(t).trust() }

// Address is where a city really listens, for peers outside the process.
func (n *Network) Address(name string) string { return n.Town(name).server.Listener.Addr().String() }

// Hosts says where every city really listens: "lviv.test:443" to an address.
func (n *Network) Hosts() map[string]string {
	hosts := map[string]string{}
	for _, name := range n.names {
		hosts[name+".test:443"] = n.Address(name)
	}
	return hosts
}

// Meet lets the cities reach a peer outside the process under its name.
func (n *Network) Meet(host, address string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.others == nil {
		n.others = map[string]string{}
	}
	n.others[host+":443"] = address
}

// Certificates are PEM files for peers outside the process: the network's
// authority, and a certificate with its key that holds for every host of a test.
func (n *Network) Certificates() (authority, cert, key string) {
	n.t.Helper()
	dir := n.t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			n.t.Fatal(err)
		}
		return path
	}
	private, err := x509.MarshalPKCS8PrivateKey(n.ca.leaf.PrivateKey)
	if err != nil {
		n.t.Fatal(err)
	}
	return write("authority.pem", "CERTIFICATE", n.ca.cert.Raw), write("cert.pem", "CERTIFICATE", n.ca.leaf.Certificate[0]), write("key.pem", "PRIVATE KEY", private)
}

// HTTP is a browser without JavaScript: it knows the cities and keeps cookies.
func (n *Network) HTTP() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		n.t.Fatal(err)
	}
	return &http.Client{Jar: jar, Timeout: 20 * time.Second, Transport: &http.Transport{DialContext: n.dial, TLSClientConfig: n.ca.trust(), MaxIdleConnsPerHost: 64}}
}

// Settle works until nobody has anything left that could be done now.
func (n *Network) Settle() {
	n.t.Helper()
	for range 200 {
		done := 0
		for _, name := range n.names {
			n.mu.Lock()
			off := n.cut[name]
			n.mu.Unlock()
			if off {
				continue // it neither hears nor speaks; its own clock work waits too
			}
			done += n.work(n.cities[name])
		}
		if done == 0 {
			return
		}
	}
	n.t.Fatal("the network does not settle")
}

func (n *Network) work(t *Town) (done int) {
	n.t.Helper()
	ctx := n.t.Context()
	for _, step := range []func(context.Context) (int, error){
		t.Federation.DrainInbox,
		func(ctx context.Context) (int, error) { return 0, t.Polls.CloseDue(ctx) },
		func(ctx context.Context) (int, error) { return 0, t.Polls.Snapshots(ctx) },
		func(ctx context.Context) (int, error) {
			if t.Union == nil {
				return 0, nil
			}
			return 0, t.Union.Tick(ctx)
		},
		t.Blogs.Ask,
		func(ctx context.Context) (int, error) { return 0, t.Blogs.ClosePolls(ctx) },
		t.Federation.FanOut,
		t.Federation.Deliver,
	} {
		k, err := step(ctx)
		if err != nil && !errors.Is(err, context.Canceled) && os.Getenv("VICHE_TEST_VERBOSE") != "" {
			n.t.Logf("%s: %v", t.Host, err)
		}
		done += k
	}
	return done
}

// Resident is somebody with an account.
type Resident struct {
	people.Added
	Town  *Town
	Token string
	Email string
}

// Password of everybody whom Resident adds.
const Password = "dovha-pryklad-fraza-7"

// Resident adds a resident, verified for the city's own territory or not.
func (n *Network) Resident(name, handle string, verified bool) Resident {
	n.t.Helper()
	t := n.Town(name)
	r := Resident{Town: t, Email: handle + "@mail.test"}
	var err error
	if r.Added, err = t.People.AddResident(n.t.Context(), people.NewResident{Handle: handle, Name: handle, Email: r.Email, PasswordHash: passwordHash(), Verified: verified, Reason: "зразок"}); err != nil {
		n.t.Fatalf("add %s: %v", handle, err)
	}
	return r
}

// Organisation adds one.
func (n *Network) Organisation(name, handle string) Resident {
	n.t.Helper()
	r := n.Resident(name, handle, false)
	n.write(r.Town, "update accounts set kind = ? where id = ?", people.Organisation, r.Account)
	return r
}

// Appoint gives somebody a role, and returns them as a session sees them then.
func (n *Network) Appoint(r Resident, role, scope string) *web.Viewer {
	n.t.Helper()
	n.write(r.Town, "insert into roles (account, role, scope) values (?, ?, ?)", r.Account, role, scope)
	v := r.Viewer()
	v.Roles = []web.Role{{Name: role, Scope: scope}}
	return v
}

func (n *Network) write(t *Town, query string, args ...any) {
	n.t.Helper()
	if err := t.DB.Write(n.t.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, query, args...)
		return err
	}); err != nil {
		n.t.Fatal(err)
	}
}

// Bearer gives a resident a token for the APIs.
func (n *Network) Bearer(r *Resident) string {
	n.t.Helper()
	if r.Token == "" {
		var err error
		if r.Token, err = r.Town.People.IssueToken(n.t.Context(), r.Handle, people.DefaultScopes, "test"); err != nil {
			n.t.Fatalf("token of %s: %v", r.Handle, err)
		}
	}
	return r.Token
}

// Viewer is a resident as a session sees them.
func (r Resident) Viewer() *web.Viewer {
	return &web.Viewer{AccountID: r.Account, ActorID: r.ActorID, Handle: r.Handle, Lang: "uk", Verified: true}
}

// Crowd adds many verified residents at once.
func (n *Network) Crowd(name string, count int) []Resident {
	n.t.Helper()
	out := make([]Resident, count)
	for i := range out {
		out[i] = n.Resident(name, fmt.Sprintf("%s_%03d", name, i), true)
	}
	return out
}

// OpenPoll opens a poll of yes, no and hard to say, in ecology, for a week.
func (n *Network) OpenPoll(name, scope string) *polls.Poll {
	n.t.Helper()
	p, err := n.Town(name).Polls.OpenPoll(n.t.Context(), polls.Draft{
		Title: "Чи потрібен окремий збір відходів?", Options: []string{"Так", "Ні", "Важко відповісти"},
		Sphere: "ecology", Scope: scope, ClosesAt: n.Now().Add(7 * 24 * time.Hour), By: "test",
	})
	if err != nil {
		n.t.Fatalf("open poll: %v", err)
	}
	return p
}

// Cast votes.
func (n *Network) Cast(r Resident, poll string, choices ...string) error {
	_, err := r.Town.Polls.Cast(n.t.Context(), r.Viewer(), poll, choices)
	return err
}

var passwordHash = sync.OnceValue(func() string { return people.HashPassword(Password) })

// authority signs the certificate of all hosts of a test.
type authority struct {
	cert *x509.Certificate
	leaf tls.Certificate
}

var newAuthorityOnce = sync.OnceValues(makeAuthority)

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a, err := newAuthorityOnce()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func makeAuthority() (*authority, error) {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "viche test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0), KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	if err != nil {
		return nil, err
	}
	if ca, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	// Node takes no wildcard below a name of one label, so those that it meets are named.
	hosts := []string{"*.test", "ukraine.test", "kamianske.test", "lviv.test", "kharkiv.test", "fedify.test", "fediverse.test", "localhost"}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "viche test"}, DNSNames: hosts, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if der, err = x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey); err != nil {
		return nil, err
	}
	return &authority{cert: ca, leaf: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}}, nil
}

func (a *authority) trust() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return &tls.Config{RootCAs: pool}
}

func (a *authority) serve() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{a.leaf}}
}

// logs writes a city's log into the test's.
type logs struct{ t testing.TB }

func (l logs) Write(p []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}
