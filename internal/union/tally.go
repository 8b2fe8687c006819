package union

import (
	"time"

	"viche/internal/ballot"
)

// The stages of a statement and of a result.
const (
	Interim     = "interim"
	Final       = "final"
	Correction  = "correction"
	Preliminary = "preliminary"
)

// statement is a city's signed tally.
type statement struct {
	uri, author, poll, digest string // digest of the whole statement
	pollDigest                string
	list                      ref
	stage, supersedes, reason string
	sequence                  int
	published                 time.Time
	wire                      wireNumbers
	signed                    signed
	numbers                   ballot.Numbers // once checked
	open                      *ballot.Numbers
	territory                 string
}

func readStatement(raw []byte) (*statement, error) {
	s, err := read(raw)
	if err != nil {
		return nil, err
	}
	t := &statement{
		uri: s.text("id"), author: s.ref("attributedTo"), poll: s.ref("poll"), pollDigest: s.text("pollDigest"), digest: s.doc.Digest(),
		stage: s.text("stage"), supersedes: s.ref("supersedes"), reason: s.text("reason"), published: s.time("published"), signed: s,
	}
	if t.sequence, err = s.whole("sequence"); err != nil {
		return nil, err
	}
	if t.wire, err = readNumbers(s.object("verified")); err != nil {
		return nil, err
	}
	if t.list, err = s.listRef("trustList"); err != nil {
		return nil, err
	}
	switch t.stage {
	case Interim, Final, Correction:
	default:
		return nil, fault("form", "stage %.40q", t.stage)
	}
	if s.text("type") != "Tally" || t.uri == "" || t.author == "" || t.poll == "" || t.sequence < 1 || t.published.IsZero() {
		return nil, fault("form", "not a statement: author, poll, sequence or time is missing")
	}
	return t, nil
}

// kept is what is remembered of an accepted statement.
type kept struct {
	uri, digest, stage string
	sequence           int
}

// memory is what a checker knows of a city's part in one poll.
type memory struct {
	register int   // as accepted, or as in the statements before; -1 if unknown
	same     *kept // the statement of the same sequence, if any
	newest   *kept
}

// pollState is a poll and when it closes.
type pollState struct {
	*Poll
	close time.Time
}

// checkStatement checks a statement in the order of the rules, up to what it
// says of itself; p is nil when the poll is not known. It fills in numbers.
func (c *chain) checkStatement(t *statement, p *pollState, register int, within func(code, area string) bool) error {
	m, err := c.invited(t.author, t.list, p, within)
	if err != nil {
		return err
	}
	t.territory = m.Territory
	keys, err := c.keys(t.author, p.list.Version)
	if err != nil {
		return err
	}
	if err := c.proof(t.signed, t.author, m.Actor, keys, t.published); err != nil {
		return err
	}
	if t.pollDigest != p.Digest {
		return fault("poll-digest", "it speaks of %.80q, the poll is %s", t.pollDigest, p.Digest)
	}
	if t.stage == Interim && p.Policy == AfterClose {
		return fault("interim-forbidden", "nobody counts this poll before its close")
	}
	if t.stage == Interim && (t.published.Before(p.OpensAt) || t.published.After(p.close)) || t.stage != Interim && t.published.Before(p.close) {
		return fault("time", "%s at %s, the close is %s", t.stage, t.signed.text("published"), p.close.Format(time.RFC3339))
	}
	if register >= 0 && t.wire.register != register {
		return fault("register", "%d, accepted was %d", t.wire.register, register)
	}
	if t.wire.register > m.Ceiling {
		return fault("register", "%d, the ceiling is %d", t.wire.register, m.Ceiling)
	}
	if t.numbers, err = p.checkNumbers(t.wire, false); err != nil {
		return err
	}
	if !t.signed.has("open") {
		return nil
	}
	open, err := p.readOpen(t.signed.object("open"))
	if err != nil {
		return err
	}
	if open.Ballots < p.K {
		return fault("open", "%d open ballots are too few to tell", open.Ballots)
	}
	t.open = &open
	return nil
}

// errSame says that a statement was accepted before.
var errSame = fault("", "accepted before")

// checkSequence is the last step: what came before from this city. errSame
// means that nothing is to be done.
func (t *statement) checkSequence(m memory) error {
	if m.same != nil {
		if m.same.digest == t.digest {
			return errSame
		}
		return fault("equivocation", "two statements of number %d", t.sequence)
	}
	if m.newest == nil {
		if t.stage == Correction {
			return fault("stage-backwards", "a correction of nothing")
		}
		return nil
	}
	if t.sequence < m.newest.sequence {
		return fault("sequence-old", "%d after %d", t.sequence, m.newest.sequence)
	}
	if m.newest.stage != Interim && t.stage != Correction {
		return fault("stage-backwards", "%s after %s", t.stage, m.newest.stage)
	}
	if t.stage != Correction {
		return nil
	}
	if m.newest.stage == Interim {
		return fault("stage-backwards", "a correction before the final statement")
	}
	if t.supersedes != m.newest.uri {
		return fault("supersedes", "it replaces %.80q, the newest is %s", t.supersedes, m.newest.uri)
	}
	if t.reason == "" {
		return fault("reason", "a correction without a reason")
	}
	return nil
}

// invited checks that a city may speak in a poll: the poll is known, the list
// is the poll's, the city is an active member of it and lies in the poll's
// territory.
func (c *chain) invited(actor string, list ref, p *pollState, within func(code, area string) bool) (Member, error) {
	if p == nil {
		return Member{}, fault("poll-unknown", "no such poll")
	}
	if list != p.list {
		return Member{}, fault("trust-list", "it names version %d with %.80q, the poll has version %d", list.Version, list.Digest, p.list.Version)
	}
	l, err := c.find(p.list)
	if err != nil {
		return Member{}, err
	}
	m, ok := l.Member(actor)
	if !ok || m.Status != Active {
		return Member{}, fault("not-a-member", "%.80q is no active member in version %d", actor, l.Version)
	}
	if !within(m.Territory, p.Territory) {
		return Member{}, fault("outside-territory", "%s is not in %s", m.Territory, p.Territory)
	}
	return m, nil
}

// acceptance is a city's answer to an invitation.
type acceptance struct {
	uri, author, poll, pollDigest, digest string
	list                                  ref
	register                              int
	signed                                signed
}

func readAcceptance(raw []byte) (*acceptance, error) {
	s, err := read(raw)
	if err != nil {
		return nil, err
	}
	a := &acceptance{uri: s.text("id"), author: s.ref("actor"), poll: s.ref("poll"), pollDigest: s.text("pollDigest"), digest: s.doc.Digest(), signed: s}
	if a.register, err = s.whole("register"); err != nil {
		return nil, err
	}
	if a.list, err = s.listRef("trustList"); err != nil {
		return nil, err
	}
	if s.text("type") != "Accept" || a.uri == "" || a.author == "" || a.poll == "" {
		return nil, fault("form", "not an answer to an invitation")
	}
	return a, nil
}

// checkAcceptance checks the answer to an invitation; accepted is the register
// accepted before, or -1.
func (c *chain) checkAcceptance(a *acceptance, p *pollState, accepted int, within func(code, area string) bool) error {
	m, err := c.invited(a.author, a.list, p, within)
	if err != nil {
		return err
	}
	keys, err := c.keys(a.author, p.list.Version)
	if err != nil {
		return err
	}
	if err := c.proof(a.signed, a.author, m.Actor, keys); err != nil {
		return err
	}
	if a.pollDigest != p.Digest {
		return fault("poll-digest", "it speaks of %.80q, the poll is %s", a.pollDigest, p.Digest)
	}
	if a.register > m.Ceiling {
		return fault("register-over-ceiling", "%d people, the ceiling is %d", a.register, m.Ceiling)
	}
	if accepted >= 0 && accepted != a.register {
		return fault("accept-again", "%d people, before it was %d", a.register, accepted)
	}
	return nil
}

// earlyClose ends a poll before its time.
type earlyClose struct {
	uri, author, poll, pollDigest, reason string
	closedAt                              time.Time
	signed                                signed
}

func readEarlyClose(raw []byte) (*earlyClose, error) {
	s, err := read(raw)
	if err != nil {
		return nil, err
	}
	e := &earlyClose{
		uri: s.text("id"), author: s.ref("attributedTo"), poll: s.ref("poll"), pollDigest: s.text("pollDigest"),
		reason: s.text("reason"), closedAt: s.time("closedAt"), signed: s,
	}
	if s.text("type") != "EarlyClose" || e.author == "" || e.poll == "" {
		return nil, fault("form", "not an early close")
	}
	return e, nil
}

func (c *chain) checkEarlyClose(e *earlyClose, p *pollState) error {
	if p == nil {
		return fault("poll-unknown", "no such poll")
	}
	if err := c.byCoordinator(e.signed, e.author); err != nil {
		return err
	}
	if e.pollDigest != p.Digest {
		return fault("poll-digest", "it speaks of %.80q, the poll is %s", e.pollDigest, p.Digest)
	}
	if p.Policy == AfterClose {
		return fault("early-close-forbidden", "such a poll ends when it was said to end")
	}
	if e.closedAt.Before(p.OpensAt) || !e.closedAt.Before(p.EndTime) {
		return fault("time", "closedAt %s", e.signed.text("closedAt"))
	}
	if e.reason == "" {
		return fault("reason", "an early close without a reason")
	}
	return nil
}

// invitation asks a city to hold a poll.
type invitation struct {
	uri, author, poll, target, pollDigest string
	list                                  ref
	signed                                signed
}

func readInvitation(raw []byte) (*invitation, error) {
	s, err := read(raw)
	if err != nil {
		return nil, err
	}
	i := &invitation{uri: s.text("id"), author: s.ref("actor"), poll: s.ref("poll"), target: s.ref("target"), pollDigest: s.text("pollDigest"), signed: s}
	if i.list, err = s.listRef("trustList"); err != nil {
		return nil, err
	}
	if s.text("type") != "Invite" || i.uri == "" || i.author == "" || i.poll == "" || i.target == "" {
		return nil, fault("form", "not an invitation to a poll")
	}
	return i, nil
}

// checkInvitation holds an invitation against the poll, checked before.
func (c *chain) checkInvitation(i *invitation, p *pollState, own string, within func(code, area string) bool) (Member, error) {
	if i.target != own {
		return Member{}, fault("not-a-member", "the invitation is for %.80q", i.target)
	}
	m, err := c.invited(own, i.list, p, within)
	if err != nil {
		return Member{}, err
	}
	if err := c.byCoordinator(i.signed, i.author); err != nil {
		return Member{}, err
	}
	if i.pollDigest != p.Digest {
		return Member{}, fault("poll-digest", "it speaks of %.80q, the poll is %s", i.pollDigest, p.Digest)
	}
	return m, nil
}
