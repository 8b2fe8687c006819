package polls

import (
	"errors"
	"fmt"
	"net/http"

	"viche/internal/ballot"
	"viche/web"
)

// vote takes the form of a poll's page, of the first answer or of another one.
func (p *Polls) vote(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		p.site.Error(w, r, err)
		return
	}
	poll, err := p.asked(r)
	if err != nil {
		p.site.Error(w, r, err)
		return
	}
	v := web.ViewerOf(r)
	before, err := p.Stand(r.Context(), poll, v)
	if err != nil {
		p.site.Error(w, r, err)
		return
	}
	chosen := r.PostForm["choices"]
	changes, err := p.Cast(r.Context(), v, poll.PollID, chosen)
	if err != nil {
		p.refused(w, r, poll, before, chosen, err)
		return
	}
	switch {
	case !before.Voted:
		p.thank(w, r, poll, v)
	case changes > before.Changes:
		p.site.Flash(w, "polls.cast.changed")
	default:
		p.site.Flash(w, "polls.cast.same")
	}
	web.Redirect303(w, r, "/polls/"+poll.PollID)
}

// refused shows the page again, with what was chosen and with the reason.
func (p *Polls) refused(w http.ResponseWriter, r *http.Request, poll *Poll, before Standing, chosen []string, err error) {
	var wrong web.FormErrors
	var denied *Denied
	switch {
	case wrong.Take(err) && before.Voted:
		p.renderChange(w, r, poll, http.StatusUnprocessableEntity, before, chosen, wrong)
	case wrong.Any():
		p.render(w, r, poll, http.StatusUnprocessableEntity, chosen, wrong)
	case errors.As(err, &denied) && denied.Reason == SignIn:
		p.render(w, r, poll, http.StatusUnauthorized, nil, wrong)
	case errors.As(err, &denied):
		p.render(w, r, poll, http.StatusForbidden, nil, wrong)
	case errors.Is(err, ErrClosed):
		if poll, err = p.asked(r); err != nil {
			p.site.Error(w, r, err)
			return
		}
		view, err := p.view(r.Context(), p.site.Printer(r), web.ViewerOf(r), poll)
		if err != nil {
			p.site.Error(w, r, err)
			return
		}
		words := p.site.Printer(r)
		view.Callout = &callout{Kind: "warning", Title: words.T("polls.late.title"), Text: words.T("polls.late.text", "When", words.DateTime(poll.Closes()))}
		p.site.Render(w, r, http.StatusConflict, "polls/show", view)
	default:
		p.site.Error(w, r, fmt.Errorf("vote on %s: %w", poll.PollID, err))
	}
}

// thank leaves the words for the page that follows; they never say what was
// chosen.
func (p *Polls) thank(w http.ResponseWriter, r *http.Request, poll *Poll, v *web.Viewer) {
	key := "polls.cast.done"
	results, err := p.ResultsFor(r.Context(), poll, v)
	switch {
	case poll.Policy == ballot.AfterClose:
		key = "polls.cast.done.after-close"
	case err != nil || results.TooFew:
		key = "polls.cast.done.few"
	}
	p.site.Flash(w, key, "Date", p.site.Printer(r).DateTime(poll.ClosesAt))
}

type changeView struct {
	Crumbs []web.Crumb
	Title  string
	Until  string
	Hidden bool
	Ballot *ballotForm
}

func (p *Polls) showChange(w http.ResponseWriter, r *http.Request) {
	poll, err := p.asked(r)
	if err != nil {
		p.site.Error(w, r, err)
		return
	}
	stand, err := p.Stand(r.Context(), poll, web.ViewerOf(r))
	switch {
	case err != nil:
		p.site.Error(w, r, err)
	case !stand.Voted || !stand.CanVote: // nothing to change: the page says why
		web.Redirect303(w, r, "/polls/"+poll.PollID)
	default:
		p.renderChange(w, r, poll, http.StatusOK, stand, stand.Own, web.FormErrors{})
	}
}

func (p *Polls) renderChange(w http.ResponseWriter, r *http.Request, poll *Poll, status int, stand Standing, chosen []string, wrong web.FormErrors) {
	words := p.site.Printer(r)
	page := "/polls/" + poll.PollID
	view := changeView{
		Title: poll.Title, Hidden: stand.Hidden, Until: words.DateTime(poll.ClosesAt),
		Crumbs: []web.Crumb{{Text: words.T("polls.list.title"), Href: "/polls"}, {Text: poll.Title, Href: page}, {Text: words.T("polls.change.crumb")}},
		Ballot: p.form(words, poll, words.T("polls.change.submit")),
	}
	view.Ballot.Errors, view.Ballot.Keep, view.Ballot.Note, view.Ballot.Body = wrong, page, "", nil
	choose(view.Ballot, chosen)
	p.site.Render(w, r, status, "polls/change", view)
}

// takeAll adds every field error that is joined into err, and says whether
// that was all there is.
func takeAll(wrong *web.FormErrors, err error) bool {
	var list interface{ Unwrap() []error }
	if !errors.As(err, &list) {
		return wrong.Take(err)
	}
	for _, one := range list.Unwrap() {
		if !wrong.Take(one) {
			return false
		}
	}
	return wrong.Any()
}
