package federation

import (
	"bufio"
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// vectorFiles says which test runs which file of published vectors.
var vectorFiles = map[string]string{
	"cavage-appendix-c.json":     "here",
	"rfc9421/appendix-b.json":    "here",
	"fep/fep-8fcf-digest.json":   "sync_test.go",
	"fep/fep-d556-examples.json": "here: the link that WebFinger must have",
	"fep/fep-8b32.json":          "ap",
	"fep/fep-521a.json":          "ap",
	"fep/fep-c390.json":          "ap",
	"w3c/eddsa-jcs-2022.json":    "ap",
	"jcs/rfc8785-cases.json":     "ap",
	"fep/fep-044f-examples.json": "ap",
	"fep/fep-1b12-examples.json": "ap",
	"fep/fep-2c59-examples.json": "ap",
	"fep/fep-844e-examples.json": "ap",
	"fep/fep-8a8e-examples.json": "ap",
	"fep/fep-9967-examples.json": "ap",
	"fep/fep-b2b8-examples.json": "ap",
	"fep/fep-c0e0-examples.json": "ap",
}

// TestNoVectorIsLeftOut fails when a file is added that no test runs.
func TestNoVectorIsLeftOut(t *testing.T) {
	t.Parallel()
	dir, n := shared(t, "vectors"), 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		n++
		if name, err := filepath.Rel(dir, path); err != nil || vectorFiles[filepath.ToSlash(name)] == "" {
			t.Errorf("%s is run by no test", path)
		}
		return nil
	})
	if err != nil || n != len(vectorFiles) {
		t.Errorf("%d files, %v; want %d", n, err, len(vectorFiles))
	}
}

func readVectors(t *testing.T, name string, into any) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(shared(t, "vectors"), name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// TestCavageVectors checks each published signature by the arithmetic of the
// inbox, and that each fails over another request. Their key is too short for
// our policy, so none of them would get in.
func TestCavageVectors(t *testing.T) {
	t.Parallel()
	var file struct {
		Key struct {
			PEM string `json:"public_key_pem"`
		}
		Request struct {
			Method, URL, Body string
			Headers           map[string]string
		}
		Cases []struct {
			Name             string
			Headers          []string
			Created, Expires *int64
			Signature        string
		}
	}
	readVectors(t, "cavage-appendix-c.json", &file)
	block, _ := pem.Decode([]byte(file.Key.PEM))
	if block == nil {
		t.Fatal("no key")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	ran, bounds := 0, 0
	for _, c := range file.Cases {
		r := httptest.NewRequest(file.Request.Method, file.Request.URL, strings.NewReader(file.Request.Body))
		for name, value := range file.Request.Headers {
			r.Header.Set(name, value)
		}
		line := fmt.Sprintf(`keyId="Test",algorithm="hs2019",headers="%s",signature="%s"`, strings.Join(c.Headers, " "), c.Signature)
		if c.Created != nil {
			line += fmt.Sprintf(",created=%d", *c.Created)
		}
		if c.Expires != nil {
			line += fmt.Sprintf(",expires=%d", *c.Expires)
		}
		if c.Expires != nil {
			// The library looks at the clock first, and this one ended in 2014.
			if err := fitsCavage(r, line, key); !errors.Is(err, ErrSignature) {
				t.Errorf("%s: %v, want ErrSignature, for it has expired", c.Name, err)
			}
			bounds++
			continue
		}
		if err := fitsCavage(r, line, key); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
		ran++
		r.Header.Set("Date", "Sun, 05 Jan 2014 21:31:41 GMT")
		if err := fitsCavage(r, line, key); !errors.Is(err, ErrSignature) {
			t.Errorf("%s with another date: %v, want ErrSignature", c.Name, err)
		}
		r.Header.Set("Date", file.Request.Headers["date"])
		r.Header.Set("Signature", line)
		date, err := http.ParseTime(r.Header.Get("Date"))
		if err != nil {
			t.Fatal(err)
		}
		if cl, err := readCavage(r, []byte(file.Request.Body), date); err == nil && cl.verify(key) == nil {
			t.Errorf("%s: taken, though its key has 1024 bits", c.Name)
		}
	}
	if ran != 3 || bounds != 1 {
		t.Errorf("%d signatures held and %d were over, want 3 and 1", ran, bounds)
	}
	t.Logf("draft-cavage appendix C: %d signatures hold, %d is over, all %d refused by our policy of keys", ran, bounds, ran)
}

// TestMessageVectors runs RFC 9421: the signature base of each request that
// uses what we take, and the signature where the algorithm is ours. What we do
// not take must be refused, not misread.
func TestMessageVectors(t *testing.T) {
	t.Parallel()
	var file struct {
		Keys map[string]struct {
			Blocks []string
		}
		Request string `json:"test_request"`
		Cases   []struct {
			Title   string
			Base    string `json:"signature_base"`
			Headers string
		}
		Transformations []string
	}
	readVectors(t, "rfc9421/appendix-b.json", &file)
	key := func(name string) crypto.PublicKey {
		block, _ := pem.Decode([]byte(file.Keys[name].Blocks[0]))
		public, err := decodePublic(block)
		if err != nil {
			t.Fatalf("key %s: %v", name, err)
		}
		return public
	}
	bases, held := 0, 0
	for _, c := range file.Cases {
		r := requestOf(t, file.Request)
		for _, line := range strings.Split(strings.TrimSpace(c.Headers), "\n") {
			name, value, _ := strings.Cut(line, ": ")
			r.Header.Set(name, value)
		}
		s, err := parseMessageSignature(r.Header)
		base := ""
		if err == nil {
			base, err = s.base(r, "https")
		}
		switch {
		case strings.Contains(c.Title, "Selective") || strings.Contains(c.Title, "Response"):
			// A component with parameters; one of a response.
			if !errors.Is(err, ErrSignature) {
				t.Errorf("%s: %v, want ErrSignature", c.Title, err)
			}
			continue
		case err != nil:
			t.Errorf("%s: %v", c.Title, err)
			continue
		case base != c.Base:
			t.Errorf("%s: base\n%s\nwant\n%s", c.Title, base, c.Base)
		}
		bases++
		err = s.verify(base, key(map[bool]string{true: "example-key-ed25519", false: "example-key-rsa-pss-test"}[strings.Contains(c.Title, "ed25519")]))
		if strings.Contains(c.Title, "ed25519") {
			held++
			if err != nil {
				t.Errorf("%s: %v", c.Title, err)
			}
			if err := s.verify(base+" ", key("example-key-ed25519")); !errors.Is(err, ErrSignature) {
				t.Errorf("%s over another base: %v, want ErrSignature", c.Title, err)
			}
		} else if !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v, want ErrSignature: the algorithm is none of ours", c.Title, err)
		}
		// None covers what an inbox needs.
		if _, err := readMessageSignature(r, []byte(`{"hello": "world"}`), "https", time.Unix(1618884473, 0)); !errors.Is(err, ErrSignature) {
			t.Errorf("%s in the inbox: %v, want ErrSignature", c.Title, err)
		}
	}
	parts := componentsOf(t, file.Transformations)
	if bases != 4 || held != 1 || parts != 9 {
		t.Errorf("%d bases, %d signatures, %d components, want 4, 1 and 9", bases, held, parts)
	}
	t.Logf("RFC 9421: %d of %d signature bases are the printed ones, the others refused; %d Ed25519 signature holds; %d derived components are the printed ones", bases, len(file.Cases), held, parts)
}

func decodePublic(block *pem.Block) (crypto.PublicKey, error) {
	if block == nil {
		return nil, errors.New("not PEM")
	}
	return x509.ParsePKIXPublicKey(block.Bytes)
}

var (
	requestLine   = regexp.MustCompile(`^[A-Z]+ \S+ HTTP/1\.1\n`)
	componentLine = regexp.MustCompile(`^"(@[a-z-]+)": (.*)$`)
	// What no request to an inbox has: the forms for proxies and for a whole server.
	elsewhere = []string{"https://www.example.com/path?param=value", "www.example.com:80", "*"}
)

// componentsOf goes through the examples of RFC 9421, section 2.2: a message
// and, behind it, what a component of it is.
func componentsOf(t *testing.T, examples []string) (n int) {
	t.Helper()
	var r *http.Request
	for _, text := range examples {
		if requestLine.MatchString(text) {
			r = requestOf(t, text)
			continue
		}
		m := componentLine.FindStringSubmatch(text)
		if m == nil || strings.Contains(text, "\n") || m[1] == "@status" || m[1] == "@signature-params" || m[1] == "@request-target" && slices.Contains(elsewhere, m[2]) {
			continue
		}
		of, scheme := r, "https"
		if m[2] == "?" { // printed without its message, which has no query
			of = requestOf(t, "POST /path HTTP/1.1\nHost: www.example.com")
		}
		if m[1] == "@scheme" {
			scheme = "http"
		}
		n++
		if got, err := component(of, scheme, m[1]); err != nil || got != m[2] {
			t.Errorf("%s of %s %s = %q, %v, want %q", m[1], of.Method, of.URL, got, err, m[2])
		}
	}
	return n
}

func requestOf(t *testing.T, text string) *http.Request {
	t.Helper()
	head, _, _ := strings.Cut(text, "\n\n")
	head = strings.ReplaceAll(strings.TrimSpace(head), "\n", "\r\n") + "\r\n\r\n"
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	// A server of Go's takes the length out of the headers.
	if r.ContentLength > 0 && r.Header.Get("Content-Length") == "" {
		r.Header.Set("Content-Length", fmt.Sprint(r.ContentLength))
	}
	return r
}

// TestServerIsFoundAsTheExamplesSay compares with FEP-d556: whoever asks for the
// server's address finds its actor.
func TestServerIsFoundAsTheExamplesSay(t *testing.T) {
	t.Parallel()
	var file struct {
		Examples []struct {
			Links []struct{ Rel, Type, Href string }
		}
	}
	readVectors(t, "fep/fep-d556-examples.json", &file)
	want := file.Examples[0].Links[0]
	each(t, []string{"lviv.test"}, func(t *testing.T, _ *fediverse, towns ...*town) {
		answer := ask(towns[0].handler(), "/.well-known/webfinger?resource=https://lviv.test/", "application/jrd+json")
		var jrd struct {
			Links []struct{ Rel, Type, Href string }
		}
		if err := json.Unmarshal(answer.Body.Bytes(), &jrd); err != nil {
			t.Fatalf("%d: %v", answer.Code, err)
		}
		found := slices.ContainsFunc(jrd.Links, func(l struct{ Rel, Type, Href string }) bool {
			return l.Rel == want.Rel && l.Type == want.Type && l.Href == "https://lviv.test/actor"
		})
		if !found {
			t.Errorf("links = %v, want one such as %v", jrd.Links, want)
		}
	})
}
