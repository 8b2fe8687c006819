package wire_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"viche/federation/ap"
)

// multikey finds an actor's address and one of its keys. Fedify 1 calls a key
// "#key-2" in its proofs and "#multikey-2" in the actor, so the address is all
// that is compared here; the city itself wants the very name.
var multikey = regexp.MustCompile(`"id": "([^"]+)#multikey[^"]*",[^}]*"publicKeyMultibase": "(z6Mk[^"]+)"`)

// TestProofsOfRealServersHold checks the object proofs that Fedify put into
// the recorded activities, under the keys that its actors list.
func TestProofsOfRealServersHold(t *testing.T) {
	t.Parallel()
	checked := 0
	for _, folder := range folders(t) {
		keys := map[string][]string{} // each capture began with new ones
		files, err := filepath.Glob(filepath.Join(folder, "*.http"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range multikey.FindAllSubmatch(text, -1) {
				keys[string(m[1])] = append(keys[string(m[1])], string(m[2]))
			}
		}
		for _, list := range posts(t, folder) {
			for _, c := range list {
				var whole struct{ Proof json.RawMessage }
				if err := json.Unmarshal(c.body, &whole); err != nil || whole.Proof == nil {
					continue
				}
				method, _, err := ap.ProofMethod(c.body)
				if err != nil {
					t.Errorf("%s: %v", c.file, err)
					continue
				}
				actor, _, _ := strings.Cut(method, "#")
				if len(keys[actor]) == 0 {
					continue // nobody asked for the actor while it was recorded
				}
				checked++
				if !holds(t, c.body, keys[actor]) {
					t.Errorf("%s: none of the %d keys of %s fits", c.file, len(keys[actor]), actor)
				}
				if holds(t, spoilt(t, c.body), keys[actor]) {
					t.Errorf("%s: the proof holds with another actor too", c.file)
				}
			}
		}
	}
	if checked != 9 {
		t.Errorf("%d recorded proofs were checked, want 9", checked)
	}
}

func holds(t *testing.T, body []byte, keys []string) bool {
	t.Helper()
	for _, text := range keys {
		key, err := ap.DecodeMultikey(text)
		if err != nil {
			t.Fatal(err)
		}
		if ap.VerifyForeignProof(body, key) == nil {
			return true
		}
	}
	return false
}

// spoilt is the body in another's name.
func spoilt(t *testing.T, body []byte) []byte {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	m["actor"] = "https://snac.test/sam"
	other, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return other
}
