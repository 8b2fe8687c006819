package verify

import (
	"slices"
	"time"

	"viche/federation/ap"
)

// result is what the coordinator publishes, or while a poll is open sends to
// the members.
type result struct {
	id, stage, digest string
	version           int64
	supersedes        string
	published, closed time.Time
	to                []string
	tellsParts        bool // has members or lines
	numbers           numbers
	open              *open
	openAtCoordinator *open
	shares            []share
	lines             []line
	missing           []absent
	excluded          []absent
	outstanding       int64
}

// share is a shown city's part of a result.
type share struct {
	actor, territory string
	id, stage        string
	sequence         int64
	digest           string
	numbers          numbers
}

// line is the joint part of cities that are too small to be shown.
type line struct {
	territory string
	members   int64
	digests   []string
	numbers   numbers
}

// absent is a city that is missing or excluded.
type absent struct {
	actor          string
	register       int64
	reason         string
	evidence       string // address, "" where there is none
	evidenceDigest string
}

// acceptResult judges a result against all that was accepted before it.
func (c *Checker) acceptResult(o *object) error { return c.checkResult(o, false) }

// AcceptOlder judges a result that a newer one has replaced. A reader seldom
// has the statements that it was made of, so only those that are at hand are
// held against it; all else is judged as in Accept.
func (c *Checker) AcceptOlder(raw []byte) error {
	o, err := read(raw)
	if err != nil {
		return err
	}
	if o.kind != "PollResult" {
		return fault("form", "%q is no PollResult", o.kind)
	}
	return c.checkResult(o, true)
}

func (c *Checker) checkResult(o *object, older bool) error {
	r, err := readResult(o)
	if err != nil {
		return err
	}
	p, err := c.poll(o)
	if err != nil {
		return err
	}
	if err := c.proofByCoordinator(o); err != nil {
		return err
	}
	if err := p.sameCore(o); err != nil {
		return err
	}
	if err := r.readParts(o, p); err != nil {
		return err
	}
	if slices.ContainsFunc(p.results, func(known *result) bool { return known.digest == r.digest }) {
		return nil
	}
	if r.stage == interim {
		return p.checkInterim(r)
	}
	if err := p.checkPublished(r, older); err != nil {
		return err
	}
	p.results = append(p.results, r)
	return nil
}

func readResult(o *object) (*result, error) {
	r := &result{
		id: o.id, stage: o.text("stage"), digest: o.digest, supersedes: o.text("supersedes"),
		to:         append(o.texts("to"), o.texts("cc")...),
		tellsParts: o.has("members") || o.has("lines"),
	}
	var versionOK, publishedOK bool
	r.version, versionOK = o.int("version")
	r.published, publishedOK = o.time("published")
	if !versionOK || !publishedOK || o.inner("verified") == nil {
		return nil, fault("form", "a result needs version, published and verified")
	}
	switch r.stage {
	case interim:
		return r, nil
	case preliminary, final:
	default:
		return nil, fault("form", "the stage %q is unknown", r.stage)
	}
	var outstandingOK, closedOK bool
	r.outstanding, outstandingOK = o.int("outstanding")
	r.closed, closedOK = o.time("closedAt")
	if !outstandingOK || !closedOK || !o.has("members") || !o.has("lines") || !o.has("missing") || !o.has("excluded") {
		return nil, fault("form", "a published result needs closedAt, members, lines, missing, excluded and outstanding")
	}
	return r, nil
}

// readParts reads the numbers and holds them against themselves.
func (r *result) readParts(o *object, p *poll) error {
	var err error
	if r.numbers, err = readNumbers(o.inner("verified"), p.several); err != nil {
		return err
	}
	if err := r.readShares(o, p); err != nil {
		return err
	}
	if err := r.readAbsent(o); err != nil {
		return err
	}
	if err := r.numbers.check(p, firstOfSum); err != nil {
		return err
	}
	if r.stage != interim {
		if err := r.firstOfAll(r.summands()); err != nil {
			return err
		}
	}
	if r.open, err = readOpen(o.node, "open", p); err != nil {
		return err
	}
	// Few open votes are left out of a city's statement, where they would be
	// its unverified people. In the whole, guests of the fediverse, whose votes
	// their own servers know, may be few.
	r.openAtCoordinator, err = readOpen(o.node, "openAtCoordinator", p)
	return err
}

func (r *result) readShares(o *object, p *poll) error {
	members, ok := o.optionalList("members")
	lines, ok2 := o.optionalList("lines")
	if !ok || !ok2 || len(members) > maxMembers || len(lines) > maxMembers {
		return fault("form", "members or lines are no lists of objects")
	}
	for _, n := range members {
		inner := n.inner("statement")
		s := share{
			actor: n.text("actor"), territory: n.text("territory"),
			id: inner.text("id"), stage: inner.text("stage"), digest: inner.text("digest"),
		}
		var ok bool
		if s.sequence, ok = inner.int("sequence"); !ok || s.actor == "" {
			return fault("form", "a member needs actor and statement")
		}
		var err error
		if s.numbers, err = readNumbers(n, p.several); err != nil {
			return err
		}
		r.shares = append(r.shares, s)
	}
	for _, n := range lines {
		l := line{territory: n.text("territory")}
		var ok bool
		if l.members, ok = n.int("memberCount"); !ok {
			return fault("form", "a line needs memberCount")
		}
		digests, ok := n.list("statements")
		if !ok {
			return fault("form", "a line needs the digests of its statements")
		}
		for _, d := range digests {
			l.digests = append(l.digests, d.text("digest"))
		}
		var err error
		if l.numbers, err = readNumbers(n, p.several); err != nil {
			return err
		}
		r.lines = append(r.lines, l)
	}
	return nil
}

func (r *result) readAbsent(o *object) error {
	for name, into := range map[string]*[]absent{"missing": &r.missing, "excluded": &r.excluded} {
		entries, ok := o.optionalList(name)
		if !ok || len(entries) > maxMembers {
			return fault("form", "%s is no list of objects", name)
		}
		for _, n := range entries {
			register, ok := n.int("register")
			if !ok || n.text("actor") == "" {
				return fault("form", "an entry of %s needs actor and register", name)
			}
			evidence := n.inner("evidence")
			*into = append(*into, absent{
				actor: n.text("actor"), register: register, reason: n.text("reason"),
				evidence: evidence.text("id"), evidenceDigest: evidence.text("digest"),
			})
		}
	}
	return nil
}

// summands gives the numbers that the whole is the sum of.
func (r *result) summands() []numbers {
	var out []numbers
	for _, s := range r.shares {
		out = append(out, s.numbers)
	}
	for _, l := range r.lines {
		out = append(out, l.numbers)
	}
	return out
}

// firstAnswers of a sum are there exactly when every summand has them.
func (r *result) firstOfAll(summands []numbers) error {
	for _, a := range r.numbers.answers {
		all := !slices.ContainsFunc(summands, func(n numbers) bool { return !n.of(a.question).hasFirst })
		if a.hasFirst != all {
			return fault("first-answers", "of the whole they are there exactly when every part has them")
		}
	}
	return nil
}

// checkInterim judges a result that only members may see.
func (p *poll) checkInterim(r *result) error {
	if p.afterClose {
		return fault("interim-forbidden", "this poll tells nothing before its close")
	}
	for _, to := range r.to {
		if p.list.members[to] == nil {
			return fault("interim-public", "addressed to %.200s, which is no member", to)
		}
	}
	if len(r.to) == 0 || r.tellsParts {
		return fault("interim-public", "an interim result names its readers and no city's part")
	}
	var summands []numbers
	for _, actor := range p.list.order {
		if s := p.newestBy(actor, r.published); s != nil {
			summands = append(summands, s.numbers)
		}
	}
	if err := r.firstOfAll(summands); err != nil {
		return err
	}
	return r.isSum(summands)
}

func (r *result) isSum(summands []numbers) error {
	if len(summands) == 0 {
		return fault("result-sum", "the result is the sum of nothing")
	}
	sum := summands[0]
	for _, n := range summands[1:] {
		// Registers bound all other numbers, so this one is enough to watch.
		if sum = sum.add(n); sum.register > maxInt {
			return fault("result-sum", "the registers add up to more than a number holds")
		}
	}
	if text := r.numbers.differs(sum); text != "" {
		return fault("result-sum", "the whole has %s", text)
	}
	return nil
}

// checkPublished judges a preliminary or final result.
func (p *poll) checkPublished(r *result, older bool) error {
	if r.published.Before(p.close) || !r.closed.Equal(p.close) {
		return fault("time", "published %s and closed %s, the close was %s",
			ap.FormatTime(r.published), ap.FormatTime(r.closed), ap.FormatTime(p.close))
	}
	counted, err := p.checkShares(r, older)
	if err != nil {
		return err
	}
	hidden, err := p.checkLines(r, older)
	if err != nil {
		return err
	}
	if err := r.isSum(r.summands()); err != nil {
		return err
	}
	if err := p.checkMembers(r, hidden); err != nil {
		return err
	}
	for _, e := range r.excluded {
		if e.reason == "" {
			return fault("reason", "%s is excluded without a reason", e.actor)
		}
	}
	if err := p.checkOutstanding(r); err != nil {
		return err
	}
	if err := p.checkGroups(r); err != nil {
		return err
	}
	if err := p.checkOpen(r, append(counted, hidden...)); err != nil {
		return err
	}
	if r.stage == final && len(r.missing) > 0 && r.published.Before(p.due) {
		return fault("result-members", "final before %s although %d cities are missing", ap.FormatTime(p.due), len(r.missing))
	}
	return p.checkVersion(r, older)
}

// checkShares holds every shown city's part against its newest statement of
// that time, and gives the statements.
func (p *poll) checkShares(r *result, older bool) ([]*statement, error) {
	var counted []*statement
	for _, s := range r.shares {
		newest := p.newestBy(s.actor, r.published)
		if older {
			newest = p.byDigest(s.digest)
		}
		if newest == nil && older {
			continue
		}
		if newest == nil || newest.author != s.actor {
			return nil, fault("result-member", "there is no statement of %s that was published in time", s.actor)
		}
		if err := s.is(newest); err != nil {
			return nil, err
		}
		if m := p.list.members[s.actor]; m == nil || m.territory != s.territory {
			return nil, fault("result-member", "%s does not stand for %s", s.actor, s.territory)
		}
		if s.stage == interim && !slices.ContainsFunc(r.missing, func(m absent) bool { return m.actor == s.actor }) {
			return nil, fault("result-member", "%s is counted by an interim statement, but is not called missing", s.actor)
		}
		counted = append(counted, newest)
	}
	return counted, nil
}

func (s share) is(signed *statement) error {
	if s.digest != signed.digest {
		return fault("result-member", "%s: counted is %s (number %d), its newest is %s (number %d)",
			s.actor, s.digest, s.sequence, signed.digest, signed.sequence)
	}
	if s.id != signed.id || s.stage != signed.stage || s.sequence != signed.sequence {
		return fault("result-member", "%s: id, stage or sequence is not as signed", s.actor)
	}
	if text := s.numbers.differs(signed.numbers); text != "" {
		return fault("result-member", "%s: %s as signed", s.actor, text)
	}
	return nil
}

func (p *poll) byDigest(digest string) *statement {
	for _, kept := range p.statements {
		for _, s := range kept {
			if s.digest == digest {
				return s
			}
		}
	}
	return nil
}

// checkLines judges the joint lines by themselves and by those of their
// statements that are at hand, which it gives.
func (p *poll) checkLines(r *result, older bool) ([]*statement, error) {
	var known []*statement
	for _, l := range r.lines {
		if l.members != int64(len(l.digests)) || !slices.IsSorted(l.digests) || len(slices.Compact(slices.Clone(l.digests))) != len(l.digests) {
			return nil, fault("result-member", "the line %s says %d cities and names %d statements, sorted and once each",
				l.territory, l.members, len(l.digests))
		}
		if err := l.numbers.check(p, firstOfSum); err != nil {
			return nil, err
		}
		var here []*statement
		for _, digest := range l.digests {
			s := p.byDigest(digest)
			if s == nil {
				continue
			}
			if !within(p.list.members[s.author].territory, l.territory) {
				return nil, fault("result-member", "%s does not lie in the line's %s", s.author, l.territory)
			}
			if !older && p.newestBy(s.author, r.published) != s {
				return nil, fault("result-member", "the line %s counts an older statement of %s", l.territory, s.author)
			}
			here = append(here, s)
		}
		if err := l.addsUp(here); err != nil {
			return nil, err
		}
		known = append(known, here...)
	}
	return known, nil
}

func (l line) addsUp(here []*statement) error {
	if len(here) == 0 {
		return nil
	}
	sum := here[0].numbers
	for _, s := range here[1:] {
		sum = sum.add(s.numbers)
	}
	if len(here) == len(l.digests) {
		if text := l.numbers.differs(sum); text != "" {
			return fault("result-member", "the line %s has %s as signed", l.territory, text)
		}
		return nil
	}
	if l.numbers.register < sum.register || l.numbers.ballots < sum.ballots {
		return fault("result-member", "the line %s has less than some of its cities", l.territory)
	}
	return nil
}

// checkMembers holds when every invited city is in its place exactly once.
func (p *poll) checkMembers(r *result, hidden []*statement) error {
	place := map[string]string{}
	put := func(actor, where string) error {
		if before, twice := place[actor]; twice {
			return fault("result-members", "%s is %s and %s", actor, before, where)
		}
		if _, err := p.active(actor); err != nil {
			return fault("result-members", "%s is %s, but was not invited", actor, where)
		}
		place[actor] = where
		return nil
	}
	for _, s := range r.shares {
		if err := put(s.actor, "shown"); err != nil {
			return err
		}
	}
	for _, e := range r.excluded {
		if err := put(e.actor, "excluded"); err != nil {
			return err
		}
	}
	for _, s := range hidden {
		if err := put(s.author, "in a line"); err != nil {
			return err
		}
	}
	missing := map[string]bool{}
	for _, m := range r.missing {
		_, err := p.active(m.actor)
		if err != nil || missing[m.actor] || place[m.actor] == "excluded" {
			return fault("result-members", "%s cannot be missing", m.actor)
		}
		missing[m.actor] = true
	}
	for _, s := range r.shares {
		if s.stage != interim && missing[s.actor] {
			return fault("result-members", "%s is missing although its %s statement is counted", s.actor, s.stage)
		}
	}
	return p.checkHidden(r, place, missing)
}

// checkHidden holds when those who are neither shown nor excluded are in
// lines: at most all, at least those who are not missing.
func (p *poll) checkHidden(r *result, place map[string]string, missing map[string]bool) error {
	var inLines, most, least int64
	for _, l := range r.lines {
		inLines += l.members
	}
	for _, actor := range p.invited() {
		if place[actor] == "shown" || place[actor] == "excluded" {
			continue
		}
		most++
		if !missing[actor] {
			least++
		}
	}
	if inLines < least || inLines > most {
		return fault("result-members", "the lines join %d cities, it must be %d to %d: somebody is left out or counted twice",
			inLines, least, most)
	}
	return nil
}

func (p *poll) checkOutstanding(r *result) error {
	var sum int64
	for _, m := range r.missing {
		if accepted, there := p.registers[m.actor]; there && accepted != m.register {
			return fault("outstanding", "%s accepted with %d people, not %d", m.actor, accepted, m.register)
		}
		if sum += m.register; sum > maxInt {
			break
		}
	}
	if sum != r.outstanding {
		return fault("outstanding", "%d, the registers of the missing add up to %d", r.outstanding, sum)
	}
	return nil
}

// checkGroups holds when nothing shown is so small or so much of one mind that
// it tells how somebody voted.
func (p *poll) checkGroups(r *result) error {
	small := func(n numbers, what string) error {
		if n.ballots < p.k {
			return fault("small-group", "%s shows %d ballots, the least is %d", what, n.ballots, p.k)
		}
		if n.ballots < 100 && n.unanimous(p) {
			return fault("small-group", "%s shows %d ballots that all say the same", what, n.ballots)
		}
		return nil
	}
	for _, s := range r.shares {
		if err := small(s.numbers, s.actor); err != nil {
			return err
		}
	}
	for _, l := range r.lines {
		if err := small(l.numbers, "the line "+l.territory); err != nil {
			return err
		}
		if l.members < 2 {
			return fault("small-group", "the line %s joins %d cities, so it hides nobody", l.territory, l.members)
		}
	}
	return small(r.numbers, "the whole")
}

// checkOpen holds the open votes against those of the statements and the
// coordinator's own. Statements that only their digest is known of can only
// have added some.
func (p *poll) checkOpen(r *result, counted []*statement) error {
	want := r.openAtCoordinator
	for _, s := range counted {
		if want = want.add(s.open); want != nil && want.ballots > maxInt {
			return fault("result-sum", "the open votes add up to more than a number holds")
		}
	}
	if r.open == nil && want != nil && want.ballots < p.k {
		return nil // too few to be told
	}
	unseen := len(r.shares) - len(counted)
	for _, l := range r.lines {
		unseen += len(l.digests)
	}
	covers, equal := r.open.covers(want)
	if !covers || (unseen == 0 && !equal) {
		return fault("result-sum", "the open votes are not the sum of those that the cities and the coordinator counted")
	}
	return nil
}

// checkVersion holds when the result replaces the newest published one.
func (p *poll) checkVersion(r *result, older bool) error {
	if len(p.results) == 0 {
		// Who begins to read in the middle can't know what this one replaces.
		if older || r.supersedes == "" {
			return nil
		}
		return fault("supersedes", "it replaces %s, which was not read", r.supersedes)
	}
	newest := p.results[len(p.results)-1]
	if r.supersedes != newest.id {
		return fault("supersedes", "it replaces %q, the newest is %s", r.supersedes, newest.id)
	}
	if r.version <= newest.version {
		return fault("supersedes", "version %d after version %d", r.version, newest.version)
	}
	return nil
}
