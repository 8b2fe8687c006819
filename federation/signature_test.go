package federation

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"viche/actors"
)

const (
	here   = "https://lviv.test"
	sender = "https://far.test/users/olena"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// testKey is one RSA key for all tests: making them is slow.
var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// post is a request as our server would see it.
func post(path string, body []byte) *http.Request {
	r := httptest.NewRequest(http.MethodPost, here+path, bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/activity+json")
	return r
}

func signed(t *testing.T, r *http.Request, body []byte, at time.Time) *http.Request {
	t.Helper()
	r.URL.Host = r.Host // as a client has it
	if err := signCavage(r, body, sender+"#main-key", testKey(), at); err != nil {
		t.Fatal(err)
	}
	return r
}

func judge(r *http.Request, body []byte, key crypto.PublicKey) error {
	cl, err := readClaim(r, body, here, noon)
	if err != nil {
		return err
	}
	return cl.verify(key)
}

func TestOurSignatureHolds(t *testing.T) {
	t.Parallel()
	body := []byte(`{"a":1}`)
	for _, path := range []string{"/inbox", "/inbox?a=b&c=%D1%96", "/users/%D1%96/inbox"} {
		if err := judge(signed(t, post(path, body), body, noon), body, &testKey().PublicKey); err != nil {
			t.Errorf("POST %s: %v", path, err)
		}
	}
	get := httptest.NewRequest(http.MethodGet, here+"/actor", nil)
	if err := judge(signed(t, get, nil, noon), nil, &testKey().PublicKey); err != nil {
		t.Errorf("GET: %v", err)
	}
	// Some signers leave the query out; it is the one liberty they have.
	r := signed(t, post("/inbox", body), body, noon)
	r.URL.RawQuery = "added=1"
	if err := judge(r, body, &testKey().PublicKey); err != nil {
		t.Errorf("query that was not signed: %v", err)
	}
}

// handSigned signs the given headers, so that signatures can be made which our
// own signer would never make.
func handSigned(t *testing.T, r *http.Request, covered, params string) *http.Request {
	t.Helper()
	var lines []string
	for _, name := range strings.Fields(covered) {
		switch name {
		case "(request-target)":
			lines = append(lines, name+": "+strings.ToLower(r.Method)+" "+r.URL.RequestURI())
		case "host":
			lines = append(lines, "host: "+r.Host)
		case "(created)":
			_, created, _ := strings.Cut(params, "created=")
			lines = append(lines, "(created): "+created)
		default:
			lines = append(lines, name+": "+strings.Join(r.Header.Values(name), ", "))
		}
	}
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
	sig, err := rsa.SignPKCS1v15(rand.Reader, testKey(), crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Signature", fmt.Sprintf(`keyId="%s#main-key",headers="%s"%s,signature="%s"`, sender, covered, params, base64.StdEncoding.EncodeToString(sig)))
	return r
}

func digestOf(body []byte) string {
	sum := sha256.Sum256(body)
	return "SHA-256=" + base64.StdEncoding.EncodeToString(sum[:])
}

// TestBadCavageSignatures are rows 19 to 28 of the list of attacks.
func TestBadCavageSignatures(t *testing.T) {
	t.Parallel()
	body := []byte(`{"a":1}`)
	const all = "(request-target) host date digest"
	fresh := func() *http.Request {
		r := post("/inbox", body)
		r.Header.Set("Date", noon.Format(http.TimeFormat))
		r.Header.Set("Digest", digestOf(body))
		return r
	}
	if err := judge(handSigned(t, fresh(), all, `,algorithm="hs2019"`), body, &testKey().PublicKey); err != nil {
		t.Fatalf("the sound one: %v", err)
	}
	// The library holds (created) against the machine's own clock, never before it.
	created := noon.Add(-time.Minute)
	if now := time.Now(); now.Before(created) {
		created = now
	}
	byCreated := handSigned(t, fresh(), "(request-target) host (created) digest", fmt.Sprintf(`,algorithm="hs2019",created=%d`, created.Unix()))
	if cl, err := readClaim(byCreated, body, here, created); err != nil {
		t.Errorf("(created) in place of date: %v", err)
	} else if err := cl.verify(&testKey().PublicKey); err != nil {
		t.Errorf("(created) in place of date: %v", err)
	}
	sum512 := sha512.Sum512(body)
	for name, r := range map[string]*http.Request{
		"19 no Digest": func() *http.Request {
			r := fresh()
			r.Header.Del("Digest")
			return handSigned(t, r, "(request-target) host date", "")
		}(),
		"19 digest not covered": handSigned(t, fresh(), "(request-target) host date", ""),
		"20 another body":       handSigned(t, withHeader(fresh(), "Digest", digestOf([]byte("other"))), all, ""),
		"21 two digests": func() *http.Request {
			r := fresh()
			r.Header.Add("Digest", digestOf([]byte("other")))
			return handSigned(t, r, all, "")
		}(),
		"21 sha-256 twice":    handSigned(t, withHeader(fresh(), "Digest", digestOf(body)+","+digestOf(body)), all, ""),
		"21 sha-512 only":     handSigned(t, withHeader(fresh(), "Digest", "SHA-512="+base64.StdEncoding.EncodeToString(sum512[:])), all, ""),
		"21 wrong base64":     handSigned(t, withHeader(fresh(), "Digest", "SHA-256=!!!!"), all, ""),
		"22 host not covered": handSigned(t, fresh(), "(request-target) date digest", ""),
		"22 for another host": func() *http.Request { r := fresh(); r.Host = "victim.test"; return handSigned(t, r, all, "") }(),
		"23 another path":     withURL(handSigned(t, fresh(), all, ""), "/users/x/inbox"),
		"23 another method":   func() *http.Request { r := handSigned(t, fresh(), all, ""); r.Method = http.MethodPut; return r }(),
		"23 query removed": func() *http.Request {
			r := fresh()
			r.URL.RawQuery = "a=b"
			return withURL(handSigned(t, r, all, ""), "/inbox")
		}(),
		"23 query changed": func() *http.Request {
			r := fresh()
			r.URL.RawQuery = "a=b"
			return withURL(handSigned(t, r, all, ""), "/inbox?a=c")
		}(),
		"23 target not signed": handSigned(t, fresh(), "host date digest", ""),
		"24 13 hours old":      handSigned(t, withHeader(fresh(), "Date", noon.Add(-13*time.Hour).Format(http.TimeFormat)), all, ""),
		"24 2 hours ahead":     handSigned(t, withHeader(fresh(), "Date", noon.Add(2*time.Hour).Format(http.TimeFormat)), all, ""),
		"24 unreadable Date":   handSigned(t, withHeader(fresh(), "Date", "yesterday"), all, ""),
		"24 no Date":           handSigned(t, fresh(), "(request-target) host digest", ""),
		"26 keyId twice":       handSigned(t, fresh(), all, `,keyId="https://evil.test/k"`),
		"26 headers twice":     handSigned(t, fresh(), all, `,headers="date"`),
		"27 nothing covered":   handSigned(t, fresh(), "", ""),
		"27 date alone":        handSigned(t, fresh(), "date", ""),
		"27 digest twice":      handSigned(t, fresh(), all+" digest", ""),
		"unknown algorithm":    handSigned(t, fresh(), all, `,algorithm="hmac-sha256"`),
		"two signatures": func() *http.Request {
			r := handSigned(t, fresh(), all, "")
			r.Header.Add("Signature", r.Header.Get("Signature"))
			return r
		}(),
		"unclosed quote": withHeader(fresh(), "Signature", `keyId="a`),
		"no equals sign": withHeader(fresh(), "Signature", `keyId`),
		"empty":          withHeader(fresh(), "Signature", ``),
		"none":           fresh(),
	} {
		if err := judge(r, body, &testKey().PublicKey); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v, want ErrSignature", name, err)
		}
	}
}

func withHeader(r *http.Request, name, value string) *http.Request {
	r.Header.Set(name, value)
	return r
}

func withURL(r *http.Request, target string) *http.Request {
	path, query, _ := strings.Cut(target, "?")
	r.URL.Path, r.URL.RawQuery = path, query
	return r
}

// TestKeysOutsideThePolicy is row 32.
func TestKeysOutsideThePolicy(t *testing.T) {
	t.Parallel()
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	modulus := func(bits uint) *big.Int { return new(big.Int).SetBit(big.NewInt(1), int(bits)-1, 1) }
	for name, key := range map[string]crypto.PublicKey{
		"512 bits":   &rsa.PublicKey{N: modulus(512), E: 65537},
		"1024 bits":  &rsa.PublicKey{N: modulus(1024), E: 65537},
		"16384 bits": &rsa.PublicKey{N: modulus(16384), E: 65537},
		"e is 1":     &rsa.PublicKey{N: modulus(2048), E: 1},
		"e is even":  &rsa.PublicKey{N: modulus(2048), E: 4},
		"EC":         &curve.PublicKey,
		"none":       nil,
	} {
		if err := checkKey(key); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v, want ErrSignature", name, err)
		}
	}
	der, err := x509.MarshalPKIXPublicKey(&curve.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"EC in PEM": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
		"no PEM":    "key",
		"junk":      "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
	} {
		if _, err := decodeKey(actors.PublicKey{Kind: actors.KeyRSA, Text: text}); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v, want ErrSignature", name, err)
		}
	}
}

// TestCavageAppendixC rebuilds the published example (its key is too short for
// our policy, so the arithmetic is asked directly).
func TestCavageAppendixC(t *testing.T) {
	t.Parallel()
	block, _ := pem.Decode([]byte("-----BEGIN PUBLIC KEY-----\nMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDCFENGw33yGihy92pDjZQhl0C3\n6rPJj+CvfSC8+q28hxA161QFNUd13wuCTUcq0Qd2qsBe/2hFyc2DCJJg0h1L78+6\nZ4UMR7EOcpfdUE9Hf3m/hs+FUR45uBJeDK1HSFHD8bHKD6kv8FPGfJTotc+2xjJw\noYi+1hqp1fIekaxsyQIDAQAB\n-----END PUBLIC KEY-----\n"))
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "https://example.com/foo?param=value&pet=dog", strings.NewReader(`{"hello": "world"}`))
	r.Header.Set("Date", "Sun, 05 Jan 2014 21:31:40 GMT")
	const sig = `keyId="Test",algorithm="rsa-sha256",headers="(request-target) host date",signature="qdx+H7PHHDZgy4y/Ahn9Tny9V3GP6YgBPyUXMmoxWtLbHpUnXS2mg2+SbrQDMCJypxBLSPQR2aAjn7ndmw2iicw3HMbe8VfEdKFYRqzic+efkb3nndiv/x1xSHDJWeSWkx3ButlYSuBskLu6kd9Fswtemr3lgdDEmn04swr2Os0="`
	if err := fitsCavage(r, sig, key); err != nil {
		t.Errorf("C.2: %v", err)
	}
	if err := checkKey(key); !errors.Is(err, ErrSignature) {
		t.Errorf("its key of 1024 bits: %v, want ErrSignature", err)
	}
}

// rfcRequest is the request of RFC 9421, appendix B.2.
func rfcRequest() *http.Request {
	r := httptest.NewRequest(http.MethodPost, "https://example.com/foo?param=Value&Pet=dog", strings.NewReader(`{"hello": "world"}`))
	r.Header.Set("Date", "Tue, 20 Apr 2021 02:07:55 GMT")
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Content-Digest", "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:")
	r.Header.Set("Content-Length", "18")
	return r
}

func TestRFC9421AppendixB(t *testing.T) {
	t.Parallel()
	der, err := base64.StdEncoding.DecodeString("MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=")
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		t.Fatal(err)
	}
	r := rfcRequest()
	r.Header.Set("Signature-Input", `sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"`)
	r.Header.Set("Signature", "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:")
	s, err := parseMessageSignature(r.Header)
	if err != nil {
		t.Fatal(err)
	}
	base, err := s.base(r, "https")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.verify(base, key.(ed25519.PublicKey)); err != nil {
		t.Errorf("B.2.6: %v; base:\n%s", err, base)
	}
	if err := s.verify(base+" ", key); !errors.Is(err, ErrSignature) {
		t.Errorf("B.2.6 with another base: %v, want ErrSignature", err)
	}
	// Its coverage is not enough for us: the body is not covered.
	if _, err := readMessageSignature(r, []byte(`{"hello": "world"}`), "https", time.Unix(1618884473, 0)); !errors.Is(err, ErrSignature) {
		t.Errorf("B.2.6 under our rules: %v, want ErrSignature", err)
	}
	r = rfcRequest()
	r.Header.Set("Signature-Input", `sig-b23=("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss"`)
	r.Header.Set("Signature", "sig-b23=:AAAA:")
	if s, err = parseMessageSignature(r.Header); err != nil {
		t.Fatal(err)
	}
	const want = `"date": Tue, 20 Apr 2021 02:07:55 GMT
"@method": POST
"@path": /foo
"@query": ?param=Value&Pet=dog
"@authority": example.com
"content-type": application/json
"content-digest": sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:
"content-length": 18
"@signature-params": ("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss"`
	if got, err := s.base(r, "https"); err != nil || got != want {
		t.Errorf("B.2.3 base = %v\n%s\nwant\n%s", err, got, want)
	}
}

// TestBadMessageSignatures is row 28 with its neighbours.
func TestBadMessageSignatures(t *testing.T) {
	t.Parallel()
	body := []byte(`{"a":1}`)
	sum := sha256.Sum256(body)
	digest := "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
	const all = `("@method" "@target-uri" "content-digest")`
	sign := func(covered, params string) *http.Request {
		r := post("/inbox?x=1", body)
		r.Header.Set("Content-Digest", digest)
		r.Header.Set("Signature-Input", "sig1="+covered+params)
		r.Header.Set("Signature", "sig1=:AAAA:")
		s, err := parseMessageSignature(r.Header)
		if err != nil {
			return r // refused before the arithmetic, which is what is wanted
		}
		base, err := s.base(r, "https")
		if err != nil {
			return r
		}
		hash := sha256.Sum256([]byte(base))
		sig, err := rsa.SignPKCS1v15(rand.Reader, testKey(), crypto.SHA256, hash[:])
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Signature", "sig1=:"+base64.StdEncoding.EncodeToString(sig)+":")
		return r
	}
	params := func(extra string) string {
		return fmt.Sprintf(`;created=%d;keyid="%s#main-key"%s`, noon.Unix(), sender, extra)
	}
	for name, r := range map[string]*http.Request{
		"as Mastodon signs":      sign(all, params(`;alg="rsa-v1_5-sha256"`)),
		"without alg":            sign(all, params("")),
		"authority, path, query": sign(`("@method" "@authority" "@path" "@query" "content-digest")`, params("")),
		"with expires":           sign(all, params(fmt.Sprintf(";expires=%d", noon.Unix()+60))),
	} {
		if err := judge(r, body, &testKey().PublicKey); err != nil {
			t.Errorf("sound, %s: %v", name, err)
		}
	}
	add := func(r *http.Request, name, value string) *http.Request {
		r.Header.Set(name, r.Header.Get(name)+", "+value)
		return r
	}
	for name, r := range map[string]*http.Request{
		"two labels":            add(add(sign(all, params("")), "Signature-Input", "sig2="+all+params("")), "Signature", "sig2=:AAAA:"),
		"another label":         withHeader(sign(all, params("")), "Signature", "sig2=:AAAA:"),
		"no created":            sign(all, `;keyid="`+sender+`#main-key"`),
		"expired":               sign(all, params(fmt.Sprintf(";expires=%d", noon.Unix()-1))),
		"too old":               sign(all, fmt.Sprintf(`;created=%d;keyid="%s#main-key"`, noon.Add(-13*time.Hour).Unix(), sender)),
		"created ahead":         sign(all, fmt.Sprintf(`;created=%d;keyid="%s#main-key"`, noon.Add(2*time.Hour).Unix(), sender)),
		"path alone":            sign(`("@method" "@path" "content-digest")`, params("")),
		"query not covered":     sign(`("@method" "@authority" "@path" "content-digest")`, params("")),
		"method not covered":    sign(`("@target-uri" "content-digest")`, params("")),
		"digest not covered":    sign(`("@method" "@target-uri")`, params("")),
		"nothing covered":       sign(`()`, params("")),
		"component twice":       sign(`("@method" "@method" "@target-uri" "content-digest")`, params("")),
		"component parameter":   sign(`("@method";req "@target-uri" "content-digest")`, params("")),
		"keyid twice":           sign(all, params(`;keyid="x"`)),
		"no keyid":              sign(all, fmt.Sprintf(";created=%d", noon.Unix())),
		"another algorithm":     sign(all, params(`;alg="ed25519"`)),
		"another body's digest": withHeader(sign(all, params("")), "Content-Digest", "sha-256=:AAAA:"),
		"method swapped":        func() *http.Request { r := sign(all, params("")); r.Method = http.MethodPut; return r }(),
		"path swapped":          withURL(sign(all, params("")), "/other?x=1"),
		"query swapped":         withURL(sign(all, params("")), "/inbox?x=2"),
		"host swapped":          func() *http.Request { r := sign(all, params("")); r.Host = "victim.test"; return r }(),
	} {
		if err := judge(r, body, &testKey().PublicKey); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v, want ErrSignature", name, err)
		}
	}
}
