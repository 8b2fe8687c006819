package union

import (
	"cmp"
	"slices"
	"time"

	"viche/federation/ap"
	"viche/internal/ballot"
)

// Share is a city's part of a result.
type Share struct {
	Actor, Territory            string
	StatementURI, Stage, Digest string
	Sequence                    int
	Numbers                     ballot.Numbers
}

// Host is the city's host, with its port.
func (s Share) Host() string { return hostOf(s.Actor) }

// Line is what several small cities sum up to together.
type Line struct {
	Territory string
	Cities    int
	Numbers   ballot.Numbers
	Digests   []string
}

// Absent is a city that is missing or excluded, with the size of its register.
type Absent struct {
	Actor       string
	Register    int
	Reason      string // of the excluded
	EvidenceURI string
	Evidence    string // digest
}

// Host is the city's host, with its port.
func (a Absent) Host() string { return hostOf(a.Actor) }

// published is a PollResult as it was signed.
type published struct {
	uri, author, poll, pollDigest, stage, supersedes, reason string
	version, outstanding                                     int
	at, closedAt                                             time.Time
	wire                                                     wireNumbers
	numbers                                                  ballot.Numbers
	open, openHere                                           *ballot.Numbers
	shares                                                   []Share
	shareWires                                               []wireNumbers
	lines                                                    []Line
	lineWires                                                []wireNumbers
	missing, excluded                                        []Absent
	signed                                                   signed
}

func readResult(raw []byte) (*published, error) {
	s, err := read(raw)
	if err != nil {
		return nil, err
	}
	r := &published{
		uri: s.text("id"), author: s.ref("attributedTo"), poll: s.ref("poll"), pollDigest: s.text("pollDigest"), stage: s.text("stage"),
		supersedes: s.ref("supersedes"), reason: s.text("reason"), at: s.time("published"), closedAt: s.time("closedAt"), signed: s,
	}
	if r.version, err = s.whole("version"); err != nil {
		return nil, err
	}
	if r.wire, err = readNumbers(s.object("verified")); err != nil {
		return nil, err
	}
	switch r.stage {
	case Interim, Preliminary, Final:
	default:
		return nil, fault("form", "stage %.40q", r.stage)
	}
	if s.text("type") != "PollResult" || r.uri == "" || r.author == "" || r.poll == "" || r.at.IsZero() {
		return nil, fault("form", "not a result")
	}
	if r.stage == Interim {
		return r, nil
	}
	return r, r.readParts()
}

func (r *published) readParts() error {
	s := r.signed
	var err error
	if r.outstanding, err = s.whole("outstanding"); err != nil {
		return err
	}
	members, ok := s.objects("members")
	lines, ok2 := s.objects("lines")
	if !ok || !ok2 {
		return fault("form", "members or lines are missing")
	}
	for _, f := range members {
		st := f.object("statement")
		m := Share{Actor: f.ref("actor"), Territory: f.text("territory"), StatementURI: st.text("id"), Stage: st.text("stage"), Digest: st.text("digest")}
		if m.Sequence, err = st.whole("sequence"); err != nil {
			return err
		}
		w, err := readNumbers(f)
		if err != nil {
			return err
		}
		r.shares, r.shareWires = append(r.shares, m), append(r.shareWires, w)
	}
	for _, f := range lines {
		l := Line{Territory: f.text("territory")}
		if l.Cities, err = f.whole("memberCount"); err != nil {
			return err
		}
		statements, _ := f.objects("statements")
		for _, st := range statements {
			l.Digests = append(l.Digests, st.text("digest"))
		}
		w, err := readNumbers(f)
		if err != nil {
			return err
		}
		r.lines, r.lineWires = append(r.lines, l), append(r.lineWires, w)
	}
	for name, into := range map[string]*[]Absent{"missing": &r.missing, "excluded": &r.excluded} {
		list, ok := s.objects(name)
		if !ok {
			return fault("form", "%s is missing", name)
		}
		for _, f := range list {
			a := Absent{Actor: f.ref("actor"), Reason: f.text("reason"), EvidenceURI: f.object("evidence").text("id"), Evidence: f.object("evidence").text("digest")}
			if a.Register, err = f.whole("register"); err != nil {
				return err
			}
			*into = append(*into, a)
		}
	}
	return nil
}

// witness is what a checker has at hand of the cities' statements: the
// coordinator all of them, a city its own. Each function may give nil.
type witness struct {
	// newest is the newest accepted statement of a city published by then.
	newest func(actor string, by time.Time) *statement
	// byDigest finds a statement whose city is hidden.
	byDigest func(digest string) *statement
	// all tells that newest knows every statement there is.
	all bool
	// register is the accepted one, or -1.
	register func(actor string) int
	// last is the URI of the newest published result; known is false for who
	// begins to read in the middle.
	last  string
	known bool
}

// checkResult checks a result in the order of the rules.
func (c *chain) checkResult(r *published, p *pollState, w witness, within func(code, area string) bool) (err error) {
	if p == nil {
		return fault("poll-unknown", "no such poll")
	}
	if err := c.byCoordinator(r.signed, r.author); err != nil {
		return err
	}
	if r.pollDigest != p.Digest {
		return fault("poll-digest", "it speaks of %.80q, the poll is %s", r.pollDigest, p.Digest)
	}
	if r.numbers, err = p.checkNumbers(r.wire, true); err != nil {
		return err
	}
	list, err := c.find(p.list)
	if err != nil {
		return err
	}
	invited := map[string]Member{}
	for _, m := range list.Members {
		if m.Status == Active && within(m.Territory, p.Territory) {
			invited[m.Actor] = m
		}
	}
	if r.stage == Interim {
		return r.checkInterim(p, w, list, invited)
	}
	if r.at.Before(p.close) || !r.closedAt.Equal(p.close) {
		return fault("time", "closedAt %s, the close is %s", r.signed.text("closedAt"), ap.FormatTime(p.close))
	}
	counted, err := r.checkShares(p, w, invited)
	if err != nil {
		return err
	}
	lined, err := r.checkLines(p, w, within)
	if err != nil {
		return err
	}
	if err := r.checkSum(); err != nil {
		return err
	}
	if err := r.checkMembers(p, w, invited); err != nil {
		return err
	}
	if err := r.checkGroups(p); err != nil {
		return err
	}
	if err := r.checkOpen(p, append(counted, lined...)); err != nil {
		return err
	}
	if r.stage == Final && len(r.missing) > 0 && r.at.Before(p.TalliesDue) {
		return fault("result-members", "final although %d cities are missing before the last day", len(r.missing))
	}
	if w.known && r.supersedes != w.last {
		return fault("supersedes", "it replaces %.80q, the newest is %.80q", r.supersedes, w.last)
	}
	return nil
}

func (r *published) checkInterim(p *pollState, w witness, list *TrustList, invited map[string]Member) error {
	if p.Policy == AfterClose {
		return fault("interim-forbidden", "nobody counts this poll before its close")
	}
	for _, to := range append(r.signed.texts("to"), r.signed.texts("cc")...) {
		if _, ok := list.Member(to); !ok {
			return fault("interim-public", "addressed to %.80q", to)
		}
	}
	if r.signed.has("members") || r.signed.has("lines") {
		return fault("interim-public", "shares before the close")
	}
	if !w.all {
		return nil
	}
	sum := p.zero()
	for actor := range invited {
		if s := w.newest(actor, r.at); s != nil {
			sum = plus(sum, s.numbers)
		}
	}
	return r.sameSum(sum)
}

// zero are the numbers of nobody, in the poll's form.
func (p *Poll) zero() ballot.Numbers {
	n := ballot.Numbers{Questions: make([]ballot.QuestionNumbers, len(p.Questions))}
	for i, q := range p.Questions {
		slots := len(q.slots())
		n.Questions[i] = ballot.QuestionNumbers{Counts: make([]int, slots), First: make([]int, slots)}
	}
	return n
}

// sameSum holds the whole against the sum of its parts. First answers may lack
// in the whole of an interim result.
func (r *published) sameSum(sum ballot.Numbers) error {
	for i := range sum.Questions {
		if r.stage == Interim && r.numbers.Questions[i].First == nil {
			sum.Questions[i].First = nil
		}
	}
	if !same(sum, r.numbers) {
		return fault("result-sum", "the parts add up to %+v, the whole is %+v", sum, r.numbers)
	}
	return nil
}

func (r *published) checkShares(p *pollState, w witness, invited map[string]Member) (counted []*statement, err error) {
	seen := map[string]bool{}
	for i := range r.shares {
		s := &r.shares[i]
		if s.Numbers, err = p.checkNumbers(r.shareWires[i], false); err != nil {
			return nil, err
		}
		m, ok := invited[s.Actor]
		if !ok || seen[s.Actor] {
			return nil, fault("result-members", "%.80q was not invited, or is there twice", s.Actor)
		}
		seen[s.Actor] = true
		if m.Territory != s.Territory {
			return nil, fault("result-member", "%s does not stand for %.40q", s.Actor, s.Territory)
		}
		if s.Stage == Interim && !slices.ContainsFunc(r.missing, func(a Absent) bool { return a.Actor == s.Actor }) {
			return nil, fault("result-member", "%s is counted before its final statement, and not called missing", s.Actor)
		}
		signed := w.newest(s.Actor, r.at)
		if signed == nil {
			if w.all {
				return nil, fault("result-member", "there is no statement of %s", s.Actor)
			}
			continue
		}
		if signed.digest != s.Digest || signed.sequence != s.Sequence || signed.uri != s.StatementURI || signed.stage != s.Stage {
			return nil, fault("result-member", "%s: counted is number %d, its newest is number %d", s.Actor, s.Sequence, signed.sequence)
		}
		if !same(signed.numbers, s.Numbers) {
			return nil, fault("result-member", "%s: not the numbers that it signed", s.Actor)
		}
		counted = append(counted, signed)
	}
	return counted, nil
}

func (r *published) checkLines(p *pollState, w witness, within func(code, area string) bool) (lined []*statement, err error) {
	seen := map[string]bool{}
	for i := range r.lines {
		l := &r.lines[i]
		if l.Numbers, err = p.checkNumbers(r.lineWires[i], true); err != nil {
			return nil, err
		}
		if l.Cities != len(l.Digests) {
			return nil, fault("result-member", "the line %s joins %d cities by %d digests", l.Territory, l.Cities, len(l.Digests))
		}
		sum, complete := p.zero(), true
		for _, d := range l.Digests {
			if seen[d] {
				return nil, fault("result-members", "a statement is in two lines")
			}
			seen[d] = true
			s := w.byDigest(d)
			if s == nil {
				complete = false
				continue
			}
			if !within(s.territory, l.Territory) {
				return nil, fault("result-member", "%s is not in the territory of its line", s.author)
			}
			sum, lined = plus(sum, s.numbers), append(lined, s)
		}
		if complete && !same(sum, l.Numbers) {
			return nil, fault("result-member", "the line %s is not the sum of its statements", l.Territory)
		}
	}
	return lined, nil
}

func (r *published) checkSum() error {
	if len(r.shares)+len(r.lines) == 0 {
		return fault("result-sum", "a whole without parts")
	}
	var sum ballot.Numbers
	for _, s := range r.shares {
		sum = plus(sum, s.Numbers)
	}
	for _, l := range r.lines {
		sum = plus(sum, l.Numbers)
	}
	return r.sameSum(sum)
}

// checkMembers holds when everybody invited is in one place: shown, excluded,
// or — as many as there are others — in the lines.
func (r *published) checkMembers(p *pollState, w witness, invited map[string]Member) error {
	placed, missing := map[string]bool{}, map[string]bool{}
	for _, s := range r.shares {
		placed[s.Actor] = true
	}
	for _, e := range r.excluded {
		if _, ok := invited[e.Actor]; !ok || placed[e.Actor] {
			return fault("result-members", "%.80q is excluded, and counted or not invited", e.Actor)
		}
		placed[e.Actor] = true
	}
	outstanding := 0
	for _, m := range r.missing {
		if _, ok := invited[m.Actor]; !ok || missing[m.Actor] {
			return fault("result-members", "%.80q is missing, but not invited", m.Actor)
		}
		missing[m.Actor] = true
		outstanding += m.Register
	}
	lined, most, least := 0, 0, 0
	for _, l := range r.lines {
		lined += l.Cities
	}
	for actor := range invited {
		if placed[actor] {
			continue
		}
		most++
		if !missing[actor] {
			least++
		}
	}
	if lined < least || lined > most {
		return fault("result-members", "the lines join %d cities, it must be %d to %d", lined, least, most)
	}
	for _, e := range r.excluded {
		if e.Reason == "" {
			return fault("reason", "%s is excluded without a reason", e.Actor)
		}
	}
	for _, m := range r.missing {
		if known := w.register(m.Actor); known >= 0 && known != m.Register {
			return fault("outstanding", "%s has a register of %d, not %d", m.Actor, known, m.Register)
		}
	}
	if outstanding != r.outstanding {
		return fault("outstanding", "%d, the registers of the missing add up to %d", r.outstanding, outstanding)
	}
	return nil
}

func (r *published) checkGroups(p *pollState) error {
	for _, s := range r.shares {
		if !s.Numbers.Showable(p.K) {
			return fault("small-group", "%s shows %d ballots", s.Actor, s.Numbers.Ballots)
		}
	}
	for _, l := range r.lines {
		if !l.Numbers.Showable(p.K) || l.Cities < 2 {
			return fault("small-group", "the line %s shows %d ballots of %d cities", l.Territory, l.Numbers.Ballots, l.Cities)
		}
	}
	if !r.numbers.Showable(p.K) {
		return fault("small-group", "the whole has %d ballots", r.numbers.Ballots)
	}
	return nil
}

// checkOpen holds the open votes against those at hand: equal where every
// statement is, else not less.
func (r *published) checkOpen(p *pollState, counted []*statement) (err error) {
	for name, into := range map[string]**ballot.Numbers{"open": &r.open, "openAtCoordinator": &r.openHere} {
		if !r.signed.has(name) {
			continue
		}
		n, err := p.readOpen(r.signed.object(name))
		if err != nil {
			return err
		}
		*into = &n
	}
	want, unseen := ballot.Numbers{}, len(r.shares)-len(counted)
	for _, l := range r.lines {
		unseen += l.Cities
	}
	if r.openHere != nil {
		want = plus(want, *r.openHere)
	}
	for _, s := range counted {
		if s.open != nil {
			want = plus(want, *s.open)
		}
	}
	if r.open == nil {
		if want.Ballots >= p.K {
			return fault("result-sum", "the open votes are left out")
		}
		return nil
	}
	less := r.open.Ballots < want.Ballots
	equal := r.open.Ballots == want.Ballots
	for i, q := range want.Questions {
		c := slices.CompareFunc(r.open.Questions[i].Counts, q.Counts, cmp.Compare[int])
		equal = equal && c == 0
		for j, n := range q.Counts {
			less = less || r.open.Questions[i].Counts[j] < n
		}
	}
	if less || unseen == 0 && !equal {
		return fault("result-sum", "the open votes are not the sum of those counted")
	}
	return nil
}

// equivocation is the evidence that a city signed twice under one number.
type equivocation struct {
	uri, actor, poll, digest string
	sequence                 int
	statements               [2]*statement
	signed                   signed
}

func readEquivocation(raw []byte) (*equivocation, error) {
	s, err := read(raw)
	if err != nil {
		return nil, err
	}
	e := &equivocation{uri: s.text("id"), actor: s.ref("actor"), poll: s.ref("poll"), digest: s.doc.Digest(), signed: s}
	if e.sequence, err = s.whole("sequence"); err != nil {
		return nil, err
	}
	list, _ := s.objects("statements")
	if s.text("type") != "Equivocation" || len(list) != 2 {
		return nil, fault("form", "not an equivocation")
	}
	raws, err := rawItems(raw, "statements")
	if err != nil {
		return nil, err
	}
	for i, raw := range raws {
		if e.statements[i], err = readStatement(raw); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// checkEquivocation holds when both statements would have been accepted alone.
func (c *chain) checkEquivocation(e *equivocation, p *pollState, register int, within func(code, area string) bool) error {
	for _, s := range e.statements {
		if err := c.checkStatement(s, p, register, within); err != nil {
			return err
		}
		if s.author != e.actor || s.poll != e.poll || s.sequence != e.sequence {
			return fault("form", "not two statements of one city, poll and number")
		}
	}
	if e.statements[0].digest == e.statements[1].digest {
		return fault("form", "twice the same statement")
	}
	return nil
}
