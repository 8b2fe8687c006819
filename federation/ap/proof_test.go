package ap

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/edwards25519"
	"github.com/mr-tron/base58"
)

// The key pair of W3C's eddsa-jcs-2022 vectors (github.com/w3c/vc-di-eddsa,
// TestVectors/keyPair.json), used by FEP-8b32 as well.
const (
	w3cPublic = "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2"
	w3cSecret = "z3u2en7t5LR2WtQH5PfFqMqwVHBeXouLzo6haApm8XHqvjxq"
)

// w3cSigned is TestVectors/eddsa-jcs-2022/signedJCS.json of the same place.
const w3cSigned = `{
  "@context": ["https://www.w3.org/ns/credentials/v2", "https://www.w3.org/ns/credentials/examples/v2"],
  "id": "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33",
  "type": ["VerifiableCredential", "AlumniCredential"],
  "name": "Alumni Credential",
  "description": "A minimum viable example of an Alumni Credential.",
  "issuer": "https://vc.example/issuers/5678",
  "validFrom": "2023-01-01T00:00:00Z",
  "credentialSubject": {"id": "did:example:abcdefgh", "alumniOf": "The School of Examples"},
  "proof": {
    "type": "DataIntegrityProof",
    "cryptosuite": "eddsa-jcs-2022",
    "created": "2023-02-24T23:36:38Z",
    "verificationMethod": "did:key:z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2#z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2",
    "proofPurpose": "assertionMethod",
    "@context": ["https://www.w3.org/ns/credentials/v2", "https://www.w3.org/ns/credentials/examples/v2"],
    "proofValue": "z2HnFSSPPBzR36zdDgK8PbEHeXbR56YF24jwMpt3R1eHXQzJDMWS93FCzpvJpwTWd3GAVFuUfjoJdcnTMuVor51aX"
  }
}`

// fepSigned is the signed document of fep/8b32/fep-8b32.feature (CC0-1.0).
const fepSigned = `{
  "@context": ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/data-integrity/v2"],
  "id": "https://server.example/activities/1",
  "type": "Create",
  "actor": "https://server.example/users/alice",
  "object": {
    "id": "https://server.example/objects/1",
    "type": "Note",
    "attributedTo": "https://server.example/users/alice",
    "content": "Hello world",
    "location": {"type": "Place", "longitude": -71.184902, "latitude": 25.273962}
  },
  "proof": {
    "@context": ["https://www.w3.org/ns/activitystreams", "https://w3id.org/security/data-integrity/v2"],
    "type": "DataIntegrityProof",
    "cryptosuite": "eddsa-jcs-2022",
    "verificationMethod": "https://server.example/users/alice#ed25519-key",
    "proofPurpose": "assertionMethod",
    "proofValue": "z42ffGu6AUKPCFcFPiabmUvnGLPJzC7e4DGWC52NUasSSH37UMa9c58tdgVszUcZfytxa4fQ5TYHaJENCxUDe9SdL",
    "created": "2023-02-24T23:36:38Z"
  }
}`

func w3cKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	key, err := DecodeSecretMultikey(w3cSecret)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestMultikeys(t *testing.T) {
	t.Parallel()
	public, err := DecodeMultikey(w3cPublic)
	if err != nil {
		t.Fatal(err)
	}
	secret := w3cKey(t)
	if !public.Equal(secret.Public()) {
		t.Errorf("the two halves differ: %x, %x", public, secret.Public())
	}
	if got := EncodeMultikey(public); got != w3cPublic {
		t.Errorf("EncodeMultikey = %s, want %s", got, w3cPublic)
	}
	if got := EncodeSecretMultikey(secret); got != w3cSecret {
		t.Errorf("EncodeSecretMultikey = %s, want the vector's", got)
	}
}

func TestMultikeysOfSmallOrderAreRefused(t *testing.T) {
	t.Parallel()
	for name, key := range weakKeys {
		raw, err := hex.DecodeString(key)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := DecodeMultikey(EncodeMultikey(raw)); err == nil {
			t.Errorf("%s: DecodeMultikey = %x, want an error", name, got)
		}
	}
	for _, text := range []string{"", "z", "x6Mk", w3cSecret, w3cPublic[1:], w3cPublic + "1", "z0", "z" + strings.Repeat("1", 100_000)} {
		if got, err := DecodeMultikey(text); err == nil {
			t.Errorf("DecodeMultikey(%.20q) = %x, want an error", text, got)
		}
	}
}

// weakKeys: points of order 1, 2, 4 and 8, and encodings that are not the
// canonical ones (y = p, p+1; the sign bit on x = 0), as in "Taming the many
// EdDSAs" (Chalkias, Garillot, Nikolaenko 2020), table 6.
var weakKeys = map[string]string{
	"order 1":            "0100000000000000000000000000000000000000000000000000000000000000",
	"order 2":            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"order 4":            "0000000000000000000000000000000000000000000000000000000000000000",
	"order 8":            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"y is p":             "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"y is p+1":           "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"sign of zero":       "0100000000000000000000000000000000000000000000000000000000000080",
	"not on the curve":   "0200000000000000000000000000000000000000000000000000000000000000",
	"short of one octet": "01",
}

func TestPublishedProofsHold(t *testing.T) {
	t.Parallel()
	public := w3cKey(t).Public().(ed25519.PublicKey)
	for name, signed := range map[string]string{"W3C": w3cSigned, "FEP-8b32": fepSigned} {
		root, _, err := readJSON([]byte(signed))
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
		if !ed25519.Verify(public, proofMessage(&root, p.node), signature) {
			t.Errorf("%s: the published proof doesn't hold", name)
		}
	}
	// Whole, where the vector uses our contexts; its coordinates are no whole
	// numbers, which the strict reader says.
	root, _, err := readJSON([]byte(fepSigned))
	if err != nil {
		t.Fatal(err)
	}
	if err := verifyProof(&root, public); err != nil {
		t.Errorf("FEP-8b32: %v", err)
	}
	if err := VerifyProof([]byte(fepSigned), public); FaultCode(err) != "number" {
		t.Errorf("VerifyProof of fractional numbers = %v, want the fault number", err)
	}
	if err := VerifyProof([]byte(w3cSigned), public); FaultCode(err) != "proof-context" {
		t.Errorf("VerifyProof in foreign words = %v, want the fault proof-context", err)
	}
}

// TestHashesOfTheVectorFiles compares every step that W3C prints.
func TestHashesOfTheVectorFiles(t *testing.T) {
	t.Parallel()
	var file struct {
		Unsigned      json.RawMessage
		CanonDoc      string `json:"canonDocJCS"`
		Combined      string `json:"combinedHashJCS"`
		Signed        json.RawMessage
		SignedJCS     json.RawMessage
		ProofCanonJCS string
	}
	decode(t, readFile(t, sharedData(t, "vectors", "w3c", "eddsa-jcs-2022.json")), &file)
	got, err := Canonical(file.Unsigned)
	if err != nil || string(got) != file.CanonDoc {
		t.Errorf("Canonical = %s, %v, want %s", got, err, file.CanonDoc)
	}
	root, _, err := readJSON([]byte(w3cSigned))
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(proofMessage(&root, root.get("proof"))); got != file.Combined {
		t.Errorf("message = %s, want %s", got, file.Combined)
	}
}

func TestSignedObjectsVerify(t *testing.T) {
	t.Parallel()
	key := w3cKey(t)
	public := key.Public().(ed25519.PublicKey)
	obj := map[string]any{
		"id": "https://lviv.test/tallies/1", "type": "Tally", "attributedTo": "https://lviv.test/actor",
		"name": "Чи <потрібен> & інше", "sequence": 3,
	}
	made := time.Date(2026, 12, 1, 8, 0, 0, 999, time.FixedZone("", 7200))
	raw, err := Sign(obj, key, "https://lviv.test/actor#tally-2026", made)
	if err != nil {
		t.Fatal(err)
	}
	if err := VerifyProof(raw, public); err != nil {
		t.Errorf("VerifyProof: %v", err)
	}
	if obj["proof"] != nil || obj["@context"] != nil {
		t.Error("Sign changed the object that it was given")
	}
	method, created, err := ProofMethod(raw)
	if err != nil || method != "https://lviv.test/actor#tally-2026" || !created.Equal(made.Truncate(time.Second)) {
		t.Errorf("ProofMethod = %s, %s, %v", method, created, err)
	}
	if canonical, err := Canonical(raw); err != nil || !bytes.Equal(canonical, raw) {
		t.Errorf("Sign wrote no JCS form: %v", err)
	}
	again, err := Sign(obj, key, "https://lviv.test/actor#tally-2026", made)
	if err != nil || !bytes.Equal(raw, again) {
		t.Errorf("signing twice gives different bytes: %v", err)
	}
	if _, err := Sign(map[string]any{"count": 1.5}, key, "k", made); FaultCode(err) != "number" {
		t.Errorf("Sign of a fraction = %v, want the fault number", err)
	}
	if _, err := Sign(map[string]any{"@context": ActivityStreams}, key, "k", made); err == nil {
		t.Error("Sign took a context under which nobody could verify")
	}
}

// TestBrokenProofs changes one thing at a time and names the fault.
func TestBrokenProofs(t *testing.T) {
	t.Parallel()
	key := w3cKey(t)
	public := key.Public().(ed25519.PublicKey)
	good := func() map[string]any {
		raw, err := Sign(map[string]any{"id": "https://lviv.test/t/1", "count": 5}, key, "https://lviv.test/actor#k", time.Unix(1e9, 0))
		if err != nil {
			t.Fatal(err)
		}
		var obj map[string]any
		decode(t, raw, &obj)
		return obj
	}
	inProof := func(name string, value any) func(map[string]any) {
		return func(obj map[string]any) { obj["proof"].(map[string]any)[name] = value }
	}
	value := good()["proof"].(map[string]any)["proofValue"].(string)
	for name, c := range map[string]struct {
		change func(map[string]any)
		want   string
	}{
		"nothing":             {func(map[string]any) {}, ""},
		"signature beside it": {func(o map[string]any) { o["signature"] = "old style" }, ""},
		"another number":      {func(o map[string]any) { o["count"] = 6 }, "proof-invalid"},
		"a member more":       {func(o map[string]any) { o["x"] = 1 }, "proof-invalid"},
		"another time":        {inProof("created", "2001-09-09T01:46:41Z"), "proof-invalid"},
		"no proof":            {func(o map[string]any) { delete(o, "proof") }, "proof-form"},
		"a list of proofs":    {func(o map[string]any) { o["proof"] = []any{o["proof"]} }, "proof-form"},
		"another type":        {inProof("type", "Ed25519Signature2020"), "proof-form"},
		"another suite":       {inProof("cryptosuite", "eddsa-rdfc-2022"), "proof-form"},
		"another purpose":     {inProof("proofPurpose", "authentication"), "proof-form"},
		"no method":           {inProof("verificationMethod", nil), "proof-form"},
		"no time":             {inProof("created", "yesterday"), "proof-form"},
		"time with an offset": {inProof("created", "2001-09-09T01:46:40+00:00"), "proof-form"},
		"no value":            {inProof("proofValue", ""), "proof-form"},
		"not base58":          {inProof("proofValue", "z0OIl"), "proof-invalid"},
		"long value":          {inProof("proofValue", "z"+strings.Repeat("2", 1<<20)), "proof-invalid"},
		"value plus L":        {inProof("proofValue", plusL(t, value)), "proof-invalid"},
		"other context":       {inProof("@context", []any{ActivityStreams, "https://evil.test/ns"}), "proof-context"},
		"empty context":       {inProof("@context", []any{}), "proof-context"},
		"longer context":      {func(o map[string]any) { o["@context"] = o["@context"].([]any)[:2] }, "proof-context"},
		"shorter context":     {inProof("@context", []any{ActivityStreams, DataIntegrity}), "proof-invalid"},
		"object without one":  {func(o map[string]any) { delete(o, "@context") }, "proof-context"},
	} {
		obj := good()
		c.change(obj)
		raw, err := json.Marshal(obj)
		if err != nil {
			t.Fatal(err)
		}
		if got := FaultCode(VerifyProof(raw, public)); got != c.want {
			t.Errorf("%s: fault %q, want %q", name, got, c.want)
		}
	}
}

// plusL gives the same signature with S + L, which a careless verifier takes.
func plusL(t *testing.T, value string) string {
	t.Helper()
	raw, err := base58.Decode(value[1:])
	if err != nil {
		t.Fatal(err)
	}
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	s := make([]byte, 32)
	for i, b := range raw[32:] {
		s[31-i] = b
	}
	sum := new(big.Int).Add(new(big.Int).SetBytes(s), order).FillBytes(make([]byte, 32))
	for i, b := range sum {
		raw[63-i] = b
	}
	return "z" + base58.Encode(raw)
}

// TestSmallOrderKeySignsNothing builds the forgery that the check of keys is
// for: under the identity as key, S·B = R holds for every message.
func TestSmallOrderKeySignsNothing(t *testing.T) {
	t.Parallel()
	identity, err := hex.DecodeString(weakKeys["order 1"])
	if err != nil {
		t.Fatal(err)
	}
	digest := sha512.Sum512([]byte("any scalar"))
	s, err := new(edwards25519.Scalar).SetUniformBytes(digest[:])
	if err != nil {
		t.Fatal(err)
	}
	forged := append(new(edwards25519.Point).ScalarBaseMult(s).Bytes(), s.Bytes()...)
	if !ed25519.Verify(identity, []byte("whatever"), forged) {
		t.Fatal("the forgery is not one: this test would prove nothing")
	}
	raw := strings.Replace(fepSigned, `"location": {"type": "Place", "longitude": -71.184902, "latitude": 25.273962}`, `"name": "x"`, 1)
	raw = strings.Replace(raw, "z42ffGu6AUKPCFcFPiabmUvnGLPJzC7e4DGWC52NUasSSH37UMa9c58tdgVszUcZfytxa4fQ5TYHaJENCxUDe9SdL", "z"+base58.Encode(forged), 1)
	if err := VerifyProof([]byte(raw), identity); FaultCode(err) != "proof-invalid" {
		t.Errorf("VerifyProof = %v, want the fault proof-invalid", err)
	}
}

// exampleKeys are the test keys of shared/data/examples.
func exampleKeys(t testing.TB) map[string]ed25519.PublicKey {
	t.Helper()
	var file map[string]struct {
		Public string `json:"publicKeyMultibase"`
		Secret string `json:"secretKeyMultibase"`
	}
	decode(t, readFile(t, sharedData(t, "examples", "keys-TEST-ONLY.json")), &file)
	keys := map[string]ed25519.PublicKey{}
	for id, k := range file {
		key, err := DecodeMultikey(k.Public)
		if err != nil {
			t.Fatal(err)
		}
		keys[id] = key
		secret, err := DecodeSecretMultikey(k.Secret)
		if err != nil || !key.Equal(secret.Public()) {
			t.Errorf("%s: the halves differ, %v", id, err)
		}
	}
	return keys
}

func TestProofsOfTheExamplesHold(t *testing.T) {
	t.Parallel()
	keys := exampleKeys(t)
	paths, err := filepath.Glob(filepath.Join(sharedData(t, "examples"), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	verified := 0
	for _, path := range paths {
		raw := readFile(t, path)
		if !bytes.Contains(raw, []byte(`"proofValue"`)) || filepath.Base(path) == "equivocation.json" {
			continue
		}
		doc, err := ReadDocument(raw)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		method, _, err := doc.ProofMethod()
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if err := doc.VerifyProof(keys[method]); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		verified++
	}
	if verified < 20 {
		t.Errorf("only %d examples carry a proof", verified)
	}
}

func TestBadExamplesFail(t *testing.T) {
	t.Parallel()
	keys := exampleKeys(t)
	ours := map[string]bool{"json": true, "number": true, "proof-form": true, "proof-context": true, "proof-invalid": true}
	paths, err := filepath.Glob(filepath.Join(sharedData(t, "examples", "bad"), "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no bad examples: %v", err)
	}
	for _, path := range paths {
		var bad struct {
			Because string
			Object  json.RawMessage
		}
		decode(t, readFile(t, path), &bad)
		want := bad.Because
		// A number written as text is sound JSON; only a reader that knows the
		// member can tell.
		if strings.HasPrefix(filepath.Base(path), "21-") || !ours[want] {
			want = ""
		}
		var got string
		doc, err := ReadDocument(bad.Object)
		if err == nil {
			var method string
			if method, _, err = doc.ProofMethod(); err == nil {
				err = doc.VerifyProof(keys[method])
			}
		}
		got = FaultCode(err)
		if got != want {
			t.Errorf("%s: fault %q (%v), want %q", filepath.Base(path), got, err, want)
		}
	}
}

func TestPollDigestIsThatOfTheFrozenCore(t *testing.T) {
	t.Parallel()
	var cores struct {
		JCS        string
		PollDigest string
	}
	dir := sharedData(t, "examples")
	decode(t, readFile(t, filepath.Join(dir, "poll-core.json")), &cores)
	for _, name := range []string{"question-open.json", "question-closed.json"} {
		doc, err := ReadDocument(readFile(t, filepath.Join(dir, name)))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(doc.PollCore()); got != cores.JCS {
			t.Errorf("%s: core = %s, want %s", name, got, cores.JCS)
		}
		if got := doc.PollDigest(); got != cores.PollDigest {
			t.Errorf("%s: PollDigest = %s, want %s", name, got, cores.PollDigest)
		}
	}
	for _, name := range []string{"question-approval-open.json", "poll-multi-open.json"} {
		raw := readFile(t, filepath.Join(dir, name))
		doc, err := ReadDocument(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := PollDigest(raw); err != nil || got != doc.Text("pollDigest") {
			t.Errorf("%s: PollDigest = %s, %v, want %s", name, got, err, doc.Text("pollDigest"))
		}
	}
}

func TestDigestCoversTheProof(t *testing.T) {
	t.Parallel()
	dir := sharedData(t, "examples")
	var question struct {
		TrustList struct{ Digest string }
	}
	decode(t, readFile(t, filepath.Join(dir, "question-open.json")), &question)
	got, err := Digest(readFile(t, filepath.Join(dir, "trust-list.json")))
	if err != nil || got != question.TrustList.Digest {
		t.Errorf("Digest = %s, %v, want %s", got, err, question.TrustList.Digest)
	}
}

// BenchmarkStatement is what a checker pays for one city of a national
// result: read, digest, proof.
func BenchmarkStatement(b *testing.B) {
	raw := readFile(b, filepath.Join(sharedData(b, "examples"), "tally-lviv-final.json"))
	key := exampleKeys(b)["https://lviv.example/actor#tally-2026"]
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		doc, err := ReadDocument(raw)
		if err != nil {
			b.Fatal(err)
		}
		if doc.Digest() == "" {
			b.Fatal("no digest")
		}
		if err := doc.VerifyProof(key); err != nil {
			b.Fatal(err)
		}
	}
}
