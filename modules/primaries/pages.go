package primaries

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"

	"viche/actors"
	"viche/internal/locale"
	"viche/internal/store"
	"viche/web"
)

func (s pages) routes(r chi.Router) {
	r.Get("/primaries", s.showList)
	r.Get("/primaries/feed.atom", s.feed)
	r.Get("/primaries/{contest}", s.show)
	r.Get("/primaries/{contest}/participants/{nominee}", s.showParticipant)
	r.Get("/primaries/{contest}/ballot", s.showSheet)
	r.Post("/primaries/{contest}/ballot", s.grade)
	// Whoever comes back from signing in, or reloads.
	r.Get("/primaries/{contest}/questions", s.back)
	r.Get("/primaries/{contest}/questions/{question}", s.back)
	r.Group(func(r chi.Router) {
		r.Use(s.site.SignedIn)
		r.Get("/primaries/{contest}/nominate", s.showNominate)
		r.Post("/primaries/{contest}/nominate", s.nominate)
		r.Get("/primaries/{contest}/mine", s.showMine)
		r.Post("/primaries/{contest}/mine", s.mine)
		r.Post("/primaries/{contest}/questions", s.ask)
		r.Post("/primaries/{contest}/questions/{question}", s.reply)
		r.Post("/primaries/{contest}/ballot/consent", s.consent)
		r.Get("/primaries/{contest}/ballot/consent", s.backToSheet)
	})
	r.Group(func(r chi.Router) {
		r.Use(s.site.SignedIn, s.site.Only((*web.Viewer).WatchesAny))
		r.Get("/desk/primaries", s.desk)
		r.Get("/desk/primaries/new", s.showNew)
		r.Post("/desk/primaries/new", s.announce)
		r.Get("/desk/primaries/{contest}", s.showDecisions)
		r.Post("/desk/primaries/{contest}", s.decide)
	})
}

// contest loads the contest that an address names.
func (s pages) contest(r *http.Request) (*Contest, error) {
	return s.Contest(r.Context(), s.DB.Read(), web.Number(chi.URLParam(r, "contest")))
}

func (s pages) back(w http.ResponseWriter, r *http.Request) {
	c, err := s.contest(r)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	web.Redirect303(w, r, c.Path())
}

func (s pages) backToSheet(w http.ResponseWriter, r *http.Request) {
	c, err := s.contest(r)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	web.Redirect303(w, r, c.Path()+"/ballot")
}

// moved answers what came too early or too late: the contest's page shows where
// it stands. Another error is answered as such.
func (s pages) moved(w http.ResponseWriter, r *http.Request, path string, err error) {
	var denied *Denied
	switch {
	case errors.Is(err, ErrPhase):
		s.site.Flash(w, "primaries.phase.passed")
		web.Redirect303(w, r, path)
	case errors.As(err, &denied) && denied.Reason == NotResident:
		s.site.Flash(w, "primaries.why.not-resident")
		web.Redirect303(w, r, path)
	default:
		s.site.Error(w, r, err)
	}
}

type badge struct{ Text, Kind, Icon string }

// callout is what the part of that name is given.
type callout struct{ Kind, Title, Text, Href, Action, Href2, Action2 string }

// card is a contest in a list.
type card struct {
	Href, Title, Place, When string
	At                       time.Time
	Badge                    badge
}

const pageSize = 20

type listView struct {
	Count       string
	Phases      []web.Choice
	Spheres     []web.Choice
	Territories []web.Choice
	Filtered    bool
	Mine        []callout
	Cards       []card
	Older       string
	First       string
	Desk        bool
}

// wanted are the filters of the list, as they stand in its address; what nobody
// knows filters nothing.
func wanted(q url.Values) Filter {
	f := Filter{After: web.Number(q.Get("after")), Territory: q.Get("territory"), Limit: pageSize}
	if phase := Phase(q.Get("phase")); slices.Contains(Phases, phase) {
		f.Phase = phase
	}
	if sphere := q.Get("sphere"); actors.IsSphere(sphere) {
		f.Sphere = sphere
	}
	return f
}

// address is that of the list with these filters, from after on.
func (f Filter) address(after int64) string {
	q := url.Values{}
	for name, value := range map[string]string{"phase": string(f.Phase), "sphere": f.Sphere, "territory": f.Territory} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if after != 0 {
		q.Set("after", fmt.Sprint(after))
	}
	if len(q) == 0 {
		return "/primaries"
	}
	return "/primaries?" + q.Encode()
}

func (s pages) showList(w http.ResponseWriter, r *http.Request) {
	view, err := s.list(r.Context(), s.site.Printer(r), web.ViewerOf(r), wanted(r.URL.Query()))
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	s.site.Render(w, r, http.StatusOK, "primaries/list", view)
}

func (s pages) list(ctx context.Context, words *locale.Printer, v *web.Viewer, f Filter) (listView, error) {
	codes, err := s.territories(ctx)
	if err != nil {
		return listView{}, err
	}
	if !slices.Contains(codes, f.Territory) {
		f.Territory = ""
	}
	n, err := s.Count(ctx, f)
	if err != nil {
		return listView{}, err
	}
	list, more, err := s.List(ctx, f)
	if err != nil {
		return listView{}, err
	}
	view := listView{Count: words.T("primaries.list.count", "Count", n), Filtered: f.Phase != "" || f.Sphere != "" || f.Territory != "", Desk: v.WatchesAny()}
	view.Phases = []web.Choice{{Label: words.T("primaries.filter.phases")}}
	for _, phase := range Phases {
		view.Phases = append(view.Phases, web.Choice{Value: string(phase), Label: words.T("primaries.phase." + string(phase)), Checked: f.Phase == phase})
	}
	view.Spheres = s.spheres(words, f.Sphere, words.T("primaries.filter.spheres"))
	view.Territories = []web.Choice{{Label: words.T("primaries.filter.territories")}}
	for _, code := range codes {
		view.Territories = append(view.Territories, web.Choice{Value: code, Label: s.place(code, words.Lang()), Checked: f.Territory == code})
	}
	for _, c := range list {
		view.Cards = append(view.Cards, s.card(words, c))
	}
	if more {
		view.Older = f.address(list[len(list)-1].ID)
	}
	if f.After != 0 {
		view.First = f.address(0)
	}
	if v != nil {
		view.Mine, err = s.invitations(ctx, words, v)
	}
	return view, err
}

// invitations are the contests in which the viewer was proposed and has not
// answered.
func (s pages) invitations(ctx context.Context, words *locale.Printer, v *web.Viewer) (out []callout, err error) {
	var rows []contestRow
	err = s.DB.Read().NewRaw(`
		select c.* from primaries c join primary_nominees n on n.contest = c.id
		where n.account = ? and n.state = 'asked' and c.cancelled = '' and c.programme > ? order by c.id`, v.AccountID, store.Millis(s.DB.Now())).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("invitations: %w", store.Kind(err))
	}
	for _, row := range rows {
		c, err := row.contest()
		if err != nil {
			return nil, err
		}
		out = append(out, invitation(words, c))
	}
	return out, nil
}

func invitation(words *locale.Printer, c *Contest) callout {
	return callout{Kind: "info", Title: words.T("primaries.invited.title"), Text: words.T("primaries.invited.text", "Office", c.Office, "Date", words.DateTime(c.Programme)),
		Href: c.Path() + "/mine", Action: words.T("primaries.invited.action")}
}

// spheres are the choices of a sphere, the first being none.
func (s pages) spheres(words *locale.Printer, chosen, none string) []web.Choice {
	out := []web.Choice{{Label: none}}
	for _, one := range actors.Spheres {
		if slices.Contains(s.Spheres, one.Slug) {
			out = append(out, web.Choice{Value: one.Slug, Label: words.T(one.Key), Checked: one.Slug == chosen})
		}
	}
	return out
}

// place names a territory; one that the codifier has lost is shown by its code.
func (p *Primaries) place(code, lang string) string {
	if name := p.Place(code, lang); name != "" {
		return name
	}
	return code
}

var phaseBadges = map[Phase]badge{
	Announced: {"", "quiet", "calendar"}, Nomination: {"", "open", "user-plus"}, Programme: {"", "open", "message-circle"},
	Voting: {"", "warning", "vote"}, Second: {"", "warning", "vote"}, Result: {"", "closed", "check"}, Cancelled: {"", "closed", "x"},
}

func badgeOf(words *locale.Printer, phase Phase) badge {
	b := phaseBadges[phase]
	b.Text = words.T("primaries.phase." + string(phase))
	return b
}

// ends says when the phase ends that a contest is in.
func (c *Contest) ends(now time.Time) time.Time {
	switch c.Phase(now) {
	case Announced:
		return c.Nomination
	case Nomination:
		return c.Programme
	case Programme:
		return c.Vote
	case Second:
		return c.round(2).Closes
	}
	if r := c.round(2); r != nil {
		return r.Closes
	}
	return c.Closes
}

func (s pages) card(words *locale.Printer, c *Contest) card {
	now := s.DB.Now()
	phase := c.Phase(now)
	one := card{Href: c.Path(), Title: c.Office, Place: s.place(c.Territory, words.Lang()), At: c.ends(now), Badge: badgeOf(words, phase)}
	one.When = words.T("primaries.card."+string(phase), "When", words.DateTime(one.At))
	return one
}

// feed tells what contests there are and where they stand; nothing in it depends
// on grades.
func (s pages) feed(w http.ResponseWriter, r *http.Request) {
	words := s.site.Printer(r)
	list, _, err := s.List(r.Context(), Filter{Limit: 50})
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	f := web.Feed{
		Title: words.T("primaries.title"), Path: "/primaries/feed.atom", Page: "/primaries",
		Author: web.FeedAuthor{Name: s.place(s.Territory, words.Lang()), URI: s.Base}, Since: time.Unix(0, 0).UTC(),
	}
	now := s.DB.Now()
	for _, c := range list {
		entered := c.entered(now)
		if entered.After(f.Newest) {
			f.Newest = entered
		}
		phase := words.T("primaries.phase." + string(c.Phase(now)))
		f.Entries = append(f.Entries, web.FeedEntry{
			Lang: words.Lang(), ID: s.Base + c.Path(), Title: c.Office + " – " + phase, Published: c.Created, Updated: entered, URL: s.Base + c.Path(),
			Category: c.Sphere, Kind: "text", Text: words.T("primaries.banner.title") + " " + s.card(words, c).When,
		})
	}
	s.site.Feed(w, r, f)
}

// entered is when a contest came into the phase it is in.
func (c *Contest) entered(now time.Time) time.Time {
	at := c.Created
	for _, step := range []time.Time{c.Nomination, c.Programme, c.Vote, c.Closes} {
		if !step.After(now) && step.After(at) {
			at = step
		}
	}
	if r := c.round(2); r != nil {
		at = r.Opens
		if !r.Closes.After(now) {
			at = r.Closes
		}
	}
	return at
}
