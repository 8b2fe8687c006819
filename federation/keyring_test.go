package federation

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"viche/federation/ap"
)

// TestKeysOfEveryKind lets in what the fediverse signs with: a key in the
// actor's document, GoToSocial's key with a stub, a Multikey by RFC 9421 in the
// actor's document or in one of its own.
func TestKeysOfEveryKind(t *testing.T) {
	t.Parallel()
	each(t, []string{"lviv.test"}, func(t *testing.T, f *fediverse, towns ...*town) {
		lviv := towns[0]
		far := f.stranger(t, "far.test")
		like := func(who string, n int) map[string]any {
			return activity("Like", fmt.Sprintf("%s/likes/%d", who, n), who, "https://lviv.test/polls/1")
		}
		fedi := far.person("fedi")
		if got := f.send(t, lviv, fedi+"#main-key", like(fedi, 1)); got != 202 {
			t.Errorf("key in the actor's document: %d, want 202", got)
		}

		gts := far.uri("/users/gts")
		keyID := gts + "/main-key"
		doc := far.document(gts)
		doc["publicKey"].(map[string]any)["id"] = keyID
		far.put("/users/gts", doc)
		far.put("/users/gts/main-key", map[string]any{"id": gts, "type": "Person", "preferredUsername": "gts", "publicKey": doc["publicKey"]})
		if got := f.send(t, lviv, keyID, like(gts, 1)); got != 202 {
			t.Errorf("key with a stub of the actor: %d, want 202", got)
		}
		// The stub alone proves nothing: the actor must list the key.
		lies := far.uri("/users/lies")
		far.put("/users/lies", far.document(lies))
		stub := far.document(lies)
		stub["publicKey"].(map[string]any)["id"] = lies + "/other-key"
		far.put("/users/lies/other-key", map[string]any{"id": lies, "type": "Person", "publicKey": stub["publicKey"]})
		if got := f.send(t, lviv, lies+"/other-key", like(lies, 1)); got != 401 {
			t.Errorf("stub that the actor disowns: %d, want 401", got)
		}

		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		for name, id := range map[string]string{"multi": far.uri("/users/multi#ed"), "apart": far.uri("/keys/apart")} {
			who := far.uri("/users/" + name)
			key := map[string]any{"id": id, "type": "Multikey", "controller": who, "publicKeyMultibase": ap.EncodeMultikey(public)}
			doc := far.document(who)
			doc["assertionMethod"] = []any{key}
			far.put("/users/"+name, doc)
			if name == "apart" {
				far.put("/keys/apart", key)
			}
			if got := f.sendEd25519(t, lviv, id, private, like(who, 1)); got != 202 {
				t.Errorf("Multikey %s: %d, want 202", name, got)
			}
		}
		settle(t, lviv)
		if n := lviv.count(t, "select count(*) from actors where host = 'far.test'"); n != 4 {
			t.Errorf("%d actors of far.test are known, want 4", n)
		}
	})
}

// sendEd25519 signs by RFC 9421, as servers will that gave RSA up.
func (f *fediverse) sendEd25519(t *testing.T, to *town, keyID string, key ed25519.PrivateKey, activity any) int {
	t.Helper()
	body, err := json.Marshal(activity)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := f.client().Post(t.Context(), to.Base+"/inbox", ap.ContentType, body, &Signer{Sign: func(r *http.Request, body []byte, _ string) error {
		sum := sha256.Sum256(body)
		r.Header.Set("Content-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":")
		s := messageSignature{
			components: []string{"@method", "@target-uri", "content-digest"},
			input:      fmt.Sprintf(`("@method" "@target-uri" "content-digest");created=%d;keyid=%q;alg="ed25519"`, f.clock().Unix(), keyID),
		}
		base, err := s.base(r, "https")
		if err != nil {
			return err
		}
		r.Header.Set("Signature-Input", "sig1="+s.input)
		r.Header.Set("Signature", "sig1=:"+base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte(base)))+":")
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return answer.Status
}
