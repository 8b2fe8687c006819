package attacks

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"viche/federation/ap"
)

// A request is something posted to an inbox, and how it is signed. The zero
// values are the honest ones; a test changes what it lies about.
type request struct {
	to     string // address that it really goes to
	method string
	host   string // the Host header that it really has
	kind   string
	body   []byte
	length int64 // -1: chunked, without a length

	by     *actor
	keyID  string
	date   time.Time
	digest []string // the Digest headers; nil: the right one
	scheme scheme

	// What the signature says, where that is another thing than what is sent.
	signed struct {
		method, target, host string
	}
	covered []string                 // names, in order; nil: the usual ones
	header  func(text string) string // makes the Signature header of the text to sign
	params  string                   // further parameters of the signature
	input   string                   // of RFC 9421: the whole Signature-Input after "sig1="

	after func(r *http.Request) // tampers with the signed request
}

type scheme int

const (
	cavage scheme = iota
	messages
	unsigned
)

// from is an honest request: an activity of an actor, to the shared inbox.
func (w *world) from(by *actor, activity any) *request {
	return &request{to: w.base + "/inbox", method: http.MethodPost, kind: ap.ContentType, body: encode(activity), by: by, keyID: by.keyID, date: w.n.Now()}
}

// send makes the request and gives the status of the answer.
func (w *world) send(q *request) int {
	w.t.Helper()
	r := w.prepare(q)
	answer, err := w.client.Do(r)
	if err != nil {
		w.t.Fatalf("send: %v", err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		w.t.Fatal(err)
	}
	return answer.StatusCode
}

func (w *world) prepare(q *request) *http.Request {
	w.t.Helper()
	var body io.Reader
	if q.body != nil {
		body = bytes.NewReader(q.body)
	}
	r, err := http.NewRequestWithContext(w.t.Context(), q.method, q.to, body)
	if err != nil {
		w.t.Fatal(err)
	}
	if q.length != 0 {
		r.ContentLength = q.length
	}
	if q.host != "" {
		r.Host = q.host
	}
	if q.kind != "" {
		r.Header.Set("Content-Type", q.kind)
	}
	switch q.scheme {
	case cavage:
		q.signCavage(r)
	case messages:
		q.signMessage(r)
	}
	if q.after != nil {
		q.after(r)
	}
	return r
}

func (q *request) signCavage(r *http.Request) {
	if !q.date.IsZero() {
		r.Header.Set("Date", q.date.UTC().Format(http.TimeFormat))
	}
	covered := q.covered
	if covered == nil {
		covered = []string{"(request-target)", "host", "date"}
		if q.body != nil {
			covered = append(covered, "digest")
		}
	}
	if q.digest == nil && q.body != nil {
		q.digest = []string{"SHA-256=" + sum(q.body)}
	}
	for _, d := range q.digest {
		r.Header.Add("Digest", d)
	}
	var lines []string
	for _, name := range covered {
		switch name {
		case "(request-target)":
			lines = append(lines, name+": "+strings.ToLower(or(q.signed.method, r.Method))+" "+or(q.signed.target, r.URL.RequestURI()))
		case "host":
			lines = append(lines, name+": "+or(q.signed.host, r.Host))
		case "(created)", "(expires)":
			lines = append(lines, name+": "+q.param(strings.Trim(name, "()")))
		default:
			lines = append(lines, name+": "+strings.Join(r.Header.Values(name), ", "))
		}
	}
	text := strings.Join(lines, "\n")
	if q.header != nil {
		r.Header.Set("Signature", q.header(text))
		return
	}
	r.Header.Set("Signature", fmt.Sprintf(`keyId="%s",algorithm="rsa-sha256",headers="%s"%s,signature="%s"`, q.keyID, strings.Join(covered, " "), q.params, q.by.sign(text)))
}

// param finds a parameter among the further ones: ,created=12.
func (q *request) param(name string) string {
	_, after, _ := strings.Cut(q.params, ","+name+"=")
	value, _, _ := strings.Cut(after, ",")
	return value
}

func (q *request) signMessage(r *http.Request) {
	covered := q.covered
	if covered == nil {
		covered = []string{"@method", "@target-uri"}
		if q.body != nil {
			covered = append(covered, "content-digest")
		}
	}
	if q.body != nil {
		r.Header.Set("Content-Digest", "sha-256=:"+sum(q.body)+":")
	}
	var names, lines []string
	for _, name := range covered {
		names = append(names, `"`+name+`"`)
		value := strings.Join(r.Header.Values(name), ", ")
		switch name {
		case "@method":
			value = or(q.signed.method, r.Method)
		case "@target-uri":
			value = or(q.signed.target, "https://"+r.Host+r.URL.RequestURI())
		case "@authority":
			value = or(q.signed.host, r.Host)
		case "@path":
			value = r.URL.EscapedPath()
		case "@query":
			value = "?" + r.URL.RawQuery
		}
		lines = append(lines, fmt.Sprintf("%q: %s", name, value))
	}
	input := q.input
	if input == "" {
		input = fmt.Sprintf(`(%s);created=%d;keyid="%s"%s`, strings.Join(names, " "), q.date.Unix(), q.keyID, q.params)
	}
	text := strings.Join(append(lines, `"@signature-params": `+input), "\n")
	r.Header.Set("Signature-Input", "sig1="+input)
	r.Header.Set("Signature", "sig1=:"+q.by.sign(text)+":")
}

func (a *actor) sign(text string) string {
	hash := sha256.Sum256([]byte(text))
	raw, err := rsa.SignPKCS1v15(rand.Reader, a.key, crypto.SHA256, hash[:])
	if err != nil {
		panic(err) // a mistake in the test
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func sum(body []byte) string {
	hash := sha256.Sum256(body)
	return base64.StdEncoding.EncodeToString(hash[:])
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func readCloser(text string) io.ReadCloser { return io.NopCloser(strings.NewReader(text)) }

func contains(text, part string) bool { return strings.Contains(text, part) }
