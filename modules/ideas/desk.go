package ideas

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/uptrace/bun"

	"viche/internal/locale"
	"viche/internal/store"
	"viche/web"
)

// deskLimit is how many ideas the desk shows of one kind.
const deskLimit = 100

type deskView struct{ Parts []deskPart }

type deskPart struct {
	Title, None string
	Cards       []card
}

// desk is what waits for somebody to decide, the oldest first.
func (d *Ideas) desk(w http.ResponseWriter, r *http.Request) {
	v, words := web.ViewerOf(r), d.site.Printer(r)
	var view deskView
	for _, part := range []struct {
		name  string
		state []State
		may   func(*web.Viewer, string) bool
	}{
		{"check", []State{Submitted}, (*web.Viewer).Watches}, {"answer", []State{Answering}, answers},
		{"follow", []State{Accepted, Working}, answers}, {"gathering", []State{Gathering}, answers},
	} {
		var list []*Idea
		err := d.DB.Read().NewSelect().Model(&list).Where("state in (?)", bun.List(part.state)).OrderExpr("case when answer_due > 0 then answer_due else changed end, id").Limit(deskLimit).Scan(r.Context())
		if err != nil {
			d.site.Error(w, r, fmt.Errorf("desk of ideas: %w", store.Kind(err)))
			return
		}
		list = slices.DeleteFunc(list, func(one *Idea) bool { return !part.may(v, one.Sphere) })
		cards, err := d.cards(r.Context(), words, list)
		if err != nil {
			d.site.Error(w, r, err)
			return
		}
		for i, one := range list {
			cards[i].Href = "/desk" + one.Path()
			if due := d.due(one); !due.IsZero() {
				cards[i].When, cards[i].At = d.waits(words, due), due
			}
		}
		view.Parts = append(view.Parts, deskPart{words.T("ideas.desk." + part.name), words.T("ideas.desk." + part.name + ".none"), cards})
	}
	d.site.Render(w, r, http.StatusOK, "ideas/desk", view)
}

// due is when a decision on an idea was promised, zero where none was.
func (d *Ideas) due(one *Idea) time.Time {
	switch one.State {
	case Submitted:
		return store.Time(one.Created).Add(checkWithin)
	case Answering:
		return store.Time(one.AnswerDue)
	}
	return time.Time{}
}

func (d *Ideas) waits(words *locale.Printer, due time.Time) string {
	if d.DB.Now().After(due) {
		return words.T("ideas.desk.late", "Date", words.Date(due))
	}
	return words.T("ideas.desk.due", "Date", words.Date(due))
}

// decisionView is the page on which somebody decides on an idea.
type decisionView struct {
	showView
	New    bool // to be checked
	To     []web.Choice
	Merges bool
	Own    bool
	Alike  []web.Choice // what it may be merged into
	Reason string
	Into   string
	Hide   []web.Choice
}

// deciding loads the idea of a decision; whoever may not decide on it is told
// that there is none.
func (d *Ideas) deciding(r *http.Request) (*Idea, error) {
	one, err := d.asked(r)
	if err != nil {
		return nil, err
	}
	if v := web.ViewerOf(r); !answers(v, one.Sphere) || one.State == Submitted && !v.Watches(one.Sphere) {
		return nil, fmt.Errorf("decide on idea %d: %w", one.ID, store.ErrDenied)
	}
	return one, nil
}

func (d *Ideas) showDecision(w http.ResponseWriter, r *http.Request) {
	one, err := d.deciding(r)
	if err != nil {
		d.site.Error(w, r, err)
		return
	}
	if one.State != Submitted && len(next[one.State]) == 0 { // decided meanwhile
		web.Redirect303(w, r, one.Path())
		return
	}
	d.renderDecision(w, r, http.StatusOK, one, web.FormErrors{})
}

func (d *Ideas) renderDecision(w http.ResponseWriter, r *http.Request, status int, one *Idea, wrong web.FormErrors) {
	words, v := d.site.Printer(r), web.ViewerOf(r)
	frame, err := d.frame(r.Context(), words, v, one)
	if err == nil {
		err = d.steps(r.Context(), words, one, &frame)
	}
	if err != nil {
		d.site.Error(w, r, err)
		return
	}
	frame.Crumbs = []web.Crumb{{Text: words.T("ideas.desk.title"), Href: "/desk/ideas"}, {Text: one.Title}}
	frame.Errors = wrong
	view := decisionView{
		showView: frame, New: one.State == Submitted, Own: one.Author == v.AccountID, Reason: r.PostFormValue("reason"), Into: r.PostFormValue("into"),
		Merges: v.Watches(one.Sphere) && slices.Contains([]State{Submitted, Gathering, Answering}, one.State),
		Hide:   []web.Choice{{Value: "1", Label: words.T("ideas.desk.hide"), Hint: words.T("ideas.desk.hide.hint"), Checked: r.PostFormValue("hide") != ""}},
	}
	for _, s := range next[one.State] {
		view.To = append(view.To, web.Choice{Value: string(s), Label: words.T("ideas.desk.to." + string(s))})
	}
	if view.Merges {
		if view.Alike, err = d.mergeable(r.Context(), one); err != nil {
			d.site.Error(w, r, err)
			return
		}
	}
	d.site.Render(w, r, status, "ideas/decision", view)
}

// mergeable are similar ideas that one may be merged into, by number.
func (d *Ideas) mergeable(ctx context.Context, one *Idea) (out []web.Choice, err error) {
	list, err := d.Similar(ctx, Draft{Title: one.Title, Problem: one.Problem, Solution: one.Solution})
	for _, other := range list {
		if other.ID != one.ID && other.Takes(d.DB.Now()) {
			out = append(out, web.Choice{Value: strconv.FormatInt(other.ID, 10), Label: other.Title})
		}
	}
	return out, err
}

func (d *Ideas) decide(w http.ResponseWriter, r *http.Request) {
	one, err := d.deciding(r)
	if err != nil {
		d.site.Error(w, r, err)
		return
	}
	ctx, v, reason := r.Context(), web.ViewerOf(r), r.PostFormValue("reason")
	done := "ideas.desk.done"
	switch do := r.PostFormValue("do"); do {
	case "check":
		err, done = d.Check(ctx, v, one.ID, true, false, reason), "ideas.desk.checked"
	case "unlawful":
		err = d.Check(ctx, v, one.ID, false, r.PostFormValue("hide") != "", reason)
	case "merge":
		err, done = d.Merge(ctx, v, one.ID, numbered(r.PostFormValue("into"), d.Base), reason), "ideas.desk.merged"
	case string(Accepted), string(Refused), string(Working), string(Done):
		err = d.Decide(ctx, v, one.ID, State(do), reason)
	default:
		err = fmt.Errorf("no such decision: %w", store.ErrInvalid)
	}
	var wrong web.FormErrors
	switch {
	case wrong.Take(err):
		d.renderDecision(w, r, http.StatusUnprocessableEntity, one, wrong)
	case errors.Is(err, store.ErrExists): // somebody else was quicker
		d.site.Flash(w, "ideas.desk.late-decision")
		web.Redirect303(w, r, one.Path())
	case err != nil:
		d.site.Error(w, r, err)
	default:
		d.site.Flash(w, done)
		web.Redirect303(w, r, one.Path())
	}
}

// numbered reads the number of an idea, or its address here.
func numbered(text, base string) int64 {
	text = strings.TrimPrefix(strings.TrimSpace(text), base)
	return web.Number(strings.TrimPrefix(text, "/ideas/"))
}

func (d *Ideas) removeArgument(w http.ResponseWriter, r *http.Request) {
	idea, err := d.Remove(r.Context(), web.ViewerOf(r), web.Number(chi.URLParam(r, "id")), r.PostFormValue("reason"))
	if err != nil {
		d.site.Error(w, r, err)
		return
	}
	d.site.Flash(w, "ideas.desk.removed")
	web.Redirect303(w, r, "/ideas/"+strconv.FormatInt(idea, 10)+"#arguments")
}
