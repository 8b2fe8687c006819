package ideas

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"viche/actors"
	"viche/internal/locale"
	"viche/internal/store"
	"viche/web"
)

// The orders of the list.
const (
	Best   = "best"   // by the lower bound of the share of those for an idea
	Newest = "new"    // by when it was proposed
	Near   = "near"   // by how near to where the viewer lives
	Chance = "random" // another each day, the same all day for one viewer
)

const pageSize = 20

// Filter says which ideas are wanted, in which order. The zero value is all
// that stand in the list, the best first.
type Filter struct {
	States    []State // those of the list if empty
	Sphere    string
	Territory string // ideas about this place or one within
	Order     string
	From      string // for Near: where the viewer lives
	Seed      uint64 // for Chance
	After     Place  // the last one of the page before
	Limit     int
}

// Place is where an idea stands in an order; the zero value is before the first.
type Place struct{ Key, ID int64 }

func (p Place) String() string {
	return strconv.FormatInt(p.Key, 10) + "." + strconv.FormatInt(p.ID, 10)
}

// placeOf reads a Place back; what is none is the beginning.
func placeOf(text string) Place {
	key, id, found := strings.Cut(text, ".")
	k, err := strconv.ParseInt(key, 10, 64)
	n, err2 := strconv.ParseInt(id, 10, 64)
	if !found || err != nil || err2 != nil || n <= 0 {
		return Place{}
	}
	return Place{k, n}
}

// listed are the states that stand in the list unless others are asked for.
var listed = []State{Submitted, Gathering, Answering, Accepted, Working, Done}

// findable are those that the list can be filtered by.
var findable = []State{Submitted, Gathering, Answering, Accepted, Working, Done, Refused, Expired}

// ordered is an idea with its place.
type ordered struct {
	Idea  `bun:",extend"`
	Place int64 `bun:"place_key"`
}

// List gives ideas in the order asked for, and whether more follow. Those that
// a moderator hid are left out.
func (d *Ideas) List(ctx context.Context, f Filter) (list []*Idea, last Place, more bool, err error) {
	where, args, err := d.where(ctx, f)
	if err != nil {
		return nil, last, false, err
	}
	key, err := d.key(ctx, f)
	if err != nil {
		return nil, last, false, err
	}
	if f.After.ID != 0 {
		where += " and (" + key + " < ? or " + key + " = ? and id < ?)"
		args = append(args, f.After.Key, f.After.Key, f.After.ID)
	}
	var rows []ordered
	err = d.DB.Read().NewSelect().Model(&rows).ModelTableExpr("ideas").ColumnExpr("*").ColumnExpr(key+" as place_key").
		Where(where, args...).OrderExpr("place_key desc, id desc").Limit(int64(f.Limit) + 1).Scan(ctx)
	if err != nil {
		return nil, last, false, fmt.Errorf("list ideas: %w", store.Kind(err))
	}
	if more = len(rows) > f.Limit; more {
		rows = rows[:f.Limit]
	}
	for i := range rows {
		list = append(list, &rows[i].Idea)
		last = Place{rows[i].Place, rows[i].ID}
	}
	return list, last, more, nil
}

// Count says how many ideas a filter finds.
func (d *Ideas) Count(ctx context.Context, f Filter) (int, error) {
	where, args, err := d.where(ctx, f)
	if err != nil {
		return 0, err
	}
	n, err := d.DB.Read().NewSelect().Table("ideas").Where(where, args...).Count(ctx)
	if err != nil {
		return 0, fmt.Errorf("count ideas: %w", store.Kind(err))
	}
	return int(n), nil
}

func (d *Ideas) where(ctx context.Context, f Filter) (string, []any, error) {
	states := f.States
	if len(states) == 0 {
		states = listed
	}
	where, args := "hidden = 0 and state in (?)", []any{bun.List(states)}
	if f.Sphere != "" {
		where, args = where+" and sphere = ?", append(args, f.Sphere)
	}
	if f.Territory != "" {
		known, err := d.places(ctx)
		if err != nil {
			return "", nil, err
		}
		within := []string{f.Territory}
		for _, code := range known {
			if d.Territories.Within(code, f.Territory) {
				within = append(within, code)
			}
		}
		where, args = where+" and territory in (?)", append(args, bun.List(within))
	}
	return where, args, nil
}

// places are the territories that some idea is about.
func (d *Ideas) places(ctx context.Context) (codes []string, err error) {
	err = d.DB.Read().NewRaw("select distinct territory from ideas where hidden = 0 order by territory").Scan(ctx, &codes)
	return codes, store.Kind(err)
}

// key is what a list is sorted by, the largest first; the id decides where two
// have the same. There is nothing in it but numbers and codes of ours.
func (d *Ideas) key(ctx context.Context, f Filter) (string, error) {
	switch f.Order {
	case Newest:
		return "id", nil
	case Near:
		return d.nearness(ctx, f.From)
	case Chance:
		// Both multiplications by what is no multiple of the prime only change
		// the order of the remainders; time and chance lie in the high and the
		// low bits of an id, so both count.
		const prime = 1_000_003
		m := f.Seed%(prime-1) + 1
		return fmt.Sprintf("((id %% %d) * %d %% %d)", prime, m, prime), nil
	}
	return "score", nil
}

// nearness ranks the places that ideas are about by how far up the tree one has
// to go from home until they lie below: 0 for home itself, less for farther ones.
func (d *Ideas) nearness(ctx context.Context, from string) (string, error) {
	known, err := d.places(ctx)
	if err != nil || len(known) == 0 || from == "" {
		return "0", err
	}
	up := []string{from}
	for _, u := range d.Territories.Ancestors(from) {
		up = append(up, u.Code)
	}
	// The nearest of those above comes first, whichever way they were listed.
	slices.SortStableFunc(up, func(a, b string) int {
		switch {
		case a == b:
			return 0
		case d.Territories.Within(a, b):
			return -1
		}
		return 1
	})
	expr := "case territory"
	for _, code := range known {
		if _, ok := d.Territories.Get(code); !ok {
			continue // what the codifier has lost is as far as can be
		}
		at := slices.IndexFunc(up, func(area string) bool { return d.Territories.Within(code, area) })
		if at < 0 {
			at = len(up)
		}
		expr += fmt.Sprintf(" when '%s' then %d", code, -at)
	}
	return expr + fmt.Sprintf(" else %d end", -len(up)), nil
}

// seedOf is one viewer's order of chance on one day of the clock in Kyiv.
func seedOf(v *web.Viewer, now time.Time) uint64 {
	var account int64
	if v != nil {
		account = v.AccountID
	}
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%s %d", now.In(locale.Kyiv()).Format("2006-01-02"), account) // a hash never fails
	return h.Sum64()
}

type listView struct {
	Count       string
	Spheres     []web.Choice
	Territories []web.Choice
	States      []web.Choice
	Orders      []web.Choice
	Filtered    bool
	Cards       []card
	Older       string
	First       string
	Submits     bool
	Desk        bool
	Feed        string
}

type badge struct{ Text, Kind, Icon string }

// A card is an idea in a list.
type card struct {
	Href, Title string
	Badge       badge
	Sphere      string
	Place       string
	Text        string // the beginning of the problem
	Support     string // how many are for it
	When        string
	At          time.Time
	Picture     string
}

// wanted are the filters of the list as they stand in its address.
type wanted struct {
	state, sphere, territory, order string
	after                           Place
}

// wantedOf reads the filters; what nobody knows filters nothing.
func (d *Ideas) wantedOf(q url.Values, v *web.Viewer) wanted {
	w := wanted{order: Best, after: placeOf(q.Get("after"))}
	if s := State(q.Get("state")); slices.Contains(findable, s) {
		w.state = string(s)
	}
	if s := q.Get("sphere"); actors.IsSphere(s) {
		w.sphere = s
	}
	if _, known := d.Territories.Get(q.Get("territory")); known {
		w.territory = q.Get("territory")
	}
	if o := q.Get("sort"); o == Newest || o == Chance || o == Near && v != nil && v.Territory != "" {
		w.order = o
	}
	return w
}

func (w wanted) filter(v *web.Viewer, now time.Time) Filter {
	f := Filter{Sphere: w.sphere, Territory: w.territory, Order: w.order, After: w.after, Limit: pageSize, Seed: seedOf(v, now)}
	if w.state != "" {
		f.States = []State{State(w.state)}
	}
	if v != nil {
		f.From = v.Territory
	}
	return f
}

// address is that of a page with these filters, from after on.
func (w wanted) address(page string, after Place) string {
	q := url.Values{}
	for name, value := range map[string]string{"state": w.state, "sphere": w.sphere, "territory": w.territory, "sort": w.order} {
		if value != "" && value != Best {
			q.Set(name, value)
		}
	}
	if after.ID != 0 {
		q.Set("after", after.String())
	}
	if len(q) == 0 {
		return page
	}
	return page + "?" + q.Encode()
}

func (d *Ideas) showList(w http.ResponseWriter, r *http.Request) {
	view, err := d.list(r.Context(), d.site.Printer(r), web.ViewerOf(r), d.wantedOf(r.URL.Query(), web.ViewerOf(r)))
	if err != nil {
		d.site.Error(w, r, err)
		return
	}
	d.site.Render(w, r, http.StatusOK, "ideas/list", view)
}

func (d *Ideas) list(ctx context.Context, words *locale.Printer, v *web.Viewer, want wanted) (listView, error) {
	f := want.filter(v, d.DB.Now())
	list, last, more, err := d.List(ctx, f)
	if err != nil {
		return listView{}, err
	}
	n, err := d.Count(ctx, f)
	if err != nil {
		return listView{}, err
	}
	feed := want
	feed.order = Best // feeds are by time
	view := listView{
		Count: words.T("ideas.list.count", "Count", n), Filtered: want.state != "" || want.sphere != "" || want.territory != "",
		Submits: !d.Coordinator, Desk: watches(v), Feed: feed.address("/ideas/feed.atom", Place{}),
	}
	if view.Cards, err = d.cards(ctx, words, list); err != nil {
		return view, err
	}
	if more {
		view.Older = want.address("/ideas", last)
	}
	if want.after.ID != 0 {
		view.First = want.address("/ideas", Place{})
	}
	view.choices(words, want, v)
	view.Territories, err = d.territoryChoices(ctx, words, want.territory)
	return view, err
}

func (view *listView) choices(words *locale.Printer, want wanted, v *web.Viewer) {
	view.States = []web.Choice{{Label: words.T("ideas.filter.states"), Checked: want.state == ""}}
	for _, s := range findable {
		view.States = append(view.States, web.Choice{Value: string(s), Label: words.T("ideas.state." + string(s)), Checked: want.state == string(s)})
	}
	view.Spheres = []web.Choice{{Label: words.T("ideas.filter.spheres"), Checked: want.sphere == ""}}
	for _, s := range actors.Spheres {
		view.Spheres = append(view.Spheres, web.Choice{Value: s.Slug, Label: words.T(s.Key), Checked: want.sphere == s.Slug})
	}
	for _, o := range []string{Best, Newest, Near, Chance} {
		if o == Near && (v == nil || v.Territory == "") {
			continue
		}
		view.Orders = append(view.Orders, web.Choice{Value: o, Label: words.T("ideas.sort." + o), Checked: want.order == o})
	}
}

// territoryChoices are the places that ideas are about, by name.
func (d *Ideas) territoryChoices(ctx context.Context, words *locale.Printer, chosen string) ([]web.Choice, error) {
	known, err := d.places(ctx)
	if err != nil {
		return nil, err
	}
	if chosen != "" && !slices.Contains(known, chosen) {
		known = append(known, chosen)
	}
	out := []web.Choice{{Label: words.T("ideas.filter.territories"), Checked: chosen == ""}}
	for _, code := range known {
		out = append(out, web.Choice{Value: code, Label: d.place(code, words.Lang()), Checked: chosen == code})
	}
	slices.SortStableFunc(out[1:], func(a, b web.Choice) int { return cmp.Compare(a.Label, b.Label) })
	return out, nil
}

// place names a territory; one that the codifier has lost is shown by its code.
func (d *Ideas) place(code, lang string) string {
	if _, known := d.Territories.Get(code); !known {
		return code
	}
	return d.Territories.Name(code, lang)
}

var (
	stateKinds = map[State]string{Submitted: "warning", Gathering: "open", Answering: "warning", Accepted: "open", Working: "open", Done: "open", Refused: "closed", Expired: "closed", Merged: "closed", Withdrawn: "closed"}
	stateIcons = map[State]string{Submitted: "hourglass", Gathering: "users", Answering: "clock", Accepted: "circle-check", Working: "history", Done: "check", Refused: "x", Expired: "clock", Merged: "repeat-2", Withdrawn: "x"}
)

func stateBadge(words *locale.Printer, s State) badge {
	return badge{words.T("ideas.state." + string(s)), stateKinds[s], stateIcons[s]}
}

func (d *Ideas) cards(ctx context.Context, words *locale.Printer, list []*Idea) ([]card, error) {
	ids := make([]int64, len(list))
	for i, one := range list {
		ids[i] = one.ID
	}
	counts, err := tallies(ctx, d.DB.Read(), ids...)
	if err != nil {
		return nil, err
	}
	first, err := d.firstPictures(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]card, len(list))
	for i, one := range list {
		out[i] = card{
			Href: one.Path(), Title: one.Title, Badge: stateBadge(words, one.State), Sphere: words.T("spheres." + one.Sphere),
			Text: short(one.Problem, 160), When: words.Date(store.Time(one.Created)), At: store.Time(one.Created), Picture: first[one.ID],
		}
		if one.Territory != d.Territory {
			out[i].Place = d.place(one.Territory, words.Lang())
		}
		switch t := counts[one.ID]; {
		case one.State == Gathering:
			out[i].Support = words.T("ideas.support.progress", "N", t.For, "M", one.Need)
		case one.Need > 0:
			out[i].Support = words.T("ideas.support.count", "Count", t.For)
		}
	}
	return out, nil
}

func (d *Ideas) firstPictures(ctx context.Context, ids []int64) (map[int64]string, error) {
	out := map[int64]string{}
	if len(ids) == 0 {
		return out, nil
	}
	var rows []struct {
		Idea int64  `bun:"idea"`
		Name string `bun:"name"`
	}
	err := d.DB.Read().NewRaw("select idea, name from idea_pictures where place = 0 and idea in (?)", bun.List(ids)).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("pictures of a list: %w", store.Kind(err))
	}
	for _, r := range rows {
		out[r.Idea] = "/media/" + r.Name + "?size=small"
	}
	return out, nil
}

// short is the beginning of a text, cut between words.
func short(text string, most int) string {
	text = strings.Join(strings.Fields(text), " ")
	letters := []rune(text)
	if len(letters) <= most {
		return text
	}
	cut := string(letters[:most])
	if at := strings.LastIndexByte(cut, ' '); at > 0 {
		cut = cut[:at]
	}
	return cut + "…"
}

const feedSize = 50

// feed writes the newest ideas of the list's filters, with how many support each.
func (d *Ideas) feed(w http.ResponseWriter, r *http.Request) {
	words, want := d.site.Printer(r), d.wantedOf(r.URL.Query(), nil)
	want.after, want.order = Place{}, Best
	f := want.filter(nil, d.DB.Now())
	f.Order, f.Limit = Newest, feedSize
	list, _, _, err := d.List(r.Context(), f)
	if err != nil {
		d.site.Error(w, r, err)
		return
	}
	feed := web.Feed{
		Title: words.T("ideas.feed.title", "Instance", d.Name), Path: want.address("/ideas/feed.atom", Place{}), Page: want.address("/ideas", Place{}),
		Author: web.FeedAuthor{Name: d.Name, URI: d.Base + "/"}, Since: store.Time(1),
	}
	for _, one := range list {
		e := web.FeedEntry{
			ID: d.URL(one), URL: d.URL(one), Title: one.Title, Published: store.Time(one.Created), Updated: store.Time(one.Changed),
			Category: one.Sphere, Label: words.T("spheres." + one.Sphere), Kind: "text",
			Text: words.T("ideas.state."+string(one.State)) + "\n\n" + one.Problem + "\n\n→ " + one.Solution,
		}
		if handle, err := d.Author(r.Context(), one.Author); err == nil {
			e.Author = &web.FeedAuthor{Name: "@" + handle, URI: d.Base + "/@" + handle}
		} else if !errors.Is(err, store.ErrNotFound) {
			d.site.Error(w, r, err)
			return
		}
		if e.Updated.After(feed.Newest) {
			feed.Newest = e.Updated
		}
		feed.Entries = append(feed.Entries, e)
	}
	d.site.Feed(w, r, feed)
}
