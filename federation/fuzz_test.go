package federation

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"viche/actors"
	"viche/internal/store"
	"viche/internal/store/storetest"
)

// tampered are requests that differ from one in what every signature must cover.
func tampered(r *http.Request, body []byte) map[string]func() (*http.Request, []byte) {
	return map[string]func() (*http.Request, []byte){
		"body": func() (*http.Request, []byte) { return r, append([]byte("x"), body...) },
		"path": func() (*http.Request, []byte) {
			other := r.Clone(r.Context())
			other.URL = &url.URL{Path: r.URL.Path + "/x", RawQuery: r.URL.RawQuery}
			return other, body
		},
		"method": func() (*http.Request, []byte) {
			other := r.Clone(r.Context())
			other.Method = http.MethodPut
			return other, body
		},
		"host": func() (*http.Request, []byte) {
			other := r.Clone(r.Context())
			other.Host = "far.test"
			return other, body
		},
	}
}

// holds checks what is true of every signature that is taken: it names a key,
// and it holds for nothing but this request.
func holds(t *testing.T, r *http.Request, body []byte) {
	t.Helper()
	cl, err := readClaim(r, body, here, noon)
	if err != nil {
		return
	}
	if cl.KeyID == "" {
		t.Error("a signature without a key is taken")
	}
	if cl.verify(&testKey().PublicKey) != nil {
		return
	}
	for what, other := range tampered(r, body) {
		changed, text := other()
		if judge(changed, text, &testKey().PublicKey) == nil {
			t.Errorf("the signature %q %q holds for another %s too", r.Header.Get("Signature-Input"), r.Header.Get("Signature"), what)
		}
	}
	late := noon.Add(14 * time.Hour)
	if cl, err := readClaim(r, body, here, late); err == nil && cl.verify(&testKey().PublicKey) == nil {
		t.Errorf("the signature %q holds for half a day and more", r.Header.Get("Signature"))
	}
}

// FuzzCavage gives the reader of draft-cavage signatures headers that strangers
// may send, beside a body that never changes.
func FuzzCavage(f *testing.F) {
	body := []byte(`{"type":"Follow"}`)
	sound := post("/inbox?a=b", body)
	sound.URL.Host = sound.Host
	if err := signCavage(sound, body, sender+"#main-key", testKey(), noon); err != nil {
		f.Fatal(err)
	}
	f.Add(sound.Header.Get("Signature"), sound.Header.Get("Date"), sound.Header.Get("Digest"))
	f.Add(`keyId="a",headers="date",signature="eA=="`, noon.Format(http.TimeFormat), "SHA-256=x")
	f.Add(`keyId="a",algorithm="hs2019",created=1,expires=2,headers="(request-target) (created) (expires) host digest",signature="eA=="`, "", "sha-256=,SHA-512=")
	f.Fuzz(func(t *testing.T, signature, date, digest string) {
		r := post("/inbox?a=b", body)
		for name, value := range map[string]string{"Signature": signature, "Date": date, "Digest": digest} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		holds(t, r, body)
		params, err := cavageParams(signature)
		if err == nil && params["keyId"] != "" && !strings.Contains(signature, params["keyId"]) {
			t.Errorf("the key %q is not in %q", params["keyId"], signature)
		}
	})
}

// FuzzMessageSignature does the same for RFC 9421.
func FuzzMessageSignature(f *testing.F) {
	body := []byte(`{"type":"Follow"}`)
	sound := post("/inbox", body)
	sound.URL.Host, sound.URL.Scheme = sound.Host, "https"
	if err := signMessage(sound, body, sender+"#main-key", testKey(), noon); err != nil {
		f.Fatal(err)
	}
	digest := sound.Header.Get("Content-Digest")
	f.Add(sound.Header.Get("Signature-Input"), sound.Header.Get("Signature"), digest)
	f.Add(`sig1=("@method" "@target-uri" "content-digest");created=1;keyid="a";alg="ed25519"`, "sig1=:eA==:", digest)
	f.Add(`a=("@authority" "@path" "@query" "content-digest");created=1;expires=2;keyid="a";nonce="b";tag="c"`, "a=:eA==:", "sha-512=:eA==:, "+digest)
	f.Fuzz(func(t *testing.T, input, signature, digest string) {
		r := post("/inbox", body)
		for name, value := range map[string]string{"Signature-Input": input, "Signature": signature, "Content-Digest": digest} {
			r.Header.Set(name, value)
		}
		holds(t, r, body)
		s, err := parseMessageSignature(r.Header)
		if err != nil {
			return
		}
		for _, name := range s.components {
			if !strings.Contains(input, `"`+name+`"`) {
				t.Errorf("component %q is not in %q", name, input)
			}
		}
	})
}

// FuzzWebFinger asks who a resource is, and reads what another server says one
// is.
func FuzzWebFinger(f *testing.F) {
	db := storetest.Open(f, storetest.SQLite(f), store.Options{})
	book := actors.New(db, sealed{}, here)
	if err := book.Found(f.Context(), "lviv"); err != nil {
		f.Fatal(err)
	}
	c := New(Options{DB: db, Book: book, Client: NewClient(ClientOptions{}), Base: here})
	for _, resource := range []string{"acct:ecology@lviv.test", "acct:@city@LVIV.test", here + "/@ecology", here + "/actor", here, "acct:lviv.test@lviv.test", "acct:", "https://far.test/@x", "mailto:a@b"} {
		f.Add(resource, []byte(`{"subject":"acct:a@far.test","links":[{"rel":"self","type":"application/activity+json","href":"https://far.test/users/a"}]}`))
	}
	f.Fuzz(func(t *testing.T, resource string, jrd []byte) {
		w := httptest.NewRecorder()
		c.webfinger(w, httptest.NewRequest(http.MethodGet, here+"/.well-known/webfinger?resource="+url.QueryEscape(resource), nil))
		switch w.Code {
		case http.StatusOK:
			if uri, _ := readJRD(w.Body.Bytes()); !actors.SameOrigin(uri, here) {
				t.Errorf("%q is %q, which is none of ours", resource, uri)
			}
		case http.StatusBadRequest, http.StatusNotFound:
		default:
			t.Errorf("%q: status %d", resource, w.Code)
		}
		if uri, _ := readJRD(jrd); uri != "" && !isAddress(uri) {
			t.Errorf("%q gives the id %q, which is no address", jrd, uri)
		}
	})
}
