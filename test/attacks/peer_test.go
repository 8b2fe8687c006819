// Package attacks tries on a running city what hostile servers of the fediverse
// have tried on others. Each test is named after one attack of the list in
// docs/attacks.md, and does two things: the attack, after which nothing may
// have changed in the database, nothing may have been fetched that was not
// asked for; and the same done honestly, which must succeed, so that the test
// would notice a city that refuses everything.
package attacks

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"viche/federation/ap"
	"viche/internal/citytest"
)

// hosts are the servers that one peer plays.
var hosts = []string{"evil.test", "victim.test", "good.test"}

// A peer is every server of the fediverse that is not ours: it answers for
// several hosts, with whatever a test lays under an address, and writes down
// all that it is asked.
type peer struct {
	t      *testing.T
	server *httptest.Server

	mu    sync.Mutex
	pages map[string]http.HandlerFunc // by address, such as https://evil.test/x
	asked []string                    // "GET https://evil.test/x"
	mail  []letter
	inbox http.HandlerFunc // answers what is posted; 202 if nil
}

// A letter is something posted to the peer.
type letter struct {
	to   string
	body string
}

func startPeer(t *testing.T, n *citytest.Network) *peer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := servePeer(t, n, l)
	for _, host := range hosts {
		n.Meet(host, l.Addr().String())
	}
	return p
}

// servePeer is the peer without names: the test says how it is reached.
func servePeer(t *testing.T, n *citytest.Network, l net.Listener) *peer {
	t.Helper()
	p := &peer{t: t, pages: map[string]http.HandlerFunc{}}
	_, cert, key := n.Certificates()
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(p)
	_ = server.Listener.Close() // the test brings its own
	server.Listener = l
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.Config.ErrorLog = quiet
	server.StartTLS()
	p.server = server
	t.Cleanup(func() {
		server.CloseClientConnections() // slow answers need not end
		server.Close()
	})
	return p
}

func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	address := "https://" + r.Host + r.URL.RequestURI()
	p.mu.Lock()
	p.asked = append(p.asked, r.Method+" "+address)
	page, inbox := p.pages[address], p.inbox
	p.mu.Unlock()
	if r.Method == http.MethodPost {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // cut off
		}
		p.mu.Lock()
		p.mail = append(p.mail, letter{to: address, body: string(body)})
		p.mu.Unlock()
		if inbox != nil {
			inbox(w, r)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		return
	}
	if page == nil {
		http.NotFound(w, r)
		return
	}
	page(w, r)
}

// put lays an answer under an address.
func (p *peer) put(address string, page http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pages[address] = page
}

// document lays an ActivityPub document under an address.
func (p *peer) document(address string, doc any) {
	p.put(address, typed(ap.ContentType, encode(doc)))
}

// redirect sends whoever asks for an address to another one.
func (p *peer) redirect(address, to string) {
	p.put(address, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusFound)
	})
}

// status answers with nothing but a status.
func (p *peer) status(address string, status int) {
	p.put(address, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
}

// typed is a body of some content type.
func typed(kind string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(body) // whoever hangs up needs no answer
	}
}

// requests are all that were made to addresses that begin so.
func (p *peer) requests(begin string) (out []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.asked {
		if _, address, _ := strings.Cut(one, " "); strings.HasPrefix(address, begin) {
			out = append(out, one)
		}
	}
	return out
}

// letters are what was posted to addresses that begin so.
func (p *peer) letters(begin string) (out []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.mail {
		if strings.HasPrefix(one.to, begin) {
			out = append(out, one.body)
		}
	}
	return out
}

// An actor is somebody of a peer's host, with a key.
type actor struct {
	id, keyID string
	key       *rsa.PrivateKey
}

// person lays an honest actor's document under its id.
func (p *peer) person(id string) *actor {
	a := &actor{id: id, keyID: id + "#main-key", key: keyOf(p.t, id)}
	p.document(id, a.document())
	return a
}

// document is what an actor's own server says of it.
func (a *actor) document() map[string]any {
	host := "https://" + strings.SplitN(a.id, "/", 4)[2]
	return map[string]any{
		"@context": []string{ap.ActivityStreams, "https://w3id.org/security/v1"}, "id": a.id, "type": "Person",
		"preferredUsername": a.id[strings.LastIndex(a.id, "/")+1:], "name": "Хтось",
		"inbox": a.id + "/inbox", "outbox": a.id + "/outbox", "followers": a.id + "/followers",
		"endpoints": map[string]any{"sharedInbox": host + "/inbox"},
		"publicKey": map[string]string{"id": a.keyID, "owner": a.id, "publicKeyPem": publicPEM(a.key.Public())},
	}
}

// with is a document with some members changed; nil takes one away.
func with(doc map[string]any, pairs ...any) map[string]any {
	out := map[string]any{}
	for name, value := range doc {
		out[name] = value
	}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == nil {
			delete(out, pairs[i].(string))
			continue
		}
		out[pairs[i].(string)] = pairs[i+1]
	}
	return out
}

// ring keeps the keys of all tests: making one is slow.
var ring struct {
	mu   sync.Mutex
	keys map[string]*rsa.PrivateKey
}

func keyOf(t *testing.T, name string) *rsa.PrivateKey {
	t.Helper()
	ring.mu.Lock()
	defer ring.mu.Unlock()
	if ring.keys == nil {
		ring.keys = map[string]*rsa.PrivateKey{}
	}
	if ring.keys[name] == nil {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		ring.keys[name] = key
	}
	return ring.keys[name]
}

func publicPEM(public any) string {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		panic(err) // a mistake in the test
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func encode(doc any) []byte {
	if raw, ok := doc.([]byte); ok {
		return raw
	}
	if text, ok := doc.(string); ok {
		return []byte(text)
	}
	raw, err := json.Marshal(doc)
	if err != nil {
		panic(err) // a mistake in the test
	}
	return raw
}
