package polls

import (
	"errors"
	"fmt"
	"net/http"

	"viche/internal/ballot"
	"viche/internal/store"
	"viche/web"
)

type deskView struct {
	Checking []card
	Open     []card
}

const deskSize = 100

// desk is what waits for a moderator: initiatives to look at, and running polls
// that can be closed early.
func (p *Polls) desk(w http.ResponseWriter, r *http.Request) {
	v, words := web.ViewerOf(r), p.site.Printer(r)
	var view deskView
	for _, part := range []struct {
		state State
		into  *[]card
	}{{Checking, &view.Checking}, {Open, &view.Open}} {
		list, _, err := p.List(r.Context(), Filter{States: []State{part.state}, Limit: deskSize})
		if err != nil {
			p.site.Error(w, r, err)
			return
		}
		for _, one := range list {
			if !v.Watches(one.Sphere) || part.state == Open && (!one.Home || !one.Accepts(p.DB.Now())) {
				continue
			}
			c := p.card(words, one)
			c.Href = "/desk/polls/" + one.PollID
			*part.into = append(*part.into, c)
		}
	}
	p.site.Render(w, r, http.StatusOK, "polls/desk", view)
}

// decisionView is the page on which a moderator decides: it says beforehand
// what will happen and who will read the reason.
type decisionView struct {
	Crumbs   []web.Crumb
	ID       string
	Title    string
	Body     []string
	Options  []string
	Asked    []askedView // in place of Options, of a poll that is not a simple one
	Facts    []web.Fact
	Author   string
	Own      bool // the moderator's own initiative
	Check    bool // open or refuse; else close early
	NoClose  bool // its totals open after the close alone, so it runs to its end
	National bool
	Reason   string
	Errors   web.FormErrors
}

// decidable loads the poll of a decision; whoever may not decide on it is told
// that there is none.
func (p *Polls) decidable(r *http.Request) (*Poll, error) {
	poll, err := p.asked(r)
	if err != nil {
		return nil, err
	}
	if !web.ViewerOf(r).Watches(poll.Sphere) || !poll.Home {
		return nil, fmt.Errorf("decide on %s: %w", poll.PollID, store.ErrDenied)
	}
	return poll, nil
}

func (p *Polls) showDecision(w http.ResponseWriter, r *http.Request) {
	poll, err := p.decidable(r)
	if err != nil {
		p.site.Error(w, r, err)
		return
	}
	if poll.State != Checking && !poll.Accepts(p.DB.Now()) { // decided meanwhile
		web.Redirect303(w, r, "/polls/"+poll.PollID)
		return
	}
	p.renderDecision(w, r, http.StatusOK, poll, "", web.FormErrors{})
}

func (p *Polls) renderDecision(w http.ResponseWriter, r *http.Request, status int, poll *Poll, reason string, wrong web.FormErrors) {
	words, v := p.site.Printer(r), web.ViewerOf(r)
	frame := p.frame(r.Context(), words, v, poll)
	p.toRead(words, poll, &frame)
	p.site.Render(w, r, status, "polls/decision", decisionView{
		Crumbs: []web.Crumb{{Text: words.T("polls.desk.title"), Href: "/desk/polls"}, {Text: poll.Title}},
		ID:     poll.PollID, Title: poll.Title, Body: frame.Body, Options: frame.Options, Asked: frame.Asked, Facts: frame.Facts, Author: frame.Author,
		Own: poll.Initiator == v.AccountID, Check: poll.State == Checking, NoClose: poll.State == Open && poll.Policy == ballot.AfterClose,
		National: poll.Scope != City, Reason: reason, Errors: wrong,
	})
}

func (p *Polls) decide(w http.ResponseWriter, r *http.Request) {
	poll, err := p.decidable(r)
	if err != nil {
		p.site.Error(w, r, err)
		return
	}
	v, reason := web.ViewerOf(r), r.PostFormValue("reason")
	done := ""
	switch r.PostFormValue("do") {
	case "open":
		_, err = p.Check(r.Context(), v, poll.PollID, true, reason)
		done = "polls.desk.opened"
	case "refuse":
		_, err = p.Check(r.Context(), v, poll.PollID, false, reason)
		done = "polls.desk.refused"
	case "close":
		err = p.closeEarly(r, poll, reason)
		done = "polls.desk.closed"
	default:
		err = fmt.Errorf("no such decision: %w", store.ErrInvalid)
	}
	var wrong web.FormErrors
	switch {
	case wrong.Take(err):
		p.renderDecision(w, r, http.StatusUnprocessableEntity, poll, reason, wrong)
	case errors.Is(err, store.ErrExists): // somebody else was quicker
		p.site.Flash(w, "polls.desk.late")
		web.Redirect303(w, r, "/polls/"+poll.PollID)
	case err != nil:
		p.site.Error(w, r, err)
	default:
		p.site.Flash(w, done)
		web.Redirect303(w, r, "/polls/"+poll.PollID)
	}
}

func (p *Polls) closeEarly(r *http.Request, poll *Poll, reason string) error {
	reason = clean(reason)
	if len([]rune(reason)) > maxReason {
		return store.Invalid("reason", "polls.check.reason.long", "Max", maxReason)
	}
	return p.Close(r.Context(), poll.PollID, reason, web.ViewerOf(r).Handle)
}
