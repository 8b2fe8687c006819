package verify

import (
	"reflect"
	"time"

	"viche/federation/ap"
)

// proof judges an object's proof in the fixed order: form, context, origin,
// whose key, key in force, signature. ring holds the keys of the one who must
// have signed; more is a list not yet accepted that is asked whose a key is.
func (c *Checker) proof(o *object, ring keyring, more *trustList) error {
	method, created, err := o.doc.ProofMethod()
	if err != nil {
		return err
	}
	if err := contexts(o.node); err != nil {
		return err
	}
	if !sameOrigin(o.id, o.author) {
		return fault("origin", "%s does not lie where its author %s does", o.id, o.author)
	}
	key, ok := ring[method]
	if !ok || key.owner != o.author {
		if owner := c.pinnedFor(method, more); owner != "" {
			return fault("key-of-another", "%s is pinned for %s", method, owner)
		}
		return fault("key-not-pinned", "%s is pinned for nobody", method)
	}
	if err := key.inForce(created); err != nil {
		return err
	}
	if o.kind == "Tally" {
		published, _ := o.time("published")
		if err := key.inForce(published); err != nil {
			return err
		}
	}
	return o.doc.VerifyProof(key.key)
}

// proofByCity asks for the signature of the city that wrote the object.
func (c *Checker) proofByCity(o *object, p *poll) error {
	return c.proof(o, c.cityKeys(o.author, p), nil)
}

// proofByCoordinator asks for the coordinator's signature, whoever the object
// says its author is.
func (c *Checker) proofByCoordinator(o *object) error {
	return c.proof(o, c.coordinatorKeys(), nil)
}

func (k pinnedKey) inForce(at time.Time) error {
	if at.Before(k.from) || at.After(k.until) {
		return fault("key-not-in-force", "%s holds from %s to %s, not at %s",
			k.id, ap.FormatTime(k.from), ap.FormatTime(k.until), ap.FormatTime(at))
	}
	return nil
}

// contexts holds when the object's context begins with the two that every
// reader knows and the proof's, if it has one, is a prefix of it. It stands
// before the questions of keys, so ap's own look at it would come too late.
func contexts(n node) error {
	own, _ := n["@context"].([]any)
	if len(own) < 2 || own[0] != ap.ActivityStreams || own[1] != ap.DataIntegrity {
		return fault("proof-context", "the object's context begins otherwise")
	}
	theirs, there := n.inner("proof")["@context"]
	if !there {
		return nil
	}
	prefix, ok := theirs.([]any)
	if !ok {
		prefix = []any{theirs}
	}
	if len(prefix) == 0 || len(prefix) > len(own) || !reflect.DeepEqual(prefix, own[:len(prefix)]) {
		return fault("proof-context", "the proof's context is no prefix of the object's")
	}
	return nil
}
