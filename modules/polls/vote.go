package polls

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"viche/internal/ballot"
	"viche/internal/store"
	"viche/web"
)

// vote takes the form of a poll's page, of the first answer or of another one.
func (p *Polls) vote(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		p.site.Error(w, r, err)
		return
	}
	v, id := web.ViewerOf(r), chi.URLParam(r, "id")
	poll, err := p.core(r.Context(), id)
	if err == nil && poll.Module != "" {
		err = fmt.Errorf("vote on %s of %s: %w", id, poll.Module, store.ErrNotFound)
	}
	if err != nil {
		p.site.Error(w, r, err)
		return
	}
	var wrong web.FormErrors
	answer := poll.read(r.PostForm, &wrong)
	var receipt ballot.Receipt
	if wrong.Any() {
		err = p.late(r, poll, v)
	} else {
		receipt, err = p.CastAnswer(r.Context(), v, id, answer)
	}
	if err != nil || wrong.Any() {
		p.refused(w, r, v, wrong, err)
		return
	}
	switch {
	case receipt.First:
		p.thank(w, r, id)
	case receipt.Same:
		p.site.Flash(w, "polls.cast.same")
	default:
		p.site.Flash(w, "polls.cast.changed")
	}
	web.Redirect303(w, r, "/polls/"+id)
}

// late says what matters more than a form that cannot be read: that its sender
// may not vote, or that the poll is over.
func (p *Polls) late(r *http.Request, poll *Poll, v *web.Viewer) error {
	now, err := p.Load(r.Context(), p.DB.Read(), poll.PollID)
	if err != nil {
		return err
	}
	stand, err := p.Stand(r.Context(), now, v)
	switch {
	case err != nil || stand.CanVote:
		return err
	case stand.Reason == "closed":
		return ErrClosed
	}
	return &Denied{stand.Reason}
}

// refused shows the page again, with what was typed and with the reason.
func (p *Polls) refused(w http.ResponseWriter, r *http.Request, v *web.Viewer, wrong web.FormErrors, err error) {
	poll, failed := p.asked(r)
	if failed != nil {
		p.site.Error(w, r, failed)
		return
	}
	before, failed := p.Stand(r.Context(), poll, v)
	if failed != nil {
		p.site.Error(w, r, failed)
		return
	}
	var denied *Denied
	switch {
	case (err == nil || poll.formErrors(&wrong, err)) && before.Voted:
		p.renderChange(w, r, poll, http.StatusUnprocessableEntity, before, r.PostForm, wrong)
	case err == nil || poll.formErrors(&wrong, err):
		p.render(w, r, poll, http.StatusUnprocessableEntity, r.PostForm, wrong)
	case errors.As(err, &denied) && denied.Reason == SignIn:
		p.render(w, r, poll, http.StatusUnauthorized, nil, wrong)
	case errors.As(err, &denied):
		p.render(w, r, poll, http.StatusForbidden, nil, wrong)
	case errors.Is(err, ErrClosed):
		view, err := p.view(r.Context(), p.site.Printer(r), v, poll)
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
// chosen. Without the words the page still shows that the vote is in.
func (p *Polls) thank(w http.ResponseWriter, r *http.Request, id string) {
	poll, err := p.core(r.Context(), id)
	if err != nil {
		return
	}
	key := "polls.cast.done"
	if !ballot.Visible(poll.Sight(true), p.DB.Now()) {
		key = "polls.cast.done.after-close"
	} else if results, err := p.results(r.Context(), poll); err != nil || results.TooFew {
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
		p.renderChange(w, r, poll, http.StatusOK, stand, poll.fill(stand.Answer), web.FormErrors{})
	}
}

func (p *Polls) renderChange(w http.ResponseWriter, r *http.Request, poll *Poll, status int, stand Standing, typed url.Values, wrong web.FormErrors) {
	words := p.site.Printer(r)
	page := "/polls/" + poll.PollID
	view := changeView{
		Title: poll.Title, Hidden: stand.Hidden, Until: words.DateTime(poll.ClosesAt),
		Crumbs: []web.Crumb{{Text: words.T("polls.list.title"), Href: "/polls"}, {Text: poll.Title, Href: page}, {Text: words.T("polls.change.crumb")}},
		Ballot: p.form(words, poll, words.T("polls.change.submit"), typed),
	}
	view.Ballot.Errors, view.Ballot.Keep, view.Ballot.Note, view.Ballot.Body = wrong, page, "", nil
	p.site.Render(w, r, status, "polls/change", view)
}
