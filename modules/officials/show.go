package officials

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/go-chi/chi/v5"

	"viche/internal/locale"
	"viche/internal/store"
	"viche/web"
)

func isGone(err error) bool { return errors.Is(err, store.ErrNotFound) }

// callout is what the part of that name is given.
type callout struct{ Kind, Title, Text, Href, Action, Href2, Action2 string }

// roundView is the page of one round: the form, and what came of it as far as
// the viewer may see it.
type roundView struct {
	Crumbs  []web.Crumb
	Title   string
	Name    string
	Card    string
	Badges  []badge
	When    string
	Form    *gradeForm
	Callout *callout
	Own     []web.Fact
	Hidden  bool // graded, but this credential may not read it
	Voted   bool
	Change  string
	Grades  *gradesView
}

// gradeForm is the form to grade with; nothing is chosen beforehand but what the
// viewer has given before.
type gradeForm struct {
	Action    string
	Questions []gradeQuestion
	Errors    web.FormErrors
	Button    string
	Keep      string
}

type gradeQuestion struct {
	Name, Legend, Hint string
	Options            []web.Choice
}

// gradesView is what residents' grades say: by criterion, never blended with
// what documents say.
type gradesView struct {
	Heading string
	Turnout string
	TooFew  bool
	Rows    []criterionView
	Href    string
}

type criterionView struct {
	Name     string
	Few      string
	Median   string
	Sentence string
	Tier     string
	None     string
	Bars     *web.Bars
	NoBars   string // why there is no distribution
}

// trendRow is a closed round in the history of grades.
type trendRow struct {
	Href, Name, Few        string
	Median, Share, Between string
	N                      int
}

func (s pages) roundOf(r *http.Request) (*Round, *Term, *Office, error) {
	round, err := s.Round(r.Context(), s.DB.Read(), web.Number(chi.URLParam(r, "round")))
	if err != nil {
		return nil, nil, nil, err
	}
	t, err := s.Term(r.Context(), s.DB.Read(), round.Term)
	if err != nil {
		return nil, nil, nil, err
	}
	office, err := s.Office(r.Context(), s.DB.Read(), t.Office)
	return round, t, office, err
}

func (s pages) backToRound(w http.ResponseWriter, r *http.Request) {
	web.Redirect303(w, r, "/officials/rounds/"+chi.URLParam(r, "round"))
}

func (s pages) showRound(w http.ResponseWriter, r *http.Request) {
	s.renderRound(w, r, http.StatusOK, nil, web.FormErrors{})
}

// renderRound shows a round as the viewer may see it, with the form as it was
// sent where that was wrong.
func (s pages) renderRound(w http.ResponseWriter, r *http.Request, status int, sent map[string]string, wrong web.FormErrors) {
	round, t, office, err := s.roundOf(r)
	var view roundView
	if err == nil {
		view, err = s.round(r.Context(), s.site.Printer(r), web.ViewerOf(r), round, t, office, sent != nil || r.URL.Query().Get("change") == "1")
	}
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	if view.Form != nil {
		view.Form.Errors = wrong
		if sent != nil {
			view.Form.choose(sent)
		}
	}
	s.site.Render(w, r, status, "officials/round", view)
}

func (s pages) round(ctx context.Context, words *locale.Printer, v *web.Viewer, round *Round, t *Term, office *Office, change bool) (view roundView, err error) {
	stand, err := s.StandOf(ctx, round.Poll, v)
	if err != nil {
		return view, err
	}
	totals, err := s.TotalsOf(ctx, round.Poll, v)
	if err != nil {
		return view, err
	}
	view = roundView{
		Crumbs: []web.Crumb{{Text: words.T("officials.list.title"), Href: "/officials"}, {Text: t.Name, Href: t.Path()}, {Text: roundName(words, round.Quarter)}},
		Title:  words.T("officials.round.title", "Name", t.Name), Name: t.Name + ", " + office.Title, Card: t.Path(), Voted: stand.Voted, Hidden: stand.Hidden,
	}
	view.When = words.T("officials.round.until", "Date", words.DateTime(store.Time(round.Closes)))
	view.Badges = []badge{{words.T("officials.round.open.badge"), "open", "clock"}, {roundName(words, round.Quarter), "", "calendar"}}
	if totals.Closed {
		view.When = words.T("officials.round.closed", "Date", words.DateTime(store.Time(round.Closes)))
		view.Badges[0] = badge{words.T("officials.round.closed.badge"), "closed", "check"}
	}
	if totals.Seen || totals.Closed || stand.Voted {
		view.Grades = gradesOf(words, totals)
	}
	own := map[string]string{}
	for i, chosen := range stand.Answer {
		if len(chosen) == 1 && i < len(Criteria) {
			own[Criteria[i]] = chosen[0]
			view.Own = append(view.Own, web.Fact{Term: words.T("officials.criterion." + Criteria[i]), Text: words.T("officials.grade." + chosen[0])})
		}
	}
	switch {
	case totals.Closed:
	case !t.InForce(s.DB.Now()):
		view.Callout = &callout{Kind: "info", Title: words.T("officials.why.not-holder.title"), Text: words.T("officials.why.not-holder.text")}
	case !stand.CanVote:
		view.Callout = s.whyNot(words, round, office, stand.Reason)
	case !stand.Voted || change:
		view.Form = s.form(words, round, stand.Voted)
		view.Form.choose(own)
	default:
		view.Change = round.Path() + "?change=1"
	}
	return view, nil
}

// whyNot explains why a viewer does not grade, with the way out.
func (s pages) whyNot(words *locale.Printer, round *Round, office *Office, reason string) *callout {
	c := &callout{Kind: "info", Title: words.T("officials.why.closed.title"), Text: words.T("officials.why.closed.text")}
	switch reason {
	case "sign-in":
		c.Title, c.Text = words.T("officials.why.sign-in.title"), words.T("officials.why.sign-in.text")
		c.Href, c.Action = "/sign-in?next="+round.Path(), words.T("web.sign-in")
	case "not-verified":
		c.Title, c.Text = words.T("officials.why.not-verified.title"), words.T("officials.why.not-verified.text")
		c.Href, c.Action = "/verify", words.T("officials.why.not-verified.action")
	case "organisation":
		c.Title, c.Text = words.T("officials.why.organisation.title"), words.T("officials.why.organisation.text")
	case "other-territory":
		c.Title, c.Text = words.T("officials.why.other-territory.title"), words.T("officials.why.other-territory.text", "Territory", s.Territories.Label(office.Territory, words.Lang()))
	case "verified-later":
		c.Title, c.Text = words.T("officials.why.verified-later.title"), words.T("officials.why.verified-later.text")
	}
	return c
}

func (s pages) form(words *locale.Printer, round *Round, voted bool) *gradeForm {
	f := &gradeForm{Action: round.Path() + "/ballot", Button: words.T("officials.grade.submit")}
	if voted {
		f.Button, f.Keep = words.T("officials.grade.change"), round.Path()
	}
	for _, c := range Criteria {
		q := gradeQuestion{Name: c, Legend: words.T("officials.criterion." + c), Hint: words.T("officials.criterion." + c + ".hint")}
		for _, g := range append(slices.Clone(Grades), NoExperience) {
			q.Options = append(q.Options, web.Choice{Value: g, Label: words.T("officials.grade." + g)})
		}
		f.Questions = append(f.Questions, q)
	}
	return f
}

// choose marks what was chosen.
func (f *gradeForm) choose(grades map[string]string) {
	for _, q := range f.Questions {
		for i := range q.Options {
			q.Options[i].Checked = grades[q.Name] != "" && q.Options[i].Value == grades[q.Name]
		}
	}
}

// grade takes what residents say. Nothing of it is logged.
func (s pages) grade(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		s.site.Error(w, r, err)
		return
	}
	sent, said := map[string]string{}, 0
	for _, c := range Criteria {
		if sent[c] = r.PostFormValue(c); sent[c] != "" {
			said++
		}
	}
	id := web.Number(chi.URLParam(r, "round"))
	receipt, err := s.Grade(r.Context(), web.ViewerOf(r), id, sent)
	var wrong web.FormErrors
	switch {
	case errors.Is(err, store.ErrDenied):
		s.renderRound(w, r, http.StatusForbidden, nil, wrong)
	case errors.Is(err, store.ErrExists):
		s.renderRound(w, r, http.StatusConflict, nil, wrong)
	case said == 0 && errors.Is(err, store.ErrInvalid):
		wrong.Add(Criteria[0], "officials.grade.empty")
		s.renderRound(w, r, http.StatusUnprocessableEntity, sent, wrong)
	case wrong.TakeAll(err):
		s.renderRound(w, r, http.StatusUnprocessableEntity, sent, wrong)
	case err != nil:
		s.site.Error(w, r, fmt.Errorf("grade: %w", err))
	default:
		key := "officials.grade.done"
		if receipt.Changes > 0 && !receipt.Same {
			key = "officials.grade.changed"
		}
		s.site.Flash(w, key)
		web.Redirect303(w, r, "/officials/rounds/"+strconv.FormatInt(id, 10))
	}
}

// gradesOf are the numbers of a round in words and bars.
func gradesOf(words *locale.Printer, totals Totals) *gradesView {
	view := &gradesView{Heading: words.T("officials.grades.interim"), TooFew: !totals.Seen}
	if totals.Closed {
		view.Heading = words.T("officials.grades.final")
	}
	if !totals.Seen {
		return view
	}
	view.Turnout = words.T("officials.grades.turnout", "Count", totals.Ballots, "Register", words.Number(totals.Register), "Share", words.Percent(totals.Ballots, totals.Register))
	list := Assess(totals.Numbers)
	// The whole comes first: it is what people look for.
	for _, a := range append([]Assessment{overall(list)}, list[:len(list)-1]...) {
		view.Rows = append(view.Rows, criterionOf(words, a))
	}
	return view
}

func criterionOf(words *locale.Printer, a Assessment) criterionView {
	v := criterionView{Name: words.T("officials.criterion." + a.Criterion)}
	if !a.Enough {
		v.Few = words.T("officials.grades.few", "Min", FromGrades)
		return v
	}
	v.Median = words.T("officials.grades.median", "Grade", words.T("officials.grade."+a.Median))
	v.Sentence = words.T("officials.grades.share", "Share", words.Percent(a.Good, a.N), "Low", points(words, a.Low), "High", points(words, a.High), "Count", a.N)
	if a.Tier != NoTier {
		v.Tier = words.T("officials.tier." + string(a.Tier))
	}
	if a.None > 0 {
		v.None = words.T("officials.grades.none", "Count", a.None)
	}
	if a.Counts == nil {
		v.NoBars = words.T("officials.grades.nobars", "Min", FromDistribution)
		return v
	}
	bars := &web.Bars{Caption: words.T("officials.grades.caption", "Criterion", v.Name), Column: words.T("officials.grades.column"), Base: a.N, Note: words.T("officials.grades.base")}
	for i, g := range Grades {
		bars.Rows = append(bars.Rows, web.Bar{Label: words.T("officials.grade." + g), Count: a.Counts[i]})
	}
	v.Bars = bars
	return v
}

// points is a share in whole percent: an interval is no more exact than that.
func points(words *locale.Printer, share float64) string { return words.Decimal(100*share, 0) }

// grades are those of the newest round that has ended, and the history.
func (s pages) grades(ctx context.Context, words *locale.Printer, v *web.Viewer, rounds []Round, view *cardView) error {
	for i := range rounds {
		round := &rounds[i]
		totals, err := s.TotalsOf(ctx, round.Poll, v)
		if err != nil {
			return err
		}
		if !totals.Closed {
			view.Running = &roundLine{Href: round.Path(), Text: words.T("officials.round.until", "Date", words.DateTime(store.Time(round.Closes)))}
			continue
		}
		if view.Grades == nil {
			view.Grades = gradesOf(words, totals)
			view.Grades.Heading = words.T("officials.grades.of", "Quarter", roundName(words, round.Quarter))
			view.Grades.Href = round.Path()
		}
		row := trendRow{Href: round.Path(), Name: roundName(words, round.Quarter)}
		if a := overall(Assess(totals.Numbers)); totals.Seen && a.Enough {
			row.N, row.Median, row.Share = a.N, words.T("officials.grade."+a.Median), words.Percent(a.Good, a.N)
			row.Between = words.T("officials.between", "Low", points(words, a.Low), "High", points(words, a.High))
		} else {
			row.Few = words.T("officials.grades.few", "Min", FromGrades)
		}
		view.Trend = append(view.Trend, row)
	}
	return nil
}

// compareView sets people in offices of one kind beside each other. It is no
// ranking: the order is that of names.
type compareView struct {
	Crumbs []web.Crumb
	Kinds  []web.Choice
	Kind   string
	Rows   []compareRow
	Few    []personLine // without enough grades
	More   bool
}

type compareRow struct {
	Href, Name, Office, Quarter string
	Median, Share, Between      string
	N                           int
	Tier                        string
	Above                       []string // whose intervals lie below, with no point in common

	assessed Assessment
}

// mostCompared are set side by side; more is not read by anybody.
const mostCompared = 60

func (s pages) compare(w http.ResponseWriter, r *http.Request) {
	words := s.site.Printer(r)
	kind, known := kindOf(r.URL.Query().Get("kind"))
	if !known {
		kind, _ = kindOf("councillor")
	}
	view, err := s.compared(r.Context(), words, kind)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	s.site.Render(w, r, http.StatusOK, "officials/compare", view)
}

func (s pages) compared(ctx context.Context, words *locale.Printer, kind Kind) (view compareView, err error) {
	view = compareView{
		Crumbs: []web.Crumb{{Text: words.T("officials.list.title"), Href: "/officials"}, {Text: words.T("officials.compare.title")}},
		Kinds:  kindChoices(words, kind.Slug), Kind: words.T("officials.kind." + kind.Slug),
	}
	now := store.Millis(s.DB.Now())
	list, err := termsOf(ctx, s.DB.Read(), `join offices o on o.id = t.office
		where o.kind = ? and o.closed = 0 and t.from_at <= ? and (t.until_at = 0 or t.until_at > ?) order by h.name, t.id limit ?`, kind.Slug, now, now, mostCompared+1)
	if err != nil {
		return view, err
	}
	if len(list) > mostCompared {
		list, view.More = list[:mostCompared], true
	}
	for _, t := range list {
		office, err := s.Office(ctx, s.DB.Read(), t.Office)
		if err != nil {
			return view, err
		}
		row, err := s.lastAssessed(ctx, words, t)
		if err != nil {
			return view, err
		}
		if row == nil {
			view.Few = append(view.Few, personLine{Href: t.Path(), Name: t.Name, Note: office.Title})
			continue
		}
		row.Href, row.Name, row.Office = t.Path(), t.Name, office.Title+" · "+s.Territories.Label(office.Territory, words.Lang())
		view.Rows = append(view.Rows, *row)
	}
	for i := range view.Rows {
		for _, other := range view.Rows {
			if view.Rows[i].assessed.Above(other.assessed) {
				view.Rows[i].Above = append(view.Rows[i].Above, other.Name)
			}
		}
	}
	slices.SortStableFunc(view.Rows, func(a, b compareRow) int { return cmp.Compare(a.Name, b.Name) })
	return view, nil
}

// lastAssessed is the overall grade of the newest round that has ended with
// enough grades; nil for none. It is what everybody may see.
func (s pages) lastAssessed(ctx context.Context, words *locale.Printer, t Term) (*compareRow, error) {
	rounds, err := s.rounds(ctx, "where term = ? and closes <= ? order by id desc limit 1", t.ID, store.Millis(s.DB.Now()))
	if err != nil || len(rounds) == 0 {
		return nil, err
	}
	totals, err := s.TotalsOf(ctx, rounds[0].Poll, nil)
	if err != nil || !totals.Seen {
		return nil, err
	}
	a := overall(Assess(totals.Numbers))
	if !a.Enough {
		return nil, nil
	}
	row := &compareRow{Quarter: roundName(words, rounds[0].Quarter), Median: words.T("officials.grade." + a.Median), Share: words.Percent(a.Good, a.N),
		Between: words.T("officials.between", "Low", points(words, a.Low), "High", points(words, a.High)), N: a.N, assessed: a}
	if a.Tier != NoTier {
		row.Tier = words.T("officials.tier." + string(a.Tier))
	}
	return row, nil
}
