package primaries

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"viche/internal/locale"
	"viche/internal/store"
	"viche/web"
)

type nominateView struct {
	frameView
	Handle string
	Until  string
	Errors web.FormErrors
}

func (s pages) showNominate(w http.ResponseWriter, r *http.Request) {
	c, err := s.contest(r)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	if c.Phase(s.DB.Now()) != Nomination {
		s.moved(w, r, c.Path(), ErrPhase)
		return
	}
	s.renderNominate(w, r, c, http.StatusOK, "", web.FormErrors{})
}

func (s pages) renderNominate(w http.ResponseWriter, r *http.Request, c *Contest, status int, handle string, wrong web.FormErrors) {
	words := s.site.Printer(r)
	s.site.Render(w, r, status, "primaries/nominate", nominateView{
		frameView: s.frame(words, c, web.Crumb{Text: words.T("primaries.nominate.title")}), Handle: handle, Until: words.DateTime(c.Programme), Errors: wrong,
	})
}

func (s pages) nominate(w http.ResponseWriter, r *http.Request) {
	c, err := s.contest(r)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	handle := ""
	if r.PostFormValue("do") != "self" {
		handle = strings.TrimPrefix(strings.TrimSpace(r.PostFormValue("handle")), "@")
		if handle == "" {
			var wrong web.FormErrors
			wrong.Add("handle", "primaries.missing")
			s.renderNominate(w, r, c, http.StatusUnprocessableEntity, "", wrong)
			return
		}
	}
	v := web.ViewerOf(r)
	n, err := s.Nominate(r.Context(), v, c.ID, handle)
	var wrong web.FormErrors
	switch {
	case err == nil && n.Account == v.AccountID:
		web.Redirect303(w, r, c.Path()+"/mine")
	case err == nil:
		s.site.Flash(w, "primaries.nominate.done")
		web.Redirect303(w, r, c.Path())
	case wrong.TakeAll(err):
		s.renderNominate(w, r, c, http.StatusUnprocessableEntity, handle, wrong)
	default:
		s.moved(w, r, c.Path(), err)
	}
}

// mineView is the page of somebody who was proposed: to agree, to tell, to leave.
type mineView struct {
	frameView
	State    State
	By       string // handle of who proposed the person, if somebody else
	Until    string
	Name     string
	CV       string
	Evidence []linkField
	Plans    []planField
	Answers  []answerField
	Checks   []web.Choice
	Consent  bool // it is asked for
	Errors   web.FormErrors
}

type linkField struct{ N, Text, URL string }

type planField struct {
	N, Text string
	Spheres []web.Choice
}

type answerField struct{ Field, Question, Text string }

func (s pages) showMine(w http.ResponseWriter, r *http.Request) {
	c, err := s.contest(r)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	n, err := one(r.Context(), s.DB.Read(), "contest = ? and account = ?", c.ID, web.ViewerOf(r).AccountID)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	if !s.acts(c, n) {
		s.moved(w, r, c.Path(), ErrPhase)
		return
	}
	s.renderMine(w, r, c, n, http.StatusOK, Form{Name: n.Name, Card: n.Card}, web.FormErrors{})
}

// acts says whether there is something for somebody proposed to do.
func (s pages) acts(c *Contest, n *Nominee) bool {
	if n.State == Asked || n.State == Declined {
		return c.Phase(s.DB.Now()) == Nomination
	}
	return c.before(s.DB.Now()) && (n.State == Checking || n.State == Admitted)
}

func (s pages) renderMine(w http.ResponseWriter, r *http.Request, c *Contest, n *Nominee, status int, f Form, wrong web.FormErrors) {
	words := s.site.Printer(r)
	view := mineView{
		frameView: s.frame(words, c, web.Crumb{Text: words.T("primaries.mine.title")}), State: n.State, Name: f.Name, CV: f.Card.CV,
		Until: words.DateTime(c.Programme), Consent: n.State == Asked || n.State == Declined, Errors: wrong,
	}
	if !view.Consent {
		view.Until = words.DateTime(c.Vote)
	}
	if n.By != n.Account {
		who, err := s.ByID(r.Context(), n.By)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			s.site.Error(w, r, err)
			return
		}
		view.By = who.Handle
	}
	for i := range maxEvidence {
		one := linkField{N: fmt.Sprint(i + 1)}
		if i < len(f.Card.Evidence) {
			one.Text, one.URL = f.Card.Evidence[i].Text, f.Card.Evidence[i].URL
		}
		view.Evidence = append(view.Evidence, one)
	}
	for i := range maxPlans {
		one, chosen := planField{N: fmt.Sprint(i + 1)}, ""
		if i < len(f.Card.Plans) {
			one.Text, chosen = f.Card.Plans[i].Text, f.Card.Plans[i].Sphere
		}
		one.Spheres = s.spheres(words, chosen, words.T("primaries.mine.plan.choose"))
		view.Plans = append(view.Plans, one)
	}
	for i, q := range c.Questions {
		one := answerField{Field: fmt.Sprintf("answer-%d", i+1), Question: q}
		if i < len(f.Card.Answers) {
			one.Text = f.Card.Answers[i]
		}
		view.Answers = append(view.Answers, one)
	}
	for _, check := range Checks {
		view.Checks = append(view.Checks, web.Choice{Value: check, Label: words.T("primaries.check." + check), Checked: slices.Contains(f.Checks, check)})
	}
	s.site.Render(w, r, status, "primaries/mine", view)
}

func readForm(r *http.Request, c *Contest) Form {
	f := Form{Name: r.PostFormValue("name"), Checks: r.PostForm["checks"], Card: Card{CV: r.PostFormValue("cv")}}
	for i := range maxEvidence {
		field := fmt.Sprintf("evidence-%d", i+1)
		f.Card.Evidence = append(f.Card.Evidence, Link{r.PostFormValue(field), r.PostFormValue(field + "-url")})
	}
	for i := range maxPlans {
		field := fmt.Sprintf("plan-%d", i+1)
		f.Card.Plans = append(f.Card.Plans, Plan{r.PostFormValue(field + "-sphere"), r.PostFormValue(field)})
	}
	for i := range c.Questions {
		f.Card.Answers = append(f.Card.Answers, r.PostFormValue(fmt.Sprintf("answer-%d", i+1)))
	}
	return f
}

func (s pages) mine(w http.ResponseWriter, r *http.Request) {
	c, err := s.contest(r)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	v := web.ViewerOf(r)
	f := readForm(r, c)
	done := ""
	switch r.PostFormValue("do") {
	case "agree":
		done, err = "primaries.mine.agreed", s.Agree(r.Context(), v, c.ID, f)
	case "save":
		done, err = "primaries.mine.saved", s.Edit(r.Context(), v, c.ID, f)
	case "leave":
		done, err = "primaries.mine.left", s.Leave(r.Context(), v, c.ID)
	default:
		err = fmt.Errorf("nothing to do: %w", store.ErrInvalid)
	}
	var wrong web.FormErrors
	switch {
	case err == nil:
		s.site.Flash(w, done)
		web.Redirect303(w, r, c.Path())
	case wrong.TakeAll(err):
		n, err := one(r.Context(), s.DB.Read(), "contest = ? and account = ?", c.ID, v.AccountID)
		if err != nil {
			s.site.Error(w, r, err)
			return
		}
		s.renderMine(w, r, c, n, http.StatusUnprocessableEntity, f, wrong)
	default:
		s.moved(w, r, c.Path(), err)
	}
}

func (s pages) ask(w http.ResponseWriter, r *http.Request) {
	c, err := s.contest(r)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	typed := r.PostFormValue("question")
	err = s.Ask(r.Context(), web.ViewerOf(r), c.ID, typed)
	var wrong web.FormErrors
	switch {
	case err == nil:
		s.site.Flash(w, "primaries.ask.done")
		web.Redirect303(w, r, c.Path())
	case wrong.TakeAll(err):
		s.render(w, r, c, http.StatusUnprocessableEntity, typed, wrong)
	default:
		s.moved(w, r, c.Path(), err)
	}
}

// reply answers a question, or takes it down.
func (s pages) reply(w http.ResponseWriter, r *http.Request) {
	c, err := s.contest(r)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	id, v, done := web.Number(chi.URLParam(r, "question")), web.ViewerOf(r), ""
	if r.PostFormValue("do") == "hide" {
		done, err = "primaries.ask.hidden", s.Hide(r.Context(), v, id, r.PostFormValue("reason"))
	} else {
		done, err = "primaries.ask.answered", s.Reply(r.Context(), v, id, r.PostFormValue("answer"))
	}
	var wrong web.FormErrors
	switch {
	case err == nil:
		s.site.Flash(w, done)
		web.Redirect303(w, r, c.Path())
	case wrong.TakeAll(err): // its only field stood empty or held too much
		first := wrong.List()[0]
		s.site.Flash(w, first.Key, first.Args...)
		web.Redirect303(w, r, c.Path())
	default:
		s.moved(w, r, c.Path(), err)
	}
}

// deskView is what waits for a moderator.
type deskView struct {
	Waiting []card
	All     []card
}

const deskSize = 100

func (s pages) desk(w http.ResponseWriter, r *http.Request) {
	ctx, words, v := r.Context(), s.site.Printer(r), web.ViewerOf(r)
	list, _, err := s.List(ctx, Filter{Limit: deskSize})
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	var waiting []int64
	if err := s.DB.Read().NewRaw("select distinct contest from primary_nominees where state = 'checking'").Scan(ctx, &waiting); err != nil {
		s.site.Error(w, r, store.Kind(err))
		return
	}
	var view deskView
	for _, c := range list {
		if !v.Watches(c.Sphere) {
			continue
		}
		one := s.card(words, c)
		one.Href = "/desk" + c.Path()
		if slices.Contains(waiting, c.ID) && c.before(s.DB.Now()) {
			view.Waiting = append(view.Waiting, one)
		} else {
			view.All = append(view.All, one)
		}
	}
	s.site.Render(w, r, http.StatusOK, "primaries/desk", view)
}

// newForm is what somebody typed into the form of a new contest.
type newForm struct {
	Office, Kind, Territory, Sphere, About, Questions string
	Competences                                       []string
	Martial                                           bool
	Nomination, Programme, Vote, Closes               string
}

type newView struct {
	Crumbs      []web.Crumb
	Form        newForm
	Kinds       []web.Choice
	Territories []web.Choice
	Spheres     []web.Choice
	Competences []web.Choice
	More        []web.Choice
	Errors      web.FormErrors
}

func (s pages) showNew(w http.ResponseWriter, r *http.Request) {
	now := s.DB.Now().In(locale.Kyiv())
	at := func(days int) string { return typedTime(today(now.AddDate(0, 0, days)).Add(20 * hour)) }
	form := newForm{
		Kind: "elected", Territory: s.Territory, Martial: true, Competences: Competences,
		Nomination: typedTime(now), Programme: at(21), Vote: at(42), Closes: at(56),
	}
	s.renderNew(w, r, http.StatusOK, form, web.FormErrors{})
}

func (s pages) renderNew(w http.ResponseWriter, r *http.Request, status int, form newForm, wrong web.FormErrors) {
	words, v := s.site.Printer(r), web.ViewerOf(r)
	view := newView{
		Crumbs: []web.Crumb{{Text: words.T("primaries.desk.title"), Href: "/desk/primaries"}, {Text: words.T("primaries.new.title")}}, Form: form, Errors: wrong,
		More: []web.Choice{{Value: "martial", Label: words.T("primaries.new.martial"), Hint: words.T("primaries.banner.martial"), Checked: form.Martial}},
	}
	for _, kind := range []string{"elected", "appointed"} {
		view.Kinds = append(view.Kinds, web.Choice{Value: kind, Label: words.T("primaries.facts.kind." + kind), Checked: form.Kind == kind})
	}
	for _, code := range s.Reach() {
		view.Territories = append(view.Territories, web.Choice{Value: code, Label: s.place(code, words.Lang()), Checked: form.Territory == code})
	}
	for _, one := range s.spheres(words, form.Sphere, words.T("primaries.new.sphere.none")) {
		if v.Watches(one.Value) {
			view.Spheres = append(view.Spheres, one)
		}
	}
	for _, one := range Competences {
		view.Competences = append(view.Competences, web.Choice{Value: one, Label: words.T("primaries.competence." + one), Checked: slices.Contains(form.Competences, one)})
	}
	s.site.Render(w, r, status, "primaries/new", view)
}

func (s pages) announce(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		s.site.Error(w, r, err)
		return
	}
	v := web.ViewerOf(r)
	form := newForm{
		Office: r.PostFormValue("office"), Kind: r.PostFormValue("kind"), Territory: r.PostFormValue("territory"), Sphere: r.PostFormValue("sphere"),
		About: r.PostFormValue("about"), Questions: r.PostFormValue("questions"), Competences: r.PostForm["competences"],
		Martial: slices.Contains(r.PostForm["more"], "martial"), Nomination: r.PostFormValue("nomination"), Programme: r.PostFormValue("programme"),
		Vote: r.PostFormValue("vote"), Closes: r.PostFormValue("closes"),
	}
	var wrong web.FormErrors
	in := NewContest{
		Office: form.Office, Elected: form.Kind == "elected", Territory: form.Territory, Sphere: form.Sphere, About: form.About, Competences: form.Competences,
		Questions: strings.Split(strings.ReplaceAll(form.Questions, "\r\n", "\n"), "\n"), Martial: form.Martial, By: v.Handle,
		Nomination: readTime(&wrong, "nomination", form.Nomination), Programme: readTime(&wrong, "programme", form.Programme),
		Vote: readTime(&wrong, "vote", form.Vote), Closes: readTime(&wrong, "closes", form.Closes),
	}
	if form.Kind != "elected" && form.Kind != "appointed" {
		wrong.Add("kind", "primaries.missing")
	}
	if !v.Watches(form.Sphere) {
		wrong.Add("sphere", "primaries.new.sphere.role")
	}
	if wrong.Any() { // tell what else is wrong in the same go
		if _, err := s.newContest(in, s.DB.Now()); err != nil && !wrong.TakeAll(err) {
			s.site.Error(w, r, err)
			return
		}
		s.renderNew(w, r, http.StatusUnprocessableEntity, form, wrong)
		return
	}
	c, err := s.Announce(r.Context(), in)
	switch {
	case err == nil:
		s.site.Flash(w, "primaries.new.done")
		web.Redirect303(w, r, c.Path())
	case wrong.TakeAll(err):
		s.renderNew(w, r, http.StatusUnprocessableEntity, form, wrong)
	default:
		s.site.Error(w, r, err)
	}
}

// decisionsView is a contest as a moderator works on it.
type decisionsView struct {
	frameView
	Waiting  []decisionView
	Admitted []decisionView
	Decided  []decisionView
	Own      bool // the moderator was proposed in it
	Cancel   bool
	Second   string // why a second round is due, "" while none is
	Closes   string
	Reason   string
	Errors   web.FormErrors
	Of       int64 // whose decision the errors are about
}

type decisionView struct {
	ID               int64
	Name, Handle, By string
	State            string
	CV               []string
	Evidence         []Link
	Plans            []planView
	Checks           []string
	Reason           string
	When             string
}

// watched loads the contest of a decision; whoever may not decide is denied.
func (s pages) watched(r *http.Request) (*Contest, error) {
	c, err := s.contest(r)
	if err == nil && !web.ViewerOf(r).Watches(c.Sphere) {
		err = fmt.Errorf("decide in contest %d: %w", c.ID, store.ErrDenied)
	}
	return c, err
}

func (s pages) showDecisions(w http.ResponseWriter, r *http.Request) {
	c, err := s.watched(r)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	s.renderDecisions(w, r, c, http.StatusOK, 0, web.FormErrors{})
}

func (s pages) renderDecisions(w http.ResponseWriter, r *http.Request, c *Contest, status int, of int64, wrong web.FormErrors) {
	ctx, words, v := r.Context(), s.site.Printer(r), web.ViewerOf(r)
	frame := s.frame(words, c)
	frame.Crumbs = []web.Crumb{{Text: words.T("primaries.desk.title"), Href: "/desk/primaries"}, {Text: c.Office}}
	view := decisionsView{frameView: frame, Errors: wrong, Of: of, Reason: r.PostFormValue("reason"), Closes: r.PostFormValue("closes")}
	// Whoever was asked and has not agreed is shown to nobody.
	list, err := s.Nominees(ctx, s.DB.Read(), c.ID, Checking, Admitted, Refused, Withdrawn)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	for _, n := range list {
		if err := s.veil(ctx, words, n); err != nil {
			s.site.Error(w, r, err)
			return
		}
		one, err := s.decision(r, words, n)
		if err != nil {
			s.site.Error(w, r, err)
			return
		}
		view.Own = view.Own || n.Account == v.AccountID
		switch {
		case n.State == Checking && c.before(s.DB.Now()):
			view.Waiting = append(view.Waiting, one)
		case n.State == Admitted && c.before(s.DB.Now()):
			view.Admitted = append(view.Admitted, one)
		default:
			view.Decided = append(view.Decided, one)
		}
	}
	view.Cancel = c.before(s.DB.Now())
	if first := c.round(1); first != nil && c.round(2) == nil {
		o, err := s.outcomeOf(ctx, c, first, v)
		if err != nil {
			s.site.Error(w, r, err)
			return
		}
		if o.Second {
			view.Second = words.T("primaries.second.why." + o.Why)
			if view.Closes == "" {
				view.Closes = typedTime(today(s.DB.Now().AddDate(0, 0, 14)).Add(20 * hour))
			}
		}
	}
	s.site.Render(w, r, status, "primaries/decisions", view)
}

func (s pages) decision(r *http.Request, words *locale.Printer, n *Nominee) (decisionView, error) {
	one := decisionView{
		ID: n.ID, Name: n.Name, State: words.T("primaries.state." + string(n.State)), CV: web.Paragraphs(n.Card.CV), Evidence: n.Card.Evidence, Reason: n.Reason,
		When: words.DateTime(n.Consented),
	}
	for id, into := range map[int64]*string{n.Account: &one.Handle, n.By: &one.By} {
		who, err := s.ByID(r.Context(), id)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return one, err
		}
		*into = who.Handle
	}
	if n.By == n.Account {
		one.By = ""
	}
	for _, plan := range n.Card.Plans {
		one.Plans = append(one.Plans, planView{words.T("spheres." + plan.Sphere), web.Paragraphs(plan.Text)})
	}
	for _, check := range Checks {
		one.Checks = append(one.Checks, words.T("primaries.check."+check))
	}
	return one, nil
}

func (s pages) decide(w http.ResponseWriter, r *http.Request) {
	c, err := s.watched(r)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	v, reason, nominee := web.ViewerOf(r), r.PostFormValue("reason"), web.Number(r.PostFormValue("nominee"))
	done := ""
	var wrong web.FormErrors
	switch r.PostFormValue("do") {
	case "admit":
		done, err = "primaries.desk.admitted", s.of(r, c, nominee, true, reason)
	case "refuse":
		done, err = "primaries.desk.refused", s.of(r, c, nominee, false, reason)
	case "cancel":
		nominee = 0
		done, err = "primaries.desk.cancelled", s.Cancel(r.Context(), c.ID, reason, v.Handle)
	case "second":
		nominee = 0
		closes := readTime(&wrong, "closes", r.PostFormValue("closes"))
		if !wrong.Any() {
			done, err = "primaries.desk.second", s.OpenSecond(r.Context(), v, c.ID, closes)
		}
	default:
		err = fmt.Errorf("no such decision: %w", store.ErrInvalid)
	}
	switch {
	case wrong.Any(), err != nil && wrong.TakeAll(err):
		s.renderDecisions(w, r, c, http.StatusUnprocessableEntity, nominee, wrong)
	case err == nil:
		s.site.Flash(w, done)
		web.Redirect303(w, r, "/desk"+c.Path())
	case errors.Is(err, ErrNoSecond):
		s.site.Flash(w, "primaries.desk.no-second")
		web.Redirect303(w, r, "/desk"+c.Path())
	case errors.Is(err, store.ErrExists): // somebody else was quicker, or the time is over
		s.moved(w, r, "/desk"+c.Path(), ErrPhase)
	default:
		s.site.Error(w, r, err)
	}
}

// of decides on a nominee of this contest and of no other.
func (s pages) of(r *http.Request, c *Contest, nominee int64, admit bool, reason string) error {
	if _, err := one(r.Context(), s.DB.Read(), "contest = ? and id = ?", c.ID, nominee); err != nil {
		return err
	}
	return s.Decide(r.Context(), web.ViewerOf(r), nominee, admit, reason)
}
