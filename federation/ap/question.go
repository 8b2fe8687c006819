package ap

import (
	"fmt"
	"time"
)

// Question is a poll of ours as it stands on the wire.
type Question struct {
	ID            string
	AttributedTo  string
	To, Cc        []string
	URL           string
	Name          string
	Content       string // HTML
	Published     time.Time
	Updated       time.Time
	PollID        string // UUIDv7, the same at every instance
	Sphere        string
	Territory     string
	Level         int    // least level of verification
	MinStatus     string // least status; "none" for any
	ResultsPolicy string // "afterVote" or "afterClose"
	K             int
	OpensAt       time.Time
	EndTime       time.Time
	TalliesDue    time.Time // zero for a city's own poll
	TrustList     Ref       // zero for a city's own poll
	// Options of a poll with one question, which the fediverse can answer.
	// Their Votes count only once Closed is set.
	Options  []Option
	Multiple bool
	// Parts make it a poll of several questions, which the fediverse can read
	// but not answer: an Article.
	Parts []Part

	Closed      time.Time // zero while open
	VotersCount int       // told only once Closed is set
	Result      string    // the newest PollResult
}

// Ref names a signed object by its digest.
type Ref struct {
	ID      string
	Version int
	Digest  string
}

// Part is one question of a poll that has several.
type Part struct {
	ID      string
	Type    string // "one", "several", "scale", "ranking"
	Name    string
	Options []Option
}

// Object gives the poll to be signed or encoded, its pollDigest computed from
// it. While it is open no number that depends on votes leaves this function,
// whatever the fields hold.
func (q Question) Object() (map[string]any, error) {
	d := doc{
		"@context": Context, "id": q.ID, "type": "Question", "attributedTo": q.AttributedTo, "pollId": q.PollID,
		"electorate":    map[string]any{"type": "Electorate", "level": q.Level, "minStatus": q.MinStatus},
		"resultsPolicy": q.ResultsPolicy, "k": q.K,
	}
	for name, value := range map[string]string{
		"url": q.URL, "name": q.Name, "content": q.Content, "sphere": q.Sphere, "territory": q.Territory,
	} {
		d.text(name, value)
	}
	for name, value := range map[string]time.Time{
		"published": q.Published, "updated": q.Updated, "opensAt": q.OpensAt, "endTime": q.EndTime,
		"talliesDue": q.TalliesDue, "closed": q.Closed,
	} {
		d.time(name, value)
	}
	d.list("to", q.To)
	d.list("cc", q.Cc)
	if q.TrustList != (Ref{}) {
		d["trustList"] = map[string]any{"id": q.TrustList.ID, "version": q.TrustList.Version, "digest": q.TrustList.Digest}
	}
	q.ask(d)
	if !q.Closed.IsZero() {
		d.text("result", q.Result)
	}
	raw, err := marshal(d)
	if err != nil {
		return nil, fmt.Errorf("poll %s: %w", q.PollID, err)
	}
	digest, err := PollDigest(raw)
	if err != nil {
		return nil, fmt.Errorf("poll %s: %w", q.PollID, err)
	}
	d["pollDigest"] = digest
	return d, nil
}

// ask writes the questions and, after the close, the counts.
func (q Question) ask(d doc) {
	if len(q.Parts) > 0 {
		d["type"] = "Article"
		parts := make([]any, len(q.Parts))
		for i, p := range q.Parts {
			options := make([]any, len(p.Options))
			for j, o := range p.Options {
				options[j] = map[string]any{"optionId": o.ID, "name": o.Name}
			}
			parts[i] = map[string]any{"questionId": p.ID, "questionType": p.Type, "name": p.Name, "options": options}
		}
		d["questions"] = parts
		return
	}
	options := make([]any, len(q.Options))
	for i, o := range q.Options {
		option := doc{"type": "Note", "name": o.Name, "optionId": o.ID}
		if !q.Closed.IsZero() && o.Votes != nil {
			option["replies"] = map[string]any{"type": "Collection", "totalItems": *o.Votes}
		}
		options[i] = option
	}
	kind := "oneOf"
	if q.Multiple {
		kind = "anyOf"
	}
	d[kind] = options
	if !q.Closed.IsZero() {
		d["votersCount"] = q.VotersCount
	}
}
