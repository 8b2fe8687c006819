package officials

import (
	"context"
	"fmt"
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

// deskView is what waits for a moderator, and the way to everything else.
type deskView struct {
	Corrections []correctionLine
	Cards       []officeCard
	Older       string
	First       string
}

type correctionLine struct {
	Href, Name, Text, Due string
	Late                  bool
}

func (s pages) desk(w http.ResponseWriter, r *http.Request) {
	view, err := s.deskOf(r.Context(), s.site.Printer(r), web.ViewerOf(r), wantedOf(r.URL.Query()).after)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	s.site.Render(w, r, http.StatusOK, "officials/desk", view)
}

func (s pages) deskOf(ctx context.Context, words *locale.Printer, v *web.Viewer, from Place) (view deskView, err error) {
	open, err := s.replies(ctx, "where state = 'open' order by due, id limit 200")
	if err != nil {
		return view, err
	}
	for _, one := range open {
		t, err := s.Term(ctx, s.DB.Read(), one.Term)
		if err != nil {
			return view, err
		}
		office, err := s.Office(ctx, s.DB.Read(), t.Office)
		if err != nil {
			return view, err
		}
		if v.Watches(office.Sphere) {
			view.Corrections = append(view.Corrections, correctionLine{
				Href: "/desk/officials/corrections/" + strconv.FormatInt(one.ID, 10), Name: t.Name, Text: office.Title,
				Due: words.Date(store.Time(one.Due)), Late: one.Due < store.Millis(s.DB.Now()),
			})
		}
	}
	list, more, err := s.List(ctx, Filter{After: from, Limit: pageSize})
	if err != nil {
		return view, err
	}
	if more {
		last := list[len(list)-1]
		view.Older = fmt.Sprintf("/desk/officials?after=%d.%d", last.Level, last.ID)
	}
	if from.ID != 0 {
		view.First = "/desk/officials"
	}
	list = slices.DeleteFunc(list, func(o Office) bool { return !v.Watches(o.Sphere) })
	if view.Cards, err = s.cards(ctx, words, list); err != nil {
		return view, err
	}
	for i := range view.Cards {
		view.Cards[i].Href = "/desk" + view.Cards[i].Href
		for j := range view.Cards[i].Holders {
			view.Cards[i].Holders[j].Href = "/desk/officials/terms" + strings.TrimPrefix(view.Cards[i].Holders[j].Href, "/officials")
		}
	}
	return view, nil
}

// newView is the form of a new office.
type newView struct {
	Crumbs  []web.Crumb
	Form    NewOffice
	Kinds   []web.Choice
	Places  []web.Choice
	Spheres []web.Choice
	Errors  web.FormErrors
}

func (s pages) showNew(w http.ResponseWriter, r *http.Request) {
	s.renderNew(w, r, http.StatusOK, NewOffice{Territory: s.Territory, Seats: "1"}, web.FormErrors{})
}

func (s pages) renderNew(w http.ResponseWriter, r *http.Request, status int, form NewOffice, wrong web.FormErrors) {
	words, v := s.site.Printer(r), web.ViewerOf(r)
	view := newView{Crumbs: deskCrumbs(words, words.T("officials.new.title")), Form: form, Errors: wrong.InOrder("kind", "territory", "title", "body", "sphere", "seats", "remit", "reason")}
	view.Kinds = kindChoices(words, form.Kind)
	for _, code := range s.reach() {
		view.Places = append(view.Places, web.Choice{Value: code, Label: s.Territories.Label(code, words.Lang()), Checked: code == form.Territory})
	}
	// Who keeps one sphere adds offices of that sphere.
	if v.Watches("") {
		view.Spheres = []web.Choice{{Label: words.T("officials.new.sphere.none"), Checked: form.Sphere == ""}}
	}
	for _, c := range sphereChoices(words, s.Spheres, form.Sphere) {
		if v.Watches(c.Value) {
			view.Spheres = append(view.Spheres, c)
		}
	}
	s.site.Render(w, r, status, "officials/new", view)
}

func deskCrumbs(words *locale.Printer, more ...string) []web.Crumb {
	out := []web.Crumb{{Text: words.T("officials.desk.title"), Href: "/desk/officials"}}
	for _, text := range more {
		out = append(out, web.Crumb{Text: text})
	}
	return out
}

// mostPlaces are offered in the form of a new office.
const mostPlaces = 400

// reach are the territories that a new office may have: what the instance's own
// lies in, itself, and what lies in it, as far as a list is still a list.
func (o *Officials) reach() (codes []string) {
	above := o.Territories.Ancestors(o.Territory)
	slices.Reverse(above)
	for _, u := range above {
		codes = append(codes, u.Code)
	}
	codes = append(codes, o.Territory)
	for from := len(codes) - 1; from < len(codes) && len(codes) < mostPlaces; from++ {
		for _, u := range o.Territories.Children(codes[from]) {
			codes = append(codes, u.Code)
		}
	}
	return codes[:min(len(codes), mostPlaces)]
}

func (s pages) create(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		s.site.Error(w, r, err)
		return
	}
	v, post := web.ViewerOf(r), r.PostFormValue
	form := NewOffice{Kind: post("kind"), Territory: post("territory"), Sphere: post("sphere"), Title: post("title"), Body: post("body"), Remit: post("remit"), Seats: post("seats"), Reason: post("reason"), By: v.Handle}
	if !v.Watches(form.Sphere) {
		var wrong web.FormErrors
		wrong.Add("sphere", "officials.new.sphere.role")
		s.renderNew(w, r, http.StatusUnprocessableEntity, form, wrong)
		return
	}
	one, err := s.AddOffice(r.Context(), form)
	s.finish(w, r, err, "officials.done", func() string { return "/desk" + one.Path() }, func(wrong web.FormErrors) {
		s.renderNew(w, r, http.StatusUnprocessableEntity, form, wrong)
	})
}

// finish answers a form of the desk: on to the next page, the form again with
// what is wrong, or an error page.
func (s pages) finish(w http.ResponseWriter, r *http.Request, err error, done string, next func() string, again func(web.FormErrors)) {
	var wrong web.FormErrors
	switch {
	case err == nil:
		s.site.Flash(w, done)
		web.Redirect303(w, r, next())
	case wrong.TakeAll(err):
		again(wrong)
	default:
		s.site.Error(w, r, fmt.Errorf("desk of officials: %w", err))
	}
}

// deskOfficeView is an office on the desk, with one form at a time.
type deskOfficeView struct {
	Crumbs  []web.Crumb
	ID      int64
	Title   string
	Public  string
	Facts   []web.Fact
	Terms   []personLine
	Closed  bool
	Do      string // which form: "term", "close" or none
	Form    NewTerm
	Holders []web.Choice
	Acting  []web.Choice
	Reason  string
	Errors  web.FormErrors
}

// kept is the office that an address names, for those who keep it.
func (s pages) kept(r *http.Request, office *Office, err error) error {
	if err != nil {
		return err
	}
	if !web.ViewerOf(r).Watches(office.Sphere) {
		return fmt.Errorf("office %d is kept by others: %w", office.ID, store.ErrDenied)
	}
	return nil
}

func (s pages) deskOffice(w http.ResponseWriter, r *http.Request) {
	s.renderOffice(w, r, http.StatusOK, r.URL.Query().Get("do"), NewTerm{}, "", web.FormErrors{})
}

func (s pages) renderOffice(w http.ResponseWriter, r *http.Request, status int, do string, form NewTerm, reason string, wrong web.FormErrors) {
	words := s.site.Printer(r)
	office, err := s.officeOf(r)
	if err = s.kept(r, office, err); err != nil {
		s.site.Error(w, r, err)
		return
	}
	view := deskOfficeView{Crumbs: deskCrumbs(words, office.Title), ID: office.ID, Title: office.Title, Public: office.Path(), Facts: s.officeFacts(words, office), Closed: office.Closed != 0, Form: form, Reason: reason}
	if do == "term" || do == "close" {
		view.Do = do
	}
	view.Errors = wrong.InOrder("holder", "name", "about", "from", "until", "source", "reason")
	view.Acting = []web.Choice{{Value: "1", Label: words.T("officials.term.acting"), Checked: form.Acting}}
	terms, err := termsOf(r.Context(), s.DB.Read(), "where t.office = ? order by t.from_at desc, t.seat limit 600", office.ID)
	if err == nil && do == "term" {
		view.Holders, err = s.people(r.Context(), words, form.Holder)
	}
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	for _, t := range terms {
		view.Terms = append(view.Terms, personLine{Href: deskTermPath(t.ID), Name: t.Name, Note: spanWords(words, t.From, t.Until)})
	}
	s.site.Render(w, r, status, "officials/desk-office", view)
}

func deskTermPath(id int64) string { return "/desk/officials/terms/" + strconv.FormatInt(id, 10) }

// people are those of the register, for a form.
func (o *Officials) people(ctx context.Context, words *locale.Printer, chosen int64) ([]web.Choice, error) {
	var list []struct {
		ID   int64  `bun:"id"`
		Name string `bun:"name"`
	}
	if err := o.DB.Read().NewRaw("select id, name from office_holders order by name, id limit 1000").Scan(ctx, &list); err != nil {
		return nil, fmt.Errorf("people of the register: %w", store.Kind(err))
	}
	out := []web.Choice{{Value: "0", Label: words.T("officials.term.new-person"), Checked: chosen == 0}}
	for _, one := range list {
		out = append(out, web.Choice{Value: strconv.FormatInt(one.ID, 10), Label: one.Name, Checked: one.ID == chosen})
	}
	return out, nil
}

func (s pages) changeOffice(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		s.site.Error(w, r, err)
		return
	}
	office, err := s.officeOf(r)
	if err = s.kept(r, office, err); err != nil {
		s.site.Error(w, r, err)
		return
	}
	v, post := web.ViewerOf(r), r.PostFormValue
	do, form := post("do"), NewTerm{
		Office: office.ID, Holder: web.Number(post("holder")), Name: post("name"), About: post("about"), From: post("from"), Until: post("until"),
		Acting: post("acting") == "1", Source: post("source"), Reason: post("reason"), By: v.Handle,
	}
	next := "/desk" + office.Path()
	switch do {
	case "term":
		var id int64
		if id, err = s.AddTerm(r.Context(), form); err == nil {
			next = deskTermPath(id)
		}
	case "close":
		err = s.CloseOffice(r.Context(), office.ID, form.Reason, v.Handle)
	default:
		err = store.Invalid("do", "officials.do")
	}
	s.finish(w, r, err, "officials.done", func() string { return next }, func(wrong web.FormErrors) {
		s.renderOffice(w, r, http.StatusUnprocessableEntity, do, form, form.Reason, wrong)
	})
}

// deskTermView is a term on the desk, with one form at a time.
type deskTermView struct {
	Crumbs []web.Crumb
	ID     int64
	Name   string
	Public string
	Facts  []web.Fact
	Do     string // which form: "indicator", "round", "say", "end", "link" or none
	Errors web.FormErrors

	Indicator NewIndicator
	Kinds     []web.Choice
	Days      string
	Say       NewReply
	About     []web.Choice
	SayKinds  []web.Choice
	Last      string
	Handle    string
	Reason    string
}

var termForms = []string{"indicator", "round", "say", "end", "link"}

func (s pages) deskTerm(w http.ResponseWriter, r *http.Request) {
	now := s.DB.Now().In(locale.Kyiv())
	year := time.Date(now.Year()-1, 1, 1, 0, 0, 0, 0, now.Location())
	view := deskTermView{Do: r.URL.Query().Get("do"), Days: strconv.Itoa(usualDays), Last: now.Format(dayForm),
		Indicator: NewIndicator{From: year.Format(dayForm), Until: year.AddDate(1, 0, -1).Format(dayForm)}, Say: NewReply{Kind: Said}}
	s.renderTerm(w, r, http.StatusOK, view)
}

func (s pages) renderTerm(w http.ResponseWriter, r *http.Request, status int, view deskTermView) {
	words := s.site.Printer(r)
	t, office, err := s.termOf(r)
	if err = s.kept(r, office, err); err != nil {
		s.site.Error(w, r, err)
		return
	}
	if !slices.Contains(termForms, view.Do) {
		view.Do = ""
	}
	view.Crumbs = []web.Crumb{{Text: words.T("officials.desk.title"), Href: "/desk/officials"}, {Text: office.Title, Href: "/desk" + office.Path()}, {Text: t.Name}}
	view.ID, view.Name, view.Public, view.Facts = t.ID, t.Name, t.Path(), s.termFacts(words, t, office)
	for _, kind := range IndicatorKinds {
		view.Kinds = append(view.Kinds, web.Choice{Value: kind, Label: words.T("officials.indicator." + kind), Checked: view.Indicator.Kind == kind})
	}
	view.SayKinds = sayKinds(words, view.Say.Kind)
	view.Errors = view.Errors.InOrder("kind", "name", "definition", "value", "unit", "baseline", "target", "from", "until", "source", "sourceUrl", "sourceAt", "days", "about", "body", "document", "last", "handle", "reason")
	if view.About, err = s.about(r.Context(), words, t, view.Say); err == nil && view.Do == "link" && view.Handle == "" {
		var a Account
		if a, err = s.account(r.Context(), t); err == nil {
			view.Handle = a.Handle
		}
	}
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	s.site.Render(w, r, status, "officials/desk-term", view)
}

func sayKinds(words *locale.Printer, chosen string) []web.Choice {
	return []web.Choice{
		{Value: Said, Label: words.T("officials.reply.reply"), Hint: words.T("officials.reply.reply.hint"), Checked: chosen == Said},
		{Value: Correction, Label: words.T("officials.reply.correction"), Hint: words.T("officials.reply.correction.hint", "Days", AnswerDays), Checked: chosen == Correction},
	}
}

// about are the things that an official may speak of, as values of a form.
func (s pages) about(ctx context.Context, words *locale.Printer, t *Term, say NewReply) ([]web.Choice, error) {
	out := []web.Choice{{Value: "", Label: words.T("officials.reply.about.all"), Checked: say.Indicator == 0 && say.Round == 0}}
	indicators, err := s.indicatorsOf(ctx, t.ID)
	if err != nil {
		return nil, err
	}
	for _, one := range indicators {
		if one.Replaced == 0 {
			v := indicatorViewOf(words, one)
			out = append(out, web.Choice{Value: "i" + strconv.FormatInt(one.ID, 10), Label: v.Name + ", " + v.Period, Checked: one.ID == say.Indicator})
		}
	}
	rounds, err := s.rounds(ctx, "where term = ? order by id desc limit 40", t.ID)
	for _, one := range rounds {
		out = append(out, web.Choice{Value: "r" + strconv.FormatInt(one.ID, 10), Label: words.T("officials.grades.of", "Quarter", roundName(words, one.Quarter)), Checked: one.ID == say.Round})
	}
	return out, err
}

// readSay reads a reply out of a form.
func readSay(r *http.Request, term int64) NewReply {
	say := NewReply{Term: term, Kind: r.PostFormValue("kind"), Body: r.PostFormValue("body"), Document: r.PostFormValue("document"), Reason: r.PostFormValue("reason")}
	switch about := r.PostFormValue("about"); {
	case strings.HasPrefix(about, "i"):
		say.Indicator = web.Number(about[1:])
	case strings.HasPrefix(about, "r"):
		say.Round = web.Number(about[1:])
	}
	return say
}

func (s pages) changeTerm(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		s.site.Error(w, r, err)
		return
	}
	t, office, err := s.termOf(r)
	if err = s.kept(r, office, err); err != nil {
		s.site.Error(w, r, err)
		return
	}
	ctx, v, post := r.Context(), web.ViewerOf(r), r.PostFormValue
	view := deskTermView{Do: post("do"), Days: post("days"), Last: post("last"), Handle: post("handle"), Reason: post("reason"), Say: readSay(r, t.ID)}
	view.Say.By = v.Handle
	view.Indicator = NewIndicator{
		Term: t.ID, Kind: post("kind"), Name: post("name"), Definition: post("definition"), Unit: post("unit"), Baseline: post("baseline"), Target: post("target"), Value: post("value"),
		From: post("from"), Until: post("until"), Source: post("source"), SourceURL: post("sourceUrl"), SourceAt: post("sourceAt"), Reason: view.Reason, By: v.Handle,
	}
	next, done := t.Path(), "officials.done"
	switch view.Do {
	case "indicator":
		_, err = s.AddIndicator(ctx, view.Indicator)
	case "round":
		var round *Round
		if round, err = s.OpenRound(ctx, t.ID, view.Days, view.Reason, v.Handle); err == nil {
			next, done = round.Path(), "officials.round.done"
		}
	case "say":
		_, err = s.Say(ctx, view.Say)
	case "end":
		err = s.EndTerm(ctx, t.ID, view.Last, view.Reason, v.Handle)
	case "link":
		err = s.Link(ctx, t.ID, view.Handle, view.Reason, v.Handle)
	default:
		err = store.Invalid("do", "officials.do")
	}
	s.finish(w, r, err, done, func() string { return next }, func(wrong web.FormErrors) {
		view.Errors = wrong
		s.renderTerm(w, r, http.StatusUnprocessableEntity, view)
	})
}

// correctionView is a request of an official on the desk.
type correctionView struct {
	Crumbs  []web.Crumb
	ID      int64
	Name    string
	Card    string
	Fix     string // where a corrected indicator is entered
	Request replyView
	Open    bool
	Choices []web.Choice
	Answer  string
	Errors  web.FormErrors
}

func (s pages) correctionOf(r *http.Request) (*Reply, *Term, error) {
	one, err := s.Reply(r.Context(), s.DB.Read(), web.Number(chi.URLParam(r, "reply")))
	if err == nil && one.Kind != Correction {
		err = fmt.Errorf("reply %d asks for nothing: %w", one.ID, store.ErrNotFound)
	}
	if err != nil {
		return nil, nil, err
	}
	t, err := s.Term(r.Context(), s.DB.Read(), one.Term)
	if err != nil {
		return nil, nil, err
	}
	office, err := s.Office(r.Context(), s.DB.Read(), t.Office)
	return one, t, s.kept(r, office, err)
}

func (s pages) deskCorrection(w http.ResponseWriter, r *http.Request) {
	s.renderCorrection(w, r, http.StatusOK, "", "", web.FormErrors{})
}

func (s pages) renderCorrection(w http.ResponseWriter, r *http.Request, status int, chosen, answer string, wrong web.FormErrors) {
	words := s.site.Printer(r)
	one, t, err := s.correctionOf(r)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	indicators, err := s.indicatorsOf(r.Context(), t.ID)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	view := correctionView{Crumbs: deskCrumbs(words, t.Name), ID: one.ID, Name: t.Name, Card: t.Path(), Fix: deskTermPath(t.ID) + "?do=indicator",
		Request: replyViews(words, []Reply{*one}, indicators, nil)[0], Open: one.State == stateOpen, Answer: answer, Errors: wrong}
	for _, state := range []string{stateAccepted, stateRefused} {
		view.Choices = append(view.Choices, web.Choice{Value: state, Label: words.T("officials.decide." + state), Checked: chosen == state})
	}
	s.site.Render(w, r, status, "officials/desk-correction", view)
}

func (s pages) decide(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		s.site.Error(w, r, err)
		return
	}
	one, t, err := s.correctionOf(r)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	chosen, answer := r.PostFormValue("decision"), r.PostFormValue("answer")
	if chosen != stateAccepted && chosen != stateRefused {
		err = store.Invalid("decision", "officials.decide.missing")
	} else {
		err = s.Decide(r.Context(), one.ID, chosen == stateAccepted, answer, web.ViewerOf(r).Handle)
	}
	s.finish(w, r, err, "officials.done", t.Path, func(wrong web.FormErrors) {
		s.renderCorrection(w, r, http.StatusUnprocessableEntity, chosen, answer, wrong)
	})
}

// sayView is the form in which an official replies.
type sayView struct {
	Crumbs []web.Crumb
	Name   string
	Action string
	Say    NewReply
	About  []web.Choice
	Kinds  []web.Choice
	Errors web.FormErrors
}

// speaks holds the form of a reply to the official's own account.
func (s pages) speaks(r *http.Request) (*Term, error) {
	t, _, err := s.termOf(r)
	if err == nil && (t.Account == 0 || t.Account != web.ViewerOf(r).AccountID) {
		err = fmt.Errorf("speak for %d: %w", t.Holder, store.ErrDenied)
	}
	return t, err
}

func (s pages) showReply(w http.ResponseWriter, r *http.Request) {
	s.renderReply(w, r, http.StatusOK, NewReply{Kind: Said}, web.FormErrors{})
}

func (s pages) renderReply(w http.ResponseWriter, r *http.Request, status int, say NewReply, wrong web.FormErrors) {
	words := s.site.Printer(r)
	t, err := s.speaks(r)
	view := sayView{Say: say, Kinds: sayKinds(words, say.Kind), Errors: wrong.InOrder("kind", "about", "body")}
	if err == nil {
		view.Crumbs = []web.Crumb{{Text: words.T("officials.list.title"), Href: "/officials"}, {Text: t.Name, Href: t.Path()}, {Text: words.T("officials.say.title")}}
		view.Name, view.Action = t.Name, t.Path()+"/reply"
		view.About, err = s.about(r.Context(), words, t, say)
	}
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	s.site.Render(w, r, status, "officials/say", view)
}

func (s pages) reply(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		s.site.Error(w, r, err)
		return
	}
	t, err := s.speaks(r)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	v := web.ViewerOf(r)
	say := readSay(r, t.ID)
	say.Account, say.By, say.Document, say.Reason = v.AccountID, v.Handle, "", ""
	_, err = s.Say(r.Context(), say)
	s.finish(w, r, err, "officials.say.done", t.Path, func(wrong web.FormErrors) {
		s.renderReply(w, r, http.StatusUnprocessableEntity, say, wrong)
	})
}
