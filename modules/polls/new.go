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
	"viche/internal/method"
	"viche/web"
)

// newForm is what somebody typed into the form of a new poll.
type newForm struct {
	Title, Body, Sphere, Scope, Territory, Results, ClosesAt, Days, AnswerDays string
	Questions                                                                  []newQuestion
}

// newQuestion is one question as it was typed in.
type newQuestion struct {
	Text, Kind, Options, Max, Low, High, Bounds, When string
	Hard                                              bool
}

func readNew(r *http.Request) newForm {
	f := newForm{
		Title: r.PostFormValue("title"), Body: r.PostFormValue("body"),
		Sphere: r.PostFormValue("sphere"), Scope: r.PostFormValue("scope"), Territory: r.PostFormValue("territory"),
		Results: r.PostFormValue("results"), ClosesAt: r.PostFormValue("closesAt"), Days: r.PostFormValue("days"),
		AnswerDays: r.PostFormValue("answerDays"),
	}
	n, err := strconv.Atoi(r.PostFormValue("questions"))
	if err != nil || n < 1 {
		n = 1 // whoever sends the form of one question
	}
	for i := range min(n, MaxQuestions) {
		value := func(part string) string { return r.PostFormValue(named(part, i)) }
		q := newQuestion{
			Text: value("text"), Kind: value("kind"), Options: value("options"), Max: value("max"),
			Low: value("low"), High: value("high"), Bounds: value("bounds"), When: value("when"),
			Hard: slices.Contains(r.PostForm[named("more", i)], "hard"),
		}
		if q.Kind == "" {
			q.Kind = AskOne
		}
		f.Questions = append(f.Questions, q)
	}
	return f
}

// change adds a question, or takes one out; conditions on questions behind it
// move with them. It says whether that was what the button asked for.
func (f *newForm) change(do string) bool {
	if do == "add" {
		if len(f.Questions) < MaxQuestions {
			f.Questions = append(f.Questions, newQuestion{Kind: AskOne, Hard: true})
		}
		return true
	}
	number, found := strings.CutPrefix(do, "remove-")
	n, err := strconv.Atoi(number)
	if !found || err != nil || n < 1 || n > len(f.Questions) || len(f.Questions) == 1 {
		return false
	}
	f.Questions = slices.Delete(f.Questions, n-1, n)
	for i := range f.Questions {
		switch on, option, ok := condition(f.Questions[i].When); {
		case ok && on == n-1:
			f.Questions[i].When = ""
		case ok && on > n-1:
			f.Questions[i].When = fmt.Sprintf("%d:%s", on, option)
		}
	}
	return true
}

// draft is the question that was typed in. wrong gets what cannot be read.
func (q newQuestion) draft(i int, wrong *web.FormErrors) DraftQuestion {
	d := DraftQuestion{
		Text: q.Text, Kind: q.Kind, Low: q.Low, High: q.High, When: q.When, Hard: q.Hard,
		Options: strings.Split(strings.ReplaceAll(q.Options, "\r\n", "\n"), "\n"),
	}
	if text := strings.TrimSpace(q.Max); text != "" && q.Kind == AskSeveral {
		n, err := strconv.Atoi(text)
		if err != nil || n < 2 {
			wrong.Add(named("max", i), "polls.draft.max", "Max", MaxOptions)
			n = 0
		}
		d.Max = n
	}
	if q.Kind == AskNumber {
		for _, text := range strings.FieldsFunc(q.Bounds, func(r rune) bool { return r == ',' || r == ';' || r == '\n' }) {
			n, err := readNumber(text)
			if err != nil {
				wrong.Add(named("bounds", i), "polls.draft.bounds", "Max", maxBounds)
				d.Bounds = []int{0}
				break
			}
			d.Bounds = append(d.Bounds, n)
		}
	}
	return d
}

// draft is the poll that the form asks for. wrong gets what cannot be read.
func (f newForm) draft(now time.Time, initiative bool, wrong *web.FormErrors) Draft {
	d := Draft{Title: f.Title, Body: f.Body, Sphere: f.Sphere, Scope: f.Scope, Territory: f.Territory, Results: f.Results}
	for i, q := range f.Questions {
		d.Questions = append(d.Questions, q.draft(i, wrong))
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
	if text := strings.TrimSpace(f.AnswerDays); text != "" && !initiative {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			wrong.Add("answerDays", "polls.draft.answer-days", "Max", maxAnswerDays)
		}
		d.AnswerDays = n
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
	Questions  []newQuestionView
	More       bool // another question may be added
	Templates  []web.Choice
	Spheres    []web.Choice
	Scopes     []web.Choice // none where there is no choice
	Places     []web.Choice
	Results    []web.Choice
	Preview    *previewView
}

// newQuestionView is one question of the form; names tell its fields from those
// of the others.
type newQuestionView struct {
	newQuestion
	Number             int
	Names              map[string]string
	Several            bool // there are others
	Kinds, More, Whens []web.Choice
	Detailed           bool // what few need is filled in
}

// previewView is the poll as its page will show it.
type previewView struct {
	Title string
	Body  []string
	Asked []askedView
}

var formParts = []string{"text", "kind", "options", "more", "max", "low", "high", "bounds", "when"}

// questionViews prepares the questions of the form.
func questionViews(words *locale.Printer, f newForm) (out []newQuestionView) {
	var wrong web.FormErrors // of no interest: it is told where the form is read
	d := f.draft(time.Time{}, true, &wrong)
	for i := range d.Questions {
		d.Questions[i].tidy()
	}
	for i, q := range f.Questions {
		v := newQuestionView{
			newQuestion: q, Number: i + 1, Several: len(f.Questions) > 1, Names: map[string]string{},
			More:     []web.Choice{{Value: "hard", Label: words.T("polls.new.hard"), Checked: q.Hard}},
			Detailed: q.Max+q.Low+q.High+q.Bounds+q.When != "" || q.Kind != AskOne && q.Kind != AskSeveral && q.Kind != AskRanking,
		}
		for _, part := range formParts {
			v.Names[part] = named(part, i)
		}
		for _, kind := range askKinds {
			v.Kinds = append(v.Kinds, web.Choice{Value: kind, Label: words.T("polls.new.kind." + kind), Hint: words.T("polls.new.kind." + kind + ".hint"), Checked: q.Kind == kind})
		}
		known := q.When == ""
		for n, earlier := range d.Questions[:i] {
			for _, option := range earlier.answers() {
				c := web.Choice{Value: fmt.Sprintf("%d:%s", n+1, option), Label: words.T("polls.new.when.option", "N", n+1, "Option", option)}
				c.Checked = c.Value == q.When
				known = known || c.Checked
				v.Whens = append(v.Whens, c)
			}
		}
		if !known { // what it hung on was changed: the error says so
			v.Whens = append(v.Whens, web.Choice{Value: q.When, Label: q.When, Checked: true})
		}
		out = append(out, v)
	}
	return out
}

// preview is what a draft would look like on its page.
func preview(words *locale.Printer, d Draft) *previewView {
	d.Questions = slices.Clone(d.Questions)
	d.tidy()
	poll := &Poll{Title: d.Title, Body: d.Body, Questions: d.build()}
	return &previewView{Title: d.Title, Body: web.Paragraphs(d.Body), Asked: poll.questions(words, nil)}
}

func (p *Polls) showNew(w http.ResponseWriter, r *http.Request) {
	v := web.ViewerOf(r)
	form := newForm{Days: "14", Results: string(ballot.AfterVote), Sphere: r.URL.Query().Get("sphere"), Questions: []newQuestion{{Kind: AskOne, Hard: true}}}
	if t := templateOf(r.URL.Query().Get("template")); t != nil {
		form.Title, form.Body, form.Questions = t.Title, t.Body, t.Questions
	}
	if opensAny(v) {
		evening := p.DB.Now().In(locale.Kyiv()).AddDate(0, 0, 14)
		form.ClosesAt = time.Date(evening.Year(), evening.Month(), evening.Day(), 20, 0, 0, 0, locale.Kyiv()).Format("2006-01-02T15:04")
	}
	p.renderNew(w, r, http.StatusOK, form, web.FormErrors{}, nil)
}

func (p *Polls) renderNew(w http.ResponseWriter, r *http.Request, status int, form newForm, wrong web.FormErrors, shown *previewView) {
	view, err := p.viewNew(r.Context(), p.site.Printer(r), web.ViewerOf(r), form)
	if err != nil {
		p.site.Error(w, r, err)
		return
	}
	fields := []string{"title", "body"}
	for i := range form.Questions {
		for _, part := range formParts {
			fields = append(fields, named(part, i))
		}
	}
	view.Errors = wrong.InOrder(append(fields, "sphere", "scope", "territory", "days", "results", "closesAt", "answerDays")...)
	view.Preview = shown
	p.site.Render(w, r, status, "polls/new", view)
}

func (p *Polls) viewNew(ctx context.Context, words *locale.Printer, v *web.Viewer, form newForm) (newView, error) {
	view := newView{
		Form: form, Initiative: !opensAny(v), Questions: questionViews(words, form), More: len(form.Questions) < MaxQuestions,
		Results: []web.Choice{
			{Value: string(ballot.AfterVote), Label: words.T("polls.new.results.after-vote"), Hint: words.T("polls.new.results.after-vote.hint"), Checked: form.Results != string(ballot.AfterClose)},
			{Value: string(ballot.AfterClose), Label: words.T("polls.new.results.after-close"), Hint: words.T("polls.new.results.after-close.hint"), Checked: form.Results == string(ballot.AfterClose)}},
	}
	for _, t := range readyDrafts {
		view.Templates = append(view.Templates, web.Choice{Value: t.ID, Label: words.T("polls.ready." + t.ID)})
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
	view.Need = words.T("polls.initiate.need", "Count", method.Supporters(residents))
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
	do := r.PostFormValue("do")
	if form.change(do) {
		p.renderNew(w, r, http.StatusOK, form, wrong, nil)
		return
	}
	draft := form.draft(p.DB.Now(), initiative, &wrong)
	if do == "preview" {
		p.preview(w, r, form, draft, initiative, wrong)
		return
	}
	poll, err := p.propose(r.Context(), v, draft, initiative, &wrong)
	var denied *Denied
	switch {
	case errors.As(err, &denied):
		p.renderNew(w, r, http.StatusForbidden, form, wrong, nil)
	case err != nil && !wrong.TakeAll(err):
		p.site.Error(w, r, fmt.Errorf("new poll: %w", err))
	case wrong.Any():
		p.renderNew(w, r, http.StatusUnprocessableEntity, form, wrong, nil)
	case initiative:
		p.site.Flash(w, "polls.initiate.done", "Need", poll.Need)
		web.Redirect303(w, r, "/polls/"+poll.PollID)
	default:
		p.site.Flash(w, "polls.new.done")
		web.Redirect303(w, r, "/polls/"+poll.PollID)
	}
}

// preview shows the form again, above it the poll as it would be, and what is
// still wrong.
func (p *Polls) preview(w http.ResponseWriter, r *http.Request, form newForm, d Draft, initiative bool, wrong web.FormErrors) {
	shown, status := preview(p.site.Printer(r), d), http.StatusOK
	if err := p.checkNew(web.ViewerOf(r), d, initiative, &wrong); err != nil && !wrong.TakeAll(err) {
		p.site.Error(w, r, fmt.Errorf("preview of a poll: %w", err))
		return
	}
	if wrong.Any() {
		status = http.StatusUnprocessableEntity
	}
	p.renderNew(w, r, status, form, wrong, shown)
}

// checkNew says what is wrong with a draft without opening anything.
func (p *Polls) checkNew(v *web.Viewer, d Draft, initiative bool, wrong *web.FormErrors) error {
	if !initiative && p.OpenSphere(d.Sphere) && !opens(v, d.Sphere) {
		wrong.Add("sphere", "polls.draft.sphere.role")
	}
	if p.Coordinator && d.Scope == "" {
		d.Scope = string(National)
	}
	if initiative {
		d.Scope, d.Territory = string(City), p.Territory
	}
	d.Questions = slices.Clone(d.Questions)
	d.tidy()
	return p.check(&d, p.DB.Now())
}

// propose runs the command, unless something could not be read: then it only
// says what else is wrong.
func (p *Polls) propose(ctx context.Context, v *web.Viewer, d Draft, initiative bool, wrong *web.FormErrors) (*Poll, error) {
	if !initiative && p.OpenSphere(d.Sphere) && !opens(v, d.Sphere) {
		wrong.Add("sphere", "polls.draft.sphere.role")
	}
	if wrong.Any() {
		return nil, p.checkNew(v, d, initiative, wrong)
	}
	if p.Coordinator && d.Scope == "" {
		d.Scope = string(National)
	}
	d.By = v.Handle
	if initiative {
		return p.Initiate(ctx, v, d)
	}
	return p.OpenPoll(ctx, d)
}
