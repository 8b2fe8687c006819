package union

import (
	"time"

	"github.com/google/uuid"

	"viche/internal/ballot"
)

// AfterClose is the results policy that lets nobody see a number before the
// close, not even who voted. The other one is "afterVote".
const (
	AfterVote  = "afterVote"
	AfterClose = "afterClose"
)

// Option is an answer that one may choose; its ID is the same everywhere.
type Option struct{ ID, Name string }

// Question is one question of a cross-city poll. The only question of a
// Question object has no ID.
type Question struct {
	ID, Name string
	Kind     ballot.Kind
	Options  []Option
}

// Poll is a cross-city poll as the coordinator signed it. Its core never
// changes; Closed and what follows from it lie in the state of the poll.
type Poll struct {
	PollID, URI, Author   string
	Name, Content, Sphere string
	Territory, MinStatus  string
	Level, K              int
	Policy                string
	OpensAt, EndTime      time.Time
	TalliesDue            time.Time
	Questions             []Question
	Several               bool // asked as `questions`, where each may be left blank
	Digest                string
	Raw                   []byte
	list                  ref
	signed                signed
	claimed               string // pollDigest as it says itself
	closed                time.Time
	result                string
}

// ListVersion is the version of the trust list that holds for this poll.
func (p *Poll) ListVersion() int { return p.list.Version }

// Ballot gives the questions as the ballot box asks them.
func (p *Poll) Ballot() []ballot.Question {
	out := make([]ballot.Question, len(p.Questions))
	for i, q := range p.Questions {
		out[i] = ballot.Question{ID: q.ID, Kind: q.Kind}
		for _, o := range q.Options {
			out[i].Options = append(out[i].Options, o.ID)
		}
	}
	return out
}

func readPoll(raw []byte) (*Poll, error) {
	s, err := read(raw)
	if err != nil {
		return nil, err
	}
	p := &Poll{
		PollID: s.text("pollId"), URI: s.text("id"), Author: s.ref("attributedTo"), Name: s.text("name"), Content: s.text("content"),
		Sphere: s.text("sphere"), Territory: s.text("territory"), Policy: s.text("resultsPolicy"),
		MinStatus: s.object("electorate").text("minStatus"),
		OpensAt:   s.time("opensAt"), EndTime: s.time("endTime"), TalliesDue: s.time("talliesDue"),
		Digest: s.doc.PollDigest(), Raw: raw, signed: s, claimed: s.text("pollDigest"), closed: s.time("closed"), result: s.ref("result"),
	}
	if p.Level, err = s.object("electorate").whole("level"); err != nil {
		return nil, err
	}
	if p.K, err = s.whole("k"); err != nil {
		return nil, err
	}
	if p.list, err = s.listRef("trustList"); err != nil {
		return nil, err
	}
	id, err := uuid.Parse(p.PollID)
	switch {
	case err != nil || id.Version() != 7 || id.String() != p.PollID:
		return nil, fault("form", "pollId %.40q is no UUIDv7", p.PollID)
	case p.URI == "" || p.Author == "" || p.Territory == "":
		return nil, fault("form", "id, attributedTo or territory is missing")
	case p.Policy != AfterVote && p.Policy != AfterClose:
		return nil, fault("form", "resultsPolicy %.40q", p.Policy)
	case p.OpensAt.IsZero() || !p.OpensAt.Before(p.EndTime) || p.TalliesDue.Before(p.EndTime):
		return nil, fault("form", "opensAt, endTime and talliesDue are not in order")
	}
	return p, p.readQuestions()
}

func (p *Poll) readQuestions() error {
	found := 0
	for name, kind := range map[string]ballot.Kind{"oneOf": ballot.One, "anyOf": ballot.Several} {
		if !p.signed.has(name) {
			continue
		}
		found++
		q := Question{Kind: kind, Name: p.Name}
		if err := q.readOptions(p.signed.fields, name); err != nil {
			return err
		}
		p.Questions = []Question{q}
	}
	if p.signed.has("questions") {
		found++
		p.Several = true
		list, ok := p.signed.objects("questions")
		if !ok || len(list) == 0 {
			return fault("form", "questions are no list")
		}
		ids := map[string]bool{}
		for _, f := range list {
			q := Question{ID: f.text("questionId"), Name: f.text("name"), Kind: ballot.Kind(f.text("questionType"))}
			switch q.Kind {
			case ballot.One, ballot.Several, ballot.Scale, ballot.Ranking:
			default:
				return fault("form", "questionType %.40q", q.Kind)
			}
			if q.ID == "" || ids[q.ID] {
				return fault("form", "questionId %.40q", q.ID)
			}
			ids[q.ID] = true
			if err := q.readOptions(f, "options"); err != nil {
				return err
			}
			p.Questions = append(p.Questions, q)
		}
	}
	if found != 1 {
		return fault("form", "want exactly one of oneOf, anyOf and questions")
	}
	return nil
}

func (q *Question) readOptions(f fields, name string) error {
	list, ok := f.objects(name)
	if !ok || len(list) == 0 {
		return fault("form", "%s is no list of options", name)
	}
	ids, names := map[string]bool{}, map[string]bool{}
	for _, o := range list {
		option := Option{ID: o.text("optionId"), Name: o.text("name")}
		if option.ID == "" || option.Name == "" || ids[option.ID] || names[option.Name] {
			return fault("form", "option %.40q is there twice, or has no id or name", option.ID)
		}
		ids[option.ID], names[option.Name] = true, true
		q.Options = append(q.Options, option)
	}
	return nil
}

// tellsTotals says whether an open poll gives away counts or turnout.
func (p *Poll) tellsTotals() bool {
	if p.signed.has("votersCount") {
		return true
	}
	for _, name := range []string{"oneOf", "anyOf"} {
		options, _ := p.signed.objects(name)
		for _, o := range options {
			if o.has("replies") {
				return true
			}
		}
	}
	return false
}

// checkPoll checks a poll, open or closed, in the order of the rules. seen is
// what stood first under this id, or nil.
func (c *chain) checkPoll(p, seen *Poll) error {
	if _, err := c.find(p.list); err != nil {
		return err
	}
	if err := c.byCoordinator(p.signed, p.Author); err != nil {
		return err
	}
	if p.claimed != p.Digest {
		return fault("poll-digest", "it says %.80q, it is %s", p.claimed, p.Digest)
	}
	if seen != nil && (seen.Digest != p.Digest || seen.URI != p.URI) {
		return fault("core-changed", "the poll was %s before", seen.Digest)
	}
	if p.closed.IsZero() && p.tellsTotals() {
		return fault("totals-while-open", "counts or turnout before the close")
	}
	return nil
}
