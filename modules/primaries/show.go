package primaries

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"

	"viche/internal/locale"
	"viche/internal/store"
	"viche/web"
)

// frameView is what every page of a contest begins with.
type frameView struct {
	ID     int64
	Path   string
	Office string
	Crumbs []web.Crumb
	Badge  badge
	Banner bannerView
}

// bannerView says what primaries are and what they are not.
type bannerView struct {
	Text    string
	Martial string // the line on martial law, "" where it is not set
}

func (s pages) frame(words *locale.Printer, c *Contest, further ...web.Crumb) frameView {
	f := frameView{ID: c.ID, Path: c.Path(), Office: c.Office, Badge: badgeOf(words, c.Phase(s.DB.Now())), Banner: bannerView{Text: words.T("primaries.banner")}}
	if c.Martial {
		f.Banner.Martial = words.T("primaries.banner.martial")
	}
	f.Crumbs = []web.Crumb{{Text: words.T("primaries.title"), Href: "/primaries"}, {Text: c.Office}}
	if len(further) > 0 {
		f.Crumbs[1].Href = c.Path()
		f.Crumbs = append(f.Crumbs, further...)
	}
	return f
}

type showView struct {
	frameView
	Cancelled    string
	About        []string
	Steps        []web.Step
	Facts        []web.Fact
	Assessed     []string
	Callouts     []callout
	Nominate     bool
	Participants []personCard
	None         string // why there is nobody to show
	Questions    []sameQuestion
	Enquiries    []enquiryView
	AskForm      bool
	Own          *ownView
	Outcomes     []outcomeView
	Desk         string
	Errors       web.FormErrors
	Typed        string // a question that could not be taken
}

type personCard struct{ Href, Name, Handle, Lead string }

// sameQuestion is a question of the questionnaire with everybody's answer.
type sameQuestion struct {
	Text    string
	Answers []saidBy
}

type saidBy struct {
	Name string
	Text []string // none: did not answer
}

type enquiryView struct {
	ID      int64
	Asker   string // handle, "" once the account is gone
	At      time.Time
	Body    []string
	Hidden  string
	Answers []saidBy
	Reply   bool // the viewer is a participant and may answer
	Mine    string
	Hide    bool
}

// ownView is the viewer's own sheet, as far as the page tells.
type ownView struct {
	Change string // address of the sheet, "" once it can't be changed
	Until  string
	Hidden bool
}

func (s pages) show(w http.ResponseWriter, r *http.Request) {
	c, err := s.contest(r)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	s.render(w, r, c, http.StatusOK, "", web.FormErrors{})
}

// render shows a contest; typed and wrong are of a question that could not be
// taken.
func (s pages) render(w http.ResponseWriter, r *http.Request, c *Contest, status int, typed string, wrong web.FormErrors) {
	view, err := s.view(r, c)
	if err != nil {
		s.site.Error(w, r, fmt.Errorf("page of contest %d: %w", c.ID, err))
		return
	}
	view.Typed, view.Errors = typed, wrong
	s.site.Render(w, r, status, "primaries/show", view)
}

func (s pages) view(r *http.Request, c *Contest) (showView, error) {
	ctx, words, v := r.Context(), s.site.Printer(r), web.ViewerOf(r)
	now := s.DB.Now()
	phase := c.Phase(now)
	view := showView{
		frameView: s.frame(words, c), Cancelled: c.Cancelled, About: web.Paragraphs(c.About), Steps: s.steps(words, c), Facts: s.facts(words, c),
		Nominate: phase == Nomination, AskForm: c.asks(now) && v != nil,
	}
	for _, what := range c.sheet() {
		view.Assessed = append(view.Assessed, words.T("primaries.competence."+what))
	}
	if v.Watches(c.Sphere) {
		view.Desk = "/desk" + c.Path()
	}
	people, err := s.participants(ctx, words, c.ID)
	if err != nil {
		return view, err
	}
	people = shuffled(c.Seed, s.viewerKey(r), people)
	for _, n := range people {
		one, err := s.personCard(ctx, n)
		if err != nil {
			return view, err
		}
		view.Participants = append(view.Participants, one)
	}
	if len(people) == 0 {
		view.None = words.T("primaries.none." + map[bool]string{true: "yet", false: "at-all"}[phase == Announced || phase == Nomination || phase == Programme])
	}
	if view.Callouts, err = s.callouts(ctx, words, v, c); err != nil {
		return view, err
	}
	view.Questions = sameQuestions(c, people)
	if view.Enquiries, err = s.enquiries(ctx, v, c, people); err != nil {
		return view, err
	}
	if cur := c.current(now); cur != nil {
		if err := s.invite(ctx, words, v, c, cur, &view); err != nil {
			return view, err
		}
	}
	for i := len(c.Rounds) - 1; i >= 0; i-- { // the newest result first
		if o, err := s.outcomeView(ctx, words, v, c, &c.Rounds[i], people); err != nil {
			return view, err
		} else if o != nil {
			view.Outcomes = append(view.Outcomes, *o)
		}
	}
	return view, nil
}

func (s pages) personCard(ctx context.Context, n *Nominee) (personCard, error) {
	one := personCard{Href: n.Path(), Name: n.Name}
	if lead := web.Paragraphs(n.Card.CV); len(lead) > 0 {
		one.Lead = lead[0]
	}
	who, err := s.ByID(ctx, n.Account)
	if errors.Is(err, store.ErrNotFound) {
		return one, nil
	}
	one.Handle = who.Handle
	return one, err
}

// steps are the calendar.
func (s pages) steps(words *locale.Printer, c *Contest) (out []web.Step) {
	now := s.DB.Now()
	step := func(name string, from, until time.Time) {
		state := "todo"
		switch {
		case c.Cancelled != "":
		case !now.Before(until):
			state = "done"
		case !now.Before(from):
			state = "current"
		}
		out = append(out, web.Step{Title: words.T("primaries.step." + name), Text: words.T("primaries.step.dates", "From", words.DateTime(from), "Until", words.DateTime(until)), State: state})
	}
	step("nomination", c.Nomination, c.Programme)
	step("programme", c.Programme, c.Vote)
	step("vote", c.Vote, c.Closes)
	if r := c.round(2); r != nil {
		step("second", r.Opens, r.Closes)
	}
	return out
}

func (s pages) facts(words *locale.Printer, c *Contest) []web.Fact {
	kind := "appointed"
	if c.Elected {
		kind = "elected"
	}
	facts := []web.Fact{
		{Term: words.T("primaries.facts.kind"), Text: words.T("primaries.facts.kind." + kind)},
		{Term: words.T("primaries.facts.territory"), Text: s.place(c.Territory, words.Lang())},
	}
	if c.Sphere != "" {
		facts = append(facts, web.Fact{Term: words.T("primaries.facts.sphere"), Text: words.T("spheres." + c.Sphere), Href: "/@" + c.Sphere})
	}
	return append(facts,
		web.Fact{Term: words.T("primaries.facts.who"), Text: words.T("primaries.facts.who.text", "Territory", s.place(s.Territory, words.Lang()))},
		web.Fact{Term: words.T("primaries.facts.results"), Text: words.T("primaries.facts.results.text")},
		web.Fact{Term: words.T("primaries.facts.least"), Text: words.T("primaries.facts.least.text", "Grades", leastGrades, "Share", leastShare)})
}

// callouts are what the viewer has to do with the contest as somebody proposed.
func (s pages) callouts(ctx context.Context, words *locale.Printer, v *web.Viewer, c *Contest) ([]callout, error) {
	if v == nil || c.Cancelled != "" {
		return nil, nil
	}
	n, err := one(ctx, s.DB.Read(), "contest = ? and account = ?", c.ID, v.AccountID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	phase := c.Phase(s.DB.Now())
	switch {
	case n.State == Asked && phase == Nomination:
		return []callout{invitation(words, c)}, nil
	case n.State == Checking, n.State == Admitted, n.State == Refused, n.State == Withdrawn:
		one := callout{Kind: "info", Title: words.T("primaries.mine.state." + string(n.State)), Text: n.Reason}
		if c.before(s.DB.Now()) && (n.State == Checking || n.State == Admitted) {
			one.Href, one.Action = c.Path()+"/mine", words.T("primaries.mine.edit")
		}
		return []callout{one}, nil
	}
	return nil, nil
}

// invite puts on the page how the viewer stands to a round that takes grades.
func (s pages) invite(ctx context.Context, words *locale.Printer, v *web.Viewer, c *Contest, r *Round, view *showView) error {
	stand, err := s.StandOf(ctx, r.Poll, v)
	if err != nil {
		return err
	}
	sheet, until := c.Path()+"/ballot", words.DateTime(r.Closes)
	switch {
	case stand.Voted:
		view.Own = &ownView{Until: words.T("primaries.own.until", "Date", until), Hidden: stand.Hidden}
		if stand.CanVote {
			view.Own.Change = sheet
		}
	case stand.CanVote:
		view.Callouts = append(view.Callouts, callout{Kind: "info", Title: words.T("primaries.vote.open"), Text: words.T("primaries.vote.open.text", "Date", until), Href: sheet, Action: words.T("primaries.vote.begin")})
	default:
		view.Callouts = append(view.Callouts, why(words, stand.Reason, sheet))
	}
	return nil
}

// why is the callout for why somebody cannot give grades, with the way out.
func why(words *locale.Printer, reason, back string) callout {
	c := callout{Kind: "info", Title: words.T("primaries.why." + reason + ".title"), Text: words.T("primaries.why." + reason + ".text")}
	switch reason {
	case SignIn:
		c.Href, c.Action = "/sign-in?next="+url.QueryEscape(back), words.T("web.sign-in")
	case "not-verified":
		c.Href, c.Action = "/verify", words.T("primaries.why.verify")
	}
	return c
}

func sameQuestions(c *Contest, people []*Nominee) (out []sameQuestion) {
	if len(people) == 0 {
		return nil
	}
	for i, text := range c.Questions {
		q := sameQuestion{Text: text}
		for _, n := range people {
			said := saidBy{Name: n.Name}
			if i < len(n.Card.Answers) {
				said.Text = web.Paragraphs(n.Card.Answers[i])
			}
			q.Answers = append(q.Answers, said)
		}
		out = append(out, q)
	}
	return out
}

func (s pages) enquiries(ctx context.Context, v *web.Viewer, c *Contest, people []*Nominee) (out []enquiryView, err error) {
	list, err := s.Enquiries(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	names := map[int64]string{}
	for _, e := range list {
		one := enquiryView{ID: e.ID, At: e.At, Hidden: e.Hidden}
		if e.Hidden == "" {
			one.Body = web.Paragraphs(e.Body)
			if _, known := names[e.Account]; !known {
				who, err := s.ByID(ctx, e.Account)
				if err != nil && !errors.Is(err, store.ErrNotFound) {
					return nil, err
				}
				names[e.Account] = who.Handle
			}
			one.Asker = names[e.Account]
			one.Hide = v.Watches(c.Sphere)
			for _, n := range people {
				one.Answers = append(one.Answers, saidBy{n.Name, web.Paragraphs(e.Answers[n.ID])})
				if v != nil && n.Account == v.AccountID && c.asks(s.DB.Now()) {
					one.Reply, one.Mine = true, e.Answers[n.ID]
				}
			}
		}
		out = append(out, one)
	}
	return out, nil
}

// outcomeView is a round's result in words and numbers.
type outcomeView struct {
	Number  int
	Title   string
	State   OutcomeState
	Lead    string
	Turnout string
	Why     string // why a second round is due
	Ranked  []rankedView
	Few     []string
}

type rankedView struct {
	Place      int
	Name, Href string
	Median     string
	Good       string
	N          string
	Bars       web.Bars
	Profile    []profileRow
	Told       string // caption of the profile
}

type profileRow struct{ What, Median, Good, N string }

func (s pages) outcomeView(ctx context.Context, words *locale.Printer, v *web.Viewer, c *Contest, r *Round, people []*Nominee) (*outcomeView, error) {
	o, err := s.outcomeOf(ctx, c, r, v)
	if err != nil || o.State == NotYet {
		return nil, err
	}
	view := &outcomeView{Number: r.Number, Title: words.T("primaries.result.title"), State: o.State}
	if r.Number == 2 {
		view.Title = words.T("primaries.result.second")
	}
	if o.State != Shown {
		view.Lead = words.T("primaries.result." + string(o.State))
		return view, nil
	}
	names := map[int64]*Nominee{}
	for _, n := range people {
		names[n.ID] = n
	}
	view.Turnout = words.T("primaries.result.turnout", "Ballots", o.Ballots, "Register", o.Register, "Share", words.Percent(o.Ballots, o.Register))
	for _, one := range o.Ranked {
		view.Ranked = append(view.Ranked, s.ranked(words, c, names[one.Nominee], one))
	}
	for _, id := range o.Few {
		view.Few = append(view.Few, names[id].Name)
	}
	switch {
	case len(o.Ranked) == 0:
		view.Lead = words.T("primaries.result.none", "Grades", leastGrades, "Share", leastShare)
	case len(o.Ranked) > 1 && o.Ranked[1].Place == 1:
		view.Lead = words.T("primaries.result.tie")
	default:
		view.Lead = words.T("primaries.result.lead", "Name", names[o.Ranked[0].Nominee].Name, "Grade", words.T("primaries.grade."+Grades[o.Ranked[0].Overall.Median]))
	}
	if o.Second {
		view.Why = words.T("primaries.second.why." + o.Why)
	}
	return view, nil
}

func (s pages) ranked(words *locale.Printer, c *Contest, n *Nominee, one Standing) rankedView {
	view := rankedView{Place: one.Place, Name: n.Name, Href: n.Path(), Told: words.T("primaries.result.profile", "Name", n.Name)}
	view.Median, view.Good, view.N = told(words, one.Overall)
	view.Bars = web.Bars{
		Caption: words.T("primaries.result.bars", "Name", n.Name), Column: words.T("primaries.result.grade"), Base: one.Overall.N, Note: words.T("primaries.result.base"),
	}
	for i, count := range one.Overall.Grades {
		view.Bars.Rows = append(view.Bars.Rows, web.Bar{Label: words.T("primaries.grade." + Grades[i]), Count: count})
	}
	for _, what := range c.Competences {
		row := profileRow{What: words.T("primaries.competence." + what)}
		row.Median, row.Good, row.N = told(words, one.ByQuality[what])
		view.Profile = append(view.Profile, row)
	}
	return view
}

// told is a profile in words: the median, the share of good grades with its
// interval, and of how many.
func told(words *locale.Printer, p Profile) (median, share, n string) {
	if p.Few {
		return words.T("primaries.result.few"), "", ""
	}
	whole := func(x float64) int { return int(math.Round(100 * x)) }
	return words.T("primaries.grade." + Grades[p.Median]),
		words.T("primaries.result.good", "Share", words.Percent(p.Good, p.N), "Low", whole(p.Low), "High", whole(p.High)),
		words.Number(p.N)
}

// participantView is the page of one participant.
type participantView struct {
	frameView
	Name, Handle string
	CV           []string
	Evidence     []Link
	Plans        []planView
	Answers      []answerView
	Checks       []string
	Consented    string
}

type planView struct {
	Sphere string
	Text   []string
}

type answerView struct {
	Question string
	Text     []string
}

func (s pages) showParticipant(w http.ResponseWriter, r *http.Request) {
	c, err := s.contest(r)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	words, ctx := s.site.Printer(r), r.Context()
	n, err := one(ctx, s.DB.Read(), "contest = ? and id = ? and state = 'admitted'", c.ID, web.Number(chi.URLParam(r, "nominee")))
	if err == nil {
		err = s.veil(ctx, words, n)
	}
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	who, err := s.personCard(ctx, n)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	view := participantView{
		frameView: s.frame(words, c, web.Crumb{Text: n.Name}), Name: n.Name, Handle: who.Handle, CV: web.Paragraphs(n.Card.CV), Evidence: n.Card.Evidence,
		Consented: words.T("primaries.participant.consented", "Date", words.Date(n.Consented)),
	}
	if n.Gone {
		s.site.Render(w, r, http.StatusOK, "primaries/participant", view)
		return
	}
	for _, plan := range n.Card.Plans {
		view.Plans = append(view.Plans, planView{words.T("spheres." + plan.Sphere), web.Paragraphs(plan.Text)})
	}
	for i, q := range c.Questions {
		a := answerView{Question: q}
		if i < len(n.Card.Answers) {
			a.Text = web.Paragraphs(n.Card.Answers[i])
		}
		view.Answers = append(view.Answers, a)
	}
	for _, check := range Checks {
		view.Checks = append(view.Checks, words.T("primaries.check."+check))
	}
	s.site.Render(w, r, http.StatusOK, "primaries/participant", view)
}
