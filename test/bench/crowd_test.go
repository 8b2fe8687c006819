package bench_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"viche/internal/store"
)

const activityType = "application/activity+json"

// A crowd is other servers with their people, as many as are wanted: it serves
// their documents, signs what they say, and takes what is delivered to them.
// Several share a key, which is no different for who receives.
type crowd struct {
	t     testing.TB
	port  int
	keys  []*rsa.PrivateKey
	pems  []string
	asked atomic.Int64
	took  func(inbox string) // nil ignores
	hung  chan struct{}      // the host 127.0.3.1 answers when this is closed
}

func newCrowd(t testing.TB) *crowd {
	t.Helper()
	c := &crowd{t: t, hung: make(chan struct{})}
	for range 8 {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		c.keys = append(c.keys, key)
		c.pems = append(c.pems, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	}
	l, err := net.Listen("tcp", "0.0.0.0:0") // all of 127.0.0.0/8
	if err != nil {
		t.Fatal(err)
	}
	c.port = l.Addr().(*net.TCPAddr).Port
	server := &http.Server{Handler: c}
	go func() { _ = server.Serve(l) }() // ends with Close
	t.Cleanup(func() { close(c.hung); _ = server.Close() })
	return c
}

// person is the id of somebody on one of the hosts.
func (c *crowd) person(host string, n int) string {
	return fmt.Sprintf("http://%s:%d/u/%d", host, c.port, n)
}

func (c *crowd) key(uri string) int {
	n, _ := strconv.Atoi(uri[strings.LastIndexByte(uri, '/')+1:]) // made by person
	return n % len(c.keys)
}

func (c *crowd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		if strings.HasPrefix(r.Host, "127.0.3.1:") {
			<-c.hung
		}
		_, _ = io.Copy(io.Discard, r.Body) // so that the connection is used again
		w.WriteHeader(http.StatusAccepted)
		if c.took != nil {
			c.took("http://" + r.Host + r.URL.Path)
		}
		return
	}
	c.asked.Add(1)
	id := "http://" + r.Host + r.URL.Path
	w.Header().Set("Content-Type", activityType)
	_ = json.NewEncoder(w).Encode(map[string]any{ // the other side notices a lost answer
		"@context": []string{"https://www.w3.org/ns/activitystreams", "https://w3id.org/security/v1"},
		"id":       id, "type": "Person", "preferredUsername": "p" + id[strings.LastIndexByte(id, '/')+1:],
		"inbox": id + "/inbox", "outbox": id + "/outbox", "followers": id + "/followers", "following": id + "/following", "url": id,
		"publicKey": map[string]any{"id": id + "#main-key", "owner": id, "publicKeyPem": c.pems[c.key(id)]},
	})
}

// note is a signed post that names somebody at the instance.
func (c *crowd) note(inbox, by, named string, n int) *http.Request {
	c.t.Helper()
	id := fmt.Sprintf("%s/n/%d-%d", by, time.Now().UnixNano(), n)
	const public = "https://www.w3.org/ns/activitystreams#Public"
	to, cc := []string{public}, []string{by + "/followers", named}
	body, err := json.Marshal(map[string]any{
		"@context": "https://www.w3.org/ns/activitystreams", "id": id + "/activity", "type": "Create", "actor": by, "to": to, "cc": cc,
		"object": map[string]any{
			"id": id, "type": "Note", "attributedTo": by, "to": to, "cc": cc, "url": id,
			"content": fmt.Sprintf("<p>@city benchmark note number %d</p>", n), "published": time.Now().UTC().Format(time.RFC3339),
			"tag": []any{map[string]any{"type": "Mention", "href": named, "name": "@city"}},
		},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodPost, inbox, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	date, digest := time.Now().UTC().Format(http.TimeFormat), sha256.Sum256(body)
	said := "SHA-256=" + base64.StdEncoding.EncodeToString(digest[:])
	sum := sha256.Sum256([]byte("(request-target): post " + r.URL.RequestURI() + "\nhost: " + r.URL.Host + "\ndate: " + date + "\ndigest: " + said))
	signature, err := rsa.SignPKCS1v15(nil, c.keys[c.key(by)], crypto.SHA256, sum[:])
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Date", date)
	r.Header.Set("Digest", said)
	r.Header.Set("Content-Type", activityType)
	r.Header.Set("Signature", fmt.Sprintf(`keyId="%s#main-key",algorithm="rsa-sha256",headers="(request-target) host date digest",signature="%s"`,
		by, base64.StdEncoding.EncodeToString(signature)))
	return r
}

// said is what came of sending requests.
type said struct {
	wall   time.Duration
	each   []time.Duration // sorted
	refuse map[int]int     // by status
}

func (s said) p(share float64) float64 {
	return float64(s.each[int(share*float64(len(s.each)-1))].Microseconds()) / 1000
}

// send sends requests, at most so many at once; a pace above zero is how many
// begin in a second, whether the earlier ones are answered or not.
func (c *crowd) send(requests []*http.Request, atOnce int, pace float64) said {
	c.t.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: atOnce}, Timeout: time.Minute}
	out := said{each: make([]time.Duration, len(requests)), refuse: map[int]int{}}
	var mu sync.Mutex
	var next atomic.Int64
	var wait sync.WaitGroup
	began := time.Now()
	for range atOnce {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for i := int(next.Add(1) - 1); i < len(requests); i = int(next.Add(1) - 1) {
				start := time.Now()
				if pace > 0 {
					// Counted from when it should have begun, so that a pause of the
					// server is not hidden by requests that were never sent.
					start = began.Add(time.Duration(float64(i) / pace * float64(time.Second)))
					time.Sleep(time.Until(start))
				}
				answer, err := client.Do(requests[i])
				out.each[i] = time.Since(start)
				status := 0
				if err == nil {
					_, _ = io.Copy(io.Discard, answer.Body) // so that the connection is used again
					_ = answer.Body.Close()
					status = answer.StatusCode
				}
				if status != http.StatusAccepted {
					mu.Lock()
					out.refuse[status]++
					mu.Unlock()
				}
			}
		}()
	}
	wait.Wait()
	out.wall = time.Since(began)
	slices.Sort(out.each)
	return out
}

// look opens the database of a running server for reading.
func (i *instance) look(t testing.TB) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), i.env["VICHE_DATABASE"], store.Options{Conns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // only read
	return db
}

func count(t testing.TB, db *store.DB, query string) (n int) {
	t.Helper()
	if err := db.ReadBound().Row(context.Background(), []any{&n}, query); err != nil {
		t.Fatal(err)
	}
	return n
}

// signing is what one RSA signature costs here and now.
func (c *crowd) signing() time.Duration {
	const n = 300
	sum := sha256.Sum256([]byte("x"))
	before := cpu(c.t, os.Getpid())
	for range n {
		if _, err := rsa.SignPKCS1v15(nil, c.keys[0], crypto.SHA256, sum[:]); err != nil {
			c.t.Fatal(err)
		}
	}
	return (cpu(c.t, os.Getpid()) - before) / n
}
