package ideas

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/go-chi/chi/v5"

	"viche/actors"
	"viche/internal/locale"
	"viche/internal/store"
	"viche/web"
)

type callout struct{ Kind, Title, Text, Href, Action, Href2, Action2 string }

// newView is the form to propose an idea with; Alike are those that say much
// the same, shown before it is sent for good.
type newView struct {
	Crumbs      []web.Crumb
	Callout     *callout
	Form        Draft
	Errors      web.FormErrors
	Spheres     []web.Choice
	Territories []web.Choice
	Pictures    []web.Choice
	Most        int
	Alike       []card
	Seen        bool // similar ones were shown
}

func (d *Ideas) showNew(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	form := Draft{
		Title: q.Get("title"), Problem: q.Get("problem"), Solution: q.Get("solution"), Cost: q.Get("cost"), Sphere: q.Get("sphere"),
		Territory: q.Get("territory"), Origin: q.Get("origin"),
	}
	if !address(form.Origin) {
		form.Origin = ""
	}
	d.renderNew(w, r, http.StatusOK, form, nil, web.FormErrors{})
}

func (d *Ideas) renderNew(w http.ResponseWriter, r *http.Request, status int, form Draft, alike []card, wrong web.FormErrors) {
	words := d.site.Printer(r)
	if form.Territory == "" {
		form.Territory = d.Territory
	}
	view := newView{Form: form, Errors: wrong, Alike: alike, Seen: len(alike) > 0 || r.PostFormValue("seen") != "", Most: MaxPictures,
		Crumbs: []web.Crumb{{Text: words.T("ideas.title"), Href: "/ideas"}, {Text: words.T("ideas.new.title")}}}
	err := d.maySubmit(r.Context(), web.ViewerOf(r))
	var denied *Denied
	if errors.As(err, &denied) {
		view.Callout = d.why(words, denied.Reason, "/ideas/new", "submit")
	} else if err != nil {
		d.site.Error(w, r, err)
		return
	}
	for _, s := range actors.Spheres {
		if slices.Contains(d.Spheres, s.Slug) {
			view.Spheres = append(view.Spheres, web.Choice{Value: s.Slug, Label: words.T(s.Key), Checked: form.Sphere == s.Slug})
		}
	}
	view.Territories = []web.Choice{{Value: d.Territory, Label: d.place(d.Territory, words.Lang()), Checked: form.Territory == d.Territory}}
	for _, u := range d.Territories.Children(d.Territory) {
		view.Territories = append(view.Territories, web.Choice{Value: u.Code, Label: d.place(u.Code, words.Lang()), Checked: form.Territory == u.Code})
	}
	for _, p := range form.Pictures {
		view.Pictures = append(view.Pictures, web.Choice{Value: p.Name, Label: "/media/" + p.Name + "?size=small", Hint: p.Alt})
	}
	d.site.Render(w, r, status, "ideas/new", view)
}

// create sends an idea, after a look at similar ones: whoever saw them sends
// the form once more.
func (d *Ideas) create(w http.ResponseWriter, r *http.Request) {
	v := web.ViewerOf(r)
	if err := d.maySubmit(r.Context(), v); errors.Is(err, store.ErrDenied) { // before any picture is taken in
		d.renderNew(w, r, http.StatusForbidden, Draft{}, nil, web.FormErrors{})
		return
	}
	var wrong web.FormErrors
	form, err := d.readForm(w, r, v, &wrong)
	if err != nil {
		d.site.Error(w, r, err)
		return
	}
	form.tidy()
	wrong.TakeAll(d.check(&form))
	if wrong.Any() {
		d.renderNew(w, r, http.StatusUnprocessableEntity, form, nil, wrong)
		return
	}
	if r.PostFormValue("seen") == "" {
		alike, err := d.Similar(r.Context(), form)
		if err != nil {
			d.site.Error(w, r, err)
			return
		}
		if len(alike) > 0 {
			cards, err := d.cards(r.Context(), d.site.Printer(r), alike)
			if err != nil {
				d.site.Error(w, r, err)
				return
			}
			d.renderNew(w, r, http.StatusOK, form, cards, wrong)
			return
		}
	}
	one, err := d.Submit(r.Context(), v, form)
	switch {
	case err != nil && wrong.TakeAll(err):
		d.renderNew(w, r, http.StatusUnprocessableEntity, form, nil, wrong)
	case err != nil:
		d.site.Error(w, r, fmt.Errorf("new idea: %w", err))
	default:
		d.site.Flash(w, "ideas.new.done", "Date", d.site.Printer(r).Date(d.DB.Now().Add(checkWithin)))
		web.Redirect303(w, r, one.Path())
	}
}

func (d *Ideas) withdraw(w http.ResponseWriter, r *http.Request) {
	id := web.Number(chi.URLParam(r, "id"))
	err := d.Withdraw(r.Context(), web.ViewerOf(r), id)
	switch {
	case errors.Is(err, store.ErrExists):
		d.site.Flash(w, "ideas.late")
	case err != nil:
		d.site.Error(w, r, err)
		return
	default:
		d.site.Flash(w, "ideas.withdraw.done")
	}
	web.Redirect303(w, r, "/ideas")
}

// why is the callout of somebody who can't do something, with the way out.
func (d *Ideas) why(words *locale.Printer, reason, back, what string) *callout {
	c := &callout{Kind: "info", Title: words.T("ideas.why." + reason + ".title"), Text: words.T("ideas.why." + reason + ".text")}
	switch reason {
	case SignIn:
		c.Title = words.T("ideas.why.sign-in." + what)
		c.Href, c.Action = "/sign-in?next="+url.QueryEscape(back), words.T("web.sign-in")
		c.Href2, c.Action2 = "/sign-up", words.T("ideas.why.join")
	case NotVerified:
		c.Href, c.Action = "/verify", words.T("ideas.why.verify")
		c.Href2, c.Action2 = "/ideas", words.T("ideas.why.read")
	case OtherTerritory:
		c.Text = words.T("ideas.why.other-territory.where", "Territory", d.place(d.Territory, words.Lang()))
		c.Href, c.Action = "/ideas", words.T("ideas.why.read")
	case OtherInstance:
		c.Href, c.Action = "/", words.T("ideas.why.cities")
	}
	return c
}
