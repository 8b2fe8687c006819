package verify

import (
	"regexp"
	"slices"
	"time"
)

// poll is a cross-city poll and everything accepted about it.
type poll struct {
	id, pollID, name  string
	territory         string
	afterClose        bool
	k                 int64
	opens, close, due time.Time // close is closedAt once an EarlyClose was accepted
	endTime           time.Time
	several           bool // several questions
	questions         []question
	names             map[string]string // option → its wording, for reports
	list              *trustList
	digest            string // of the frozen core

	registers  map[string]int64 // as accepted, by actor
	statements map[string][]*statement
	results    []*result // published ones, oldest first
}

var uuid7 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// acceptPoll judges a poll object, open or closed: form, trust list, proof,
// digest as computed, same core as first seen, no totals while open.
func (c *Checker) acceptPoll(o *object) error {
	p, err := readPoll(o)
	if err != nil {
		return err
	}
	named, ok := o.ref("trustList")
	if !ok {
		return fault("trust-list", "the poll names no trust list")
	}
	if p.list, err = c.list(named); err != nil {
		return err
	}
	if err := c.proofByCoordinator(o); err != nil {
		return err
	}
	if p.digest = o.doc.PollDigest(); o.text("pollDigest") != p.digest {
		return fault("poll-digest", "the core's digest is %s, the object says %.80s", p.digest, o.text("pollDigest"))
	}
	known := c.polls[o.id]
	if known != nil && known.digest != p.digest {
		return fault("core-changed", "the poll opened with the core %s", known.digest)
	}
	if !o.has("closed") && tellsTotals(o.node) {
		return fault("totals-while-open", "an open poll tells numbers")
	}
	if known == nil {
		c.polls[o.id] = p
	}
	return nil
}

func readPoll(o *object) (*poll, error) {
	p := &poll{
		id: o.id, pollID: o.text("pollId"), name: o.text("name"), territory: o.text("territory"),
		names:     map[string]string{},
		registers: map[string]int64{}, statements: map[string][]*statement{},
	}
	if !uuid7.MatchString(p.pollID) {
		return nil, fault("form", "pollId is no UUIDv7")
	}
	var times [3]bool
	p.opens, times[0] = o.time("opensAt")
	p.endTime, times[1] = o.time("endTime")
	p.due, times[2] = o.time("talliesDue")
	if slices.Contains(times[:], false) || !p.opens.Before(p.endTime) || p.due.Before(p.endTime) {
		return nil, fault("form", "opensAt, endTime and talliesDue are not in this order")
	}
	p.close = p.endTime
	var ok bool
	if p.k, ok = o.int("k"); !ok || p.k < 1 || !within(p.territory, country) {
		return nil, fault("form", "k or territory is missing")
	}
	switch o.text("resultsPolicy") {
	case "afterVote":
	case "afterClose":
		p.afterClose = true
	default:
		return nil, fault("form", "resultsPolicy is %q", o.text("resultsPolicy"))
	}
	return p, p.readQuestions(o)
}

func (p *poll) readQuestions(o *object) error {
	var have []string
	for _, name := range []string{"oneOf", "anyOf", "questions"} {
		if o.has(name) {
			have = append(have, name)
		}
	}
	if len(have) != 1 || (have[0] == "questions") != (o.kind == "Article") {
		return fault("form", "a Question has exactly one of oneOf and anyOf, an Article has questions")
	}
	entries, ok := o.list(have[0])
	if !ok || len(entries) == 0 {
		return fault("form", "%s is no list", have[0])
	}
	if have[0] != "questions" {
		method := map[string]string{"oneOf": choiceOne, "anyOf": choiceSeveral}[have[0]]
		return p.addQuestion("", method, entries)
	}
	p.several = true
	for _, entry := range entries {
		options, ok := entry.list("options")
		if !ok || entry.text("questionId") == "" || p.place(entry.text("questionId")) >= 0 {
			return fault("form", "each question needs an id of its own and options")
		}
		if err := p.addQuestion(entry.text("questionId"), entry.text("questionType"), options); err != nil {
			return err
		}
	}
	return nil
}

func (p *poll) addQuestion(id, method string, options []node) error {
	if !slices.Contains([]string{choiceOne, choiceSeveral, choiceScale, choiceRanking}, method) {
		return fault("form", "question type %q is unknown", method)
	}
	q := question{id: id, method: method}
	var names []string
	for _, option := range options {
		optionID, name := option.text("optionId"), option.text("name")
		if optionID == "" || name == "" || slices.Contains(q.options, optionID) || slices.Contains(names, name) {
			return fault("form", "option ids and names must be there and differ")
		}
		q.options, names = append(q.options, optionID), append(names, name)
		p.names[id+"\x00"+optionID] = name
	}
	if len(q.options) < 2 {
		return fault("form", "a question needs two options")
	}
	p.questions = append(p.questions, q)
	return nil
}

// place gives the place of a question in the poll, or -1.
func (p *poll) place(question string) int {
	for i, q := range p.questions {
		if q.id == question {
			return i
		}
	}
	return -1
}

func tellsTotals(n node) bool {
	if n.has("votersCount") {
		return true
	}
	for _, name := range []string{"oneOf", "anyOf", "questions"} {
		for _, part := range nodes(n[name]) {
			if part.has("replies") || slices.ContainsFunc(nodes(part["options"]), func(o node) bool { return o.has("replies") }) {
				return true
			}
		}
	}
	return false
}

// poll gives the poll that an object speaks of, when it names the same version
// of the trust list.
func (c *Checker) poll(o *object) (*poll, error) {
	p := c.polls[o.text("poll")]
	if p == nil {
		return nil, fault("poll-unknown", "%.200s", o.text("poll"))
	}
	named, ok := o.ref("trustList")
	if !ok || named != p.list.ref {
		return nil, fault("trust-list", "the poll holds to %s", p.list.ref)
	}
	return p, nil
}

func (p *poll) sameCore(o *object) error {
	if o.text("pollDigest") != p.digest {
		return fault("poll-digest", "the poll's is %s, the object says %.80s", p.digest, o.text("pollDigest"))
	}
	return nil
}

// acceptRegister judges a city's Accept of an invitation and keeps the size of
// its register.
func (c *Checker) acceptRegister(o *object) error {
	register, ok := o.int("register")
	if !ok || o.text("actor") == "" {
		return fault("form", "an Accept needs actor and register")
	}
	p, err := c.poll(o)
	if err != nil {
		return err
	}
	m, err := p.active(o.author)
	if err != nil {
		return err
	}
	if err := c.proofByCity(o, p); err != nil {
		return err
	}
	if err := p.sameCore(o); err != nil {
		return err
	}
	if register > m.ceiling {
		return fault("register-over-ceiling", "%d people where %d adults live", register, m.ceiling)
	}
	if before, there := p.registers[o.author]; there && before != register {
		return fault("accept-again", "accepted with %d people, now %d", before, register)
	}
	p.registers[o.author] = register
	return nil
}

// checkInvite judges an invitation: by the coordinator, to an active member in
// the territory.
func (c *Checker) checkInvite(o *object) error {
	if o.text("actor") == "" || o.text("target") == "" || o.text("object") != o.text("poll") {
		return fault("form", "an Invite needs actor, target and the poll as its object")
	}
	p, err := c.poll(o)
	if err != nil {
		return err
	}
	if _, err := p.active(o.text("target")); err != nil {
		return err
	}
	if err := c.proofByCoordinator(o); err != nil {
		return err
	}
	return p.sameCore(o)
}

// checkReceipt judges the coordinator's answer to a statement: the receipt or
// the refusal.
func (c *Checker) checkReceipt(o *object) error {
	if o.text("actor") == "" || o.text("object") == "" || o.text("digest") == "" {
		return fault("form", "an answer needs actor, object and digest")
	}
	if c.polls[o.text("poll")] == nil {
		return fault("poll-unknown", "%.200s", o.text("poll"))
	}
	if o.kind == "Reject" && o.text("fault") == "" {
		return fault("form", "a Reject needs the fault")
	}
	return c.proofByCoordinator(o)
}

// acceptClose judges an early close; from then on the poll's close is closedAt.
func (c *Checker) acceptClose(o *object) error {
	p := c.polls[o.text("poll")]
	if p == nil {
		return fault("poll-unknown", "%.200s", o.text("poll"))
	}
	if err := c.proofByCoordinator(o); err != nil {
		return err
	}
	if err := p.sameCore(o); err != nil {
		return err
	}
	if p.afterClose {
		return fault("early-close-forbidden", "nothing was shown before the close, so nothing may end it early")
	}
	at, ok := o.time("closedAt")
	if !ok || at.Before(p.opens) || !at.Before(p.endTime) {
		return fault("time", "closedAt does not lie between opening and end")
	}
	if o.text("reason") == "" {
		return fault("reason", "an early close needs a reason")
	}
	if !p.close.Equal(p.endTime) && !p.close.Equal(at) {
		return fault("time", "the poll was already closed at another time")
	}
	p.close = at
	return nil
}
