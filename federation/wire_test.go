package federation

import (
	"bufio"
	"bytes"
	"crypto"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"viche/actors"
)

// captured is one request of a real server as it came over the wire.
type captured struct {
	name    string
	request *http.Request
	body    []byte
	base    string
	at      time.Time
}

// TestSignaturesOfRealServersHold verifies each captured signature of
// GoToSocial, Fedify and snac under the keys that the same capture holds, by
// the very rules of the inbox.
func TestSignaturesOfRealServersHold(t *testing.T) {
	t.Parallel()
	dir := shared(t, "wire")
	keys := wireKeys(t, dir)
	cavage, messages := 0, 0
	for _, c := range wireRequests(t, dir) {
		if c.request.Header.Get("Signature") == "" {
			continue
		}
		isMessage := c.request.Header.Get("Signature-Input") != ""
		cl, err := readClaim(c.request, c.body, c.base, c.at)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		key := fitting(cl, keys[cl.KeyID])
		if key == nil {
			t.Errorf("%s: none of the %d keys called %s fits", c.name, len(keys[cl.KeyID]), cl.KeyID)
			continue
		}
		if isMessage {
			messages++
		} else {
			cavage++
		}
		for what, broken := range map[string]*http.Request{"path": withPath(c.request), "method": withMethod(c.request)} {
			if other, err := readClaim(broken, c.body, c.base, c.at); err == nil && other.verify(key) == nil {
				t.Errorf("%s holds with another %s too", c.name, what)
			}
		}
	}
	if cavage != 139 || messages != 4 {
		t.Errorf("verified %d draft-cavage and %d RFC 9421 signatures, want 139 and 4", cavage, messages)
	}
}

// fitting picks among keys of one id: each capture began with new ones.
func fitting(cl *claim, keys []crypto.PublicKey) crypto.PublicKey {
	for _, key := range keys {
		if cl.verify(key) == nil {
			return key
		}
	}
	return nil
}

func withPath(r *http.Request) *http.Request {
	other := r.Clone(r.Context())
	other.URL.Path += "x"
	return other
}

func withMethod(r *http.Request) *http.Request {
	other := r.Clone(r.Context())
	other.Method = map[string]string{http.MethodGet: http.MethodPut, http.MethodPost: http.MethodPut}[r.Method]
	return other
}

var (
	seenLine = regexp.MustCompile(`^# seen (\S+) at (\S+),`)
	keyText  = regexp.MustCompile(`"id": "([^"]+)",\s+(?:"type": "[^"]+",\s+)?"owner": "[^"]+",\s+"publicKeyPem": "([^"]+)"`)
)

func wireRequests(t *testing.T, dir string) []captured {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.http"))
	if err != nil {
		t.Fatal(err)
	}
	var list []captured
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		request, _, _ := strings.Cut(string(text), "\n---- response ----")
		seen, rest, _ := strings.Cut(request, "\n\n")
		m := seenLine.FindStringSubmatch(seen)
		head, _, _ := strings.Cut(rest, "\n\n")
		if m == nil {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, m[1])
		if err != nil {
			t.Fatal(err)
		}
		head = strings.ReplaceAll(strings.TrimSpace(head), "\n", "\r\n") + "\r\n\r\n"
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.Replace(head, "HTTP/2.0", "HTTP/1.1", 1))))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		body, err := os.ReadFile(strings.TrimSuffix(file, ".http") + ".body.json")
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		name := filepath.Base(filepath.Dir(file)) + "/" + filepath.Base(file)
		list = append(list, captured{name: name, request: r, body: body, base: m[2], at: at})
	}
	return list
}

func wireKeys(t *testing.T, dir string) map[string][]crypto.PublicKey {
	t.Helper()
	keys := map[string][]crypto.PublicKey{}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.http"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range keyText.FindAllStringSubmatch(string(text), -1) {
			pem, err := strconv.Unquote(`"` + m[2] + `"`)
			if err != nil {
				t.Fatal(err)
			}
			key, err := decodeKey(actors.PublicKey{URI: m[1], Kind: actors.KeyRSA, Text: pem})
			if err != nil {
				t.Fatalf("%s: %v", m[1], err)
			}
			keys[m[1]] = append(keys[m[1]], key)
		}
	}
	return keys
}
