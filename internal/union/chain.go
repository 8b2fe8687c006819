package union

import (
	"crypto/ed25519"
	"time"

	"viche/federation/ap"
)

// A member's status in a trust list.
const (
	Active      = "active"
	Suspended   = "suspended"
	Quarantined = "quarantined"
	Left        = "left"
)

// Key is a pinned key. It holds from From until before Until.
type Key struct {
	ID          string
	Public      ed25519.PublicKey
	From, Until time.Time
}

// Member is a city in a trust list. Ceiling is the adult population of its
// territory: no register may be larger.
type Member struct {
	Actor, Territory, Status string
	Ceiling                  int
	Keys                     []Key
}

// Host is the member's host, with its port.
func (m Member) Host() string { return hostOf(m.Actor) }

// TrustList is one version of the list of member cities.
type TrustList struct {
	URI, Author string
	Version     int
	Digest      string
	Published   time.Time
	Coordinator []Key
	Members     []Member
	Raw         []byte

	previous *ref
	byActor  map[string]int
	signed   signed
}

// Member finds a city by its actor.
func (l *TrustList) Member(actor string) (Member, bool) {
	i, ok := l.byActor[actor]
	if !ok {
		return Member{}, false
	}
	return l.Members[i], true
}

func (l *TrustList) ref() ref { return ref{l.URI, l.Version, l.Digest} }

func readList(raw []byte) (*TrustList, error) {
	s, err := read(raw)
	if err != nil {
		return nil, err
	}
	l := &TrustList{
		URI: s.text("id"), Author: s.ref("attributedTo"), Published: s.time("published"), Digest: s.doc.Digest(), Raw: raw,
		byActor: map[string]int{}, signed: s,
	}
	if l.Version, err = s.whole("version"); err != nil {
		return nil, err
	}
	if s.text("type") != "TrustList" || l.URI == "" || l.Author == "" || l.Version < 1 {
		return nil, fault("form", "not a trust list")
	}
	if s.has("previous") {
		previous, err := s.listRef("previous")
		if err != nil {
			return nil, err
		}
		l.previous = &previous
	}
	if l.Coordinator, err = readKeys(s.fields, "coordinatorKeys"); err != nil {
		return nil, err
	}
	members, ok := s.objects("members")
	if !ok {
		return nil, fault("form", "members are missing")
	}
	for _, f := range members {
		m := Member{Actor: f.ref("actor"), Territory: f.text("territory"), Status: f.text("status")}
		if m.Ceiling, err = f.whole("ceiling"); err != nil {
			return nil, err
		}
		if m.Keys, err = readKeys(f, "tallyKeys"); err != nil {
			return nil, err
		}
		switch m.Status {
		case Active, Suspended, Quarantined, Left:
		default:
			return nil, fault("form", "status %q", m.Status)
		}
		if _, twice := l.byActor[m.Actor]; twice || m.Actor == "" || m.Territory == "" {
			return nil, fault("form", "member %q twice, or without a name or place", m.Actor)
		}
		l.byActor[m.Actor] = len(l.Members)
		l.Members = append(l.Members, m)
	}
	return l, nil
}

func readKeys(f fields, name string) ([]Key, error) {
	list, ok := f.objects(name)
	if !ok {
		return nil, fault("form", "%s is missing", name)
	}
	var out []Key
	for _, o := range list {
		public, err := ap.DecodeMultikey(o.text("publicKeyMultibase"))
		k := Key{ID: o.text("id"), Public: public, From: o.time("validFrom"), Until: o.time("validUntil")}
		if err != nil || k.ID == "" || k.From.IsZero() || k.Until.IsZero() {
			return nil, fault("form", "%s: key %.80q", name, k.ID)
		}
		out = append(out, k)
	}
	return out, nil
}

// chain is a run of trust lists without a gap, the oldest first. Every one but
// the oldest was signed under a key of the one before.
type chain struct {
	lists  []*TrustList
	pinned ed25519.PublicKey // the coordinator's, if given from outside
}

func (c *chain) newest() *TrustList {
	if len(c.lists) == 0 {
		return nil
	}
	return c.lists[len(c.lists)-1]
}

func (c *chain) version(v int) *TrustList {
	if len(c.lists) == 0 {
		return nil
	}
	if i := v - c.lists[0].Version; i >= 0 && i < len(c.lists) {
		return c.lists[i]
	}
	return nil
}

// find gives the list that a reference names, if it is that very one.
func (c *chain) find(r ref) (*TrustList, error) {
	l := c.version(r.Version)
	if l == nil {
		return nil, fault("trust-list", "version %d is not known", r.Version)
	}
	if l.Digest != r.Digest || l.URI != r.ID {
		return nil, fault("trust-list", "version %d has another digest: there are two lists of one number", r.Version)
	}
	return l, nil
}

// add checks a list against those known and joins it to the chain. A list that
// is known already changes nothing.
func (c *chain) add(l *TrustList) error {
	if known := c.version(l.Version); known != nil {
		if known.Digest != l.Digest {
			return fault("trust-chain", "two lists of version %d", l.Version)
		}
		return nil
	}
	if len(c.lists) > 0 && l.Version < c.lists[0].Version {
		return c.addBelow(l)
	}
	before := c.newest()
	signers := l.Coordinator
	if before != nil {
		signers = before.Coordinator
		if l.Author != before.Author {
			return fault("trust-chain", "signed by another coordinator")
		}
	}
	if before == nil && c.pinned != nil {
		signers = nil
		for _, k := range l.Coordinator {
			if k.Public.Equal(c.pinned) {
				signers = append(signers, k)
			}
		}
	}
	if err := c.proof(l.signed, l.Author, l.Author, signers); err != nil {
		return err
	}
	if before != nil && (l.previous == nil || *l.previous != before.ref() || l.Version != before.Version+1) {
		return fault("trust-chain", "version %d does not follow version %d by its digest", l.Version, before.Version)
	}
	if before == nil && l.Version > 1 && l.previous == nil {
		return fault("trust-chain", "version %d names no list before it", l.Version)
	}
	c.lists = append(c.lists, l)
	return nil
}

// addBelow takes an older list: the digest in the one above it vouches.
func (c *chain) addBelow(l *TrustList) error {
	above := c.lists[0]
	if above.previous == nil || *above.previous != l.ref() {
		return fault("trust-chain", "version %d is not the one that version %d names", l.Version, above.Version)
	}
	c.lists = append([]*TrustList{l}, c.lists...)
	return nil
}

// author is the coordinator's actor.
func (c *chain) author() string {
	if l := c.newest(); l != nil {
		return l.Author
	}
	return ""
}

// coordinator gives the coordinator's keys as all lists together have them.
func (c *chain) coordinator() ([]Key, error) {
	var merged []Key
	for _, l := range c.lists {
		for _, k := range l.Coordinator {
			var err error
			if merged, err = merge(merged, k); err != nil {
				return nil, err
			}
		}
	}
	return merged, nil
}

// keys gives a city's keys for polls of one version: as that version and the
// later ones have them, so that a later list can end a key early.
func (c *chain) keys(actor string, from int) ([]Key, error) {
	var merged []Key
	for _, l := range c.lists {
		if l.Version < from {
			continue
		}
		m, _ := l.Member(actor)
		for _, k := range m.Keys {
			var err error
			if merged, err = merge(merged, k); err != nil {
				return nil, err
			}
		}
	}
	return merged, nil
}

func merge(keys []Key, k Key) ([]Key, error) {
	for i := range keys {
		if keys[i].ID != k.ID {
			continue
		}
		if !keys[i].Public.Equal(k.Public) {
			return nil, fault("trust-chain", "two keys under the id %s", k.ID)
		}
		if k.From.After(keys[i].From) {
			keys[i].From = k.From
		}
		if k.Until.Before(keys[i].Until) {
			keys[i].Until = k.Until
		}
		return keys, nil
	}
	return append(keys, k), nil
}

// pinnedAnywhere tells whether a key id stands in any list, for anybody.
func (c *chain) pinnedAnywhere(id string) bool {
	for _, l := range c.lists {
		for _, k := range l.Coordinator {
			if k.ID == id {
				return true
			}
		}
		for _, m := range l.Members {
			for _, k := range m.Keys {
				if k.ID == id {
					return true
				}
			}
		}
	}
	return false
}

// proof checks an object's proof: form, context, origin, key, the key's time,
// signature. author is who the object says made it, owner who may have made
// it, keys those pinned for the owner.
func (c *chain) proof(s signed, author, owner string, keys []Key, at ...time.Time) error {
	method, created, err := s.doc.ProofMethod()
	if err != nil {
		return err
	}
	if !s.contextHolds() {
		return fault("proof-context", "the proof's context is no prefix of the object's")
	}
	if !sameOrigin(s.text("id"), author) {
		return fault("origin", "%.80q is not of the host of %.80q", s.text("id"), author)
	}
	var key *Key
	for i := range keys {
		if keys[i].ID == method {
			key = &keys[i]
		}
	}
	if key == nil || author != owner {
		if c.pinnedAnywhere(method) {
			return fault("key-of-another", "%.80q", method)
		}
		return fault("key-not-pinned", "%.80q", method)
	}
	for _, t := range append(at, created) {
		if t.Before(key.From) || !t.Before(key.Until) {
			return fault("key-not-in-force", "%s holds from %s until %s", key.ID, ap.FormatTime(key.From), ap.FormatTime(key.Until))
		}
	}
	return s.doc.VerifyProof(key.Public)
}

// byCoordinator checks that the coordinator made an object.
func (c *chain) byCoordinator(s signed, author string) error {
	keys, err := c.coordinator()
	if err != nil {
		return err
	}
	return c.proof(s, author, c.author(), keys)
}
