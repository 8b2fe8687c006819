package moderation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"viche/actors"
	"viche/federation"
	"viche/federation/ap"
	"viche/internal/markup"
	"viche/internal/store"
	"viche/web"
)

// What a moderator can do.
const (
	Dismiss = "dismiss" // no rule was broken
	Forward = "forward" // tell the moderators of the account's own server
	Hide    = "hide"    // a post is seen by its author alone
	Mark    = "mark"    // a warning stands before a post
	Warn    = "warn"    // a letter and no more
	Limit   = "limit"   // the account's posts stand before its followers alone
	Suspend = "suspend" // the account is out of sight and cannot be used
	Lift    = "lift"    // one of the four before is taken back
)

// Rules are those of the charter, and the law.
var Rules = []string{"respect", "facts", "person", "unpaid", "hate", "interest", "privacy", "war", "law"}

const (
	maxReason  = 1_000
	maxWarning = 200
)

// Decision is what a moderator decides on a report: that no rule was broken, or
// what is to be done about posts and about the account.
type Decision struct {
	Report    int64
	Moderator *web.Viewer

	Dismiss   bool
	Posts     []int64 // of the reported ones
	OnPosts   string  // "", Hide or Mark
	Warning   string  // to stand before the posts
	OnAccount string  // "", Warn, Limit or Suspend
	Forward   bool
	Rule      string
	Reason    string // everybody may read it
}

// measure is one thing that a decision does; post is 0 for the account.
type measure struct {
	Act  string
	Post int64
}

// plan is a decision that was checked: what will happen, and to whom.
type plan struct {
	Decision
	report   Report
	about    actors.Actor
	holder   *Account // of an account of ours
	measures []measure
}

func (p plan) does(act string) bool {
	return slices.ContainsFunc(p.measures, func(m measure) bool { return m.Act == act })
}

// Decide does what a moderator decided, in one change with the log and the
// letters. Errors: a FieldError for what was typed; store.ErrDenied for a report
// about oneself or, without being operator, other staff; store.ErrExists where
// somebody was quicker.
func (m *Moderation) Decide(ctx context.Context, d Decision) error {
	p, err := m.plan(ctx, m.DB.Read(), d)
	if err != nil {
		return err
	}
	suspend := func(context.Context, *store.Tx) error { return nil }
	if p.does(Suspend) {
		if suspend, err = m.Options.Suspend(ctx, p.about, true); err != nil {
			return fmt.Errorf("suspend %s: %w", p.about.URI, err)
		}
	}
	err = m.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		p, err := m.plan(ctx, tx, d) // as it is now
		if err != nil {
			return err
		}
		state := Done
		if d.Dismiss {
			state = Refused
		}
		if err := closeReport(ctx, tx, d.Report, state, p.measures[0].Act, d.Moderator.Handle); err != nil {
			return err
		}
		decision := store.NewID()
		for i, one := range p.measures {
			if err := m.take(ctx, tx, p, one, suspend); err != nil {
				return fmt.Errorf("%s: %w", one.Act, err)
			}
			id := decision
			if i > 0 {
				id = store.NewID()
			}
			err := note(ctx, tx, entry{ID: id, Decision: decision, Report: p.report.ID, About: p.about.ID, Post: one.Post, Host: hostOf(p.about),
				Act: one.Act, Rule: p.Rule, Reason: p.Reason, Moderator: d.Moderator.Handle})
			if err != nil {
				return err
			}
		}
		return m.tellOf(ctx, tx, p)
	})
	if err != nil {
		return fmt.Errorf("decide on report %d: %w", d.Report, err)
	}
	return nil
}

// plan checks a decision against what is, and says what it comes to. What is
// done already (a post that is hidden, or that its author deleted) is left out.
func (m *Moderation) plan(ctx context.Context, idb bun.IDB, d Decision) (p plan, err error) {
	p.Decision = d
	if p.report, err = m.ReportOf(ctx, idb, d.Report, d.Moderator.ActorID); err != nil {
		return p, err
	}
	if p.about, err = m.Book.ByID(ctx, idb, p.report.About); err != nil {
		return p, err
	}
	if err := m.mayDecide(ctx, idb, d.Moderator, p.about); err != nil {
		return p, err
	}
	if p.report.State != Open {
		return p, errDecided
	}
	if p.about.Local {
		holder, err := m.AccountOf(ctx, idb, p.about.ID)
		if err == nil {
			p.holder = &holder
		} else if !errors.Is(err, store.ErrNotFound) {
			return p, err
		}
	}
	if p.Reason, err = readReason(reasonField(d), d.Reason); err != nil {
		return p, err
	}
	if d.Dismiss {
		p.Rule, p.measures = "", []measure{{Act: Dismiss}}
		return p, nil
	}
	if !slices.Contains(Rules, d.Rule) {
		return p, store.Invalid("rule", "moderation.rule.missing")
	}
	if err := p.onPosts(ctx, idb, m); err != nil {
		return p, err
	}
	if err := p.onAccount(ctx, idb); err != nil {
		return p, err
	}
	if d.Forward && !p.about.Local && !p.report.Forwarded {
		p.measures = append(p.measures, measure{Act: Forward})
	}
	if len(p.measures) == 0 {
		return p, store.Invalid("onaccount", "moderation.decide.nothing")
	}
	return p, nil
}

// reasonField is the field of the form for the reason.
func reasonField(d Decision) string {
	if d.Dismiss {
		return "refusal"
	}
	return "reason"
}

func readReason(field, typed string) (string, error) {
	text := strings.TrimSpace(strings.ReplaceAll(typed, "\r\n", "\n"))
	switch {
	case text == "":
		return "", store.Invalid(field, "moderation.reason.missing")
	case utf8.RuneCountInString(text) > maxReason:
		return "", store.Invalid(field, "moderation.reason.long", "Max", maxReason)
	}
	return text, nil
}

func (p *plan) onPosts(ctx context.Context, idb bun.IDB, m *Moderation) error {
	if p.OnPosts == "" {
		return nil
	}
	if p.OnPosts != Hide && p.OnPosts != Mark {
		return store.Invalid("onposts", "moderation.decide.nothing")
	}
	if p.Warning = markup.Name(strings.TrimSpace(p.Warning)); p.OnPosts == Mark {
		if p.Warning == "" {
			return store.Invalid("warning", "moderation.warning.missing")
		}
		if utf8.RuneCountInString(p.Warning) > maxWarning {
			return store.Invalid("warning", "moderation.warning.long", "Max", maxWarning)
		}
	}
	reported, err := p.report.evidence()
	if err != nil {
		return err
	}
	for _, e := range reported {
		if !slices.Contains(p.Posts, e.ID) {
			continue
		}
		post, err := m.PostOf(ctx, idb, e.ID)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if post.Author == p.about.ID && !post.Deleted && (p.OnPosts == Hide && !post.Hidden || p.OnPosts == Mark && !post.Marked) {
			p.measures = append(p.measures, measure{p.OnPosts, e.ID})
		}
	}
	if len(p.measures) == 0 {
		return store.Invalid("onposts", "moderation.decide.posts")
	}
	return nil
}

func (p *plan) onAccount(ctx context.Context, idb bun.IDB) error {
	limited, err := isLimited(ctx, idb, p.about.ID)
	if err != nil {
		return err
	}
	switch {
	case p.OnAccount == "":
		return nil
	case !slices.Contains([]string{Warn, Limit, Suspend}, p.OnAccount):
		return store.Invalid("onaccount", "moderation.decide.nothing")
	case p.about.Local && p.holder == nil:
		return store.Invalid("onaccount", "moderation.decide.channel")
	case p.OnAccount == Warn && !p.about.Local:
		return store.Invalid("onaccount", "moderation.decide.elsewhere")
	case p.OnAccount == Suspend && p.about.Suspended || p.OnAccount == Limit && (limited || p.about.Suspended):
		return store.Invalid("onaccount", "moderation.decide.already")
	}
	p.measures = append(p.measures, measure{Act: p.OnAccount})
	return nil
}

// take does one measure.
func (m *Moderation) take(ctx context.Context, tx *store.Tx, p plan, one measure, suspend func(context.Context, *store.Tx) error) (err error) {
	switch one.Act {
	case Hide:
		_, err = m.Options.Hide(ctx, tx, one.Post)
	case Mark:
		_, err = m.Options.Mark(ctx, tx, one.Post, p.Warning)
	case Limit:
		_, err = tx.Exec(ctx, "insert into limited_actors (actor, at) values (?, ?) on conflict do nothing", p.about.ID, store.Millis(tx.Now))
	case Suspend:
		err = suspend(ctx, tx)
	case Forward:
		err = m.forward(ctx, tx, p)
	}
	return err
}

// forward reports to the account's own server, in the instance's name and the
// moderator's words: those of the reporter might tell who it was.
func (m *Moderation) forward(ctx context.Context, tx *store.Tx, p plan) error {
	instance, err := m.Book.Own(ctx, tx, actors.Instance)
	if err != nil {
		return err
	}
	about := []string{p.about.URI}
	reported, err := p.report.evidence()
	if err != nil {
		return err
	}
	for _, e := range reported {
		about = append(about, e.URI)
	}
	raw, err := ap.Envelope{ID: m.Federation.ActivityURI(), Actor: instance.URI, To: []string{p.about.URI}}.Flag(about, p.Reason)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "update reports set forwarded = 1 where id = ?", p.report.ID); err != nil {
		return err
	}
	return m.Federation.Publish(ctx, tx, instance, raw, federation.Audience{Actors: []string{p.about.URI}})
}

func isLimited(ctx context.Context, idb bun.IDB, actor int64) (bool, error) {
	var n int
	err := idb.NewRaw("select count(*) from limited_actors where actor = ?", actor).Scan(ctx, &n)
	return n > 0, store.Kind(err)
}

// hostOf is the server of an actor, as the log names it: ” for ours.
func hostOf(a actors.Actor) string {
	if a.Local {
		return ""
	}
	return a.Host
}
