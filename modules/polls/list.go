package polls

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"viche/actors"
	"viche/internal/locale"
	"viche/internal/store"
	"viche/web"
)

const pageSize = 20

type listView struct {
	Count    string
	States   []web.Choice
	Scopes   []web.Choice
	Spheres  []web.Choice
	Filtered bool
	Cards    []card
	Older    string
	First    string
	Proposes bool
	Official bool
	Desk     bool
}

// wanted are the filters of the list, as they stand in its address.
type wanted struct {
	state, scope, sphere string
	after                int64
}

// wantedOf reads the filters; what nobody knows filters nothing.
func wantedOf(q url.Values) wanted {
	pick := func(name string, known ...string) string {
		if v := q.Get(name); slices.Contains(known, v) {
			return v
		}
		return ""
	}
	w := wanted{
		state: pick("state", string(Open), string(Closed)),
		scope: pick("scope", string(City), string(Region), string(National)),
	}
	if s := q.Get("sphere"); actors.IsSphere(s) {
		w.sphere = s
	}
	w.after, _ = strconv.ParseInt(q.Get("after"), 10, 64) // not a number: from the start
	return w
}

func (w wanted) filter() Filter {
	f := Filter{Scope: Scope(w.scope), Sphere: w.sphere, After: w.after, Limit: pageSize}
	if w.state != "" {
		f.States = []State{State(w.state)}
	}
	return f
}

// address is that of the list with these filters, from after on.
func (w wanted) address(after int64) string {
	q := url.Values{}
	for name, value := range map[string]string{"state": w.state, "scope": w.scope, "sphere": w.sphere} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if after != 0 {
		q.Set("after", strconv.FormatInt(after, 10))
	}
	if len(q) == 0 {
		return "/polls"
	}
	return "/polls?" + q.Encode()
}

func (p *Polls) showList(w http.ResponseWriter, r *http.Request) {
	view, err := p.list(r.Context(), p.site.Printer(r), web.ViewerOf(r), wantedOf(r.URL.Query()))
	if err != nil {
		p.site.Error(w, r, err)
		return
	}
	p.site.Render(w, r, http.StatusOK, "polls/list", view)
}

func (p *Polls) list(ctx context.Context, words *locale.Printer, v *web.Viewer, want wanted) (listView, error) {
	list, more, err := p.List(ctx, want.filter())
	if err != nil {
		return listView{}, err
	}
	n, err := p.count(ctx, want.filter())
	if err != nil {
		return listView{}, err
	}
	view := listView{
		Count:    words.T("polls.list.count", "Count", n),
		Filtered: want.state != "" || want.scope != "" || want.sphere != "",
		Desk:     v.WatchesAny(), Official: opensAny(v), Proposes: !p.Coordinator || opensAny(v),
	}
	choices := func(chosen, all string, values ...string) []web.Choice {
		out := []web.Choice{{Label: words.T(all), Checked: chosen == ""}}
		for _, value := range values {
			out = append(out, web.Choice{Value: value, Label: words.T("polls.filter." + value), Checked: chosen == value})
		}
		return out
	}
	view.States = choices(want.state, "polls.filter.states", string(Open), string(Closed))
	view.Scopes = choices(want.scope, "polls.filter.scopes", string(City), string(Region), string(National))
	view.Spheres = []web.Choice{{Label: words.T("polls.filter.spheres"), Checked: want.sphere == ""}}
	for _, s := range actors.Spheres {
		view.Spheres = append(view.Spheres, web.Choice{Value: s.Slug, Label: words.T(s.Key), Checked: want.sphere == s.Slug})
	}
	if more {
		view.Older = want.address(list[len(list)-1].ID)
	}
	if want.after != 0 {
		view.First = want.address(0)
	}
	view.Cards, err = p.cards(ctx, words, v, list)
	return view, err
}

// count says how many polls a filter finds; nothing in it depends on votes.
func (p *Polls) count(ctx context.Context, f Filter) (int, error) {
	if len(f.States) == 0 {
		f.States = []State{Open, Closed}
	}
	query := "select count(*) from polls where module = '' and (state = ? or state = ?)"
	args := []any{f.States[0], f.States[len(f.States)-1]}
	for _, c := range []struct{ column, value string }{{"scope", string(f.Scope)}, {"sphere", f.Sphere}} {
		if c.value != "" {
			query += " and " + c.column + " = ?"
			args = append(args, c.value)
		}
	}
	var n int
	if err := p.DB.ReadBound().Row(ctx, []any{&n}, query, args...); err != nil {
		return 0, fmt.Errorf("count polls: %w", store.Kind(err))
	}
	return n, nil
}
