package polls

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/uptrace/bun"

	"viche/internal/ballot"
	"viche/internal/store"
)

// Scope is whose poll it is: one city's, a region's, the country's.
type Scope string

// The scopes, in the words of the API.
const (
	City     Scope = "city"
	Region   Scope = "region"
	National Scope = "national"
)

// State is where a poll stands.
type State string

// The states. An initiative gathers supporters, then a moderator checks that it
// is lawful; a moderator's poll opens at once.
const (
	Gathering State = "gathering"
	Checking  State = "checking"
	Refused   State = "refused"
	Open      State = "open"
	Closed    State = "closed"
)

// Option is one answer that may be chosen.
type Option struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

// Question is one question of a poll.
type Question struct {
	ID      string      `json:"id"`
	Kind    ballot.Kind `json:"kind"`
	Text    string      `json:"text,omitempty"` // the poll's title where it is the only one
	Options []Option    `json:"options"`
	Max     int         `json:"max,omitempty"`    // most options that may be chosen; 0: all
	Group   string      `json:"group,omitempty"`  // of a matrix: scales in a row that share it
	Bounds  []int       `json:"bounds,omitempty"` // a number is asked for; the options are the intervals between
	When    *When       `json:"when,omitempty"`   // nil: it is asked of everybody
}

// When has a question asked only of those who chose an option of an earlier one.
type When struct {
	Question string `json:"question"`
	Option   string `json:"option"`
}

// HardID is the option "hard to say" of a ranking, a scale and a number: it is
// chosen alone, and has no place in an order, a median or a comparison.
const HardID = "hard"

// Poll is a poll as it is stored.
type Poll struct {
	ID          int64
	PollID      string // UUIDv7, the same at every instance
	URI         string // the ActivityPub id, at the instance that opened it
	Home        bool   // this instance opened it
	Module      string // whose vote it is; empty for a poll
	Scope       Scope
	Territory   string
	Sphere      string
	Title, Body string
	Questions   []Question
	Policy      ballot.Policy
	K, Level    int
	OpensAt     time.Time
	ClosesAt    time.Time // as planned; frozen

	State     State
	ClosedAt  time.Time // when it took the last ballot; zero while open
	Reason    string    // of an early close
	Counted   bool      // the final count is stored
	Register  int
	Initiator int64
	Need      int // supporters that an initiative needs
	Refusal   string
	Created   time.Time

	AnswerDays int    // days after the close until an official answer is due; 0: none was promised
	Series     string // the first round's id, of a poll that is asked again
}

// Simple says whether it is one question with one choice or any number of them:
// what the fediverse knows as a poll and can answer.
func (p *Poll) Simple() bool {
	q := p.Questions[0]
	return len(p.Questions) == 1 && (q.Kind == ballot.One || q.Kind == ballot.Several && q.Max == 0)
}

// Multiple says whether more than one option may be chosen.
func (p *Poll) Multiple() bool { return p.Questions[0].Kind == ballot.Several }

// Options are those of the only question.
func (p *Poll) Options() []Option { return p.Questions[0].Options }

// Closes is the close as it stands: the planned one, or the early one.
func (p *Poll) Closes() time.Time {
	if !p.ClosedAt.IsZero() {
		return p.ClosedAt
	}
	return p.ClosesAt
}

// Accepts says whether a ballot that arrives now is on time, by our clock.
func (p *Poll) Accepts(now time.Time) bool {
	return p.State == Open && !now.Before(p.OpensAt) && now.Before(p.Closes())
}

// Sight is what decides about totals, for a viewer who has voted or not.
func (p *Poll) Sight(voted bool) ballot.Sight {
	return ballot.Sight{Policy: p.Policy, Closes: p.Closes(), Voted: voted}
}

// Box is the poll as the ballot box knows it.
func (p *Poll) Box() ballot.Poll {
	b := ballot.Poll{ID: p.ID, PollID: uuid.MustParse(p.PollID)}
	for _, q := range p.Questions {
		b.Questions = append(b.Questions, q.box())
	}
	return b
}

// box is the question as the ballot box knows it.
func (q Question) box() ballot.Question {
	b := ballot.Question{ID: q.ID, Kind: q.Kind, Max: q.Max, Options: make([]string, len(q.Options))}
	for i, o := range q.Options {
		b.Options[i] = o.ID
	}
	return b
}

// row is a poll in the database.
type row struct {
	bun.BaseModel `bun:"table:polls"`

	ID          int64  `bun:"id,pk"`
	PollID      string `bun:"poll_id"`
	URI         string `bun:"uri"`
	Home        int    `bun:"home"`
	Module      string `bun:"module"`
	Scope       Scope  `bun:"scope"`
	Territory   string `bun:"territory"`
	Sphere      string `bun:"sphere"`
	Title       string `bun:"title"`
	Body        string `bun:"body"`
	Questions   string `bun:"questions"`
	Policy      string `bun:"policy"`
	K           int    `bun:"k"`
	Level       int    `bun:"level"`
	State       State  `bun:"state"`
	OpensAt     int64  `bun:"opens_at"`
	ClosesAt    int64  `bun:"closes_at"`
	ClosedAt    int64  `bun:"closed_at"`
	CloseReason string `bun:"close_reason"`
	Counted     int    `bun:"counted"`
	Register    int    `bun:"register"`
	Initiator   int64  `bun:"initiator,nullzero"`
	Need        int    `bun:"need"`
	Refusal     string `bun:"refusal"`
	Created     int64  `bun:"created"`
	AnswerDays  int    `bun:"answer_days"`
	Series      string `bun:"series"`
}

func toRow(p *Poll) (row, error) {
	questions, err := json.Marshal(p.Questions)
	if err != nil {
		return row{}, fmt.Errorf("store poll: %w", err)
	}
	return row{
		ID: p.ID, PollID: p.PollID, URI: p.URI, Home: store.Flag(p.Home), Module: p.Module, Scope: p.Scope, Territory: p.Territory, Sphere: p.Sphere,
		Title: p.Title, Body: p.Body, Questions: string(questions), Policy: string(p.Policy), K: p.K, Level: p.Level, State: p.State,
		OpensAt: store.Millis(p.OpensAt), ClosesAt: store.Millis(p.ClosesAt), ClosedAt: store.Millis(p.ClosedAt), CloseReason: p.Reason,
		Counted: store.Flag(p.Counted), Register: p.Register, Initiator: p.Initiator, Need: p.Need, Refusal: p.Refusal, Created: store.Millis(p.Created),
		AnswerDays: p.AnswerDays, Series: p.Series,
	}, nil
}

func (r row) poll() (*Poll, error) {
	p := &Poll{
		ID: r.ID, PollID: r.PollID, URI: r.URI, Home: r.Home == 1, Module: r.Module, Scope: r.Scope, Territory: r.Territory, Sphere: r.Sphere,
		Title: r.Title, Body: r.Body, Policy: ballot.Policy(r.Policy), K: r.K, Level: r.Level, State: r.State,
		OpensAt: store.Time(r.OpensAt), ClosesAt: store.Time(r.ClosesAt), ClosedAt: store.Time(r.ClosedAt), Reason: r.CloseReason,
		Counted: r.Counted == 1, Register: r.Register, Initiator: r.Initiator, Need: r.Need, Refusal: r.Refusal, Created: store.Time(r.Created),
		AnswerDays: r.AnswerDays, Series: r.Series,
	}
	if err := json.Unmarshal([]byte(r.Questions), &p.Questions); err != nil {
		return nil, fmt.Errorf("poll %s: %w", r.PollID, err)
	}
	return p, nil
}

// Load reads a poll by its id, from the read pool or inside a change.
func (p *Polls) Load(ctx context.Context, idb bun.IDB, pollID string) (*Poll, error) {
	if _, err := uuid.Parse(pollID); err != nil {
		return nil, fmt.Errorf("poll %q: %w", pollID, store.ErrNotFound)
	}
	var r row
	if err := idb.NewSelect().Model(&r).Where("poll_id = ?", strings.ToLower(pollID)).Scan(ctx); err != nil {
		return nil, fmt.Errorf("poll %s: %w", pollID, store.Kind(err))
	}
	return r.poll()
}

// core reads the frozen part of a poll, once: a cast needs nothing else of it.
// Its state is read anew in every change.
func (p *Polls) core(ctx context.Context, pollID string) (*Poll, error) {
	pollID = strings.ToLower(pollID)
	if c, ok := p.cores.Load(pollID); ok {
		return c.(*Poll), nil
	}
	c, err := p.Load(ctx, p.DB.Read(), pollID)
	if err != nil {
		return nil, err
	}
	if c.State == Open || c.State == Closed { // an initiative may still be edited
		p.cores.Store(pollID, c)
	}
	return c, nil
}

// WasOpened says whether ballots for the poll are taken or were taken once; if not
// it is ErrNotFound, just like a poll that never was and a vote of another module.
// Mostly it asks nobody: a poll that has been opened stays so.
func (p *Polls) WasOpened(ctx context.Context, pollID string) error {
	c, err := p.core(ctx, pollID)
	if err != nil {
		return err
	}
	if c.Module != "" || c.State != Open && c.State != Closed {
		return fmt.Errorf("poll %s: %w", pollID, store.ErrNotFound)
	}
	return nil
}

// Filter narrows a list. Zero fields filter nothing.
type Filter struct {
	States  []State
	Scope   Scope
	Sphere  string
	Spheres []string
	By      int64 // initiator
	After   int64 // row id of the last one seen
	Limit   int
}

// List gives polls, newest first, and whether there are more. Votes of other
// modules are theirs to list.
func (p *Polls) List(ctx context.Context, f Filter) (list []*Poll, more bool, err error) {
	if f.Limit <= 0 || f.Limit > 100 {
		f.Limit = 20
	}
	var rows []row
	q := p.DB.Read().NewSelect().Model(&rows).OrderExpr("id desc").Limit(int64(f.Limit) + 1)
	if len(f.States) == 0 {
		f.States = []State{Open, Closed}
	}
	q = q.Where("module = '' and state in (?)", bun.List(f.States))
	if f.Scope != "" {
		q = q.Where("scope = ?", f.Scope)
	}
	if f.Sphere != "" {
		q = q.Where("sphere = ?", f.Sphere)
	}
	if len(f.Spheres) > 0 {
		q = q.Where("sphere in (?)", bun.List(f.Spheres))
	}
	if f.By != 0 {
		q = q.Where("initiator = ?", f.By)
	}
	if f.After != 0 {
		q = q.Where("id < ?", f.After)
	}
	if err := q.Scan(ctx); err != nil {
		return nil, false, fmt.Errorf("list polls: %w", store.Kind(err))
	}
	if len(rows) > f.Limit {
		rows, more = rows[:f.Limit], true
	}
	for _, r := range rows {
		one, err := r.poll()
		if err != nil {
			return nil, false, err
		}
		list = append(list, one)
	}
	return list, more, nil
}

// Voted says in which of these polls somebody has voted, in one query.
func (p *Polls) Voted(ctx context.Context, list []*Poll, account int64) (map[int64]bool, error) {
	if account == 0 || len(list) == 0 {
		return map[int64]bool{}, nil
	}
	who, err := p.Resident(ctx, p.DB.ReadBound(), account)
	if err != nil {
		return nil, err
	}
	boxes := make([]ballot.Poll, len(list))
	for i, one := range list {
		boxes[i] = one.Box()
	}
	return p.Options.Box.VotedIn(ctx, p.DB.ReadBound(), boxes, who.Person)
}

// URL is the page of a poll at this instance.
func (p *Polls) URL(one *Poll) string { return p.Base + "/polls/" + one.PollID }

// OpenSphere says whether an instance has opened a sphere.
func (p *Polls) OpenSphere(slug string) bool { return slices.Contains(p.Spheres, slug) }
