package attacks

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/mr-tron/base58"

	"viche/federation/ap"
)

// tally is a national poll under way: Lviv has made its first statement, and
// the test holds the key that Lviv signs with.
type tally struct {
	w     *world
	poll  string // its address
	id    string
	first map[string]any // Lviv's first statement
	key   ed25519.PrivateKey
	keyID string
	last  int // sequence
}

// eachTally runs a test at the coordinator of a network of two cities.
func eachTally(t *testing.T, run func(t *testing.T, w *world, c *tally)) {
	t.Helper()
	each(t, func(t *testing.T, w *world) { run(t, w, w.openTally()) }, "ukraine", "lviv", "kharkiv")
}

func (w *world) openTally() *tally {
	w.t.Helper()
	lviv, kharkiv := w.n.Crowd("lviv", 4), w.n.Crowd("kharkiv", 4)
	p := w.n.OpenPoll("ukraine", "national")
	w.n.Settle()
	for i, r := range append(lviv, kharkiv...) {
		if err := w.n.Cast(r, p.PollID, fmt.Sprintf("o%d", i%2+1)); err != nil {
			w.t.Fatal(err)
		}
	}
	w.n.Advance(2 * time.Minute)
	w.n.Settle()
	city := w.n.Town("lviv")
	var raw []byte
	if err := city.DB.ReadBound().Row(w.t.Context(), []any{&raw}, "select raw from statements where poll = ? and author = ?", p.PollID, city.Actor().URI); err != nil {
		w.t.Fatalf("Lviv's first statement: %v", err)
	}
	name, key := city.Keys.Tally()
	w.known()
	return &tally{w: w, poll: p.URI, id: p.PollID, first: decode(w.t, raw), key: key, keyID: city.Actor().URI + "#" + name, last: 1}
}

// next is Lviv's next statement with something changed, not signed.
func (c *tally) next(pairs ...any) map[string]any {
	c.last++
	return with(with(c.first, "sequence", c.last, "id", fmt.Sprintf("https://lviv.test/tallies/%s/%d", c.id, c.last), "published", ap.FormatTime(c.w.n.Now()), "proof", nil), pairs...)
}

// verified changes the numbers of a statement.
func (c *tally) verified(pairs ...any) map[string]any {
	return with(c.first["verified"].(map[string]any), pairs...)
}

func (c *tally) sign(obj map[string]any) json.RawMessage {
	c.w.t.Helper()
	raw, err := ap.Sign(obj, c.key, c.keyID, c.w.n.Now())
	if err != nil {
		c.w.t.Fatal(err)
	}
	return raw
}

// carried is a statement that mallory delivers: an Offer, since nobody creates
// what another wrote.
func (c *tally) carried(statement any) *request {
	return c.w.from(c.w.evil, c.w.activity("Offer", c.w.evil, statement))
}

// turnedDown delivers a statement that must not count; fault is why, as the
// author is told, "" if it is told nothing.
func (c *tally) turnedDown(what, fault string, statement any) {
	c.w.t.Helper()
	before := c.w.state()
	c.w.ignored(what, c.carried(statement), answers()...)
	told := differ(before, c.w.state())["refusals"]
	switch {
	case fault == "" && len(told) > 0:
		c.w.t.Errorf("%s: somebody is told %.300q", what, told)
	case fault != "" && (len(told) != 1 || !slices.ContainsFunc(told, func(row string) bool { return contains(row, "fault="+fault+" ") })):
		c.w.t.Errorf("%s: the author is told %.300q, want %s", what, told, fault)
	}
}

// answers are the traces of a Reject that is sent to the city.
func answers() []allowance {
	return []allowance{leaves("refusals", "activities", "deliveries", "hosts")}
}

// accepted delivers a statement that must count.
func (c *tally) accepted(what string, statement any) {
	c.w.t.Helper()
	c.w.works(what, c.carried(statement), "statements")
}

// 33: proofs that say nothing.
func TestAttack33OddProofs(t *testing.T) {
	t.Parallel()
	eachTally(t, func(t *testing.T, w *world, c *tally) {
		name, khkey := w.n.Town("kharkiv").Keys.Tally()
		context := c.first["@context"]
		prove := func(obj map[string]any, pairs ...any) map[string]any {
			return prove(t, obj, c.key, with(map[string]any{
				"type": "DataIntegrityProof", "cryptosuite": "eddsa-jcs-2022", "verificationMethod": c.keyID, "proofPurpose": "assertionMethod",
				"created": ap.FormatTime(w.n.Now()), "@context": context,
			}, pairs...))
		}
		sound := prove(c.next())
		c.turnedDown("another purpose", "proof-form", prove(c.next(), "proofPurpose", "authentication"))
		c.turnedDown("another suite", "proof-form", prove(c.next(), "cryptosuite", "eddsa-rdfc-2022"))
		c.turnedDown("no suite", "proof-form", prove(c.next(), "cryptosuite", nil))
		c.turnedDown("another type", "proof-form", prove(c.next(), "type", "Ed25519Signature2020"))
		c.turnedDown("a key of another city", "key-of-another", prove(c.next(), "verificationMethod", "https://kharkiv.test/actor#"+name))
		c.turnedDown("a key of mallory's", "key-not-pinned", prove(c.next(), "verificationMethod", w.evil.keyID))
		c.turnedDown("the city's other key", "key-not-pinned", prove(c.next(), "verificationMethod", "https://lviv.test/actor#main-ed25519"))
		c.turnedDown("a context that is no prefix", "proof-context", prove(c.next(), "@context", []any{"https://www.w3.org/ns/activitystreams", map[string]any{"count": "https://evil.test/count"}}))
		c.turnedDown("no proof", "proof-form", c.next())
		two := prove(c.next())
		c.turnedDown("two proofs", "proof-form", with(two, "proof", []any{two["proof"], two["proof"]}))
		inside := c.next()
		c.turnedDown("a proof inside the numbers alone", "proof-form", with(inside, "verified", prove(c.verified("@context", context))))
		signed := prove(c.next())
		c.turnedDown("numbers changed after signing", "proof-invalid", with(signed, "verified", c.verified("ballots", 3)))
		c.turnedDown("signed by another city's key in Lviv's name", "proof-invalid", toMap(t, must(ap.Sign(c.next(), khkey, c.keyID, w.n.Now()))))
		c.accepted("a sound proof, made the same way", sound)
		// What mallory's own server proves of itself gives it nobody else's voice.
		ada := w.peer.person("https://victim.test/users/ada")
		forged := with(w.follow(ada), "proof", map[string]any{
			"type": "DataIntegrityProof", "cryptosuite": "eddsa-jcs-2022", "verificationMethod": ada.id + "#ed25519-key", "proofPurpose": "assertionMethod",
			"created": ap.FormatTime(w.n.Now()), "proofValue": "z3FXQjecWufY46yg5abdVZsXqLhxhueuSoZgNSARiKBk9czhSePTFehP8c3PGfb6a22gkfUKods5D2UAUL5n2Brbx",
		})
		w.refused("an activity of the victim with a made-up proof", 401, w.from(w.evil, forged), asks(1))
	})
}

// 77: statements that are not the city's to make, or that cannot be true.
func TestAttack77ImpossibleTally(t *testing.T) {
	t.Parallel()
	eachTally(t, func(t *testing.T, w *world, c *tally) {
		register := 4
		counts := func(a, b, d any) []any {
			return []any{map[string]any{"optionId": "o1", "count": a}, map[string]any{"optionId": "o2", "count": b}, map[string]any{"optionId": "o3", "count": d}}
		}
		say := func(ballots any, a, b, d any) map[string]any {
			return c.next("verified", c.verified("ballots", ballots, "counts", counts(a, b, d)))
		}
		// Somebody who is not in the list.
		stranger := c.next("attributedTo", "https://evil.test/actor", "id", "https://evil.test/tallies/1", "verified", c.verified())
		c.turnedDown("of a host that is no member", "", toMap(t, must(ap.Sign(stranger, c.key, "https://evil.test/actor#tally", w.n.Now()))))
		list := c.first["trustList"].(map[string]any)
		c.turnedDown("under another list", "trust-list", c.sign(c.next("trustList", with(list, "version", 1, "digest", "sha-256:00"))))
		c.turnedDown("of another poll's digest", "poll-digest", c.sign(c.next("pollDigest", "sha-256:00")))
		c.turnedDown("of no poll", "", c.sign(c.next("poll", c.poll+"0")))
		// The key was not in force, or will be no more.
		for _, years := range []int{-30, 30} {
			at := w.n.Now().AddDate(years, 0, 0)
			raw := must(ap.Sign(c.next(), c.key, c.keyID, at))
			c.turnedDown(fmt.Sprintf("signed %d years from now", years), "key-not-in-force", raw)
		}
		c.turnedDown("a sum that is too small", "sum", c.sign(say(4, 1, 1, 1)))
		c.turnedDown("a sum that is too large", "sum", c.sign(say(3, 2, 1, 1)))
		c.turnedDown("a count above the register", "ballots-over-register", c.sign(say(register+1, register+1, 0, 0)))
		c.turnedDown("another register than was accepted", "register", c.sign(c.next("verified", c.verified("register", 4000))))
		c.turnedDown("an option that is not there", "options", c.sign(c.next("verified", c.verified("counts", []any{map[string]any{"optionId": "o9", "count": 4}}))))
		for name, number := range map[string]string{"negative": "-1", "a fraction": "1.5", "2^60": "1152921504606846976", "written with an exponent": "4e0", "a text": `"4"`} {
			odd := say(json.RawMessage(number), 2, 2, 0)
			raw, err := ap.Sign(odd, c.key, c.keyID, w.n.Now())
			if err != nil { // our own signer refuses it: sign by hand
				raw = encode(with(odd, "proof", c.first["proof"]))
			}
			before := w.number("select count(*) from statements")
			w.send(c.carried(json.RawMessage(raw)))
			w.n.Settle()
			if w.number("select count(*) from statements") != before {
				t.Errorf("%s: it is kept", name)
			}
		}
		c.accepted("a possible one", c.sign(c.next("verified", c.verified())))
		accepted := c.last
		c.last = 0
		old := c.next()
		c.last = accepted
		// The first number again with other numbers would be signing twice; a lower
		// one that was never used is merely old.
		skipped := c.next("sequence", accepted+5, "id", fmt.Sprintf("https://lviv.test/tallies/%s/%d", c.id, accepted+5))
		c.accepted("a number left out", c.sign(skipped))
		c.turnedDown("a number that is not higher", "sequence-old", c.sign(with(old, "sequence", accepted+3, "id", fmt.Sprintf("https://lviv.test/tallies/%s/%d", c.id, accepted+3))))
	})
}

// 78: whoever delivers a statement adds nothing to it and takes nothing away.
func TestAttack78TallyOfAnotherCarrier(t *testing.T) {
	t.Parallel()
	eachTally(t, func(t *testing.T, w *world, c *tally) {
		// The city's own server delivers what another key signed.
		city := w.n.Town("lviv")
		keyID, key, err := city.Book.RSA(t.Context(), city.Actor().ID)
		if err != nil {
			t.Fatal(err)
		}
		server := &actor{id: city.Actor().URI, keyID: keyID, key: key}
		_, other := w.n.Town("kharkiv").Keys.Tally()
		forged := must(ap.Sign(c.next(), other, c.keyID, w.n.Now()))
		w.ignored("a wrong proof, delivered by the city itself", w.from(server, w.activity("Create", server, json.RawMessage(forged))), append(answers(), leaves("actors", "actor_keys", "heard"))...)
		if n := w.number("select count(*) from refusals where fault = 'proof-invalid'"); n != 1 {
			t.Errorf("%d are refused for their proof, want 1", n)
		}
		c.accepted("a right proof, delivered by mallory", c.sign(c.next()))
	})
}

// 79: a statement of one poll brought to another one.
func TestAttack79TallyOfAnotherPoll(t *testing.T) {
	t.Parallel()
	eachTally(t, func(t *testing.T, w *world, c *tally) {
		signed := toMap(t, c.sign(c.next()))
		second := w.n.OpenPoll("ukraine", "national")
		w.n.Settle()
		var digest string
		if err := w.town.DB.ReadBound().Row(t.Context(), []any{&digest}, "select digest from union_polls where poll = ?", second.PollID); err != nil {
			t.Fatal(err)
		}
		c.turnedDown("its poll changed", "proof-invalid", with(signed, "poll", second.URI, "pollDigest", digest))
		c.turnedDown("its address and poll changed", "proof-invalid", with(signed, "poll", second.URI, "pollDigest", digest, "id", "https://lviv.test/tallies/"+second.PollID+"/1", "sequence", 1))
		c.turnedDown("signed for the one, of the other's digest", "poll-digest", c.sign(c.next("poll", second.URI)))
		if n := w.number("select count(*) from statements where poll = ?", second.PollID); n != 0 {
			t.Errorf("%d statements of the other poll are kept", n)
		}
		c.accepted("in its own poll", signed)
	})
}

// prove makes a proof with members of the test's choice.
func prove(t *testing.T, obj map[string]any, key ed25519.PrivateKey, config map[string]any) map[string]any {
	t.Helper()
	hash := func(doc map[string]any) []byte {
		canonical, err := ap.Canonical(encode(doc))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(canonical)
		return sum[:]
	}
	body := with(obj, "proof", nil)
	if config["@context"] != nil {
		body["@context"] = config["@context"]
	}
	message := append(hash(config), hash(body)...)
	return with(obj, "proof", with(config, "proofValue", "z"+base58.Encode(ed25519.Sign(key, message))))
}

func toMap(t *testing.T, raw []byte) map[string]any {
	t.Helper()
	return decode(t, raw)
}

func must(raw []byte, err error) json.RawMessage {
	if err != nil {
		panic(err) // a mistake in the test
	}
	return raw
}
