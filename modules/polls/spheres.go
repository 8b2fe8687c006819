package polls

import (
	"context"
	"fmt"
	"html/template"
	"net/http"

	"viche/actors"
	"viche/internal/locale"
	"viche/internal/store"
	"viche/web"
)

// sphereCard is a sphere in the list of all twenty.
type sphereCard struct {
	sphereName
	Soon bool
	Open string // how many polls are open, in words
}

type spheresView struct{ Spheres []sphereCard }

func (p *Polls) showSpheres(w http.ResponseWriter, r *http.Request) {
	open, err := p.openBySphere(r.Context())
	if err != nil {
		p.site.Error(w, r, err)
		return
	}
	words := p.site.Printer(r)
	var view spheresView
	for _, s := range actors.Spheres {
		c := sphereCard{sphereName: sphereOf(words, s.Slug), Soon: !p.OpenSphere(s.Slug)}
		if n := open[s.Slug]; n > 0 {
			c.Open = words.T("polls.spheres.open", "Count", n)
		}
		view.Spheres = append(view.Spheres, c)
	}
	p.site.Render(w, r, http.StatusOK, "polls/spheres", view)
}

// openBySphere counts the polls that take ballots now.
func (p *Polls) openBySphere(ctx context.Context) (map[string]int, error) {
	now := store.Millis(p.DB.Now())
	rows, err := p.DB.ReadBound().Query(ctx, `
		select sphere, count(*) from polls
		where module = '' and state = 'open' and opens_at <= ? and closes_at > ?
		group by sphere`, now, now)
	if err != nil {
		return nil, fmt.Errorf("count open polls: %w", err)
	}
	defer rows.Close()
	out := map[string]int{}
	for rows.Next() {
		var slug string
		var n int
		if err := rows.Scan(&slug, &n); err != nil {
			return nil, fmt.Errorf("count open polls: %w", store.Kind(err))
		}
		out[slug] = n
	}
	return out, store.Kind(rows.Err())
}

const sphereClosed = 6 // closed polls that the page of a sphere shows

type sphereView struct {
	Sphere       sphereName
	Soon         bool
	Address      string // of the channel in the fediverse
	Actor        string
	Feed         string
	Open, Closed []card
	MoreClosed   bool
	Proposes     bool
	Posts        template.HTML
}

// Sphere is the page of a sphere, /@ecology, where its channel can be followed.
func (p *Polls) Sphere(w http.ResponseWriter, r *http.Request, slug string) {
	if !actors.IsSphere(slug) {
		p.site.Error(w, r, fmt.Errorf("sphere %q: %w", slug, store.ErrNotFound))
		return
	}
	view, err := p.sphere(r.Context(), p.site.Printer(r), web.ViewerOf(r), slug)
	if err != nil {
		p.site.Error(w, r, fmt.Errorf("sphere %s: %w", slug, err))
		return
	}
	if p.Posts != nil && !view.Soon {
		if view.Posts, err = p.Posts(r, slug); err != nil {
			p.site.Error(w, r, fmt.Errorf("sphere %s: %w", slug, err))
			return
		}
	}
	p.site.Render(w, r, http.StatusOK, "polls/sphere", view)
}

func (p *Polls) sphere(ctx context.Context, words *locale.Printer, v *web.Viewer, slug string) (sphereView, error) {
	view := sphereView{Sphere: sphereOf(words, slug), Soon: !p.OpenSphere(slug), Feed: "/spheres/" + slug + "/feed.atom", Proposes: !p.Coordinator}
	channel, err := p.Book.BySlug(ctx, p.DB.Read(), slug)
	if err != nil {
		return view, err
	}
	view.Address, view.Actor = channel.Address(), channel.URI
	open, _, err := p.List(ctx, Filter{States: []State{Open}, Sphere: slug, Limit: 100})
	if err != nil {
		return view, err
	}
	if view.Open, err = p.cards(ctx, words, v, open); err != nil {
		return view, err
	}
	quiet(view.Open)
	closed, more, err := p.List(ctx, Filter{States: []State{Closed}, Sphere: slug, Limit: sphereClosed})
	if err != nil {
		return view, err
	}
	view.MoreClosed = more
	if view.Closed, err = p.cards(ctx, words, v, closed); err != nil {
		return view, err
	}
	return view, p.outcomes(ctx, words, v, closed, view.Closed)
}
