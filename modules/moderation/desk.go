package moderation

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"viche/actors"
	"viche/internal/locale"
	"viche/internal/markup"
	"viche/internal/store"
	"viche/web"
)

// queueView is the page of reports.
type queueView struct {
	Load    Load
	States  []web.Choice
	Reports []cardView
	Open    bool // the list of those that wait
	Older   string
	First   string
}

// cardView is a report in the list.
type cardView struct {
	ID      string
	Who     string
	By      string
	Posts   string
	Comment string
	Created time.Time
	State   string
	Kind    string
}

func (s pages) showQueue(w http.ResponseWriter, r *http.Request) {
	ctx, words, v := r.Context(), s.site.Printer(r), web.ViewerOf(r)
	asked := r.URL.Query().Get("state")
	states := []string{Open, Done, Refused, "all"}
	if !slices.Contains(states, asked) {
		asked = Open
	}
	state := asked
	if asked == "all" {
		state = ""
	}
	view, after := queueView{Open: asked == Open}, web.Number(r.URL.Query().Get("after"))
	for _, one := range states {
		view.States = append(view.States, web.Choice{Value: one, Label: words.T("moderation.state." + one), Checked: one == asked})
	}
	list, err := s.Reports(ctx, state, v.ActorID, after, pageSize+1)
	if err == nil {
		view.Load, err = s.LoadOf(ctx, v.ActorID)
	}
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	if after > 0 {
		view.First = "/desk/reports?state=" + asked
	}
	if len(list) > pageSize {
		list = list[:pageSize]
		view.Older = "/desk/reports?state=" + asked + "&after=" + strconv.FormatInt(list[pageSize-1].ID, 10)
	}
	if view.Reports, err = s.cards(ctx, words, list); err != nil {
		s.site.Error(w, r, err)
		return
	}
	s.site.Render(w, r, http.StatusOK, "moderation/queue", view)
}

func (s pages) cards(ctx context.Context, words *locale.Printer, list []Report) ([]cardView, error) {
	var ids []int64
	for _, one := range list {
		ids = append(ids, one.About, one.ByActor)
	}
	people, err := s.Book.ByIDs(ctx, s.DB.Read(), ids)
	if err != nil {
		return nil, err
	}
	var cards []cardView
	for _, one := range list {
		reported, err := one.evidence()
		if err != nil {
			return nil, err
		}
		c := cardView{
			ID: strconv.FormatInt(one.ID, 10), Who: people[one.About].Address(), By: reporter(words, people[one.ByActor]),
			Posts: words.T("moderation.posts", "Count", len(reported)), Comment: short(one.Comment, 160), Created: store.Time(one.Created),
			State: words.T("moderation.report." + one.State), Kind: kindOf(one.State),
		}
		cards = append(cards, c)
	}
	return cards, nil
}

func kindOf(state string) string {
	switch state {
	case Open:
		return "warning"
	case Done:
		return "open"
	}
	return "closed"
}

// reporter is all that anybody reads of who reported.
func reporter(words *locale.Printer, by actors.Actor) string {
	switch {
	case by.Local:
		return words.T("moderation.by.resident")
	case by.Host != "":
		return words.T("moderation.by.server", "Host", by.Host)
	}
	return words.T("moderation.by.unknown")
}

func short(text string, max int) string {
	runes := []rune(text)
	if len(runes) <= max {
		return text
	}
	return strings.TrimSpace(string(runes[:max])) + "…"
}

// reportView is the page of one report.
type reportView struct {
	Crumbs    []web.Crumb
	ID        string
	Who       string
	Name      string
	Href      string
	Facts     []web.Fact
	State     string
	StateKind string
	Badges    []string
	Others    string
	Comment   []string
	Evidence  []postView
	Earlier   []lineView
	Decided   []lineView

	Decidable bool
	Staff     bool // an operator has to decide
	Form      *formView
	Preview   *previewView
	Errors    web.FormErrors
}

// postView is a post as it was reported, and what became of it since.
type postView struct {
	ID, Path string
	Title    string
	Warning  string
	Content  template.HTML
	Pictures []pictureView
	More     string // pictures of other servers, in words
	State    string
}

type pictureView struct{ Src, Alt string }

// formView is what the moderator chooses from.
type formView struct {
	Posts     []web.Choice
	OnPosts   []web.Choice
	Warning   string
	OnAccount []web.Choice
	Forward   []web.Choice
	Rules     []web.Choice
	Reason    string
	Refusal   string
}

// previewView says what will happen before it does.
type previewView struct {
	Then     []string
	Author   *letterView
	Reporter *letterView
	Log      []lineView
	Hidden   [][2]string // the form, as it was filled in
}

func (s pages) showReport(w http.ResponseWriter, r *http.Request) {
	s.renderReport(w, r, http.StatusOK, Decision{}, nil, web.FormErrors{})
}

// renderReport shows a report with its form as d fills it in, or with the
// preview of a plan.
func (s pages) renderReport(w http.ResponseWriter, r *http.Request, status int, d Decision, p *plan, wrong web.FormErrors) {
	view, err := s.report(r, d, wrong)
	if err == nil && p != nil {
		view.Preview, view.Form = s.preview(r, *p), nil
	}
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	s.site.Render(w, r, status, "moderation/report", view)
}

func (s pages) report(r *http.Request, d Decision, wrong web.FormErrors) (view reportView, err error) {
	ctx, db, words, v := r.Context(), s.DB.Read(), s.site.Printer(r), web.ViewerOf(r)
	one, err := s.ReportOf(ctx, db, web.Number(chi.URLParam(r, "id")), v.ActorID)
	if err != nil {
		return view, err
	}
	people, err := s.Book.ByIDs(ctx, db, []int64{one.About, one.ByActor})
	if err != nil {
		return view, err
	}
	about := people[one.About]
	view = reportView{
		Crumbs: []web.Crumb{{Text: words.T("moderation.queue.title"), Href: "/desk/reports"}, {Text: about.Address()}},
		ID:     strconv.FormatInt(one.ID, 10), Who: about.Address(), Name: about.Label(), Href: profile(about),
		State: words.T("moderation.report." + one.State), StateKind: kindOf(one.State), Comment: paragraphs(one.Comment), Errors: wrong,
	}
	view.Facts = []web.Fact{
		{Term: words.T("moderation.report.by"), Text: reporter(words, people[one.ByActor])},
		{Term: words.T("moderation.report.when"), Text: words.DateTime(store.Time(one.Created))},
	}
	if !about.Local {
		forwarded := "moderation.report.forwarded.no"
		if one.Forwarded {
			forwarded = "moderation.report.forwarded.yes"
		}
		view.Facts = append(view.Facts, web.Fact{Term: words.T("moderation.report.server"), Text: about.Host},
			web.Fact{Term: words.T("moderation.report.forwarded"), Text: words.T(forwarded)})
	}
	limited, err := isLimited(ctx, db, about.ID)
	if err != nil {
		return view, err
	}
	if about.Suspended {
		view.Badges = append(view.Badges, words.T("moderation.badge.suspended"))
	}
	if limited {
		view.Badges = append(view.Badges, words.T("moderation.badge.limited"))
	}
	if n, err := s.others(ctx, one); err != nil {
		return view, err
	} else if n > 0 {
		view.Others = words.T("moderation.others", "Count", n)
	}
	if view.Evidence, err = s.evidence(ctx, words, one); err != nil {
		return view, err
	}
	if err := s.decisions(ctx, words, one, &view); err != nil {
		return view, err
	}
	if one.State != Open {
		return view, nil
	}
	switch err := s.mayDecide(ctx, db, v, about); {
	case errors.Is(err, errStaff):
		view.Staff = true
	case err != nil:
		return view, err
	default:
		view.Decidable, view.Form = true, s.form(words, one, about, view.Evidence, d)
	}
	return view, nil
}

// profile is the page of an actor on this site.
func profile(a actors.Actor) string {
	if a.Local {
		return "/@" + a.Handle
	}
	return "/@" + a.Handle + "@" + a.Host
}

func paragraphs(text string) (list []string) {
	for _, part := range strings.Split(text, "\n") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

func (s pages) evidence(ctx context.Context, words *locale.Printer, one Report) ([]postView, error) {
	reported, err := one.evidence()
	if err != nil {
		return nil, err
	}
	var list []postView
	for _, e := range reported {
		v := postView{ID: strconv.FormatInt(e.ID, 10), Title: e.Title, Warning: e.Summary, Content: template.HTML(markup.Sanitise(e.Content, false))}
		elsewhere := 0
		for _, pic := range e.Pictures {
			if pic.Name == "" {
				elsewhere++
				continue
			}
			v.Pictures = append(v.Pictures, pictureView{"/media/" + pic.Name, pic.Alt})
		}
		if elsewhere > 0 {
			v.More = words.T("moderation.pictures", "Count", elsewhere)
		}
		post, err := s.PostOf(ctx, s.DB.Read(), e.ID)
		switch {
		case errors.Is(err, store.ErrNotFound) || err == nil && post.Deleted:
			v.State = words.T("moderation.post.deleted")
		case err != nil:
			return nil, err
		case post.Hidden:
			v.State = words.T("moderation.post.hidden")
		case post.Marked:
			v.State, v.Path = words.T("moderation.post.marked"), post.Path
		default:
			v.Path = post.Path
		}
		list = append(list, v)
	}
	return list, nil
}

// decisions are those on this report, and earlier ones about the account.
func (s pages) decisions(ctx context.Context, words *locale.Printer, one Report, view *reportView) error {
	list, err := entries(ctx, s.DB.Read(), "where l.about = ? order by l.id desc limit 50", one.About)
	if err != nil {
		return err
	}
	for _, e := range list {
		v := line(words, e)
		if e.force() {
			v.Href = "/desk/decisions/" + strconv.FormatInt(e.ID, 10)
		}
		if e.Report == one.ID {
			view.Decided = append(view.Decided, v)
		} else {
			view.Earlier = append(view.Earlier, v)
		}
	}
	return nil
}

func (s pages) form(words *locale.Printer, one Report, about actors.Actor, reported []postView, d Decision) *formView {
	f := &formView{Warning: d.Warning, Reason: d.Reason}
	if d.Dismiss {
		f.Reason, f.Refusal = "", d.Reason
	}
	if f.Warning == "" {
		f.Warning = words.T("moderation.warning.usual")
	}
	choose := func(name string, chosen string, values ...string) (list []web.Choice) {
		for _, value := range values {
			key := value
			if key == "" {
				key = "none"
			}
			list = append(list, web.Choice{Value: value, Label: words.T("moderation." + name + "." + key), Hint: words.T("moderation." + name + "." + key + ".hint"), Checked: value == chosen})
		}
		return list
	}
	for i, e := range reported {
		if e.Path == "" {
			continue // gone or hidden
		}
		id := web.Number(e.ID)
		f.Posts = append(f.Posts, web.Choice{Value: e.ID, Label: words.T("moderation.posts.nth", "N", strconv.Itoa(i+1)), Hint: markup.Text(string(e.Content), 80),
			Checked: d.Posts == nil && d.Rule == "" || slices.Contains(d.Posts, id)})
	}
	if len(f.Posts) > 0 {
		f.OnPosts = choose("onposts", d.OnPosts, "", Mark, Hide)
	}
	switch {
	case !about.Local:
		f.OnAccount = choose("onaccount", d.OnAccount, "", Limit, Suspend)
	case about.Kind == actors.Resident || about.Kind == actors.Organisation:
		f.OnAccount = choose("onaccount", d.OnAccount, "", Warn, Limit, Suspend)
	}
	if !about.Local && !one.Forwarded {
		f.Forward = []web.Choice{{Value: "1", Label: words.T("moderation.forward.label", "Host", about.Host), Hint: words.T("moderation.forward.hint"), Checked: d.Forward}}
	}
	for _, rule := range Rules {
		f.Rules = append(f.Rules, web.Choice{Value: rule, Label: ruleName(words, rule), Checked: rule == d.Rule})
	}
	return f
}

func (s pages) preview(r *http.Request, p plan) *previewView {
	words, v := s.site.Printer(r), &previewView{}
	for _, one := range p.measures {
		key := "moderation.then." + one.Act
		if !p.about.Local && (one.Act == Hide || one.Act == Mark || one.Act == Suspend) {
			key += ".elsewhere"
		}
		v.Then = append(v.Then, words.T(key))
		v.Log = append(v.Log, line(words, entry{Act: one.Act, Host: hostOf(p.about), Rule: p.Rule, Reason: p.Reason, Moderator: p.Moderator.Handle, At: store.Millis(s.DB.Now())}))
	}
	if p.holder != nil && !p.Dismiss {
		v.Author = s.authorLetter(p)
	}
	if by, err := s.Book.ByID(r.Context(), s.DB.Read(), p.report.ByActor); err == nil && by.Local {
		// In the moderator's language: the reporter's own says something of them.
		v.Reporter = s.reporterLetter(words.Lang(), p)
	}
	for name, values := range r.PostForm {
		for _, value := range values {
			if name != "do" {
				v.Hidden = append(v.Hidden, [2]string{name, value})
			}
		}
	}
	slices.SortFunc(v.Hidden, func(a, b [2]string) int { return strings.Compare(a[0]+a[1], b[0]+b[1]) })
	return v
}

// typed reads the form.
func typed(r *http.Request) (Decision, error) {
	if err := r.ParseForm(); err != nil {
		return Decision{}, fmt.Errorf("read the form: %w", store.ErrInvalid)
	}
	d := Decision{
		Report: web.Number(chi.URLParam(r, "id")), Moderator: web.ViewerOf(r), Dismiss: r.PostForm.Get("dismiss") != "",
		OnPosts: r.PostForm.Get("onposts"), Warning: r.PostForm.Get("warning"), OnAccount: r.PostForm.Get("onaccount"),
		Forward: r.PostForm.Get("forward") != "", Rule: r.PostForm.Get("rule"), Reason: r.PostForm.Get("reason"),
	}
	if d.Dismiss {
		d.Reason = r.PostForm.Get("refusal")
	}
	for _, id := range r.PostForm["posts"] {
		d.Posts = append(d.Posts, web.Number(id))
	}
	return d, nil
}

// decide shows what a decision comes to, and takes it when that was seen.
func (s pages) decide(w http.ResponseWriter, r *http.Request) {
	d, err := typed(r)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	switch r.PostForm.Get("do") {
	case "edit":
		s.renderReport(w, r, http.StatusOK, d, nil, web.FormErrors{})
		return
	case "preview":
		var p plan
		if p, err = s.plan(r.Context(), s.DB.Read(), d); err == nil {
			s.renderReport(w, r, http.StatusOK, d, &p, web.FormErrors{})
			return
		}
	case "decide":
		err = s.Decide(r.Context(), d)
	default:
		err = fmt.Errorf("no such step: %w", store.ErrInvalid)
	}
	var wrong web.FormErrors
	switch {
	case err == nil:
		s.site.Flash(w, "moderation.decide.done")
		web.Redirect303(w, r, "/desk/reports")
	case wrong.Take(err):
		s.renderReport(w, r, http.StatusUnprocessableEntity, d, nil, wrong)
	case errors.Is(err, store.ErrExists): // somebody else was quicker
		s.site.Flash(w, "moderation.late")
		web.Redirect303(w, r, "/desk/reports/"+strconv.FormatInt(d.Report, 10))
	default:
		s.site.Error(w, r, err)
	}
}
