package federation

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
)

// TestNoConnectionIntoTheHouse is row 41: every way to write a private address,
// as the dialer sees it right before it connects.
func TestNoConnectionIntoTheHouse(t *testing.T) {
	t.Parallel()
	c := NewClient(ClientOptions{})
	for _, address := range []string{
		"127.0.0.1:443", "0.0.0.0:443", "10.1.2.3:443", "172.16.0.1:443", "172.31.255.255:443", "192.168.1.1:443",
		"169.254.169.254:80", "100.64.0.1:443", "198.18.0.1:443", "224.0.0.1:443", "255.255.255.255:443", "192.0.2.1:443",
		"[::1]:443", "[::]:443", "[::ffff:127.0.0.1]:443", "[::ffff:10.0.0.1]:443", "[::7f00:1]:443", "[64:ff9b::7f00:1]:443",
		"[64:ff9b:1::1]:443", "[2002:7f00:1::]:443", "[2001::1]:443", "[2001:db8::1]:443", "[fe80::1%25eth0]:443", "[fe80::1]:443",
		"[fc00::1]:443", "[fd12:3456::1]:443", "[ff02::1]:443", "[100::1]:443", "8.8.8.8:22", "8.8.8.8:8080", "nonsense",
	} {
		if err := c.control("tcp", address, nil); !errors.Is(err, ErrRefused) {
			t.Errorf("control(%s) = %v, want ErrRefused", address, err)
		}
	}
	for _, address := range []string{"8.8.8.8:443", "1.1.1.1:80", "[2606:4700::1111]:443", "172.32.0.1:443", "[::ffff:8.8.8.8]:443"} {
		if err := c.control("tcp", address, nil); err != nil {
			t.Errorf("control(%s) = %v, want nil", address, err)
		}
	}
	own := NewClient(ClientOptions{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err := own.control("tcp", "127.0.0.1:8420", nil); err != nil {
		t.Errorf("an address that the operator allowed: %v", err)
	}
	if err := own.control("tcp", "10.0.0.1:443", nil); !errors.Is(err, ErrRefused) {
		t.Errorf("another private address: %v, want ErrRefused", err)
	}
}

// loopback is a client that may reach test servers on this machine under any
// name, and one that may not.
func loopback(allow bool) *Client {
	o := ClientOptions{Scheme: "http", Resolve: func(context.Context, string) (netip.Addr, bool) { return netip.MustParseAddr("127.0.0.1"), true }}
	if allow {
		o.AllowPrivate = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}
	return NewClient(o)
}

// TestNamesThatPointInside are rows 41 to 43: the guard looks at the address
// that is dialled, so it does not matter how the name came to it.
func TestNamesThatPointInside(t *testing.T) {
	t.Parallel()
	var reached atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	c := loopback(false)
	for _, host := range []string{"public.test", "127.0.0.1", "localhost", "2130706433", "0x7f.1", "017700000001"} {
		address := "http://" + host + ":" + port + "/"
		if _, err := c.Get(t.Context(), address, acceptAP, nil); err == nil {
			t.Errorf("Get(%s) got an answer", address)
		}
		if _, err := c.Post(t.Context(), address, "text/plain", []byte("x"), nil); err == nil {
			t.Errorf("Post(%s) got an answer", address)
		}
		if resp, err := c.HTTP().Get(address); err == nil {
			_ = resp.Body.Close()
			t.Errorf("HTTP().Get(%s) got an answer", address)
		}
	}
	if n := reached.Load(); n != 0 {
		t.Errorf("%d requests came through", n)
	}
}

// TestRedirectsEnd are rows 43 and 44.
func TestRedirectsEnd(t *testing.T) {
	t.Parallel()
	var server *httptest.Server
	var hops atomic.Int32
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hops.Add(1)
		switch r.URL.Path {
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/two":
			http.Redirect(w, r, "/one", http.StatusMovedPermanently)
		case "/one":
			http.Redirect(w, r, "/end", http.StatusTemporaryRedirect)
		case "/inside":
			http.Redirect(w, r, "http://10.0.0.1/", http.StatusFound)
		case "/end":
			_, _ = io.WriteString(w, r.Header.Get("Signed"))
		default:
			w.Header().Set("Location", strings.TrimPrefix(r.URL.Path, "/"))
			w.WriteHeader(http.StatusFound)
		}
	}))
	defer server.Close()
	c := loopback(true)
	signs := 0
	sign := &Signer{Sign: func(r *http.Request, _ []byte, _ string) error {
		signs++
		r.Header.Set("Signed", r.URL.Path)
		return nil
	}}
	answer, err := c.Get(t.Context(), server.URL+"/two", "*/*", sign)
	if err != nil || string(answer.Body) != "/end" || signs != 3 || answer.URL != server.URL+"/end" {
		t.Errorf("two redirects: %v, %+v, signed %d times; want each hop signed anew", err, answer, signs)
	}
	hops.Store(0)
	if _, err := c.Get(t.Context(), server.URL+"/loop", "*/*", sign); !errors.Is(err, ErrRefused) || hops.Load() != 4 {
		t.Errorf("a loop: %v after %d requests, want ErrRefused after 4", err, hops.Load())
	}
	for _, to := range []string{"file:///etc/passwd", "data:text/plain,x", "gopher://x/", "https://x.test/", "http://user@x.test/"} {
		if _, err := c.Get(t.Context(), server.URL+"/"+to, "*/*", nil); !errors.Is(err, ErrRefused) {
			t.Errorf("redirect to %s: %v, want ErrRefused", to, err)
		}
		if resp, err := c.HTTP().Get(server.URL + "/" + to); err == nil {
			_ = resp.Body.Close()
			t.Errorf("HTTP() followed a redirect to %s", to)
		}
	}
	narrow := NewClient(ClientOptions{Scheme: "http", AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if _, err := narrow.Get(t.Context(), server.URL+"/inside", "*/*", sign); !errors.Is(err, ErrRefused) {
		t.Errorf("redirect to a private address: %v, want ErrRefused", err)
	}
}

// TestLongAnswersAreCut is row 38, a compressed one included.
func TestLongAnswersAreCut(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(bytes.Repeat([]byte(" "), 64<<20))
	_ = z.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/activity+json")
		switch r.URL.Path {
		case "/bomb":
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(packed.Bytes())
		case "/long":
			_, _ = w.Write(bytes.Repeat([]byte(" "), maxBody+1))
		case "/full":
			_, _ = w.Write(bytes.Repeat([]byte(" "), maxBody))
		}
	}))
	defer server.Close()
	c := loopback(true)
	for path, want := range map[string]bool{"/bomb": false, "/long": false, "/full": true} {
		_, err := c.Get(t.Context(), server.URL+path, acceptAP, nil)
		if want != (err == nil) || !want && !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestDocumentsSpeakForTheirOrigin are rows 1 to 4.
func TestDocumentsSpeakForTheirOrigin(t *testing.T) {
	t.Parallel()
	var evil, victim *httptest.Server
	serve := func(w http.ResponseWriter, kind, id string) {
		w.Header().Set("Content-Type", kind)
		_, _ = fmt.Fprintf(w, `{"id":%q,"type":"Note"}`, id)
	}
	const profile = `application/ld+json; profile="https://www.w3.org/ns/activitystreams"`
	victim = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/upload.json":
			serve(w, "application/json", victim.URL+"/upload.json")
		case "/page":
			serve(w, "text/html", victim.URL+"/page")
		case "/plain-ld":
			serve(w, "application/ld+json", victim.URL+"/plain-ld")
		case "/other-profile":
			serve(w, `application/ld+json; profile="https://evil.test/ https://www.w3.org/ns/activitystreams.evil"`, victim.URL+"/other-profile")
		case "/open-redirect":
			http.Redirect(w, r, evil.URL+"/claims-redirect", http.StatusFound)
		case "/alias":
			serve(w, profile, victim.URL+"/true")
		case "/restless":
			serve(w, profile, victim.URL+"/restless2")
		case "/restless2":
			serve(w, profile, victim.URL+"/restless")
		case "/no-id":
			w.Header().Set("Content-Type", profile)
			_, _ = io.WriteString(w, `{"type":"Note"}`)
		case "/two-ids":
			w.Header().Set("Content-Type", profile)
			_, _ = fmt.Fprintf(w, `{"id":%q,"id":%q}`, victim.URL+"/two-ids", victim.URL+"/true")
		default:
			serve(w, profile, victim.URL+r.URL.Path)
		}
	}))
	defer victim.Close()
	evil = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/claims-redirect" {
			serve(w, profile, victim.URL+"/open-redirect")
			return
		}
		serve(w, profile, victim.URL+r.URL.Path)
	}))
	defer evil.Close()
	c := loopback(true)
	for path, want := range map[string]string{"/note": "/note", "/alias": "/true", "/note#part": "/note"} {
		raw, err := c.Document(t.Context(), victim.URL+path, nil)
		if err != nil || !strings.Contains(string(raw), victim.URL+want+`"`) {
			t.Errorf("%s = %s, %v; want the document of %s", path, raw, err, want)
		}
	}
	for _, address := range []string{
		evil.URL + "/claims-victim", victim.URL + "/open-redirect", victim.URL + "/upload.json", victim.URL + "/page", victim.URL + "/plain-ld",
		victim.URL + "/other-profile", victim.URL + "/restless", victim.URL + "/no-id", victim.URL + "/two-ids",
	} {
		if raw, err := c.Document(t.Context(), address, nil); !errors.Is(err, ErrRefused) {
			t.Errorf("Document(%s) = %s, %v; want ErrRefused", address, raw, err)
		}
	}
}
