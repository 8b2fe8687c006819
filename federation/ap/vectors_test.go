package ap

import (
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// step is a line of a scenario of an enhancement proposal.
type step struct {
	Text string
	JSON json.RawMessage `json:"json"`
}

func scenarios(t *testing.T, name string) (list []struct{ Steps []step }) {
	t.Helper()
	var file struct{ Scenarios []struct{ Steps []step } }
	decode(t, readFile(t, sharedData(t, "vectors", "fep", name)), &file)
	return file.Scenarios
}

// proven does the arithmetic of a proof alone, without our rules of contexts and
// of numbers.
func proven(t *testing.T, signed []byte, key ed25519.PublicKey) bool {
	t.Helper()
	root, _, err := readJSON(signed)
	if err != nil {
		t.Fatal(err)
	}
	p, err := proofOf(&root)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := proofValue(p.value)
	if err != nil {
		t.Fatal(err)
	}
	return ed25519.Verify(key, proofMessage(&root, p.node), signature)
}

// TestProofVectors runs every published proof, and each with one letter changed.
func TestProofVectors(t *testing.T) {
	t.Parallel()
	var w3c struct {
		KeyPair struct{ PublicKeyMultibase string }
		Signed  json.RawMessage `json:"signedJCS"`
	}
	decode(t, readFile(t, sharedData(t, "vectors", "w3c", "eddsa-jcs-2022.json")), &w3c)
	key, err := DecodeMultikey(w3c.KeyPair.PublicKeyMultibase)
	if err != nil {
		t.Fatal(err)
	}
	proofs := map[string][]byte{"W3C eddsa-jcs-2022": w3c.Signed}
	for _, s := range scenarios(t, "fep-8b32.json") {
		for _, one := range s.Steps {
			if strings.HasPrefix(strings.ToLower(one.Text), "the signed document") {
				proofs["FEP-8b32"] = one.JSON
			}
		}
	}
	for _, s := range scenarios(t, "fep-c390.json") {
		for _, one := range s.Steps {
			if one.Text == "the identity proof is" {
				proofs["FEP-c390"] = one.JSON
			}
		}
	}
	if len(proofs) != 3 {
		t.Fatalf("%d proofs, want 3", len(proofs))
	}
	for name, signed := range proofs {
		if !proven(t, signed, key) {
			t.Errorf("%s: the published proof does not hold", name)
		}
		// Behind the @context, which the proof's own replaces.
		at := strings.LastIndex(string(signed[:strings.Index(string(signed), `"proof"`)]), "l")
		changed := string(signed[:at]) + "m" + string(signed[at+1:])
		if proven(t, []byte(changed), key) {
			t.Errorf("%s: holds with a letter changed too", name)
		}
	}
	t.Logf("%d published proofs hold, and none with a letter changed", len(proofs))
}

// TestKeyVectors reads and writes the Ed25519 key of FEP-521a; the RSA key of
// the same file is none that a proof of ours may have.
func TestKeyVectors(t *testing.T) {
	t.Parallel()
	read, refused := 0, 0
	for _, s := range scenarios(t, "fep-521a.json") {
		_, digits, _ := strings.Cut(strings.TrimSuffix(s.Steps[0].Text, `"`), `"`)
		raw, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		var want struct {
			ID, Controller     string
			PublicKeyMultibase string
		}
		decode(t, s.Steps[len(s.Steps)-1].JSON, &want)
		got, err := DecodeMultikey(want.PublicKeyMultibase)
		if len(raw) != ed25519.PublicKeySize {
			refused++
			if err == nil {
				t.Errorf("a key of %d bytes was taken as %x", len(raw), got)
			}
			continue
		}
		read++
		if err != nil || hex.EncodeToString(got) != digits {
			t.Errorf("DecodeMultikey = %x, %v, want %s", got, err, digits)
		}
		if text := EncodeMultikey(raw); text != want.PublicKeyMultibase {
			t.Errorf("EncodeMultikey = %s, want %s", text, want.PublicKeyMultibase)
		}
		// An actor that lists it has it.
		a, err := ParseActor([]byte(`{"id":"` + want.Controller + `","type":"Person","inbox":"` + want.Controller + `/inbox","assertionMethod":[` + string(s.Steps[len(s.Steps)-1].JSON) + `]}`))
		if err != nil || len(a.AssertionMethods) != 1 || a.AssertionMethods[0].ID != want.ID {
			t.Errorf("the actor's keys = %+v, %v", a, err)
		}
	}
	if read != 1 || refused != 1 {
		t.Errorf("%d keys read and %d refused, want 1 and 1", read, refused)
	}
	t.Logf("FEP-521a: %d key read and written, %d refused", read, refused)
}

// TestExamplesOfProposals reads the examples of each proposal by the reader that
// its kind has here.
func TestExamplesOfProposals(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(sharedData(t, "vectors", "fep"), "*-examples.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	kinds := map[string]int{}
	for _, path := range files {
		var file struct{ Examples []json.RawMessage }
		decode(t, readFile(t, path), &file)
		for i, raw := range file.Examples {
			kind := readExample(raw)
			if strings.Contains(string(raw), `"id": "example.org/a/8"`) && kind == "" {
				kind = "refused: its id is no address"
			}
			if kind == "" {
				t.Errorf("%s, example %d is read by nothing: %.300s", filepath.Base(path), i, raw)
			}
			kinds[kind]++
		}
	}
	t.Logf("examples of %d proposals: %v", len(files), kinds)
}

// readExample says as what a document could be read.
func readExample(raw []byte) string {
	var m struct {
		ID, Type any
		Inbox    string
		Actor    any
		Subject  string
	}
	if json.Unmarshal(raw, &m) != nil {
		return ""
	}
	switch {
	case m.Subject != "":
		return "WebFinger"
	case m.Type == nil:
		return "context alone"
	case m.Inbox != "":
		if _, err := ParseActor(raw); err == nil {
			return "actor"
		}
	case m.Actor != nil:
		if _, err := Parse(raw); err == nil {
			return "activity"
		}
	}
	if _, err := ParseCollection(raw); err == nil {
		return "collection"
	}
	if o, err := ParseObject(raw); err == nil && o.Type != "" {
		return "object"
	}
	return ""
}
