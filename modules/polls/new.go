package polls

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"viche/actors"
	"viche/internal/ballot"
	"viche/internal/locale"
	"viche/web"
)

// newForm is what somebody typed into the form of a new poll.
type newForm struct {
	Title, Body, Options, Sphere, Scope, Territory, Results, ClosesAt, Days string
	Multiple, Hard                                                          bool
}

func readNew(r *http.Request) newForm {
	f := newForm{
		Title: r.PostFormValue("title"), Body: r.PostFormValue("body"), Options: r.PostFormValue("options"),
		Sphere: r.PostFormValue("sphere"), Scope: r.PostFormValue("scope"), Territory: r.PostFormValue("territory"),
		Results: r.PostFormValue("results"), ClosesAt: r.PostFormValue("closesAt"), Days: r.PostFormValue("days"),
		Multiple: r.PostFormValue("kind") == string(ballot.Several),
	}
	f.Hard = slices.Contains(r.PostForm["more"], "hard")
	return f
}

const hardToSay = "Важко відповісти" // polls are asked in Ukrainian, whoever types

// draft is the poll that the form asks for. wrong gets what cannot be read.
func (f newForm) draft(now time.Time, initiative bool, wrong *web.FormErrors) Draft {
	d := Draft{
		Title: f.Title, Body: f.Body, Multiple: f.Multiple, Sphere: f.Sphere, Scope: f.Scope, Territory: f.Territory, Results: f.Results,
		Options: strings.Split(strings.ReplaceAll(f.Options, "\r\n", "\n"), "\n"),
	}
	if f.Scope == string(National) || f.Scope == string(City) {
		d.Territory = ""
	}
	if f.Sphere == "" {
		wrong.Add("sphere", "polls.draft.sphere.missing")
	}
	if f.Scope == string(Region) && f.Territory == "" {
		wrong.Add("territory", "polls.draft.territory.missing")
	}
	given := slices.ContainsFunc(d.Options, func(o string) bool { return strings.TrimSpace(o) != "" })
	has := slices.ContainsFunc(d.Options, func(o string) bool { return strings.EqualFold(clean(o), hardToSay) })
	if f.Hard && given && !has {
		d.Options = append(d.Options, hardToSay)
	}
	if initiative {
		n, err := strconv.Atoi(strings.TrimSpace(f.Days))
		if err != nil || n < minDays || n > maxDays {
			wrong.Add("days", "polls.draft.days", "Min", minDays, "Max", maxDays)
			n = minDays // so that the rest is looked at too
		}
		d.ClosesAt = now.Add(time.Duration(n) * day)
		return d
	}
	if f.ClosesAt != "" {
		at, err := time.ParseInLocation("2006-01-02T15:04", strings.Replace(strings.TrimSpace(f.ClosesAt), " ", "T", 1), locale.Kyiv())
		if err != nil {
			wrong.Add("closesAt", "polls.draft.closes.form")
			at = now.Add(day)
		}
		d.ClosesAt = at
	}
	return d
}

type newView struct {
	Crumbs     []web.Crumb
	Initiative bool
	Need       string // how many supporters an initiative will want
	Callout    *callout
	Errors     web.FormErrors
	Form       newForm
	Kinds      []web.Choice
	More       []web.Choice
	Spheres    []web.Choice
	Scopes     []web.Choice // none where there is no choice
	Places     []web.Choice
	Results    []web.Choice
}

func (p *Polls) showNew(w http.ResponseWriter, r *http.Request) {
	v := web.ViewerOf(r)
	form := newForm{Hard: true, Days: "14", Results: string(ballot.AfterVote), Sphere: r.URL.Query().Get("sphere")}
	if opensAny(v) {
		evening := p.DB.Now().In(locale.Kyiv()).AddDate(0, 0, 14)
		form.ClosesAt = time.Date(evening.Year(), evening.Month(), evening.Day(), 20, 0, 0, 0, locale.Kyiv()).Format("2006-01-02T15:04")
	}
	p.renderNew(w, r, http.StatusOK, form, web.FormErrors{})
}

func (p *Polls) renderNew(w http.ResponseWriter, r *http.Request, status int, form newForm, wrong web.FormErrors) {
	view, err := p.viewNew(r.Context(), p.site.Printer(r), web.ViewerOf(r), form)
	if err != nil {
		p.site.Error(w, r, err)
		return
	}
	view.Errors = inOrder(wrong, "title", "body", "options", "sphere", "scope", "territory", "days", "results", "closesAt")
	p.site.Render(w, r, status, "polls/new", view)
}

// inOrder sorts errors as their fields stand on the page; the rest comes last.
func inOrder(wrong web.FormErrors, fields ...string) (out web.FormErrors) {
	for _, field := range fields {
		if e := wrong.For(field); e != nil {
			out.Add(field, e.Key, e.Args...)
		}
	}
	for _, e := range wrong.List() {
		out.Add(e.Field, e.Key, e.Args...)
	}
	return out
}

func (p *Polls) viewNew(ctx context.Context, words *locale.Printer, v *web.Viewer, form newForm) (newView, error) {
	view := newView{
		Form: form, Initiative: !opensAny(v),
		Kinds: []web.Choice{
			{Value: string(ballot.One), Label: words.T("polls.new.kind.one"), Checked: !form.Multiple},
			{Value: string(ballot.Several), Label: words.T("polls.new.kind.several"), Checked: form.Multiple}},
		More: []web.Choice{{Value: "hard", Label: words.T("polls.new.hard"), Checked: form.Hard}},
		Results: []web.Choice{
			{Value: string(ballot.AfterVote), Label: words.T("polls.new.results.after-vote"), Hint: words.T("polls.new.results.after-vote.hint"), Checked: form.Results != string(ballot.AfterClose)},
			{Value: string(ballot.AfterClose), Label: words.T("polls.new.results.after-close"), Hint: words.T("polls.new.results.after-close.hint"), Checked: form.Results == string(ballot.AfterClose)}},
	}
	view.Crumbs = []web.Crumb{{Text: words.T("polls.list.title"), Href: "/polls"}, {Text: words.T("polls.new.title")}}
	for _, s := range actors.Spheres {
		if p.OpenSphere(s.Slug) && (view.Initiative || opens(v, s.Slug)) {
			view.Spheres = append(view.Spheres, web.Choice{Value: s.Slug, Label: words.T(s.Key), Checked: form.Sphere == s.Slug})
		}
	}
	if view.Initiative {
		view.Crumbs[1].Text = words.T("polls.initiate.title")
		return view, p.viewInitiate(ctx, words, v, &view)
	}
	if !p.Coordinator {
		return view, nil
	}
	for _, scope := range []Scope{National, Region} {
		view.Scopes = append(view.Scopes, web.Choice{
			Value: string(scope), Label: words.T("polls.new.scope." + string(scope)), Checked: form.Scope == string(scope) || form.Scope == "" && scope == National})
	}
	var err error
	view.Places, err = p.regions(ctx, words, form.Territory)
	return view, err
}

// viewInitiate says what an initiative needs, or why this viewer has none.
func (p *Polls) viewInitiate(ctx context.Context, words *locale.Printer, v *web.Viewer, view *newView) error {
	err := p.mayPropose(ctx, v, p.Territory)
	var denied *Denied
	if errors.As(err, &denied) {
		view.Callout = p.whyNotSupport(words, &Poll{Territory: p.Territory}, denied.Reason)
		return nil
	}
	if err != nil {
		return err
	}
	residents, err := p.residents(ctx)
	if err != nil {
		return err
	}
	view.Need = words.T("polls.initiate.need", "Count", need(residents))
	return nil
}

// regions are the areas with members of the union that a poll can be asked in.
func (p *Polls) regions(ctx context.Context, words *locale.Printer, chosen string) ([]web.Choice, error) {
	cities, err := p.memberCities(ctx, words)
	if err != nil || p.Union == nil {
		return nil, err
	}
	seen := map[string]bool{}
	var out []web.Choice
	for _, c := range cities {
		code := p.Union.Oblast(c.Territory)
		if code == "" || seen[code] {
			continue
		}
		seen[code] = true
		out = append(out, web.Choice{Value: code, Label: p.place(code, words.Lang()), Checked: code == chosen})
	}
	return out, nil
}

// create opens the poll of a moderator or officer, and starts the initiative of
// anybody else.
func (p *Polls) create(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		p.site.Error(w, r, err)
		return
	}
	v := web.ViewerOf(r)
	form := readNew(r)
	initiative := !opensAny(v)
	var wrong web.FormErrors
	draft := form.draft(p.DB.Now(), initiative, &wrong)
	poll, err := p.propose(r.Context(), v, draft, initiative, &wrong)
	var denied *Denied
	switch {
	case errors.As(err, &denied):
		p.renderNew(w, r, http.StatusForbidden, form, wrong)
	case err != nil && !takeAll(&wrong, err):
		p.site.Error(w, r, fmt.Errorf("new poll: %w", err))
	case wrong.Any():
		p.renderNew(w, r, http.StatusUnprocessableEntity, form, wrong)
	case initiative:
		p.site.Flash(w, "polls.initiate.done", "Need", poll.Need)
		web.Redirect303(w, r, "/polls/"+poll.PollID)
	default:
		p.site.Flash(w, "polls.new.done")
		web.Redirect303(w, r, "/polls/"+poll.PollID)
	}
}

// propose runs the command, unless something could not be read: then it only
// says what else is wrong.
func (p *Polls) propose(ctx context.Context, v *web.Viewer, d Draft, initiative bool, wrong *web.FormErrors) (*Poll, error) {
	if !initiative && p.OpenSphere(d.Sphere) && !opens(v, d.Sphere) {
		wrong.Add("sphere", "polls.draft.sphere.role")
	}
	if p.Coordinator && d.Scope == "" {
		d.Scope = string(National)
	}
	d.By = v.Handle
	if wrong.Any() {
		if initiative {
			d.Scope, d.Territory = string(City), p.Territory
		}
		d.tidy()
		return nil, p.check(&d, p.DB.Now())
	}
	if initiative {
		return p.Initiate(ctx, v, d)
	}
	return p.OpenPoll(ctx, d)
}
