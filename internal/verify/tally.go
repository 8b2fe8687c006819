package verify

import "time"

// The stages of statements and results.
const (
	interim     = "interim"
	preliminary = "preliminary"
	final       = "final"
	correction  = "correction"
)

// statement is a city's signed tally.
type statement struct {
	id, author, stage string
	sequence          int64
	digest            string
	supersedes        string
	reason            string
	published         time.Time
	numbers           numbers
	open              *open
}

// acceptStatement judges a statement by itself and by what its city said
// before.
func (c *Checker) acceptStatement(o *object) error {
	p, s, err := c.statement(o)
	if err != nil {
		return err
	}
	known, err := p.follows(s)
	if err != nil || known {
		return err
	}
	p.statements[s.author] = append(p.statements[s.author], s)
	return nil
}

// statement judges a statement by itself: form, poll, list, member, proof,
// time, register, numbers.
func (c *Checker) statement(o *object) (*poll, *statement, error) {
	s, err := readStatement(o)
	if err != nil {
		return nil, nil, err
	}
	p, err := c.poll(o)
	if err != nil {
		return nil, nil, err
	}
	m, err := p.active(s.author)
	if err != nil {
		return nil, nil, err
	}
	if err := c.proofByCity(o, p); err != nil {
		return nil, nil, err
	}
	if err := p.sameCore(o); err != nil {
		return nil, nil, err
	}
	if err := p.timely(s); err != nil {
		return nil, nil, err
	}
	if s.numbers, err = readNumbers(o.inner("verified"), p.several); err != nil {
		return nil, nil, err
	}
	if err := p.sameRegister(s, m); err != nil {
		return nil, nil, err
	}
	if err := s.numbers.check(p, firstOfCity); err != nil {
		return nil, nil, err
	}
	if s.open, err = readOpen(o.node, "open", p); err != nil {
		return nil, nil, err
	}
	if s.open != nil && s.open.ballots < p.k {
		return nil, nil, fault("open", "%d open votes are told, the least is %d", s.open.ballots, p.k)
	}
	return p, s, nil
}

func readStatement(o *object) (*statement, error) {
	s := &statement{
		id: o.id, author: o.text("attributedTo"), stage: o.text("stage"), digest: o.digest,
		supersedes: o.text("supersedes"), reason: o.text("reason"),
	}
	var sequenceOK, publishedOK bool
	s.sequence, sequenceOK = o.int("sequence")
	s.published, publishedOK = o.time("published")
	if s.author == "" || !sequenceOK || !publishedOK || o.inner("verified") == nil {
		return nil, fault("form", "a statement needs author, sequence, published and verified")
	}
	switch s.stage {
	case interim, final, correction:
		return s, nil
	}
	return nil, fault("form", "the stage %q is unknown", s.stage)
}

func (p *poll) timely(s *statement) error {
	if s.stage == interim {
		if p.afterClose {
			return fault("interim-forbidden", "this poll tells nothing before its close")
		}
		if s.published.Before(p.opens) || s.published.After(p.close) {
			return fault("time", "an interim statement from outside the voting time")
		}
		return nil
	}
	if s.published.Before(p.close) {
		return fault("time", "a %s statement from before the close", s.stage)
	}
	return nil
}

// sameRegister holds the register against the accepted one; where no Accept is
// at hand, against the ceiling and the city's other statements.
func (p *poll) sameRegister(s *statement, m *member) error {
	register := s.numbers.register
	if accepted, there := p.registers[s.author]; there {
		if register != accepted {
			return fault("register", "accepted were %d people, now %d", accepted, register)
		}
		return nil
	}
	if register > m.ceiling {
		return fault("register", "%d people where %d adults live", register, m.ceiling)
	}
	for _, other := range p.statements[s.author] {
		if other.numbers.register != register {
			return fault("register", "an other statement says %d people, this one %d", other.numbers.register, register)
		}
	}
	return nil
}

// follows holds a statement against those of its city that were accepted.
// known means that it is one of them.
func (p *poll) follows(s *statement) (known bool, err error) {
	kept := p.statements[s.author]
	for _, other := range kept {
		if other.sequence != s.sequence {
			continue
		}
		if other.digest == s.digest {
			return true, nil
		}
		return false, fault("equivocation", "%s signed two statements with the number %d", s.author, s.sequence)
	}
	var newest *statement
	if len(kept) > 0 {
		newest = kept[len(kept)-1]
	}
	if newest != nil && s.sequence < newest.sequence {
		return false, fault("sequence-old", "number %d after number %d", s.sequence, newest.sequence)
	}
	if newest != nil && newest.stage != interim && s.stage != correction {
		return false, fault("stage-backwards", "%s after %s", s.stage, newest.stage)
	}
	if newest != nil && newest.stage == interim && s.stage == correction {
		return false, fault("stage-backwards", "a correction before any final statement")
	}
	if s.stage != correction {
		return false, nil
	}
	// Who is shown only a city's newest statement can't know the one before,
	// but it must say which it was.
	if s.supersedes == "" || (newest != nil && s.supersedes != newest.id) {
		return false, fault("supersedes", "the correction replaces %q, not the newest", s.supersedes)
	}
	if s.reason == "" {
		return false, fault("reason", "a correction needs a reason")
	}
	return false, nil
}

// newestBy gives the newest accepted statement of a city published at t or
// before, or nil.
func (p *poll) newestBy(actor string, t time.Time) *statement {
	var newest *statement
	for _, s := range p.statements[actor] {
		if !s.published.After(t) {
			newest = s
		}
	}
	return newest
}

// acceptEquivocation judges the evidence against a city: two sound statements
// with one number. It proves itself, so it needs no signature of its own.
func (c *Checker) acceptEquivocation(o *object) error {
	entries, ok := o.list("statements")
	sequence, hasSequence := o.int("sequence")
	if !ok || len(entries) != 2 || !hasSequence {
		return fault("form", "evidence needs a sequence and two statements")
	}
	raws, err := rawItems(o.doc.Raw(), "statements")
	if err != nil {
		return err
	}
	var digests []string
	for _, raw := range raws {
		inner, err := read(raw)
		if err != nil {
			return err
		}
		if inner.kind != "Tally" {
			return fault("form", "evidence holds something else than statements")
		}
		p, s, err := c.statement(inner)
		if err != nil {
			return err
		}
		if s.author != o.text("actor") || p.id != o.text("poll") || s.sequence != sequence {
			return fault("form", "the statements are not of one city, poll and number")
		}
		digests = append(digests, s.digest)
	}
	if digests[0] == digests[1] {
		return fault("form", "both statements are the same")
	}
	return nil
}
