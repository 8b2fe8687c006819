package polls

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/go-chi/chi/v5"

	"viche/internal/locale"
	"viche/web"
)

// proposalView is what the page of an initiative adds to that of a poll.
type proposalView struct {
	ID       string
	Callout  *callout // where it stands
	Progress string   // how many support it, of how many needed
	Have     int      // for the bar: never more than Need
	Need     int
	Support  bool // the viewer may
	Supports bool // and does
	Own      bool
	Bar      web.Bars
}

func (p *Polls) viewProposal(ctx context.Context, words *locale.Printer, v *web.Viewer, poll *Poll, view *showView) error {
	var account int64
	if v != nil {
		account = v.AccountID
	}
	n, own, err := p.supporters(ctx, poll.ID, account)
	if err != nil {
		return err
	}
	p.toRead(words, poll, view)
	pro := &proposalView{
		ID: poll.PollID, Have: min(n, poll.Need), Need: poll.Need, Supports: own, Own: account != 0 && account == poll.Initiator,
		Progress: words.T("polls.support.progress", "N", n, "M", poll.Need), Bar: web.Bars{Base: poll.Need},
	}
	view.Proposal = pro
	switch poll.State {
	case Refused:
		pro.Callout = &callout{Kind: "warning", Title: words.T("polls.proposal.refused.title"), Text: words.T("polls.proposal.refused.text", "Reason", poll.Refusal)}
		return nil
	case Checking:
		pro.Callout = &callout{Kind: "info", Title: words.T("polls.proposal.checking.title"), Text: words.T("polls.proposal.checking.text")}
		return nil
	}
	err = p.mayPropose(ctx, v, poll.Territory)
	var denied *Denied
	if errors.As(err, &denied) {
		view.Callout = p.whyNotSupport(words, poll, denied.Reason)
		return nil
	}
	pro.Support = err == nil
	return err
}

// whyNotSupport is the callout of somebody who cannot support an initiative.
func (p *Polls) whyNotSupport(words *locale.Printer, poll *Poll, reason string) *callout {
	c := p.why(words, poll, reason, "/polls/"+poll.PollID)
	switch reason {
	case SignIn, NotVerified:
		c.Title = words.T("polls.support." + reason + ".title")
		c.Text = words.T("polls.support." + reason + ".text")
	}
	return c
}

// support is the button of an initiative: it puts the viewer's support or takes
// it back.
func (p *Polls) support(w http.ResponseWriter, r *http.Request) {
	on := r.PostFormValue("do") != "withdraw"
	id := chi.URLParam(r, "id")
	err := p.Support(r.Context(), web.ViewerOf(r), id, on)
	var denied *Denied
	switch {
	case errors.As(err, &denied): // its page says why and what to do
	case err != nil:
		p.site.Error(w, r, err)
		return
	case on:
		p.site.Flash(w, "polls.support.done")
	default:
		p.site.Flash(w, "polls.support.withdrawn")
	}
	web.Redirect303(w, r, "/polls/"+id)
}

type initiativesView struct {
	Cards    []card
	Older    string
	First    string
	Proposes bool
}

func (p *Polls) showInitiatives(w http.ResponseWriter, r *http.Request) {
	ctx, words := r.Context(), p.site.Printer(r)
	after, _ := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64) // not a number: from the start
	list, more, err := p.List(ctx, Filter{States: []State{Gathering, Checking}, After: after, Limit: pageSize})
	if err != nil {
		p.site.Error(w, r, err)
		return
	}
	view := initiativesView{Proposes: !p.Coordinator}
	for _, one := range list {
		c := p.card(words, one)
		n, _, err := p.supporters(ctx, one.ID, 0)
		if err != nil {
			p.site.Error(w, r, err)
			return
		}
		c.Outcome = words.T("polls.support.progress", "N", n, "M", one.Need)
		view.Cards = append(view.Cards, c)
	}
	if more {
		view.Older = "/polls/initiatives?after=" + strconv.FormatInt(list[len(list)-1].ID, 10)
	}
	if after != 0 {
		view.First = "/polls/initiatives"
	}
	p.site.Render(w, r, http.StatusOK, "polls/initiatives", view)
}
