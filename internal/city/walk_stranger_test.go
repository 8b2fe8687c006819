package city_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"viche/federation/ap"
	"viche/internal/citytest"
)

// stranger is a server elsewhere in the fediverse: its people follow and vote,
// and it keeps whatever it is sent.
type stranger struct {
	t      *testing.T
	n      *citytest.Network
	client *http.Client
	key    *rsa.PrivateKey
	public string

	mu   sync.Mutex
	got  []string
	made map[string]string // signatures of what is asked again and again
	ids  int
}

const strangerBase = "https://fediverse.test"

func startStranger(t *testing.T, n *citytest.Network) *stranger {
	t.Helper()
	s := &stranger{t: t, n: n, client: n.HTTP(), made: map[string]string{}}
	var err error
	if s.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(s.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	s.public = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	_, cert, key := n.Certificates()
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	t.Cleanup(server.Close)
	n.Meet("fediverse.test", server.Listener.Addr().String())
	return s
}

func (s *stranger) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "cut off", http.StatusBadRequest)
			return
		}
		s.mu.Lock()
		s.got = append(s.got, string(body))
		s.mu.Unlock()
		w.WriteHeader(http.StatusAccepted)
		return
	}
	handle, ok := strings.CutPrefix(r.URL.Path, "/users/")
	if !ok {
		http.NotFound(w, r)
		return
	}
	id := strangerBase + "/users/" + handle
	w.Header().Set("Content-Type", ap.ContentType)
	_ = json.NewEncoder(w).Encode(map[string]any{ // who hangs up needs no answer
		"@context": []string{ap.ActivityStreams, "https://w3id.org/security/v1"}, "id": id, "type": "Person", "preferredUsername": handle,
		"inbox": id + "/inbox", "outbox": id + "/outbox", "followers": id + "/followers",
		"publicKey": map[string]string{"id": id + "#main-key", "owner": id, "publicKeyPem": s.public},
	})
}

// mail is everything that has come.
func (s *stranger) mail() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.got...)
}

// sign makes a request one of somebody on this server (draft-cavage).
func (s *stranger) sign(r *http.Request, handle string, body []byte) {
	r.Header.Set("Date", s.n.Now().UTC().Format(http.TimeFormat))
	names := "(request-target) host date"
	text := "(request-target): " + strings.ToLower(r.Method) + " " + r.URL.RequestURI() + "\nhost: " + r.URL.Host + "\ndate: " + r.Header.Get("Date")
	if body != nil {
		sum := sha256.Sum256(body)
		r.Header.Set("Digest", "SHA-256="+base64.StdEncoding.EncodeToString(sum[:]))
		names, text = names+" digest", text+"\ndigest: "+r.Header.Get("Digest")
	}
	r.Header.Set("Signature", fmt.Sprintf(`keyId="%s/users/%s#main-key",algorithm="rsa-sha256",headers="%s",signature="%s"`, strangerBase, handle, names, s.signature(text)))
}

func (s *stranger) signature(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.made[text] == "" {
		sum := sha256.Sum256([]byte(text))
		raw, err := rsa.SignPKCS1v15(rand.Reader, s.key, crypto.SHA256, sum[:])
		if err != nil {
			s.t.Errorf("sign: %v", err)
		}
		s.made[text] = base64.StdEncoding.EncodeToString(raw)
	}
	return s.made[text]
}

// send posts an activity of somebody here into an inbox.
func (s *stranger) send(handle, inbox string, activity map[string]any) {
	s.t.Helper()
	s.ids++
	actor := strangerBase + "/users/" + handle
	activity["@context"], activity["id"], activity["actor"] = ap.ActivityStreams, fmt.Sprintf("%s/activities/%d", strangerBase, s.ids), actor
	body, err := json.Marshal(activity)
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, inbox, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", ap.ContentType)
	s.sign(r, handle, body)
	answer, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusAccepted {
		text, _ := io.ReadAll(answer.Body) // only for the message
		s.t.Fatalf("%s sends %s to %s = %d %s", handle, activity["type"], inbox, answer.StatusCode, text)
	}
}

func (s *stranger) follow(actor string) {
	s.t.Helper()
	s.send("anna0", actor+"/inbox", map[string]any{"type": "Follow", "object": actor})
}

// vote is a vote as Mastodon sends it.
func (s *stranger) vote(handle, poll, option string) {
	s.t.Helper()
	base, _, _ := strings.Cut(poll, "/polls/")
	s.answer(handle, poll, base+"/actor", option)
}

// answer is a vote in what somebody asks.
func (s *stranger) answer(handle, question, author, option string) {
	s.t.Helper()
	note := fmt.Sprintf("%s/votes/%d", strangerBase, s.ids)
	s.send(handle, author+"/inbox", map[string]any{"type": "Create", "to": author, "object": map[string]any{
		"id": note, "type": "Note", "attributedTo": strangerBase + "/users/" + handle, "to": author, "name": option, "inReplyTo": question,
	}})
}
