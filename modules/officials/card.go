package officials

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"viche/internal/locale"
	"viche/internal/store"
	"viche/web"
)

// cardView is an official's card: what documents say, and what residents say,
// each by itself.
type cardView struct {
	Crumbs  []web.Crumb
	Name    string
	Office  personLine
	Badges  []badge
	About   []string
	Facts   []web.Fact
	Updated string

	Indicators []indicatorView
	Unknown    []string // usual for the office, and nobody has entered them
	Replaced   []indicatorView

	Running *roundLine // grades are being given
	Grades  *gradesView
	Trend   []trendRow

	Replies []replyView
	Others  []personLine // other terms of the same person
	Changes []changeView

	Reply   string // where the official answers
	Desk    string
	Compare string
	JSON    string
	Data    string
}

type indicatorView struct {
	Name, Definition                   string
	Value, Unit, Baseline, Target      string
	Period, Source, SourceURL, Entered string
	Disputed                           bool
}

type roundLine struct{ Href, Text string }

type replyView struct {
	Kind, Icon string
	At         time.Time
	About      string
	Body       []string
	From       string // by whom or by which document it came
	State      string
	Badge      string
	Answer     []string
}

type changeView struct {
	At           time.Time
	What, Reason string
	Href, By     string
}

func (s pages) termOf(r *http.Request) (*Term, *Office, error) {
	t, err := s.Term(r.Context(), s.DB.Read(), web.Number(chi.URLParam(r, "term")))
	if err != nil {
		return nil, nil, err
	}
	office, err := s.Office(r.Context(), s.DB.Read(), t.Office)
	return t, office, err
}

func (s pages) showCard(w http.ResponseWriter, r *http.Request) {
	t, office, err := s.termOf(r)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	if web.Negotiate(r) == web.JSON {
		s.cardJSON(w, r)
		return
	}
	view, err := s.card(r.Context(), s.site.Printer(r), web.ViewerOf(r), t, office)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	s.site.Render(w, r, http.StatusOK, "officials/card", view)
}

func (s pages) card(ctx context.Context, words *locale.Printer, v *web.Viewer, t *Term, office *Office) (view cardView, err error) {
	view = cardView{
		Crumbs: []web.Crumb{{Text: words.T("officials.list.title"), Href: "/officials"}, {Text: office.Title, Href: office.Path()}, {Text: t.Name}},
		Name:   t.Name, Office: personLine{Href: office.Path(), Name: office.Title}, About: web.Paragraphs(t.About),
		Badges: append(s.termBadges(words, t), officeBadges(words, office)...), JSON: t.Path() + "/card.json", Data: t.Path() + "/indicators.csv",
		Compare: "/officials/compare?kind=" + office.Kind,
	}
	view.Facts = s.termFacts(words, t, office)
	if v != nil && t.Account != 0 && v.AccountID == t.Account {
		view.Reply = t.Path() + "/reply"
	}
	if v.Watches(office.Sphere) {
		view.Desk = "/desk/officials/terms/" + strconv.FormatInt(t.ID, 10)
	}
	if account, err := s.account(ctx, t); err != nil {
		return view, err
	} else if account.Handle != "" {
		view.Facts = append(view.Facts, web.Fact{Term: words.T("officials.facts.account"), Text: "@" + account.Handle, Href: "/@" + account.Handle})
	}
	replies, err := s.replies(ctx, "where term = ? order by id desc limit 100", t.ID)
	if err != nil {
		return view, err
	}
	if err := s.indicators(ctx, words, t, office, replies, &view); err != nil {
		return view, err
	}
	rounds, err := s.rounds(ctx, "where term = ? order by id desc limit 40", t.ID)
	if err != nil {
		return view, err
	}
	if err := s.grades(ctx, words, v, rounds, &view); err != nil {
		return view, err
	}
	indicators, err := s.indicatorsOf(ctx, t.ID)
	if err != nil {
		return view, err
	}
	view.Replies = replyViews(words, replies, indicators, rounds)
	if view.Others, err = s.others(ctx, words, t); err != nil {
		return view, err
	}
	changes, err := s.changes(ctx, 30, "where office = ? and (term = 0 or term = ?)", office.ID, t.ID)
	if err != nil {
		return view, err
	}
	view.Changes = changeViews(words, changes)
	if len(changes) > 0 {
		view.Updated = words.T("officials.updated", "Date", words.Date(store.Time(changes[0].At)))
	}
	return view, nil
}

// account is who speaks for an official; an account that is gone does no more.
func (o *Officials) account(ctx context.Context, t *Term) (Account, error) {
	if t.Account == 0 {
		return Account{}, nil
	}
	a, err := o.ByID(ctx, t.Account)
	if isGone(err) {
		return Account{}, nil
	}
	return a, err
}

func (s pages) termBadges(words *locale.Printer, t *Term) (out []badge) {
	now := s.DB.Now()
	switch {
	case t.InForce(now):
		out = append(out, badge{words.T("officials.term.now"), "open", "check"})
	case t.From > store.Millis(now):
		out = append(out, badge{words.T("officials.term.soon"), "warning", "clock"})
	default:
		out = append(out, badge{words.T("officials.term.past"), "closed", "history"})
	}
	if t.Acting == 1 {
		out = append(out, badge{words.T("officials.acting"), "warning", ""})
	}
	return out
}

func (s pages) termFacts(words *locale.Printer, t *Term, office *Office) []web.Fact {
	facts := []web.Fact{
		{Term: words.T("officials.facts.office"), Text: office.Title, Href: office.Path()},
		{Term: words.T("officials.facts.territory"), Text: s.Territories.Path(office.Territory, words.Lang())},
		{Term: words.T("officials.facts.term"), Text: spanWords(words, t.From, t.Until)},
	}
	if office.Body != "" {
		facts = append(facts, web.Fact{Term: words.T("officials.facts.body"), Text: office.Body})
	}
	if office.Sphere != "" {
		facts = append(facts, web.Fact{Term: words.T("officials.facts.sphere"), Text: words.T("spheres." + office.Sphere), Href: "/@" + office.Sphere})
	}
	facts = append(facts, web.Fact{Term: words.T("officials.facts.source"), Text: t.Source})
	if t.Ended != "" {
		facts = append(facts, web.Fact{Term: words.T("officials.facts.ended"), Text: t.Ended})
	}
	return facts
}

// spanWords are days, the last one included.
func spanWords(words *locale.Printer, from, until int64) string {
	if until == 0 {
		return words.T("officials.span.open", "From", words.Date(store.Time(from)))
	}
	return words.T("officials.span", "From", words.Date(store.Time(from)), "Until", words.Date(before(store.Time(until))))
}

// indicators are what documents say, and what none says though it is usual.
func (s pages) indicators(ctx context.Context, words *locale.Printer, t *Term, office *Office, replies []Reply, view *cardView) error {
	list, err := s.indicatorsOf(ctx, t.ID)
	if err != nil {
		return err
	}
	have := map[string]bool{}
	for _, one := range list {
		v := indicatorViewOf(words, one)
		v.Disputed = slices.ContainsFunc(replies, func(r Reply) bool { return r.Indicator == one.ID && r.State == stateOpen })
		if one.Replaced != 0 {
			view.Replaced = append(view.Replaced, v)
			continue
		}
		have[one.Kind] = true
		view.Indicators = append(view.Indicators, v)
	}
	kind, _ := kindOf(office.Kind) // an office of a kind that is no more has no usual ones
	for _, usual := range kind.Indicators {
		if !have[usual] {
			view.Unknown = append(view.Unknown, words.T("officials.indicator."+usual))
		}
	}
	return nil
}

func indicatorName(words *locale.Printer, one Indicator) string {
	if one.Name != "" {
		return one.Name
	}
	return words.T("officials.indicator." + one.Kind)
}

func indicatorViewOf(words *locale.Printer, one Indicator) indicatorView {
	v := indicatorView{
		Name: indicatorName(words, one), Definition: one.Definition, Value: one.Value, Unit: one.Unit, Baseline: one.Baseline, Target: one.Target,
		Period: words.T("officials.span", "From", words.Date(store.Time(one.From)), "Until", words.Date(before(store.Time(one.Until)))),
		Source: one.Source, SourceURL: one.SourceURL, Entered: words.Date(store.Time(one.Created)),
	}
	if v.Definition == "" {
		v.Definition = words.T("officials.indicator." + one.Kind + ".definition")
	}
	if one.SourceAt != 0 {
		v.Source += ", " + words.Date(store.Time(one.SourceAt))
	}
	return v
}

func replyViews(words *locale.Printer, list []Reply, indicators []Indicator, rounds []Round) (out []replyView) {
	for _, r := range list {
		v := replyView{Kind: words.T("officials.reply." + r.Kind), Icon: "message-circle", At: store.Time(r.Created), Body: web.Paragraphs(r.Body), Answer: web.Paragraphs(r.Answer)}
		v.From = words.T("officials.reply.own")
		if r.Document != "" {
			v.From = words.T("officials.reply.document", "Document", r.Document)
		}
		switch r.State {
		case stateOpen:
			v.State, v.Badge, v.Icon = words.T("officials.correction.open", "Date", words.Date(store.Time(r.Due))), "warning", "flag"
		case stateAccepted, stateRefused:
			v.State, v.Badge, v.Icon = words.T("officials.correction."+r.State, "Date", words.Date(store.Time(r.Answered))), "quiet", "flag"
		}
		for _, one := range indicators {
			if one.ID == r.Indicator {
				v.About = indicatorName(words, one)
			}
		}
		for _, one := range rounds {
			if one.ID == r.Round {
				v.About = roundName(words, one.Quarter)
			}
		}
		out = append(out, v)
	}
	return out
}

func (s pages) others(ctx context.Context, words *locale.Printer, t *Term) (out []personLine, err error) {
	list, err := termsOf(ctx, s.DB.Read(), "where t.holder = ? and t.id <> ? order by t.from_at desc limit 50", t.Holder, t.ID)
	for _, one := range list {
		office, err := s.Office(ctx, s.DB.Read(), one.Office)
		if err != nil {
			return nil, err
		}
		out = append(out, personLine{Href: one.Path(), Name: office.Title, Note: spanWords(words, one.From, one.Until)})
	}
	return out, err
}

func changeViews(words *locale.Printer, list []change) (out []changeView) {
	for _, c := range list {
		out = append(out, changeView{At: store.Time(c.At), What: words.T("officials.change."+c.Act, "What", c.What), Reason: c.Reason, Href: c.path(), By: c.By})
	}
	return out
}

// roundName is a quarter in words: IV квартал 2026.
func roundName(words *locale.Printer, quarter string) string {
	year, n, _ := strings.Cut(quarter, "-")
	return words.T("officials.quarter."+n, "Year", year)
}

// officeView is the page of an office, whoever holds it.
type officeView struct {
	Crumbs  []web.Crumb
	Title   string
	Badges  []badge
	Facts   []web.Fact
	Remit   []string
	Now     []personLine
	Vacant  string
	Before  []personLine
	Usual   []string
	Changes []changeView
	Desk    string
}

func (s pages) officeOf(r *http.Request) (*Office, error) {
	return s.Office(r.Context(), s.DB.Read(), web.Number(chi.URLParam(r, "office")))
}

func (s pages) showOffice(w http.ResponseWriter, r *http.Request) {
	office, err := s.officeOf(r)
	var view officeView
	if err == nil {
		view, err = s.office(r.Context(), s.site.Printer(r), web.ViewerOf(r), office)
	}
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	s.site.Render(w, r, http.StatusOK, "officials/office", view)
}

func (s pages) office(ctx context.Context, words *locale.Printer, v *web.Viewer, office *Office) (view officeView, err error) {
	kind, _ := kindOf(office.Kind)
	view = officeView{
		Crumbs: []web.Crumb{{Text: words.T("officials.list.title"), Href: "/officials"}, {Text: office.Title}},
		Title:  office.Title, Badges: officeBadges(words, office), Remit: web.Paragraphs(office.Remit), Facts: s.officeFacts(words, office),
	}
	for _, one := range kind.Indicators {
		view.Usual = append(view.Usual, words.T("officials.indicator."+one))
	}
	if v.Watches(office.Sphere) {
		view.Desk = "/desk/officials/offices/" + strconv.FormatInt(office.ID, 10)
	}
	list, err := termsOf(ctx, s.DB.Read(), "where t.office = ? order by t.from_at desc, t.seat limit 600", office.ID)
	if err != nil {
		return view, err
	}
	for _, t := range list {
		line := personLine{Href: t.Path(), Name: t.Name, Note: spanWords(words, t.From, t.Until)}
		if t.InForce(s.DB.Now()) {
			if note := actingNote(words, t); note != "" {
				line.Note = note + ", " + line.Note
			}
			view.Now = append(view.Now, line)
		} else {
			view.Before = append(view.Before, line)
		}
	}
	if free := office.Seats - len(view.Now); free > 0 && office.Closed == 0 {
		view.Vacant = vacancy(words, office.Seats, free)
	}
	changes, err := s.changes(ctx, 30, "where office = ?", office.ID)
	view.Changes = changeViews(words, changes)
	return view, err
}

func (s pages) officeFacts(words *locale.Printer, office *Office) []web.Fact {
	facts := []web.Fact{
		{Term: words.T("officials.facts.kind"), Text: words.T("officials.kind." + office.Kind), Href: "/officials?kind=" + office.Kind},
		{Term: words.T("officials.facts.territory"), Text: s.Territories.Path(office.Territory, words.Lang())},
	}
	if office.Body != "" {
		facts = append(facts, web.Fact{Term: words.T("officials.facts.body"), Text: office.Body})
	}
	if office.Sphere != "" {
		facts = append(facts, web.Fact{Term: words.T("officials.facts.sphere"), Text: words.T("spheres." + office.Sphere), Href: "/@" + office.Sphere})
	}
	if office.Seats > 1 {
		facts = append(facts, web.Fact{Term: words.T("officials.facts.seats"), Text: words.Number(office.Seats)})
	}
	return facts
}
