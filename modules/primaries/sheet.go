package primaries

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"viche/internal/locale"
	"viche/internal/store"
	"viche/web"
)

// sheetView is the page on which grades are given; first it asks for consent.
type sheetView struct {
	frameView
	Callout *callout
	Consent bool // it is still to be given
	Missing bool // the box was not ticked
	Until   string
	People  []sheetPerson
	Voted   bool
	Hidden  bool
	Errors  web.FormErrors
}

// sheetPerson is the part of the sheet about one participant.
type sheetPerson struct {
	Name, Href string
	Field      string // of the overall grade
	Overall    []web.Choice
	Qualities  []sheetField
}

type sheetField struct {
	Field, Label string
	Options      []web.Choice
}

func (s pages) showSheet(w http.ResponseWriter, r *http.Request) {
	c, err := s.contest(r)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	s.renderSheet(w, r, c, http.StatusOK, nil, web.FormErrors{}, false)
}

// renderSheet shows the sheet with marks, or with the grades given before.
func (s pages) renderSheet(w http.ResponseWriter, r *http.Request, c *Contest, status int, marks Marks, wrong web.FormErrors, missing bool) {
	ctx, words, v := r.Context(), s.site.Printer(r), web.ViewerOf(r)
	round := c.current(s.DB.Now())
	if round == nil { // not yet, or no more: the page says when
		s.site.Flash(w, "primaries.phase.passed")
		web.Redirect303(w, r, c.Path())
		return
	}
	view := sheetView{frameView: s.frame(words, c, web.Crumb{Text: words.T("primaries.vote.crumb")}), Until: words.DateTime(round.Closes), Errors: wrong, Missing: missing}
	stand, err := s.StandOf(ctx, round.Poll, v)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	view.Voted, view.Hidden = stand.Voted, stand.Hidden
	if !stand.CanVote {
		one := why(words, stand.Reason, c.Path()+"/ballot")
		view.Callout = &one
		s.site.Render(w, r, status, "primaries/sheet", view)
		return
	}
	ok, err := s.Consented(ctx, c.ID, v.AccountID)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	if view.Consent = !ok; view.Consent {
		s.site.Render(w, r, status, "primaries/sheet", view)
		return
	}
	if marks == nil {
		marks = c.marks(round, stand.Answer)
	}
	people, err := s.participants(ctx, words, c.ID)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	people = slices.DeleteFunc(people, func(n *Nominee) bool { return !slices.Contains(round.Nominees, n.ID) })
	for _, n := range shuffled(c.Seed, s.viewerKey(r), people) {
		view.People = append(view.People, sheetOf(words, c, n, marks[n.ID]))
	}
	s.site.Render(w, r, status, "primaries/sheet", view)
}

func sheetOf(words *locale.Printer, c *Contest, n *Nominee, marks map[string]string) sheetPerson {
	grades := func(what string) (out []web.Choice) {
		for _, g := range append(slices.Clone(Grades), NoView) {
			out = append(out, web.Choice{Value: g, Label: words.T("primaries.grade." + g), Checked: marks[what] == g})
		}
		return out
	}
	one := sheetPerson{Name: n.Name, Href: n.Path(), Field: fieldOf(n.ID, Overall), Overall: grades(Overall)}
	for _, what := range c.Competences {
		one.Qualities = append(one.Qualities, sheetField{fieldOf(n.ID, what), words.T("primaries.competence." + what), grades(what)})
	}
	return one
}

// fieldOf is the name of a field of the sheet.
func fieldOf(nominee int64, what string) string { return "g" + question(nominee, what) }

// marksOf reads a sheet. What is left open is no grade; what is no field of a
// sheet is left to Grade, which refuses a person who is no participant.
func marksOf(form url.Values) (Marks, error) {
	marks := Marks{}
	for field, values := range form {
		rest, is := strings.CutPrefix(field, "g")
		id, what, two := strings.Cut(rest, "-")
		grade := strings.Join(values, ",") // two grades at once are none of ours
		if !is || !two || grade == "" {
			continue
		}
		nominee, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			return nil, store.Invalid("sheet", "primaries.vote.nobody")
		}
		if marks[nominee] == nil {
			marks[nominee] = map[string]string{}
		}
		marks[nominee][what] = grade
	}
	return marks, nil
}

// grade takes the sheet.
func (s pages) grade(w http.ResponseWriter, r *http.Request) {
	c, err := s.contest(r)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	if err := r.ParseForm(); err != nil {
		s.site.Error(w, r, err)
		return
	}
	v := web.ViewerOf(r)
	marks, err := marksOf(r.PostForm)
	first := false
	if err == nil {
		receipt, failed := s.Grade(r.Context(), v, c.ID, marks)
		first, err = receipt.First, failed
	}
	var wrong web.FormErrors
	switch {
	case err == nil:
		key := "primaries.vote.changed"
		if first {
			key = "primaries.vote.done"
		}
		s.site.Flash(w, key, "Date", s.site.Printer(r).DateTime(c.ends(s.DB.Now())))
		web.Redirect303(w, r, c.Path())
	case wrong.TakeAll(err):
		s.renderSheet(w, r, c, http.StatusUnprocessableEntity, marks, s.named(c, wrong), false)
	case errors.Is(err, ErrConsent):
		s.renderSheet(w, r, c, http.StatusForbidden, nil, web.FormErrors{}, false)
	case errors.Is(err, store.ErrDenied) && v == nil:
		s.renderSheet(w, r, c, http.StatusUnauthorized, nil, web.FormErrors{}, false)
	case errors.Is(err, store.ErrDenied):
		s.renderSheet(w, r, c, http.StatusForbidden, nil, web.FormErrors{}, false)
	case errors.Is(err, store.ErrExists):
		s.moved(w, r, c.Path(), ErrPhase)
	default:
		s.site.Error(w, r, fmt.Errorf("grades in contest %d: %w", c.ID, err))
	}
}

// named has the errors of a sheet name the fields of the page: those of the vote
// count its questions, and what concerns none of them concerns the sheet.
func (s pages) named(c *Contest, wrong web.FormErrors) (out web.FormErrors) {
	round := c.current(s.DB.Now())
	for _, e := range wrong.List() {
		field := "sheet"
		if n, err := strconv.Atoi(strings.TrimPrefix(e.Field, "q")); err == nil && round != nil && n > 0 && n <= len(round.Nominees)*len(c.sheet()) {
			field = fieldOf(round.Nominees[(n-1)/len(c.sheet())], c.sheet()[(n-1)%len(c.sheet())])
		} else if id, what, two := strings.Cut(e.Field, "-"); two && round != nil && c.at(round, web.Number(id), what) >= 0 {
			field = "g" + e.Field
		}
		out.Add(field, e.Key, e.Args...)
	}
	return out
}

// consent takes the consent that the sheet asks for, or its withdrawal.
func (s pages) consent(w http.ResponseWriter, r *http.Request) {
	c, err := s.contest(r)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	v := web.ViewerOf(r)
	if r.PostFormValue("do") == "withdraw" {
		if err := s.Unconsent(r.Context(), v, c.ID); err != nil {
			s.moved(w, r, c.Path(), err)
			return
		}
		s.site.Flash(w, "primaries.consent.withdrawn")
		web.Redirect303(w, r, c.Path())
		return
	}
	if r.PostFormValue("agree") != "yes" {
		s.renderSheet(w, r, c, http.StatusUnprocessableEntity, nil, web.FormErrors{}, true)
		return
	}
	err = s.Consent(r.Context(), v, c.ID)
	var denied *Denied
	switch {
	case errors.As(err, &denied):
		s.renderSheet(w, r, c, http.StatusForbidden, nil, web.FormErrors{}, false)
	case err != nil:
		s.moved(w, r, c.Path(), err)
	default:
		web.Redirect303(w, r, c.Path()+"/ballot")
	}
}
