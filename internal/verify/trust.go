package verify

import (
	"crypto/ed25519"
	"fmt"
	"time"

	"viche/federation/ap"
)

// maxMembers bounds a trust list. Ukraine has some 1,800 hromadas.
const maxMembers = 5000

// trustList is one version of the list of member cities.
type trustList struct {
	ref
	previous ref // of the oldest ever: empty
	author   string
	keys     []pinnedKey
	members  map[string]*member
	order    []string
}

// member is a city as one version of the list has it.
type member struct {
	actor, territory, status string
	ceiling                  int64
	keys                     []pinnedKey
}

// pinnedKey is a key that a list vouches for. Keys that live actors show
// never come here.
type pinnedKey struct {
	id          string
	owner       string
	text        string
	key         ed25519.PublicKey
	from, until time.Time
}

// keyring are the keys that count for one author, by id.
type keyring map[string]pinnedKey

// put adds a key that one more list names. The latest beginning and the
// earliest end hold: a later list can only narrow what an earlier one said.
func (r keyring) put(k pinnedKey) {
	if old, there := r[k.id]; there {
		if old.from.After(k.from) {
			k.from = old.from
		}
		if old.until.Before(k.until) {
			k.until = old.until
		}
	}
	r[k.id] = k
}

// acceptList judges a trust list: form, signature by a coordinator's key of
// the version before, unbroken chain, one list per version.
func (c *Checker) acceptList(o *object) error {
	list, err := readList(o)
	if err != nil {
		return err
	}
	if known := c.version(list.version); known != nil && known.digest == list.digest {
		return nil
	}
	ring, err := c.listKeys(list)
	if err != nil {
		return err
	}
	if err := c.proof(o, ring, list); err != nil {
		return err
	}
	if err := c.link(list); err != nil {
		return err
	}
	if err := c.oneKeyPerID(list); err != nil {
		return err
	}
	if len(c.lists) > 0 && list.version < c.lists[0].version {
		c.lists = append([]*trustList{list}, c.lists...)
	} else {
		c.lists = append(c.lists, list)
	}
	for _, k := range list.allKeys() {
		c.pinned[k.id] = k
	}
	c.coordinator = list.author
	return nil
}

func readList(o *object) (*trustList, error) {
	version, ok := o.int("version")
	if !ok || version < 1 || o.author == "" {
		return nil, fault("form", "a trust list needs a version and an author")
	}
	list := &trustList{
		ref:     ref{id: o.id, version: version, digest: o.digest},
		author:  o.author,
		members: map[string]*member{},
	}
	if o.has("previous") {
		if list.previous, ok = o.ref("previous"); !ok {
			return nil, fault("form", "previous is no reference")
		}
	}
	entries, ok := o.list("coordinatorKeys")
	if !ok || len(entries) == 0 {
		return nil, fault("form", "a trust list needs the coordinator's keys")
	}
	var err error
	if list.keys, err = readKeys(entries, list.author); err != nil {
		return nil, err
	}
	cities, ok := o.list("members")
	if !ok || len(cities) > maxMembers {
		return nil, fault("form", "members are missing or more than %d", maxMembers)
	}
	for _, city := range cities {
		m, err := readMember(city)
		if err != nil {
			return nil, err
		}
		if list.members[m.actor] != nil {
			return nil, fault("form", "%s is a member twice", m.actor)
		}
		list.members[m.actor] = m
		list.order = append(list.order, m.actor)
	}
	return list, nil
}

func readMember(n node) (*member, error) {
	m := &member{actor: n.text("actor"), territory: n.text("territory"), status: n.text("status")}
	ceiling, ok := n.int("ceiling")
	if !ok || origin(m.actor) == "" || !within(m.territory, country) {
		return nil, fault("form", "a member needs actor, territory and ceiling")
	}
	m.ceiling = ceiling
	switch m.status {
	case "active", "suspended", "quarantined", "left":
	default:
		return nil, fault("form", "%s has the status %q", m.actor, m.status)
	}
	entries, ok := n.list("tallyKeys")
	if !ok {
		return nil, fault("form", "%s has no tally keys", m.actor)
	}
	var err error
	m.keys, err = readKeys(entries, m.actor)
	return m, err
}

func readKeys(entries []node, owner string) ([]pinnedKey, error) {
	var out []pinnedKey
	for _, entry := range entries {
		k := pinnedKey{id: entry.text("id"), owner: owner, text: entry.text("publicKeyMultibase")}
		var fromOK, untilOK bool
		k.from, fromOK = entry.time("validFrom")
		k.until, untilOK = entry.time("validUntil")
		if k.id == "" || entry.text("controller") != owner || !fromOK || !untilOK {
			return nil, fault("form", "a key of %s needs id, controller, validFrom and validUntil", owner)
		}
		var err error
		if k.key, err = ap.DecodeMultikey(k.text); err != nil {
			return nil, fault("form", "key %s: %v", k.id, err)
		}
		out = append(out, k)
	}
	return out, nil
}

// listKeys gives the keys that may sign a list: of the first one read its own
// (only the pinned one, where a key is pinned); of a later one those of the
// version before. A list older than all known ones is vouched for by the
// digest in its successor, its own keys sign it.
func (c *Checker) listKeys(list *trustList) (keyring, error) {
	ring := keyring{}
	if len(c.lists) == 0 {
		for _, k := range list.keys {
			if c.pin == "" || k.text == c.pin {
				ring.put(k)
			}
		}
		if len(ring) == 0 {
			return nil, fault("key-not-pinned", "version %d does not name the given key", list.version)
		}
		return ring, nil
	}
	if list.version < c.lists[0].version {
		for _, k := range list.keys {
			ring.put(k)
		}
		return ring, nil
	}
	before := c.version(list.version - 1)
	if before == nil {
		before = c.newest()
	}
	for _, k := range before.keys {
		ring.put(k)
	}
	// A later list may have ended a key's life earlier.
	all := c.coordinatorKeys()
	for id := range ring {
		ring[id] = all[id]
	}
	return ring, nil
}

// link holds when the list continues the chain at either end.
func (c *Checker) link(list *trustList) error {
	if list.previous != (ref{}) && list.previous.version != list.version-1 {
		return fault("trust-chain", "previous of version %d is version %d", list.version, list.previous.version)
	}
	if len(c.lists) == 0 {
		return nil
	}
	if list.author != c.coordinator {
		return fault("trust-chain", "version %d is by %s", list.version, list.author)
	}
	if c.version(list.version) != nil {
		return fault("trust-chain", "there are two lists of version %d", list.version)
	}
	oldest, newest := c.lists[0], c.newest()
	switch {
	case list.version == oldest.version-1 && oldest.previous == list.ref:
		return nil
	case list.version == newest.version+1 && list.previous == newest.ref:
		return nil
	}
	return fault("trust-chain", "version %d does not join on to versions %d to %d", list.version, oldest.version, newest.version)
}

// oneKeyPerID refuses a list in which a key id stands for two keys, or for
// another one than in a list before.
func (c *Checker) oneKeyPerID(list *trustList) error {
	here := map[string]pinnedKey{}
	for _, k := range list.allKeys() {
		for _, known := range []map[string]pinnedKey{here, c.pinned} {
			if old, there := known[k.id]; there && (old.text != k.text || old.owner != k.owner) {
				return fault("trust-chain", "%s stands for two keys", k.id)
			}
		}
		here[k.id] = k
	}
	return nil
}

func (l *trustList) allKeys() []pinnedKey {
	out := append([]pinnedKey{}, l.keys...)
	for _, m := range l.members {
		out = append(out, m.keys...)
	}
	return out
}

func (c *Checker) newest() *trustList { return c.lists[len(c.lists)-1] }

// version gives the list of a version, or nil. The chain has no gaps.
func (c *Checker) version(version int64) *trustList {
	if len(c.lists) == 0 || version < c.lists[0].version || version > c.newest().version {
		return nil
	}
	return c.lists[version-c.lists[0].version]
}

// list gives the very list that a reference names.
func (c *Checker) list(r ref) (*trustList, error) {
	list := c.version(r.version)
	if list == nil {
		return nil, fault("trust-list", "version %d is unknown", r.version)
	}
	if list.ref != r {
		return nil, fault("trust-list", "version %d is %s, the object names %s", r.version, list.digest, r.digest)
	}
	return list, nil
}

func (c *Checker) coordinatorKeys() keyring {
	ring := keyring{}
	for _, list := range c.lists {
		for _, k := range list.keys {
			ring.put(k)
		}
	}
	return ring
}

// cityKeys gives the keys that count for a city in a poll: those of the
// poll's version of the list and of later ones.
func (c *Checker) cityKeys(actor string, p *poll) keyring {
	ring := keyring{}
	for _, list := range c.lists {
		if m := list.members[actor]; m != nil && list.version >= p.list.version {
			for _, k := range m.keys {
				ring.put(k)
			}
		}
	}
	return ring
}

// pinnedFor gives who a key id is pinned for in any list, or "". more is a
// list that is not accepted yet.
func (c *Checker) pinnedFor(id string, more *trustList) string {
	if k, there := c.pinned[id]; there {
		return k.owner
	}
	if more == nil {
		return ""
	}
	for _, k := range more.allKeys() {
		if k.id == id {
			return k.owner
		}
	}
	return ""
}

// active gives a member that may count in a poll: active in the poll's version
// of the list and living in the poll's territory.
func (p *poll) active(actor string) (*member, error) {
	m := p.list.members[actor]
	if m == nil || m.status != "active" {
		return nil, fault("not-a-member", "%s is no active member in version %d", actor, p.list.version)
	}
	if !within(m.territory, p.territory) {
		return nil, fault("outside-territory", "%s lies in %s, the poll is for %s", actor, m.territory, p.territory)
	}
	return m, nil
}

// invited gives the actors whose residents vote in a poll, in the list's order.
func (p *poll) invited() []string {
	var out []string
	for _, actor := range p.list.order {
		if _, err := p.active(actor); err == nil {
			out = append(out, actor)
		}
	}
	return out
}

func (r ref) String() string { return fmt.Sprintf("%s (version %d)", r.id, r.version) }
