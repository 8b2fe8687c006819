package polls

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"

	"viche/actors"
	"viche/federation"
	"viche/federation/ap"
	"viche/internal/ballot"
	"viche/internal/keys"
	"viche/internal/store"
	"viche/internal/union"
)

var errDestroyed = keys.ErrDestroyed

// Limits of what may be asked.
const (
	MaxTitle   = 250
	MaxBody    = 5000
	MaxOption  = 150 // Mastodon shows no more
	MaxOptions = 30
	minOpen    = time.Minute
	maxOpen    = 400 * 24 * time.Hour

	maxAnswerDays = 90 // in which an official answer may be promised
)

// Draft is a poll that somebody wants to open.
type Draft struct {
	Title, Body string
	Options     []string
	Multiple    bool
	Sphere      string
	Scope       string // "city" if empty
	Territory   string // of a region
	Results     string // "afterVote" if empty
	ClosesAt    time.Time
	By          string // who opens it, for the log

	// Questions stand in place of Options and Multiple where there is more than
	// one, or one that is answered in another way.
	Questions  []DraftQuestion
	AnswerDays int    // days after the close until an official answer is due; 0: none is promised
	Series     string // the first round's id, where a poll is asked again
}

// tidy cleans what people type; what is left is frozen at the opening.
func (d *Draft) tidy() {
	d.fold()
	d.Title = clean(d.Title)
	d.Body = strings.TrimSpace(norm.NFC.String(strings.ReplaceAll(d.Body, "\r\n", "\n")))
	for i := range d.Options {
		d.Options[i] = clean(d.Options[i])
	}
	d.Options = slices.DeleteFunc(d.Options, func(o string) bool { return o == "" })
	for i := range d.Questions {
		d.Questions[i].tidy()
	}
	if d.Scope == "" {
		d.Scope = string(City)
	}
	if d.Results == "" {
		d.Results = string(ballot.AfterVote)
	}
	d.ClosesAt = d.ClosesAt.UTC().Truncate(time.Second)
}

func clean(s string) string { return norm.NFC.String(strings.Join(strings.Fields(s), " ")) }

// check names everything that is wrong with a draft, field by field.
func (p *Polls) check(d *Draft, now time.Time) error {
	var errs []error
	bad := func(field, key string, args ...any) { errs = append(errs, store.Invalid(field, key, args...)) }
	switch n := utf8.RuneCountInString(d.Title); {
	case n == 0:
		bad("title", "polls.draft.title.missing")
	case n > MaxTitle:
		bad("title", "polls.draft.title.long", "Max", MaxTitle)
	}
	if utf8.RuneCountInString(d.Body) > MaxBody {
		bad("body", "polls.draft.body.long", "Max", MaxBody)
	}
	switch {
	case len(d.Questions) > 0:
		d.checkQuestions(bad)
	case len(d.Options) < 2:
		bad("options", "polls.draft.options.few")
	default:
		checkOptions(d.Options, MaxOptions, bad)
	}
	if d.AnswerDays < 0 || d.AnswerDays > maxAnswerDays {
		bad("answerDays", "polls.draft.answer-days", "Max", maxAnswerDays)
	}
	switch {
	case !actors.IsSphere(d.Sphere):
		bad("sphere", "polls.draft.sphere.unknown", "Sphere", d.Sphere)
	case !p.OpenSphere(d.Sphere):
		bad("sphere", "polls.draft.sphere.soon", "Sphere", d.Sphere)
	}
	switch d.Results {
	case string(ballot.AfterVote), string(ballot.AfterClose):
	default:
		bad("results", "polls.draft.results.unknown", "Value", d.Results)
	}
	switch {
	case d.ClosesAt.IsZero():
		bad("closesAt", "polls.draft.closes.missing")
	case !d.ClosesAt.After(now):
		bad("closesAt", "polls.draft.closes.past")
	case d.ClosesAt.After(now.Add(maxOpen)):
		bad("closesAt", "polls.draft.closes.far")
	}
	switch Scope(d.Scope) {
	case City:
		if d.Territory == "" {
			d.Territory = p.Territory
		}
		if p.Coordinator {
			bad("scope", "polls.draft.scope.coordinator")
		} else if d.Territory != p.Territory {
			bad("territory", "polls.draft.territory.other")
		}
	case National:
		if d.Territory == "" {
			d.Territory = "UA"
		}
		if d.Territory != "UA" {
			bad("territory", "polls.draft.territory.national")
		}
	case Region:
		if d.Territory == "" || p.Place(d.Territory, "uk") == "" {
			bad("territory", "polls.draft.territory.unknown", "Code", d.Territory)
		}
	default:
		bad("scope", "polls.draft.scope.unknown", "Scope", d.Scope)
	}
	if s := Scope(d.Scope); (s == National || s == Region) && (!p.Coordinator || p.Union == nil) {
		bad("scope", "polls.draft.scope.city")
	}
	return errors.Join(errs...)
}

// newPoll turns a checked draft into a poll that opens now.
func (p *Polls) newPoll(d Draft, now time.Time) (*Poll, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("open poll: %w", err)
	}
	return &Poll{
		ID: store.NewID(), PollID: id.String(), URI: p.Base + "/polls/" + id.String(), Home: true,
		Scope: Scope(d.Scope), Territory: d.Territory, Sphere: d.Sphere, Title: d.Title, Body: d.Body, Questions: d.build(),
		Policy: ballot.Policy(d.Results), K: p.Rules.K, Level: Level, State: Open,
		OpensAt: now.UTC().Truncate(time.Second), ClosesAt: d.ClosesAt, Created: now,
		AnswerDays: d.AnswerDays, Series: d.Series,
	}, nil
}

// OpenPoll opens a poll at once: freezes its core and its register, and tells
// the fediverse. Region and country are the coordinator's to ask; its member
// cities are invited. Errors are *store.FieldError, joined, where the draft is
// at fault.
func (p *Polls) OpenPoll(ctx context.Context, d Draft) (*Poll, error) {
	d.tidy()
	if err := p.check(&d, p.DB.Now()); err != nil {
		return nil, err
	}
	poll, err := p.newPoll(d, p.DB.Now())
	if err != nil {
		return nil, err
	}
	err = p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := p.open(ctx, tx, poll); err != nil {
			return err
		}
		return tx.Act(ctx, d.By, "poll.open", poll.URI, "")
	})
	if err != nil {
		return nil, fmt.Errorf("open poll: %w", err)
	}
	return poll, nil
}

// open stores, freezes and publishes a poll of this instance.
func (p *Polls) open(ctx context.Context, tx *store.Tx, poll *Poll) error {
	var raw []byte
	var err error
	if poll.Scope == City {
		raw, err = p.question(poll, nil)
	} else {
		raw, err = p.openUnion(ctx, tx, poll)
	}
	if err != nil {
		return err
	}
	if err := p.insert(ctx, tx, poll); err != nil {
		return err
	}
	return p.publish(ctx, tx, poll, raw)
}

// insert stores a poll that opens now, with its frozen register.
func (p *Polls) insert(ctx context.Context, tx *store.Tx, poll *Poll) error {
	within := func(code string) bool { return p.Within(code, poll.Territory) }
	if p.Coordinator {
		within = func(string) bool { return false } // residents vote at home
	}
	var err error
	if poll.Register, err = p.Box.Open(ctx, tx, poll.Box(), p.Entitled(ctx, tx, within, poll.Level, poll.OpensAt)); err != nil {
		return err
	}
	r, err := toRow(poll)
	if err != nil {
		return err
	}
	_, err = tx.NewInsert().Model(&r).On("conflict (id) do update").
		Set("state = excluded.state, opens_at = excluded.opens_at, closes_at = excluded.closes_at, register = excluded.register").Exec(ctx)
	return store.Kind(err)
}

// publish tells followers of the instance and, through the sphere's channel,
// those of the sphere.
func (p *Polls) publish(ctx context.Context, tx *store.Tx, poll *Poll, raw []byte) error {
	if err := p.Federation.Store(ctx, tx, poll.URI, raw, poll.object(), p.self.URI); err != nil {
		return err
	}
	create, err := p.envelope(tx, "/activity").Create(raw)
	if err != nil {
		return fmt.Errorf("publish %s: %w", poll.URI, err)
	}
	if err := p.Federation.Publish(ctx, tx, p.self, create, federation.Audience{Followers: []int64{p.self.ID}}); err != nil {
		return err
	}
	return p.announce(ctx, tx, poll, create)
}

func (p *Polls) announce(ctx context.Context, tx *store.Tx, poll *Poll, create []byte) error {
	channel, err := p.Book.BySlug(ctx, tx, poll.Sphere)
	if err != nil {
		return fmt.Errorf("channel %s: %w", poll.Sphere, err)
	}
	return p.Federation.AnnounceFrom(ctx, tx, channel, poll.URI, create)
}

func (p *Polls) envelope(tx *store.Tx, _ string) ap.Envelope {
	return ap.Envelope{
		ID: p.Federation.ActivityURI(), Actor: p.self.URI, Published: tx.Now,
		To: []string{ap.ActivityStreams + "#Public"}, Cc: []string{p.self.Followers},
	}
}

// question writes the object of a city's own poll, signed. While it is open
// there is not a number in it; numbers come with the close, if they may be shown.
func (p *Polls) question(poll *Poll, final *ballot.Snapshot) ([]byte, error) {
	q := ap.Question{
		ID: poll.URI, AttributedTo: p.self.URI, URL: p.URL(poll),
		To: []string{ap.ActivityStreams + "#Public"}, Cc: []string{p.self.Followers},
		Name: poll.Title, Content: content(poll), Published: poll.OpensAt, Updated: poll.OpensAt,
		PollID: poll.PollID, Sphere: poll.Sphere, Territory: poll.Territory, Level: poll.Level, MinStatus: "none",
		ResultsPolicy: string(poll.Policy), K: poll.K, OpensAt: poll.OpensAt, EndTime: poll.ClosesAt, Multiple: poll.Multiple(),
	}
	if poll.Simple() {
		for _, o := range poll.Options() {
			q.Options = append(q.Options, ap.Option{ID: o.ID, Name: o.Text})
		}
	} else {
		q.Parts = poll.parts()
		q.Content += fmt.Sprintf(`<p><a href="%[1]s">%[1]s</a></p>`, html.EscapeString(p.URL(poll)))
	}
	if final != nil {
		q.Closed, q.Updated = poll.Closes(), final.TakenAt
		if poll.Simple() && final.Verified.Showable(poll.K) {
			q.VotersCount = final.Verified.Ballots
			for i := range q.Options {
				q.Options[i].Votes = &final.Verified.Questions[0].Counts[i]
			}
		}
	}
	obj, err := q.Object()
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", poll.URI, err)
	}
	if final != nil && !final.Verified.Showable(poll.K) {
		hideCounts(obj)
	}
	return ap.Sign(obj, p.proof.key, p.proof.id, q.Updated)
}

// object is the type of the poll in ActivityPub: what the fediverse has no form
// for goes there to be read.
func (p *Poll) object() string {
	if p.Simple() {
		return "Question"
	}
	return "Article"
}

// parts are the questions of a poll that the fediverse can read but not answer.
func (p *Poll) parts() (out []ap.Part) {
	for _, q := range p.Questions {
		part := ap.Part{ID: q.ID, Type: string(q.Kind), Name: q.full(p)}
		for _, o := range q.Options {
			part.Options = append(part.Options, ap.Option{ID: o.ID, Name: o.Text})
		}
		out = append(out, part)
	}
	return out
}

// full is the question in words that stand for themselves.
func (q Question) full(p *Poll) string {
	switch {
	case q.Text == "":
		return p.Title
	case q.Group != "":
		return q.Group + ": " + q.Text
	}
	return q.Text
}

// hideCounts takes the numbers out of a closed poll that too few answered.
func hideCounts(obj map[string]any) {
	delete(obj, "votersCount")
	for _, list := range []string{"oneOf", "anyOf"} {
		raw, err := json.Marshal(obj[list])
		if err != nil || obj[list] == nil {
			continue
		}
		var options []map[string]any
		if json.Unmarshal(raw, &options) != nil {
			continue
		}
		for _, o := range options {
			delete(o, "replies")
		}
		obj[list] = options
	}
}

// content is the text that other servers show: the question, what stands behind
// it, and how answers from there are counted.
func content(poll *Poll) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<p>%s</p>", html.EscapeString(poll.Title))
	for par := range strings.SplitSeq(poll.Body, "\n") {
		if par = strings.TrimSpace(par); par != "" {
			fmt.Fprintf(&b, "<p>%s</p>", html.EscapeString(par))
		}
	}
	b.WriteString("<p>Голоси підтверджених мешканців рахує їхня громада. Голоси гостей із федиверсу показано окремо. Підсумки – після завершення.</p>")
	return b.String()
}

// openUnion has the coordinator sign a poll of many cities and invite them.
func (p *Polls) openUnion(ctx context.Context, tx *store.Tx, poll *Poll) ([]byte, error) {
	core := union.Core{
		PollID: poll.PollID, Name: poll.Title, Content: content(poll), Sphere: poll.Sphere, Territory: poll.Territory,
		Level: poll.Level, MinStatus: "none", Policy: string(poll.Policy), K: poll.K, OpensAt: poll.OpensAt, EndTime: poll.ClosesAt,
		Extra: map[string]any{"url": p.URL(poll)},
	}
	for _, q := range poll.Questions {
		uq := union.Question{ID: q.ID, Kind: q.Kind, Name: q.full(poll)}
		for _, o := range q.Options {
			uq.Options = append(uq.Options, union.Option{ID: o.ID, Name: o.Text})
		}
		core.Questions = append(core.Questions, uq)
	}
	signed, err := p.Union.OpenPoll(ctx, tx, core)
	if err != nil {
		return nil, err
	}
	if signed.URI != poll.URI {
		return nil, fmt.Errorf("the union calls the poll %s, we call it %s", signed.URI, poll.URI)
	}
	return signed.Raw, nil
}
