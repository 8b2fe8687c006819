package polls

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"viche/internal/ballot"
	"viche/internal/locale"
	"viche/internal/store"
	"viche/web"
)

// showView is the page of one poll.
type showView struct {
	ID       string
	Title    string
	Crumbs   []web.Crumb
	Badges   []badge
	Sphere   sphereName
	Body     []string
	Author   string // handle of whose initiative it is
	Early    string // that it was closed before its time, and why
	Object   string // the ActivityPub id
	Address  string // to pass on
	Feed     string
	Facts    []web.Fact
	Closed   bool
	Options  []string    // to read, where there is no form
	Asked    []askedView // the same, of a poll that is not a simple one
	Ballot   *ballotForm
	Callout  *callout
	Homes    []memberCity // where residents vote, on the coordinator's page
	Own      *ownAnswer
	Outcome  *outcome
	Unvoted  *callout // after the close, for whoever did not vote
	Gone     bool     // the key of the answers is destroyed
	Check    *check
	Proposal *proposalView
	Close    string // address at which a moderator may close it
	Decide   string // address at which a moderator decides on the initiative
}

// ballotForm is the form to answer with. Nothing is chosen beforehand, but for
// what the viewer has answered before.
type ballotForm struct {
	ID      string
	Legend  string
	Body    []string
	Hint    string
	Options []web.Choice

	Questions []askedView // in place of Options, of a poll that is not a simple one

	Errors   web.FormErrors
	Multiple bool
	Button   string
	Note     string // when the results open
	Keep     string // address to go back to without a change
}

// ownAnswer is what the viewer has answered.
type ownAnswer struct {
	Options []string
	Parts   []ownPart // in place of Options, of a poll of several questions
	Hidden  bool      // this credential may not read it
	Change  string    // address of the form to change it
	Text    string
}

type ownPart struct {
	Question string
	Options  []string
}

// check says how anybody can check the result.
type check struct {
	Command     string
	Coordinator string // page of the poll there
	Trust       string
	Object      string // of a city's own poll
}

func (p *Polls) show(w http.ResponseWriter, r *http.Request) {
	poll, err := p.asked(r)
	if err != nil {
		p.site.Error(w, r, err)
		return
	}
	// Our own polls have been served to other servers before; one that lives
	// elsewhere has its object there.
	if web.Negotiate(r) == web.ActivityPub && !poll.Home {
		w.Header().Add("Vary", "Accept")
		http.Redirect(w, r, poll.URI, http.StatusFound)
		return
	}
	p.render(w, r, poll, http.StatusOK, nil, web.FormErrors{})
}

// render shows a poll as the viewer may see it: with a form, if there is one,
// that holds what was typed.
func (p *Polls) render(w http.ResponseWriter, r *http.Request, poll *Poll, status int, typed url.Values, wrong web.FormErrors) {
	view, err := p.view(r.Context(), p.site.Printer(r), web.ViewerOf(r), poll)
	if err != nil {
		p.site.Error(w, r, fmt.Errorf("page of %s: %w", poll.PollID, err))
		return
	}
	if view.Ballot != nil {
		view.Ballot = p.form(p.site.Printer(r), poll, view.Ballot.Button, typed)
		view.Ballot.Errors = wrong
	}
	p.site.Render(w, r, status, "polls/show", view)
}

// view gathers the page. Every number that depends on votes comes from
// ResultsFor.
func (p *Polls) view(ctx context.Context, words *locale.Printer, v *web.Viewer, poll *Poll) (showView, error) {
	view := p.frame(ctx, words, v, poll)
	if poll.State != Open && poll.State != Closed {
		return view, p.viewProposal(ctx, words, v, poll, &view)
	}
	stand, err := p.Stand(ctx, poll, v)
	if err != nil {
		return view, err
	}
	view.Gone = p.Box.Destroyed(poll.Box())
	if stand.Voted {
		view.Own = p.own(words, poll, stand)
	}
	switch {
	case view.Closed:
		if !stand.Voted {
			view.Unvoted = &callout{Kind: "info", Title: words.T("polls.unvoted.title", "Date", words.Date(poll.Closes())),
				Text: words.T("polls.unvoted.text"), Href: "/polls?state=open", Action: words.T("polls.unvoted.action")}
		}
	case stand.Voted: // may change it
	case stand.CanVote:
		view.Ballot = p.form(words, poll, words.T("polls.cast.submit"), nil)
	default:
		if err := p.explain(ctx, words, poll, stand.Reason, &view); err != nil {
			return view, err
		}
	}
	if view.Ballot == nil && !view.Closed && !stand.Voted {
		p.toRead(words, poll, &view)
	}
	results, err := p.ResultsFor(ctx, poll, v)
	if errors.Is(err, ErrVoteFirst) {
		return view, nil
	}
	if err != nil {
		return view, err
	}
	view.Outcome = p.outcome(words, poll, results, stand.Answer)
	if view.Closed {
		view.Check = howToCheck(poll)
	}
	return view, nil
}

// frame is what every poll's page shows to everybody.
func (p *Polls) frame(ctx context.Context, words *locale.Printer, v *web.Viewer, poll *Poll) showView {
	view := showView{
		ID: poll.PollID, Title: poll.Title, Badges: p.badges(words, poll), Sphere: sphereOf(words, poll.Sphere),
		Body: web.Paragraphs(poll.Body), Object: poll.URI, Address: p.URL(poll), Feed: "/spheres/" + poll.Sphere + "/feed.atom",
		Crumbs: []web.Crumb{{Text: words.T("polls.list.title"), Href: "/polls"}, {Text: words.T("spheres." + poll.Sphere), Href: "/@" + poll.Sphere}},
		Closed: (poll.State == Open || poll.State == Closed) && !poll.Accepts(p.DB.Now()),
	}
	if poll.Reason != "" {
		view.Early = words.T("polls.early.text", "When", words.DateTime(poll.Closes()), "Reason", poll.Reason)
	}
	if poll.Initiator != 0 {
		// Whose account is gone has no name any more; the initiative stays.
		if handle, err := p.Author(ctx, poll.Initiator); err == nil {
			view.Author = handle
		} else if !errors.Is(err, store.ErrNotFound) {
			p.Log.WarnContext(ctx, "an initiator has no name", "poll", poll.PollID, "err", err)
		}
	}
	view.Facts = p.facts(words, poll)
	if poll.Home && poll.State == Open && !view.Closed && poll.Policy == ballot.AfterVote && v.Watches(poll.Sphere) {
		view.Close = "/desk/polls/" + poll.PollID
	}
	if poll.State == Checking && v.Watches(poll.Sphere) {
		view.Decide = "/desk/polls/" + poll.PollID
	}
	return view
}

func (p *Polls) facts(words *locale.Printer, poll *Poll) []web.Fact {
	facts := []web.Fact{
		{Term: words.T("polls.facts.sphere"), Text: words.T("spheres." + poll.Sphere), Href: "/@" + poll.Sphere},
		{Term: words.T("polls.facts.territory"), Text: p.place(poll.Territory, words.Lang())},
		{Term: words.T("polls.facts.scope"), Text: words.T("polls.facts.scope." + string(poll.Scope))},
	}
	if poll.State != Open && poll.State != Closed {
		return append(facts,
			web.Fact{Term: words.T("polls.facts.created"), Text: words.DateTime(poll.Created)},
			web.Fact{Term: words.T("polls.facts.lasts"), Text: words.T("polls.days", "Count", days(poll))})
	}
	facts = append(facts, web.Fact{Term: words.T("polls.facts.opened"), Text: words.DateTime(poll.OpensAt)})
	if poll.Accepts(p.DB.Now()) {
		facts = append(facts, web.Fact{Term: words.T("polls.facts.closes"), Text: words.DateTime(poll.ClosesAt)})
	} else {
		facts = append(facts, web.Fact{Term: words.T("polls.facts.closed"), Text: words.DateTime(poll.Closes())})
	}
	if poll.Register > 0 {
		key := "polls.facts.register"
		if poll.Scope != City {
			key = "polls.facts.register.here"
		}
		facts = append(facts, web.Fact{Term: words.T(key), Text: words.Number(poll.Register)})
	}
	return append(facts, web.Fact{Term: words.T("polls.facts.policy"), Text: words.T("polls.facts.policy." + string(poll.Policy))})
}

// place names a territory; one that the codifier has lost is shown by its code.
func (p *Polls) place(code, lang string) string {
	if name := p.Place(code, lang); name != "" {
		return name
	}
	return code
}

// toRead shows what is asked where there is no form.
func (p *Polls) toRead(words *locale.Printer, poll *Poll, view *showView) {
	if poll.Simple() {
		view.Options = optionTexts(poll)
		return
	}
	view.Asked = poll.questions(words, nil)
}

func optionTexts(poll *Poll) []string {
	var out []string
	for _, o := range poll.Options() {
		out = append(out, o.Text)
	}
	return out
}

// form is the form of a poll, with what was typed or answered before.
func (p *Polls) form(words *locale.Printer, poll *Poll, button string, typed url.Values) *ballotForm {
	f := &ballotForm{
		ID: poll.PollID, Legend: poll.Title, Body: web.Paragraphs(poll.Body), Multiple: poll.Multiple(), Button: button,
		Hint: words.T("polls.form.one"), Note: words.T("polls.form.after-vote"),
	}
	if f.Multiple {
		f.Hint = words.T("polls.form.several")
	}
	if poll.Policy == ballot.AfterClose {
		f.Note = words.T("polls.form.after-close", "Date", words.DateTime(poll.ClosesAt))
	}
	if !poll.Simple() {
		f.Questions = poll.questions(words, typed)
		f.Hint = words.T("polls.ask.hint")
		return f
	}
	for _, o := range poll.Options() {
		f.Options = append(f.Options, web.Choice{Value: o.ID, Label: o.Text, Checked: slices.Contains(typed["choices"], o.ID)})
	}
	return f
}

func (p *Polls) own(words *locale.Printer, poll *Poll, stand Standing) *ownAnswer {
	own := &ownAnswer{Hidden: stand.Hidden}
	for i, q := range poll.Questions {
		if i >= len(stand.Answer) || len(stand.Answer[i]) == 0 {
			continue
		}
		if texts := q.answers(words, stand.Answer[i]); poll.Simple() {
			own.Options = texts
		} else {
			own.Parts = append(own.Parts, ownPart{q.full(poll), texts})
		}
	}
	if stand.CanVote {
		own.Change = "/polls/" + poll.PollID + "/change"
		own.Text = words.T("polls.own.until", "Date", words.DateTime(poll.ClosesAt))
	}
	return own
}

// explain puts the one callout on the page: why somebody cannot vote, and the
// way out.
func (p *Polls) explain(ctx context.Context, words *locale.Printer, poll *Poll, reason string, view *showView) error {
	if p.Coordinator && poll.Scope != City {
		reason = OtherInstance
		var err error
		if view.Homes, err = p.homes(ctx, words, poll); err != nil {
			return err
		}
	}
	view.Callout = p.why(words, poll, reason, "/polls/"+poll.PollID)
	return nil
}

// homes are the cities whose residents a poll asks, each with the poll's page.
func (p *Polls) homes(ctx context.Context, words *locale.Printer, poll *Poll) ([]memberCity, error) {
	cities, err := p.memberCities(ctx, words)
	if err != nil {
		return nil, err
	}
	out := cities[:0]
	for _, c := range cities {
		if p.Within(c.Territory, poll.Territory) {
			c.Href += "/polls/" + poll.PollID
			out = append(out, c)
		}
	}
	return out, nil
}

// why is the callout for a reason; poll may be nil where no poll is meant.
func (p *Polls) why(words *locale.Printer, poll *Poll, reason, back string) *callout {
	c := &callout{Kind: "info", Title: words.T("polls.why." + reason + ".title")}
	if reason != OtherTerritory {
		c.Text = words.T("polls.why." + reason + ".text")
	}
	switch reason {
	case SignIn:
		next := url.QueryEscape(back)
		c.Href, c.Action = "/sign-in?next="+next, words.T("web.sign-in")
		c.Href2, c.Action2 = "/sign-up", words.T("polls.why.join")
	case NotVerified:
		c.Href, c.Action = "/verify", words.T("polls.why.verify")
		c.Href2, c.Action2 = "/polls", words.T("polls.why.read")
	case OtherTerritory:
		c.Text = words.T("polls.why.other-territory.text", "Territory", p.place(poll.Territory, words.Lang()))
		c.Href, c.Action = "/", words.T("polls.why.home")
	case VerifiedLater:
		c.Href, c.Action = "/polls?state=open", words.T("polls.unvoted.action")
	}
	return c
}

func howToCheck(poll *Poll) *check {
	if poll.Scope == City {
		return &check{Object: poll.URI}
	}
	c := &check{Command: "viche verify " + poll.URI}
	if base, _, ok := strings.Cut(poll.URI, "/polls/"); ok {
		c.Trust = base + "/api/viche/v1/trust"
	}
	if !poll.Home {
		c.Coordinator = poll.URI
	}
	return c
}
