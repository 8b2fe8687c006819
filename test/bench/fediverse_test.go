package bench_test

import (
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	streams = "https://www.w3.org/ns/activitystreams"
	public  = streams + "#Public"
)

// A fediverse is all other servers, good and bad, told apart by the first word
// of their names below .localhost: g0 to g9 are good, the rest does what its
// name says.
type fediverse struct {
	t    testing.TB
	port int
	keys []*rsa.PrivateKey
	pems []string
	bomb []byte // 64 MiB of nothing, gzipped
	over chan struct{}
	once sync.Once // closes over

	mu  sync.Mutex
	got map[string]map[string]int // how often each inbox of a good server got each activity
}

func newFediverse(t testing.TB) *fediverse {
	t.Helper()
	f := &fediverse{t: t, over: make(chan struct{}), got: map[string]map[string]int{}}
	for range 4 { // several people share a key, which is no different for who receives
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		f.keys = append(f.keys, key)
		f.pems = append(f.pems, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	for range 64 {
		if _, err := z.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	f.bomb = packed.Bytes()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.port = l.Addr().(*net.TCPAddr).Port
	server := &http.Server{Handler: f}
	go func() { _ = server.Serve(l) }() // ends with Close
	t.Cleanup(func() { f.release(); _ = server.Close() })
	return f
}

// release lets all that hangs or drips end.
func (f *fediverse) release() { f.once.Do(func() { close(f.over) }) }

// at is an address of one of the hosts.
func (f *fediverse) at(host, path string) string {
	return fmt.Sprintf("http://%s.localhost:%d%s", host, f.port, path)
}

// good is the id of somebody on a good server.
func (f *fediverse) good(n int) string {
	return f.at(fmt.Sprintf("g%d", n%10), fmt.Sprintf("/u/%d", n))
}

func (f *fediverse) key(uri string) int {
	h := fnv.New32a()
	_, _ = io.WriteString(h, uri) // never fails
	return int(h.Sum32() % uint32(len(f.keys)))
}

func (f *fediverse) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host, _, _ := strings.Cut(r.Host, ".")
	switch host {
	case "hangs":
		select {
		case <-f.over:
		case <-r.Context().Done():
		case <-time.After(2 * time.Minute):
		}
		return
	case "fails":
		w.WriteHeader(http.StatusInternalServerError)
		return
	case "busy":
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	case "bomb":
		w.Header().Set("Content-Type", activityType)
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(f.bomb) // they hang up
		return
	case "drips":
		w.Header().Set("Content-Type", activityType)
		f.pour(w, r, []byte("{"), time.Second)
		return
	case "pours":
		w.Header().Set("Content-Type", activityType)
		f.pour(w, r, bytes.Repeat([]byte(" "), 64<<10), 0)
		return
	}
	if r.Method == http.MethodPost {
		f.take(w, r, host)
		return
	}
	f.show(w, r)
}

// pour writes the same again and again until the other side has enough.
func (f *fediverse) pour(w http.ResponseWriter, r *http.Request, what []byte, pause time.Duration) {
	for range 2000 {
		if _, err := w.Write(what); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush() // the next write notices
		select {
		case <-f.over:
			return
		case <-r.Context().Done():
			return
		case <-time.After(pause):
		}
	}
}

// take is an inbox of a good server.
func (f *fediverse) take(w http.ResponseWriter, r *http.Request, host string) {
	var said struct{ ID string }
	if err := json.NewDecoder(r.Body).Decode(&said); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	if host[0] != 'g' {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	inbox := "http://" + r.Host + r.URL.Path
	if f.got[inbox] == nil {
		f.got[inbox] = map[string]int{}
	}
	f.got[inbox][said.ID]++
}

// show serves documents: people, and the traps of hostile servers.
func (f *fediverse) show(w http.ResponseWriter, r *http.Request) {
	id := "http://" + r.Host + r.URL.Path
	head, tail, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	var doc map[string]any
	switch head {
	case "u":
		doc = f.person(id)
	case "private": // a redirect to where nobody from outside may look
		http.Redirect(w, r, map[string]string{"a": "http://10.0.0.1/u/1", "b": "http://169.254.169.254/latest/", "c": "http://[::1]:80/u/1"}[tail[:1]], http.StatusFound)
		return
	case "round": // a redirect to itself, under another name each time
		http.Redirect(w, r, f.at("evil", "/round/"+tail+"x"), http.StatusFound)
		return
	case "thread": // each post answers another one, and has endless answers
		doc = map[string]any{
			"id": id, "type": "Note", "attributedTo": f.at("evil", "/u/thread"), "to": []string{public}, "content": "<p>…</p>",
			"inReplyTo": id + "x", "replies": f.at("evil", "/pages/"+tail), "context": f.at("evil", "/pages/"+tail), "published": time.Now().UTC().Format(time.RFC3339),
		}
	case "pages": // a collection whose every page has a next one
		items := []string{f.at("evil", "/thread/"+tail+"y"), f.at("evil", "/thread/"+tail+"z")}
		doc = map[string]any{"id": id, "type": "CollectionPage", "next": id + "n", "first": id + "n", "items": items}
	default:
		http.NotFound(w, r)
		return
	}
	doc["@context"] = []string{streams, "https://w3id.org/security/v1"}
	w.Header().Set("Content-Type", activityType)
	_ = json.NewEncoder(w).Encode(doc) // the other side notices a lost answer
}

func (f *fediverse) person(id string) map[string]any {
	return map[string]any{
		"id": id, "type": "Person", "preferredUsername": "p" + id[strings.LastIndexByte(id, '/')+1:],
		"inbox": id + "/inbox", "outbox": id + "/outbox", "followers": id + "/followers", "following": id + "/following", "url": id,
		"publicKey": map[string]any{"id": id + "#main-key", "owner": id, "publicKeyPem": f.pems[f.key(id)]},
	}
}

// A letter is a request to an inbox, ready to be sent more than once.
type letter struct {
	to, keyID, date, digest, signature string
	body                               []byte
}

// write signs an activity by the key of who says it.
func (f *fediverse) write(to, by string, activity map[string]any) letter {
	activity["@context"], activity["actor"] = streams, by
	body, err := json.Marshal(activity)
	if err != nil {
		panic(err) // a mistake in the test
	}
	return f.sign(to, by+"#main-key", f.keys[f.key(by)], body)
}

func (f *fediverse) sign(to, keyID string, key *rsa.PrivateKey, body []byte) letter {
	sum := sha256.Sum256(body)
	l := letter{to: to, keyID: keyID, body: body, date: time.Now().UTC().Format(http.TimeFormat), digest: "SHA-256=" + base64.StdEncoding.EncodeToString(sum[:])}
	rest := strings.TrimPrefix(to, "http://")
	host, path, _ := strings.Cut(rest, "/")
	signed := sha256.Sum256([]byte("(request-target): post /" + path + "\nhost: " + host + "\ndate: " + l.date + "\ndigest: " + l.digest))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, signed[:])
	if err != nil {
		panic(err) // a mistake in the test
	}
	l.signature = base64.StdEncoding.EncodeToString(signature)
	return l
}

func (l letter) request() *http.Request {
	r, err := http.NewRequest(http.MethodPost, l.to, bytes.NewReader(l.body))
	if err != nil {
		panic(err) // a mistake in the test
	}
	r.Header.Set("Date", l.date)
	r.Header.Set("Digest", l.digest)
	r.Header.Set("Content-Type", activityType)
	r.Header.Set("Signature", fmt.Sprintf(`keyId="%s",algorithm="rsa-sha256",headers="(request-target) host date digest",signature="%s"`, l.keyID, l.signature))
	return r
}
