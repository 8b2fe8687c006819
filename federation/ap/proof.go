package ap

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mr-tron/base58"
)

const (
	proofType   = "DataIntegrityProof"
	proofSuite  = "eddsa-jcs-2022"
	proofIntent = "assertionMethod"
)

// Sign adds an object proof (FEP-8b32, eddsa-jcs-2022) to obj and gives the
// bytes to store and serve: compact, in JCS form. A missing @context becomes
// ours, an old proof is replaced. obj itself stays as it is.
func Sign(obj map[string]any, key ed25519.PrivateKey, keyID string, created time.Time) ([]byte, error) {
	root, err := signable(obj)
	if err != nil {
		return nil, fmt.Errorf("sign object: %w", err)
	}
	proof := node{kind: object}
	for name, value := range map[string]string{
		"type":               proofType,
		"cryptosuite":        proofSuite,
		"verificationMethod": keyID,
		"proofPurpose":       proofIntent,
		"created":            FormatTime(created),
	} {
		proof.set(name, node{kind: text, text: value})
	}
	proof.set("@context", *root.get("@context"))

	message := proofMessage(&root, &proof)
	value := "z" + base58.Encode(ed25519.Sign(key, message))
	proof.set("proofValue", node{kind: text, text: value})
	root.set("proof", proof)
	return root.append(nil), nil
}

// signable brings an object of ours to the form in which it will be signed.
func signable(obj map[string]any) (node, error) {
	raw, err := marshal(obj)
	if err != nil {
		return node{}, err
	}
	doc, err := ReadDocument(raw)
	if err != nil {
		return node{}, err
	}
	root := doc.root.without("proof")
	if root.get("@context") == nil {
		ours, _, err := readJSON(contextJSON)
		if err != nil {
			return node{}, err
		}
		root.set("@context", *ours.get("@context"))
	}
	if !knownContext(root.get("@context")) {
		return node{}, errors.New("the context doesn't begin with ActivityStreams and data-integrity v2")
	}
	return root, nil
}

// VerifyProof checks the one proof of an object against a key that the caller
// chose: form, then context, then signature. Whether the key belongs to the
// author, and was in force, is the caller's question (ProofMethod).
func VerifyProof(raw []byte, key ed25519.PublicKey) error {
	doc, err := ReadDocument(raw)
	if err != nil {
		return err
	}
	return doc.VerifyProof(key)
}

// VerifyForeignProof is VerifyProof for what other servers say of everyday
// things: their contexts begin as they like, and what is signed is read by its
// names alone. A poll, a tally or a list of trust is never taken by it.
func VerifyForeignProof(raw []byte, key ed25519.PublicKey) error {
	doc, err := ReadDocument(raw)
	if err != nil {
		return err
	}
	return verifyInAnyContext(&doc.root, key)
}

// ProofMethod gives the key that an object's proof names, and when it says it
// was made.
func ProofMethod(raw []byte) (keyID string, created time.Time, err error) {
	doc, err := ReadDocument(raw)
	if err != nil {
		return "", time.Time{}, err
	}
	return doc.ProofMethod()
}

// proof is a proof whose form was checked.
type proof struct {
	node    *node
	method  string
	created time.Time
	value   string
}

func proofOf(root *node) (proof, error) {
	n := root.get("proof")
	if n == nil || n.kind != object {
		return proof{}, Fault{Code: ErrProofForm.Code, Detail: "not exactly one proof"}
	}
	for name, want := range map[string]string{"type": proofType, "cryptosuite": proofSuite, "proofPurpose": proofIntent} {
		if got := n.str(name); got != want {
			return proof{}, Fault{Code: ErrProofForm.Code, Detail: fmt.Sprintf("%s is %.40q, not %q", name, got, want)}
		}
	}
	p := proof{node: n, method: n.str("verificationMethod"), value: n.str("proofValue")}
	if p.method == "" || p.value == "" {
		return proof{}, Fault{Code: ErrProofForm.Code, Detail: "verificationMethod or proofValue is missing"}
	}
	created, err := ParseTime(n.str("created"))
	if err != nil {
		return proof{}, Fault{Code: ErrProofForm.Code, Detail: "created is no time"}
	}
	p.created = created
	return p, nil
}

func verifyProof(root *node, key ed25519.PublicKey) error {
	if _, err := proofOf(root); err != nil {
		return err
	}
	if !knownContext(root.get("@context")) {
		return Fault{Code: ErrProofContext.Code, Detail: "the object's context begins otherwise"}
	}
	return verifyInAnyContext(root, key)
}

func verifyInAnyContext(root *node, key ed25519.PublicKey) error {
	p, err := proofOf(root)
	if err != nil {
		return err
	}
	if err := checkContext(root, p.node); err != nil {
		return err
	}
	if len(key) != ed25519.PublicKeySize {
		return Fault{Code: ErrProofInvalid.Code, Detail: "the key is no Ed25519 key"}
	}
	if err := soundKey(key); err != nil {
		return Fault{Code: ErrProofInvalid.Code, Detail: err.Error()}
	}
	signature, err := proofValue(p.value)
	if err != nil {
		return Fault{Code: ErrProofInvalid.Code, Detail: err.Error()}
	}
	// The standard library refuses S >= L, and compares R byte by byte with a
	// canonical one, so only the key needed a check of its own.
	if !ed25519.Verify(key, proofMessage(root, p.node), signature) {
		return Fault{Code: ErrProofInvalid.Code, Detail: "the signature doesn't hold"}
	}
	return nil
}

func proofValue(value string) ([]byte, error) {
	if len(value) < 2 || len(value) > 90 || value[0] != 'z' {
		return nil, errors.New("proofValue is not base58btc of 64 bytes")
	}
	signature, err := base58.Decode(value[1:])
	if err != nil || len(signature) != ed25519.SignatureSize {
		return nil, errors.New("proofValue is not base58btc of 64 bytes")
	}
	return signature, nil
}

// proofMessage gives the 64 bytes that are signed: the hash of the proof
// without its value, then the hash of the object without proof, in the words
// of the proof's context.
func proofMessage(root, proof *node) []byte {
	config := proof.without("proofValue")
	body := root.without("proof", "signature")
	if context := proof.get("@context"); context != nil {
		body.set("@context", *context)
	}
	buf := config.append(make([]byte, 0, 8<<10))
	c := sha256.Sum256(buf)
	d := sha256.Sum256(body.append(buf[:0]))
	return append(c[:], d[:]...)
}

// checkContext holds when the object has ActivityStreams among its contexts and
// the proof's context, if it has one, is a prefix of the object's: nobody may
// give signed words another meaning by changing the proof.
func checkContext(root, proof *node) error {
	own := contextsOf(root)
	if !slices.ContainsFunc(own, func(n node) bool { return n.kind == text && n.text == ActivityStreams }) {
		return Fault{Code: ErrProofContext.Code, Detail: "the object is in no words of ActivityStreams"}
	}
	if proof.get("@context") == nil {
		return nil
	}
	prefix := contextsOf(proof)
	if len(prefix) == 0 || len(prefix) > len(own) ||
		!slices.EqualFunc(prefix, own[:len(prefix)], func(a, b node) bool { return a.equal(&b) }) {
		return Fault{Code: ErrProofContext.Code, Detail: "the proof's context is no prefix of the object's"}
	}
	return nil
}

// contextsOf is one context, or a list of them.
func contextsOf(n *node) []node {
	context := n.get("@context")
	switch {
	case context == nil:
		return nil
	case context.kind == list:
		return context.items
	}
	return []node{*context}
}

func knownContext(context *node) bool {
	if context == nil || context.kind != list || len(context.items) < 2 {
		return false
	}
	first, second := context.items[0], context.items[1]
	return first.kind == text && first.text == ActivityStreams && second.kind == text && second.text == DataIntegrity
}

// marshal writes JSON without the HTML escapes of encoding/json, which no
// other server writes and which only make texts longer.
func marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
