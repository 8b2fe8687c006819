package ap

import (
	"crypto/ed25519"
	"encoding/json"
	"slices"
	"time"
)

// Document is a signed or signable object, read once and strictly. Digest,
// proof and members are then had without reading it again; a national result
// asks that of thousands. It never changes, so goroutines may share it.
type Document struct {
	raw  []byte
	root node
}

// ReadDocument reads an object under the strict rules of Canonical. It keeps
// raw, which the caller must not change afterwards.
func ReadDocument(raw []byte) (*Document, error) {
	root, odd, err := readJSON(raw)
	if err != nil {
		return nil, err
	}
	if odd != "" {
		return nil, Fault{Code: ErrNumber.Code, Detail: "not a whole number from 0 to 2^53-1: " + clip(odd, 40)}
	}
	return &Document{raw: raw, root: root}, nil
}

// Raw gives the bytes that were read.
func (d *Document) Raw() []byte { return d.raw }

// Text gives a member of the top that is a text, or "".
func (d *Document) Text(name string) string { return d.root.str(name) }

// Has tells whether the top has a member of this name, whatever its value.
func (d *Document) Has(name string) bool { return d.root.get(name) != nil }

// Tree gives the members of the top, but for some, as encoding/json would with
// UseNumber, without reading the document again. The caller may change it; it
// is nil where the document is no object.
func (d *Document) Tree(except ...string) map[string]any {
	if d.root.kind != object {
		return nil
	}
	out := make(map[string]any, len(d.root.names))
	for i, name := range d.root.names {
		if !slices.Contains(except, name) {
			out[name] = d.root.items[i].tree()
		}
	}
	return out
}

func (n *node) tree() any {
	switch n.kind {
	case boolean:
		return n.text == "true"
	case number:
		return json.Number(n.text)
	case text:
		return n.text
	case list:
		out := make([]any, len(n.items))
		for i := range n.items {
			out[i] = n.items[i].tree()
		}
		return out
	case object:
		out := make(map[string]any, len(n.names))
		for i, name := range n.names {
			out[name] = n.items[i].tree()
		}
		return out
	}
	return nil
}

// Member gives the bytes of the member that a path of names leads to, or nil.
func (d *Document) Member(path ...string) json.RawMessage {
	n := &d.root
	for _, name := range path {
		n = n.get(name)
	}
	if n == nil {
		return nil
	}
	return json.RawMessage(d.raw[n.from:n.to])
}

// Decode fills v as encoding/json does. What ReadDocument refused can't
// appear here: no name twice, no odd number.
func (d *Document) Decode(v any) error { return json.Unmarshal(d.raw, v) }

// Canonical gives the JCS form.
func (d *Document) Canonical() []byte {
	return d.root.append(make([]byte, 0, len(d.raw)))
}

// Digest gives the digest of the whole object, proof included.
func (d *Document) Digest() string { return digestOf(d.Canonical()) }

// ProofMethod gives the key that the proof names and the time it claims. The
// proof's form is checked, its signature is not.
func (d *Document) ProofMethod() (keyID string, created time.Time, err error) {
	p, err := proofOf(&d.root)
	if err != nil {
		return "", time.Time{}, err
	}
	return p.method, p.created, nil
}

// VerifyProof checks form, context and signature of the one proof, in this
// order; the first fault is the answer.
func (d *Document) VerifyProof(key ed25519.PublicKey) error {
	return verifyProof(&d.root, key)
}

// coreMembers are those that freeze when a poll opens.
var coreMembers = []string{
	"id", "type", "pollId", "attributedTo", "name", "content", "territory", "electorate", "resultsPolicy", "k",
	"opensAt", "endTime", "talliesDue", "trustList", "oneOf", "anyOf", "questions",
}

// PollDigest gives the digest of a poll's frozen core, computed from the
// object, whatever it says of itself.
func (d *Document) PollDigest() string { return digestOf(d.PollCore()) }

// PollCore gives the JCS form of the frozen core: the members that it has, the
// options cut to their id and name.
func (d *Document) PollCore() []byte {
	core := node{kind: object}
	for _, name := range coreMembers {
		member := d.root.get(name)
		if member == nil {
			continue
		}
		if name == "oneOf" || name == "anyOf" {
			core.set(name, bareOptions(member))
			continue
		}
		core.set(name, *member)
	}
	return core.append(nil)
}

func bareOptions(options *node) node {
	if options.kind != list {
		return *options
	}
	out := node{kind: list, items: make([]node, len(options.items))}
	for i := range options.items {
		option := &options.items[i]
		if option.kind != object {
			out.items[i] = *option
			continue
		}
		bare := node{kind: object}
		for _, name := range []string{"optionId", "name"} {
			if member := option.get(name); member != nil {
				bare.set(name, *member)
			}
		}
		out.items[i] = bare
	}
	return out
}

// PollDigest gives the digest of the frozen core of a poll as it came.
func PollDigest(raw []byte) (string, error) {
	doc, err := ReadDocument(raw)
	if err != nil {
		return "", err
	}
	return doc.PollDigest(), nil
}

// clip cuts a stranger's text for a message of ours.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n] + "…"
}
