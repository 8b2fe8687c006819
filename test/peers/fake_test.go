package peers_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-fed/httpsig"

	"viche/federation/ap"
)

const (
	public    = "https://www.w3.org/ns/activitystreams#Public"
	fakeGroup = "https://kamianske.test/spheres/ecology"
	fakeActor = "https://ukraine.test/actor"
	fakePoll  = "https://ukraine.test/polls/01a23030-4700-759a-aad0-8264d5795d39"
)

// fake is the least that a peer can take for a city and a coordinator: two
// actors, one poll, everything in memory.
type fake struct {
	t       *testing.T
	with    trust
	server  *httptest.Server
	client  *http.Client
	keys    map[string]*rsa.PrivateKey // by actor id
	proofs  ed25519.PrivateKey
	mu      sync.Mutex
	reach   map[string]string // "fedify.test:443" to its address
	due     []letter
	readers map[string]string // actor id to inbox: followers and voters
	poll    map[string]any
	options []string
	guests  map[string]int
}

type letter struct {
	from, inbox string
	body        any
}

func startFake(t *testing.T) fediverse {
	t.Helper()
	a := newAuthority(t)
	_, peerCert, peerKey := a.issue(t, fedifyHost)
	_, proofs, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{
		t: t, with: trust{a.file(), peerCert, peerKey}, proofs: proofs, keys: map[string]*rsa.PrivateKey{},
		reach: map[string]string{}, readers: map[string]string{}, guests: map[string]int{},
	}
	for _, id := range []string{fakeGroup, fakeActor} {
		if f.keys[id], err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
			t.Fatal(err)
		}
	}
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	f.client = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: a.pool()},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			f.mu.Lock()
			address, known := f.reach[addr]
			f.mu.Unlock()
			if !known {
				return nil, fmt.Errorf("%s is not in this test's fediverse", addr)
			}
			return dialer.DialContext(ctx, network, address)
		},
	}}
	cert, _, _ := a.issue(t, "kamianske.test", "ukraine.test")
	f.server = httptest.NewUnstartedServer(http.HandlerFunc(f.serve))
	f.server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	f.server.StartTLS()
	t.Cleanup(f.server.Close)
	return f
}

func (f *fake) Trust() trust { return f.with }

func (f *fake) Hosts() map[string]string {
	address := f.server.Listener.Addr().String()
	return map[string]string{"kamianske.test:443": address, "ukraine.test:443": address}
}

func (f *fake) Meet(host, address string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reach[host+":443"] = address
}

func (f *fake) Sphere() (handle, id string) { return "@ecology@kamianske.test", fakeGroup }

func (f *fake) OpenPoll(title string, options []string) string {
	now := time.Now().UTC().Truncate(time.Second)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.options = options
	f.poll = map[string]any{
		"@context": ap.Context, "id": fakePoll, "type": "Question", "attributedTo": fakeActor,
		"to": []any{public}, "cc": []any{fakeActor + "/followers"},
		"name": title, "content": "<p>" + title + "</p>", "published": now.Format(time.RFC3339),
		"endTime": now.Add(time.Hour).Format(time.RFC3339), "oneOf": f.choices(nil),
	}
	f.toReaders(fakeGroup, map[string]any{
		"@context": "https://www.w3.org/ns/activitystreams",
		"id":       fakeGroup + "/announces/1", "type": "Announce", "actor": fakeGroup,
		"to": []any{public}, "cc": []any{fakeGroup + "/followers"}, "object": fakePoll,
	})
	return fakePoll
}

func (f *fake) ClosePoll(string) {
	verified, _ := f.Counts(fakePoll)
	voters := 0
	for _, n := range verified {
		voters += n
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.poll["oneOf"] = f.choices(verified)
	f.poll["closed"] = time.Now().UTC().Format(time.RFC3339)
	f.poll["votersCount"] = voters
	f.toReaders(fakeActor, map[string]any{
		"@context": ap.Context, "id": fakePoll + "/updates/1", "type": "Update", "actor": fakeActor,
		"to": []any{public}, "object": json.RawMessage(f.signedPoll()),
	})
}

func (f *fake) ResidentsVote(string) {}

func (f *fake) Counts(string) (verified, guests map[string]int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return map[string]int{"Так": 12, "Важко відповісти": 3}, maps.Clone(f.guests)
}

func (f *fake) Settle() {
	f.mu.Lock()
	due := f.due
	f.due = nil
	f.mu.Unlock()
	for _, l := range due {
		if err := f.post(l); err != nil {
			f.t.Errorf("deliver to %s: %v", l.inbox, err)
		}
	}
}

// choices writes the options, with counts where they are given.
func (f *fake) choices(counts map[string]int) []any {
	var list []any
	for _, name := range f.options {
		option := map[string]any{"type": "Note", "name": name}
		if counts != nil {
			option["replies"] = map[string]any{"type": "Collection", "totalItems": counts[name]}
		}
		list = append(list, option)
	}
	return list
}

func (f *fake) signedPoll() []byte {
	raw, err := ap.Sign(maps.Clone(f.poll), f.proofs, fakeActor+"#trust-2026", time.Now())
	if err != nil {
		f.t.Errorf("sign the poll: %v", err)
	}
	return raw
}

func (f *fake) toReaders(from string, activity any) {
	for _, inbox := range f.readers {
		f.due = append(f.due, letter{from, inbox, activity})
	}
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	id := "https://" + r.Host + r.URL.Path
	switch {
	case r.Method == http.MethodPost && strings.HasSuffix(id, "/inbox"):
		f.receive(w, r)
	case r.URL.Path == "/.well-known/webfinger" && r.URL.Query().Get("resource") == "acct:ecology@kamianske.test":
		w.Header().Set("Content-Type", "application/jrd+json")
		reply(w, map[string]any{"subject": "acct:ecology@kamianske.test", "links": []any{
			map[string]any{"rel": "self", "type": "application/activity+json", "href": fakeGroup}}})
	case id == fakeGroup:
		reply(f.typed(w), f.actor(id, "Group", "ecology"))
	case id == fakeActor:
		reply(f.typed(w), f.actor(id, "Application", "ukraine"))
	case id == fakePoll:
		f.mu.Lock()
		defer f.mu.Unlock()
		_, _ = f.typed(w).Write(f.signedPoll())
	default:
		http.NotFound(w, r)
	}
}

func (f *fake) typed(w http.ResponseWriter) http.ResponseWriter {
	w.Header().Set("Content-Type", "application/activity+json")
	return w
}

func reply(w http.ResponseWriter, v any) { _ = json.NewEncoder(w).Encode(v) }

func (f *fake) actor(id, kind, name string) map[string]any {
	der, err := x509.MarshalPKIXPublicKey(f.keys[id].Public())
	if err != nil {
		f.t.Error(err)
	}
	return map[string]any{
		"@context": []any{"https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1"},
		"id":       id, "type": kind, "preferredUsername": name, "inbox": id + "/inbox", "outbox": id + "/outbox",
		"publicKey": map[string]any{"id": id + "#main-key", "owner": id,
			"publicKeyPem": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))},
	}
}

// receive takes a Follow or a vote whose HTTP signature holds.
func (f *fake) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var activity struct {
		ID, Type, Actor string
		Object          json.RawMessage
	}
	if err := json.Unmarshal(body, &activity); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	inbox, err := f.verify(r, activity.Actor)
	if err != nil {
		f.t.Errorf("%s from %s: %v", activity.Type, activity.Actor, err)
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}

	f.mu.Lock()
	defer f.mu.Unlock()
	f.readers[activity.Actor] = inbox
	switch activity.Type {
	case "Follow":
		f.due = append(f.due, letter{fakeGroup, inbox, map[string]any{
			"@context": "https://www.w3.org/ns/activitystreams",
			"id":       fakeGroup + "/accepts/1", "type": "Accept", "actor": fakeGroup, "object": json.RawMessage(body),
		}})
	case "Create":
		var note struct{ Name, InReplyTo, Content string }
		if err := json.Unmarshal(activity.Object, &note); err != nil || note.InReplyTo != fakePoll || note.Content != "" {
			f.t.Errorf("not a vote: %s", activity.Object)
		}
		f.guests[note.Name]++
	}
	w.WriteHeader(http.StatusAccepted)
}

// verify checks the request under the actor's key and returns its inbox.
func (f *fake) verify(r *http.Request, actor string) (inbox string, err error) {
	request, err := http.NewRequest(http.MethodGet, actor, nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Accept", "application/activity+json")
	response, err := f.client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var doc struct {
		Inbox     string
		PublicKey struct{ PublicKeyPem string }
	}
	if err := json.NewDecoder(response.Body).Decode(&doc); err != nil {
		return "", err
	}
	block, _ := pem.Decode([]byte(doc.PublicKey.PublicKeyPem))
	if block == nil {
		return "", fmt.Errorf("%s has no public key", actor)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return "", err
	}
	r.Header.Set("Host", r.Host)
	verifier, err := httpsig.NewVerifier(r)
	if err != nil {
		return "", err
	}
	return doc.Inbox, verifier.Verify(crypto.PublicKey(key), httpsig.RSA_SHA256)
}

func (f *fake) post(l letter) error {
	body, err := json.Marshal(l.body)
	if err != nil {
		return err
	}
	r, err := http.NewRequest(http.MethodPost, l.inbox, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/activity+json")
	r.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	r.Header.Set("Host", r.URL.Host)
	signer, _, err := httpsig.NewSigner([]httpsig.Algorithm{httpsig.RSA_SHA256}, httpsig.DigestSha256,
		[]string{httpsig.RequestTarget, "host", "date", "digest"}, httpsig.Signature, 0)
	if err != nil {
		return err
	}
	if err := signer.SignRequest(f.keys[l.from], l.from+"#main-key", r, body); err != nil {
		return err
	}
	response, err := f.client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1000)) // for the message alone
		return fmt.Errorf("%s: %s", response.Status, text)
	}
	return nil
}
