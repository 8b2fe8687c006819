package verify

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// check hands everything that was gathered to a Checker, in the order in which
// it came about, and tells what held.
func (r *report) check(b *bundle, key string) error {
	b.inOrder()
	closed := b.closed()
	if closed == nil {
		return fault("poll-open", "there is no closed copy of the poll")
	}
	if len(b.results) == 0 {
		return fault("no-result", "there is no published result")
	}
	c, err := r.trust(b, key)
	if err != nil {
		return err
	}
	p, err := r.poll(c, b, closed)
	if err != nil {
		return err
	}
	newest := b.results[len(b.results)-1]
	if named := closed.text("result"); named != "" && named != newest.id && !slices.ContainsFunc(b.results, func(o *object) bool { return o.id == named }) {
		return fault("no-result", "the poll names the result %s, which is not here", plain(named))
	}
	if err := r.statements(c, p, b, newest); err != nil {
		return err
	}
	if err := r.evidence(c, b); err != nil {
		return err
	}
	result, err := r.result(c, p, b)
	if err != nil {
		return err
	}
	if err := r.cities(c, p, b, result); err != nil {
		return err
	}
	if err := r.question(p, closed, result); err != nil {
		return err
	}
	r.numbers(p, b, result)
	for _, note := range b.notes {
		r.say("%s", plain(note))
	}
	return nil
}

// trust feeds the trust lists, from the one that the key vouches for upwards,
// then those before it, which are vouched for by digest.
func (r *report) trust(b *bundle, key string) (*Checker, error) {
	if len(b.lists) == 0 {
		return nil, fault("trust-list", "there is no trust list")
	}
	c, start, err := firstList(b.lists, key)
	if err != nil {
		return nil, err
	}
	for _, o := range b.lists[start+1:] {
		if err := c.Accept(o.raw); err != nil {
			return nil, fmt.Errorf("trust list %s: %w", plain(o.id), err)
		}
	}
	for i := start - 1; i >= 0; i-- {
		if err := c.Accept(b.lists[i].raw); err != nil {
			return nil, fmt.Errorf("trust list %s: %w", plain(b.lists[i].id), err)
		}
	}
	if key == "" {
		oldest := c.lists[0]
		r.say("Coordinator: %s. No key was given, so the one that the oldest list (version %d) names for itself is believed: %s.",
			plain(c.coordinator), oldest.version, keyTexts(oldest))
	} else {
		r.say("Coordinator: %s. Trust begins with the key given, which signed version %d: %s.",
			plain(c.coordinator), b.lists[start].version, key)
	}
	r.say("Trust list: %d versions (%d to %d), each signed by a key of the one before and naming its digest.",
		len(c.lists), c.lists[0].version, c.newest().version)
	return c, nil
}

func mustInt(o *object, name string) int64 {
	value, _ := o.int(name) // an accepted list has its version
	return value
}

func keyTexts(list *trustList) string {
	var out []string
	for _, k := range list.keys {
		out = append(out, k.text)
	}
	return strings.Join(out, ", ")
}

// firstList finds the oldest list that the key vouches for and gives a Checker
// that has accepted it.
func firstList(lists []listed, key string) (*Checker, int, error) {
	var first error
	for i, o := range lists {
		c := New(key)
		err := c.Accept(o.raw)
		if err == nil {
			return c, i, nil
		}
		if first == nil {
			first = fmt.Errorf("trust list %s: %w", plain(o.id), err)
		}
		// Before the given key came into use, another one signed.
		if key == "" || (code(err) != "key-not-pinned" && code(err) != "key-of-another") {
			return nil, 0, first
		}
	}
	return nil, 0, first
}

// poll feeds the copies of the poll, an early close and the cities' Accepts.
func (r *report) poll(c *Checker, b *bundle, closed *object) (*poll, error) {
	for _, o := range b.polls {
		if err := c.accept(o); err != nil {
			return nil, fmt.Errorf("poll: %w", err)
		}
	}
	p := c.polls[closed.id]
	for _, o := range b.closes {
		if err := c.accept(o); err != nil {
			return nil, fmt.Errorf("early close: %w", err)
		}
		r.say("The poll was closed early, at %s; the coordinator signed the reason: %s", moment(p.close), plain(o.text("reason")))
	}
	for _, o := range b.accepts {
		if err := c.accept(o); err != nil {
			return nil, fmt.Errorf("accept of %s: %w", plain(o.author), err)
		}
	}
	where := "of " + p.territory
	if p.territory == country {
		where = "of the whole country"
	}
	r.say("Poll: «%s» (%s).", plain(p.name), plain(p.id))
	r.say("It was open to residents %s from %s to %s and holds to version %d of the trust list, by which %d cities were invited.",
		where, moment(p.opens), moment(p.close), p.list.version, len(p.invited()))
	r.say("Its wording, options, times and rules have the digest that was signed: %s.", p.digest)
	return p, nil
}

// statements feeds what the cities signed. Only an excluded city may have
// contradicted itself: that is what it is excluded for.
func (r *report) statements(c *Checker, p *poll, b *bundle, newest *object) error {
	var excluded []string
	for _, n := range nodes(newest.node["excluded"]) {
		excluded = append(excluded, n.text("actor"))
	}
	cities := map[string]bool{}
	for _, o := range b.statements {
		err := c.accept(o)
		if code(err) == "equivocation" && slices.Contains(excluded, o.author) {
			continue
		}
		if err != nil {
			return fmt.Errorf("statement %s: %w", plain(o.id), err)
		}
		cities[o.author] = true
	}
	r.say("Statements: %d, by %d cities. Each is signed by its city's pinned key, in force at that time; its numbers are whole and add up, ballots do not exceed the register.",
		len(b.statements), len(cities))
	return nil
}

func (r *report) evidence(c *Checker, b *bundle) error {
	for _, o := range b.evidence {
		if err := c.accept(o); err != nil {
			return fmt.Errorf("evidence %s: %w", plain(o.id), err)
		}
	}
	return nil
}

// result feeds the results, those that were replaced first.
func (r *report) result(c *Checker, p *poll, b *bundle) (*result, error) {
	last := len(b.results) - 1
	for _, o := range b.results[:last] {
		if err := c.checkResult(o, true); err != nil {
			return nil, fmt.Errorf("result %s: %w", plain(o.id), err)
		}
	}
	if err := c.accept(b.results[last]); err != nil {
		return nil, fmt.Errorf("result %s: %w", plain(b.results[last].id), err)
	}
	result := p.results[len(p.results)-1]
	r.say("Result: version %d, %s, published %s, signed by the coordinator%s.",
		result.version, result.stage, moment(result.published), replaced(last))
	for _, s := range result.shares {
		r.say("  %s: %s number %d, %d ballots of %d people: counted as signed.",
			plain(s.actor), s.stage, s.sequence, s.numbers.ballots, s.numbers.register)
	}
	return result, r.absent(b, result)
}

func replaced(older int) string {
	switch older {
	case 0:
		return ""
	case 1:
		return "; it replaces 1 older one, which was read too"
	}
	return fmt.Sprintf("; it replaces %d older ones, which were read too", older)
}

// absent tells who is missing or excluded, and holds evidence against the
// digest that the result names.
func (r *report) absent(b *bundle, result *result) error {
	for _, m := range result.missing {
		r.say("  %s: its final statement is missing; up to %d ballots may still come.", plain(m.actor), m.register)
	}
	for _, e := range result.excluded {
		at := slices.IndexFunc(b.evidence, func(o *object) bool { return o.id == e.evidence })
		word := "on the coordinator's word"
		if at >= 0 {
			o := b.evidence[at]
			if o.digest != e.evidenceDigest {
				return fault("reason", "the evidence against %s is not that which the result names", e.actor)
			}
			if o.kind == "Equivocation" && o.text("actor") != e.actor {
				return fault("reason", "the evidence against %s speaks of %s", e.actor, o.text("actor"))
			}
			word = "the evidence was read and holds"
		}
		r.say("  %s: excluded, %s. The reason told: %s", plain(e.actor), word, plain(e.reason))
	}
	return nil
}

// cities holds what every shown city said itself against what was counted.
func (r *report) cities(c *Checker, p *poll, b *bundle, result *result) error {
	agree := 0
	var silent []string
	for _, s := range result.shares {
		own, asked := b.own[origin(s.actor)]
		if !asked {
			continue
		}
		if own.err != nil && !errors.Is(own.err, errNotThere) {
			silent = append(silent, s.actor)
			r.say("  %s did not answer for itself (%s).", plain(s.actor), plain(own.err.Error()))
			continue
		}
		if err := sameAsOwn(c, p, result, s, own); err != nil {
			return err
		}
		agree++
	}
	// Whatever the cities' own lists held is accepted by now.
	for _, s := range result.shares {
		kept := p.statements[s.actor]
		if newest := kept[len(kept)-1]; newest.digest != s.digest && !result.lacks(s.actor) {
			return fault("result-member", "%s signed %s number %d at %s, counted is number %d",
				s.actor, newest.stage, newest.sequence, moment(newest.published), s.sequence)
		}
	}
	if len(b.own) > 0 {
		r.say("Asked themselves, %d of %d shown cities show the same newest statement; %d did not answer.",
			agree, len(result.shares), len(silent))
	}
	return nil
}

// lacks tells whether the result itself calls a city's final statement missing.
func (r *result) lacks(actor string) bool {
	return slices.ContainsFunc(r.missing, func(m absent) bool { return m.actor == actor })
}

// sameAsOwn feeds a city's own statements, so that one with the same number
// and other bytes shows, and fails where the newest is not the counted one.
func sameAsOwn(c *Checker, p *poll, result *result, s share, own answer) error {
	var newest *object
	for _, raw := range own.items {
		o, err := read(raw)
		if err != nil {
			return fmt.Errorf("%s shows a statement of its own: %w", plain(s.actor), err)
		}
		if o.author != s.actor || o.kind != "Tally" || o.text("poll") != p.id {
			continue // what it says of others is theirs to say
		}
		if p.contradicts(o) {
			if err := c.accept(o); err != nil {
				return fmt.Errorf("%s itself shows another number %d than the coordinator: %w", plain(s.actor), mustInt(o, "sequence"), err)
			}
		}
		if newest == nil || mustInt(o, "sequence") > mustInt(newest, "sequence") {
			newest = o
		}
	}
	if newest == nil {
		return fault("result-member", "%s itself shows no statement of this poll, counted is number %d", s.actor, s.sequence)
	}
	if newest.digest == s.digest {
		return nil
	}
	if err := c.accept(newest); err != nil {
		return fmt.Errorf("%s shows another newest statement than was counted: %w", plain(s.actor), err)
	}
	if result.lacks(s.actor) {
		return nil
	}
	return fault("result-member", "%s itself shows number %d as its newest, counted is number %d",
		s.actor, mustInt(newest, "sequence"), s.sequence)
}

// contradicts tells whether a statement has the number of an accepted one and
// other bytes.
func (p *poll) contradicts(o *object) bool {
	sequence := mustInt(o, "sequence")
	return slices.ContainsFunc(p.statements[o.author], func(s *statement) bool {
		return s.sequence == sequence && s.digest != o.digest
	})
}

// question holds the numbers in the closed poll against the result, when it is
// the one that the poll names.
func (r *report) question(p *poll, closed *object, result *result) error {
	if at, ok := closed.time("closed"); !ok || !at.Equal(p.close) {
		return fault("time", "the poll says that it closed at %.40s, the close was %s", closed.text("closed"), moment(p.close))
	}
	if closed.text("result") != result.id || p.several {
		return nil
	}
	if voters, ok := closed.int("votersCount"); ok && voters != result.numbers.ballots {
		return fault("result-sum", "the closed poll tells %d voters, the result %d", voters, result.numbers.ballots)
	}
	counts := cells(result.numbers.answers[0].counts)
	for _, option := range append(nodes(closed.node["oneOf"]), nodes(closed.node["anyOf"])...) {
		told, ok := option.inner("replies").int("totalItems")
		if want := counts[count{option: option.text("optionId")}.cell()]; ok && told != want {
			return fault("result-sum", "the closed poll tells %d for %q, the result %d", told, option.text("optionId"), want)
		}
	}
	r.say("The closed poll tells the same numbers as the result.")
	return nil
}

// numbers tells the sum and what of it rests on the coordinator's word.
func (r *report) numbers(p *poll, b *bundle, result *result) {
	var shown, unseen int64
	for _, s := range result.shares {
		shown += s.numbers.ballots
	}
	for _, l := range result.lines {
		here := 0
		for _, digest := range l.digests {
			if p.byDigest(digest) != nil {
				here++
			}
		}
		if here == len(l.digests) {
			shown += l.numbers.ballots
			r.say("  Line %s: %d cities, %d ballots; their statements are at hand and add up.", l.territory, l.members, l.numbers.ballots)
			continue
		}
		unseen += l.numbers.ballots
		r.say("  Line %s: %d cities too small to be shown, %d ballots on the coordinator's word; of their statements only the digests are public.",
			l.territory, l.members, l.numbers.ballots)
	}
	r.say("Sum: %d ballots checked statement by statement + %d on the coordinator's word = %d of %d people on the registers.",
		shown, unseen, result.numbers.ballots, result.numbers.register)
	for _, a := range result.numbers.answers {
		if a.question != "" {
			r.say("  Question %s: %d left it blank.", plain(a.question), a.blank)
		}
		for _, n := range a.counts {
			name := p.names[a.question+"\x00"+n.option]
			if n.over != "" {
				name += "» over «" + p.names[a.question+"\x00"+n.over]
			}
			r.say("  «%s»: %d", plain(name), n.n)
		}
	}
	if result.open != nil {
		own := int64(0)
		if result.openAtCoordinator != nil {
			own = result.openAtCoordinator.ballots
		}
		r.say("Beside the result, never in it: %d open votes, %d of them counted by the coordinator itself.", result.open.ballots, own)
	}
	r.verdict = fmt.Sprintf("the %s result, version %d, is the sum of what the cities signed: %d ballots, %d of them on the coordinator's word.",
		result.stage, result.version, result.numbers.ballots, unseen)
}

func moment(t time.Time) string { return t.Format("2006-01-02 15:04:05 UTC") }
