package ideas

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"viche/internal/locale"
	"viche/internal/store"
	"viche/web"
)

// showView is the page of one idea.
type showView struct {
	ID, Path string
	Title    string
	Crumbs   []web.Crumb
	Badge    badge
	Problem  []string
	Solution []string
	Facts    []web.Fact
	Author   string // handle
	Origin   *origin
	Pictures []pictureView
	Object   string // the ActivityPub id of its post
	Address  string // to pass on
	Feed     string

	Hidden   bool // its text is out of the viewer's sight
	Callout  *callout
	Steps    []stepView
	Support  *supportView
	For      []argumentView
	Against  []argumentView
	Argue    bool // the viewer may add arguments
	Removes  bool // and take others' out of sight
	Texts    map[string]string
	Errors   web.FormErrors
	Rating   *ratingView
	Echo     *echoView
	Adopt    []web.Crumb // other cities' forms, filled in
	Letters  []web.Crumb // documents that it can become
	Decide   string      // address at which the viewer may decide on it
	Withdraw bool        // the viewer may take it back
}

type origin struct{ URL, Host string }

type pictureView struct {
	URL, Small, Alt string
	Width, Height   int
}

type stepView struct {
	Title, Who, By string // By is a handle
	Reason         []string
	At             time.Time
}

type supportView struct {
	Progress string
	Against  string
	Have     int // for the bar: never more than Need
	Need     int
	Bar      web.Bars
	Until    string
	Can      bool
	For      bool // the viewer is
	Opposed  bool
	Back     bool // the viewer may step back
	Callout  *callout
}

type argumentView struct {
	ID      string
	By      string // handle, "" for somebody who has left
	Text    []string
	At      time.Time
	Removed string
	Own     bool
}

type echoView struct{ Path, Likes, Answers string }

func (d *Ideas) show(w http.ResponseWriter, r *http.Request) {
	one, err := d.asked(r)
	if err != nil {
		d.site.Error(w, r, err)
		return
	}
	d.render(w, r, one, http.StatusOK, nil, web.FormErrors{})
}

// render shows an idea as the viewer may see it, with what was typed into a form
// that was refused.
func (d *Ideas) render(w http.ResponseWriter, r *http.Request, one *Idea, status int, typed map[string]string, wrong web.FormErrors) {
	view, err := d.view(r.Context(), d.site.Printer(r), web.ViewerOf(r), one)
	if err != nil {
		d.site.Error(w, r, fmt.Errorf("page of idea %d: %w", one.ID, err))
		return
	}
	if web.Negotiate(r) == web.ActivityPub && view.Object != "" {
		w.Header().Add("Vary", "Accept")
		http.Redirect(w, r, view.Object, http.StatusFound)
		return
	}
	view.Errors, view.Texts = wrong, typed
	if view.Rating != nil {
		view.Rating.choose(typed)
		view.Rating.Errors = wrong
	}
	d.site.Render(w, r, status, "ideas/show", view)
}

// sees says whether a viewer may read an idea that was hidden.
func sees(v *web.Viewer, one *Idea) bool {
	return !one.Hidden || v.Watches(one.Sphere) || v != nil && v.AccountID == one.Author
}

// frame is what every page about an idea shows of it.
func (d *Ideas) frame(ctx context.Context, words *locale.Printer, v *web.Viewer, one *Idea) (showView, error) {
	view := showView{
		ID: strconv.FormatInt(one.ID, 10), Path: one.Path(), Title: one.Title, Badge: stateBadge(words, one.State), Address: d.URL(one), Feed: "/ideas/feed.atom?sphere=" + one.Sphere,
		Crumbs: []web.Crumb{{Text: words.T("ideas.title"), Href: "/ideas"}, {Text: words.T("spheres." + one.Sphere), Href: "/ideas?sphere=" + one.Sphere}},
		Hidden: !sees(v, one),
	}
	if view.Hidden {
		view.Title = words.T("ideas.hidden.title")
		return view, nil
	}
	view.Problem, view.Solution = strings.Split(one.Problem, "\n"), strings.Split(one.Solution, "\n")
	view.Facts = d.facts(words, one)
	if one.Origin != "" {
		if u, err := url.Parse(one.Origin); err == nil {
			view.Origin = &origin{one.Origin, u.Host}
		}
	}
	var err error
	if view.Author, err = d.handle(ctx, one.Author); err != nil {
		return view, err
	}
	pictures, err := d.picturesOf(ctx, one.ID)
	for _, p := range pictures {
		view.Pictures = append(view.Pictures, pictureView{"/media/" + p.Name, "/media/" + p.Name + "?size=small", p.Alt, p.Width, p.Height})
	}
	return view, err
}

// handle is how somebody is called, "" for who has left.
func (d *Ideas) handle(ctx context.Context, account int64) (string, error) {
	handle, err := d.Author(ctx, account)
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	return handle, err
}

func (d *Ideas) facts(words *locale.Printer, one *Idea) []web.Fact {
	facts := []web.Fact{
		{Term: words.T("ideas.facts.sphere"), Text: words.T("spheres." + one.Sphere), Href: "/@" + one.Sphere},
		{Term: words.T("ideas.facts.territory"), Text: d.place(one.Territory, words.Lang()), Href: "/ideas?territory=" + one.Territory},
	}
	if one.Place != "" {
		facts = append(facts, web.Fact{Term: words.T("ideas.facts.place"), Text: one.Place})
	}
	if one.Cost != "" {
		facts = append(facts, web.Fact{Term: words.T("ideas.facts.cost"), Text: one.Cost})
	}
	facts = append(facts, web.Fact{Term: words.T("ideas.facts.created"), Text: words.Date(store.Time(one.Created))})
	if one.Need > 0 {
		facts = append(facts, web.Fact{Term: words.T("ideas.facts.need"), Text: words.Number(one.Need)})
	}
	return facts
}

func (d *Ideas) view(ctx context.Context, words *locale.Printer, v *web.Viewer, one *Idea) (showView, error) {
	view, err := d.frame(ctx, words, v, one)
	if err != nil {
		return view, err
	}
	if err := d.steps(ctx, words, one, &view); err != nil {
		return view, err
	}
	view.Callout = d.standing(words, one)
	if v != nil && one.Author != v.AccountID && (one.State == Submitted && v.Watches(one.Sphere) || len(next[one.State]) > 0 && answers(v, one.Sphere)) {
		view.Decide = "/desk" + one.Path()
	}
	view.Withdraw = v != nil && one.Author == v.AccountID && one.State == Submitted
	if view.Hidden || one.BoxID == "" { // it never gathered
		return view, nil
	}
	if err := d.supporting(ctx, words, v, one, &view); err != nil {
		return view, err
	}
	if err := d.arguments(ctx, v, one, &view); err != nil {
		return view, err
	}
	if err := d.rating(ctx, words, v, one, &view); err != nil {
		return view, err
	}
	if err := d.echo(ctx, words, one, &view); err != nil {
		return view, err
	}
	view.Removes = v.Watches(one.Sphere)
	if slices.Contains([]State{Answering, Accepted, Working}, one.State) {
		for _, kind := range letterKinds {
			view.Letters = append(view.Letters, web.Crumb{Text: words.T("ideas.letter." + kind), Href: one.Path() + "/letter?kind=" + kind})
		}
	}
	return view, d.adoption(ctx, words, one, &view)
}

func (d *Ideas) steps(ctx context.Context, words *locale.Printer, one *Idea, view *showView) error {
	list, err := d.Steps(ctx, one.ID)
	if err != nil {
		return err
	}
	for _, s := range list {
		sv := stepView{Title: words.T("ideas.step." + string(s.Stage)), By: s.By, At: store.Time(s.At)}
		if s.Role != clock {
			sv.Who = words.T("ideas.role." + s.Role)
		}
		if s.Reason != "" {
			sv.Reason = strings.Split(s.Reason, "\n")
		}
		view.Steps = append(view.Steps, sv)
	}
	return nil
}

// standing is the callout that says where an idea stands, where that needs
// saying: the public clock of the answer among them.
func (d *Ideas) standing(words *locale.Printer, one *Idea) *callout {
	now := d.DB.Now()
	switch one.State {
	case Submitted:
		return &callout{Kind: "info", Title: words.T("ideas.standing.new.title"), Text: words.T("ideas.standing.new.text", "Date", words.Date(store.Time(one.Created).Add(checkWithin)))}
	case Answering:
		due := store.Time(one.AnswerDue)
		if now.After(due) {
			return &callout{Kind: "danger", Title: words.T("ideas.standing.late.title", "Count", days(now.Sub(due))), Text: words.T("ideas.standing.late.text", "Date", words.Date(due))}
		}
		return &callout{Kind: "warning", Title: words.T("ideas.standing.answering.title", "Count", days(due.Sub(now))), Text: words.T("ideas.standing.answering.text", "Date", words.Date(due))}
	case Merged:
		return &callout{Kind: "info", Title: words.T("ideas.standing.merged.title"), Text: words.T("ideas.standing.merged.text"), Href: "/ideas/" + strconv.FormatInt(one.MergedInto, 10), Action: words.T("ideas.standing.merged.action")}
	case Refused:
		if one.Hidden {
			return &callout{Kind: "warning", Title: words.T("ideas.standing.hidden.title"), Text: words.T("ideas.standing.hidden.text")}
		}
	case Expired:
		return &callout{Kind: "info", Title: words.T("ideas.standing.expired.title"), Text: words.T("ideas.standing.expired.text"), Href: "/ideas", Action: words.T("ideas.why.read")}
	case Withdrawn:
		return &callout{Kind: "info", Title: words.T("ideas.standing.withdrawn.title"), Text: words.T("ideas.standing.withdrawn.text")}
	}
	return nil
}

// days counts days begun.
func days(d time.Duration) int { return int((d + day - time.Nanosecond) / day) }

func (d *Ideas) supporting(ctx context.Context, words *locale.Printer, v *web.Viewer, one *Idea, view *showView) error {
	t, err := d.TallyOf(ctx, one.ID)
	if err != nil {
		return err
	}
	s := &supportView{
		Progress: words.T("ideas.support.progress", "N", t.For, "M", one.Need), Have: min(t.For, one.Need), Need: one.Need, Bar: web.Bars{Base: one.Need},
	}
	if t.Against > 0 {
		s.Against = words.T("ideas.support.against", "Count", t.Against)
	}
	view.Support = s
	if !one.Takes(d.DB.Now()) {
		return nil
	}
	s.Until = words.T("ideas.support.until", "Date", words.Date(one.Closes()))
	who, err := d.resident(ctx, v)
	var denied *Denied
	if errors.As(err, &denied) {
		s.Callout = d.why(words, denied.Reason, one.Path(), "support")
		return nil
	}
	if err != nil {
		return err
	}
	side, said, err := d.stands(ctx, one.ID, who.Person)
	s.Can, s.For, s.Opposed = true, said && side == For, said && side == Against
	s.Back = s.For && one.State == Gathering
	view.Argue = true
	return err
}

func (d *Ideas) arguments(ctx context.Context, v *web.Viewer, one *Idea, view *showView) error {
	list, err := d.Arguments(ctx, one.ID)
	if err != nil {
		return err
	}
	handles := map[int64]string{}
	for _, a := range list {
		by, known := handles[a.Account]
		if !known {
			if by, err = d.handle(ctx, a.Account); err != nil {
				return err
			}
			handles[a.Account] = by
		}
		av := argumentView{ID: strconv.FormatInt(a.ID, 10), By: by, Text: strings.Split(a.Text, "\n"), At: store.Time(a.Created), Removed: a.Removed, Own: v != nil && v.AccountID == a.Account}
		if a.Side == For {
			view.For = append(view.For, av)
		} else {
			view.Against = append(view.Against, av)
		}
	}
	return nil
}

func (d *Ideas) echo(ctx context.Context, words *locale.Printer, one *Idea, view *showView) error {
	if one.PostID <= 0 {
		return nil
	}
	e, err := d.Echo(ctx, one.PostID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	view.Object = e.URI
	view.Echo = &echoView{e.Path, words.T("ideas.echo.likes", "Count", e.Likes), words.T("ideas.echo.answers", "Count", e.Answers)}
	return nil
}

// adoption are the forms of other cities, filled in with this idea.
func (d *Ideas) adoption(ctx context.Context, words *locale.Printer, one *Idea, view *showView) error {
	cities, err := d.Neighbours(ctx, words.Lang())
	if err != nil {
		return err
	}
	q := url.Values{"origin": {d.URL(one)}, "title": {one.Title}, "sphere": {one.Sphere}, "problem": {short(one.Problem, 600)}, "solution": {short(one.Solution, 900)}}
	for _, c := range cities {
		view.Adopt = append(view.Adopt, web.Crumb{Text: c.Name, Href: c.Base + "/ideas/new?" + q.Encode()})
	}
	return nil
}

// support is the button of an idea: it puts the viewer's support or takes it back.
func (d *Ideas) support(w http.ResponseWriter, r *http.Request) {
	on := r.PostFormValue("do") != "withdraw"
	id := web.Number(chi.URLParam(r, "id"))
	err := d.Support(r.Context(), web.ViewerOf(r), id, on)
	var denied *Denied
	switch {
	case errors.As(err, &denied): // its page says why and what to do
	case errors.Is(err, store.ErrExists):
		d.site.Flash(w, "ideas.late")
	case err != nil:
		d.site.Error(w, r, err)
		return
	case on:
		d.site.Flash(w, "ideas.support.done")
	default:
		d.site.Flash(w, "ideas.support.withdrawn")
	}
	web.Redirect303(w, r, "/ideas/"+strconv.FormatInt(id, 10))
}

// addArgument takes "for" or "against, because".
func (d *Ideas) addArgument(w http.ResponseWriter, r *http.Request) {
	v, id := web.ViewerOf(r), web.Number(chi.URLParam(r, "id"))
	side, do, done := "for", d.Argue, "ideas.argue.done"
	if r.PostFormValue("side") == "against" {
		side, do, done = "against", d.Oppose, "ideas.argue.opposed"
	}
	text := r.PostFormValue(side)
	err := do(r.Context(), v, id, text)
	var wrong web.FormErrors
	var denied *Denied
	switch {
	case errors.As(err, &denied):
	case errors.Is(err, store.ErrExists):
		d.site.Flash(w, "ideas.late")
	case wrong.Take(err):
		one, err := d.asked(r)
		if err != nil {
			d.site.Error(w, r, err)
			return
		}
		d.render(w, r, one, http.StatusUnprocessableEntity, map[string]string{side: text}, wrong)
		return
	case err != nil:
		d.site.Error(w, r, err)
		return
	default:
		d.site.Flash(w, done)
	}
	web.Redirect303(w, r, "/ideas/"+strconv.FormatInt(id, 10)+"#arguments")
}
