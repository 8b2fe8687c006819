package officials

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"viche/actors"
	"viche/internal/locale"
	"viche/web"
)

const pageSize = 20

type badge struct{ Text, Kind, Icon string }

// listView is the page of offices with who holds them.
type listView struct {
	Count       string
	Territories []web.Choice
	Levels      []web.Choice
	Kinds       []web.Choice
	Spheres     []web.Choice
	States      []web.Choice
	Filtered    bool
	Cards       []officeCard
	Older       string
	First       string
	Desk        bool
	Data        string // address of the indicators as CSV
}

// officeCard is an office in a list.
type officeCard struct {
	Href, Title string
	Meta        string
	Badges      []badge
	Holders     []personLine
	Vacant      string
}

// personLine leads to a card.
type personLine struct{ Href, Name, Note string }

// wanted are the filters of the list, as they stand in its address.
type wanted struct {
	territory, kind, sphere string
	level                   Level
	vacant                  bool
	after                   Place
}

// wantedOf reads the filters; what nobody knows filters nothing.
func wantedOf(q url.Values) (w wanted) {
	w.territory = q.Get("territory")
	w.level = levelOf(q.Get("level"))
	if k, known := kindOf(q.Get("kind")); known {
		w.kind = k.Slug
	}
	if s := q.Get("sphere"); actors.IsSphere(s) {
		w.sphere = s
	}
	w.vacant = q.Get("state") == "vacant"
	level, id, _ := strings.Cut(q.Get("after"), ".")
	if n, err := strconv.Atoi(level); err == nil && n >= int(State) && n <= int(District) {
		w.after = Place{Level(n), web.Number(id)}
	}
	return w
}

// address is that of the list with these filters, from after on.
func (w wanted) address(after Place) string {
	q := url.Values{}
	for name, value := range map[string]string{"territory": w.territory, "level": w.level.String(), "kind": w.kind, "sphere": w.sphere} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if w.vacant {
		q.Set("state", "vacant")
	}
	if after.ID != 0 {
		q.Set("after", strconv.Itoa(int(after.Level))+"."+strconv.FormatInt(after.ID, 10))
	}
	if len(q) == 0 {
		return "/officials"
	}
	return "/officials?" + q.Encode()
}

func (s pages) showList(w http.ResponseWriter, r *http.Request) {
	view, err := s.list(r.Context(), s.site.Printer(r), web.ViewerOf(r), wantedOf(r.URL.Query()))
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	s.site.Render(w, r, http.StatusOK, "officials/list", view)
}

func (s pages) list(ctx context.Context, words *locale.Printer, v *web.Viewer, want wanted) (view listView, err error) {
	codes, err := s.places(ctx)
	if err != nil {
		return view, err
	}
	f := Filter{Level: want.level, Kind: want.kind, Sphere: want.sphere, Vacant: want.vacant, After: want.after, Limit: pageSize}
	view.Territories = []web.Choice{{Label: words.T("officials.filter.territories"), Checked: true}}
	for _, code := range s.areas(codes) {
		chosen := code == want.territory
		view.Territories = append(view.Territories, web.Choice{Value: code, Label: s.Territories.Label(code, words.Lang()), Checked: chosen})
		if !chosen {
			continue
		}
		view.Territories[0].Checked, f.Territories = false, []string{}
		for _, one := range codes {
			if s.Territories.Within(one, code) {
				f.Territories = append(f.Territories, one)
			}
		}
	}
	if f.Territories == nil {
		want.territory = ""
	}
	list, more, err := s.List(ctx, f)
	if err != nil {
		return view, err
	}
	n, err := s.Count(ctx, f)
	if err != nil {
		return view, err
	}
	view.Count = words.T("officials.list.count", "Count", n)
	view.Filtered = want.territory != "" || want.level != 0 || want.kind != "" || want.sphere != "" || want.vacant
	view.Desk, view.Data = v.WatchesAny(), "/officials/indicators.csv"
	s.choices(words, want, &view)
	if more {
		last := list[len(list)-1]
		view.Older = want.address(Place{last.Level, last.ID})
	}
	if want.after.ID != 0 {
		view.First = want.address(Place{})
	}
	view.Cards, err = s.cards(ctx, words, list)
	return view, err
}

// areas are territories to filter by: those of offices and what they lie in.
func (o *Officials) areas(codes []string) (out []string) {
	seen := map[string]bool{}
	for _, code := range codes {
		for _, u := range o.Territories.Ancestors(code) {
			seen[u.Code] = true
		}
		seen[code] = true
	}
	for code := range seen {
		out = append(out, code)
	}
	slices.Sort(out)
	return out
}

func (s pages) choices(words *locale.Printer, want wanted, view *listView) {
	view.Levels = []web.Choice{{Label: words.T("officials.filter.levels"), Checked: want.level == 0}}
	for l := State; l <= District; l++ {
		view.Levels = append(view.Levels, web.Choice{Value: l.String(), Label: words.T("officials.level." + l.String()), Checked: want.level == l})
	}
	view.Kinds = append([]web.Choice{{Label: words.T("officials.filter.kinds"), Checked: want.kind == ""}}, kindChoices(words, want.kind)...)
	view.Spheres = append([]web.Choice{{Label: words.T("officials.filter.spheres"), Checked: want.sphere == ""}}, sphereChoices(words, nil, want.sphere)...)
	view.States = []web.Choice{
		{Label: words.T("officials.filter.all"), Checked: !want.vacant},
		{Value: "vacant", Label: words.T("officials.filter.vacant"), Checked: want.vacant},
	}
}

func kindChoices(words *locale.Printer, chosen string) (out []web.Choice) {
	for _, k := range Kinds {
		out = append(out, web.Choice{Value: k.Slug, Label: words.T("officials.kind." + k.Slug), Checked: chosen == k.Slug})
	}
	return out
}

// sphereChoices are the spheres, or those of them that are open.
func sphereChoices(words *locale.Printer, open []string, chosen string) (out []web.Choice) {
	for _, one := range actors.Spheres {
		if open == nil || slices.Contains(open, one.Slug) {
			out = append(out, web.Choice{Value: one.Slug, Label: words.T(one.Key), Checked: chosen == one.Slug})
		}
	}
	return out
}

func (s pages) cards(ctx context.Context, words *locale.Printer, list []Office) ([]officeCard, error) {
	held, err := s.Holding(ctx, list)
	if err != nil {
		return nil, err
	}
	out := make([]officeCard, len(list))
	for i := range list {
		one := &list[i]
		c := officeCard{Href: one.Path(), Title: one.Title, Meta: s.where(words, one), Badges: officeBadges(words, one)}
		for _, t := range held[one.ID] {
			c.Holders = append(c.Holders, personLine{Href: t.Path(), Name: t.Name, Note: actingNote(words, t)})
		}
		if free := one.Seats - len(held[one.ID]); free > 0 {
			c.Vacant = vacancy(words, one.Seats, free)
		}
		out[i] = c
	}
	return out, nil
}

// where is the territory, the body and the sphere of an office in one line.
func (s pages) where(words *locale.Printer, one *Office) string {
	parts := []string{s.Territories.Label(one.Territory, words.Lang())}
	if one.Body != "" {
		parts = append(parts, one.Body)
	}
	if one.Sphere != "" {
		parts = append(parts, words.T("spheres."+one.Sphere))
	}
	return strings.Join(parts, " · ")
}

func officeBadges(words *locale.Printer, one *Office) []badge {
	out := []badge{{words.T("officials.level." + one.Level.String()), "", "map-pin"}}
	if k, known := kindOf(one.Kind); known {
		out = append(out, badge{words.T(wayOf(k)), "quiet", ""})
	}
	if one.Closed != 0 {
		out = append(out, badge{words.T("officials.office.gone"), "closed", "x"})
	}
	return out
}

func wayOf(k Kind) string {
	if k.Elected {
		return "officials.elected"
	}
	return "officials.appointed"
}

func actingNote(words *locale.Printer, t Term) string {
	if t.Acting == 1 {
		return words.T("officials.acting")
	}
	return ""
}

func vacancy(words *locale.Printer, seats, free int) string {
	if seats == 1 {
		return words.T("officials.vacant")
	}
	return words.T("officials.vacant.of", "Count", free)
}
