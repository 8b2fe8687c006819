package polls

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"

	"viche/actors"
	"viche/internal/locale"
	"viche/internal/store"
	"viche/internal/union"
	"viche/web"
)

const (
	soon       = 72 * time.Hour // what closes within it closes soon
	homeOpen   = 60             // open polls that the home page looks at
	homeMine   = 4
	homeSoon   = 3
	homeClosed = 3
)

// sphereGroup is a sphere with polls of it.
type sphereGroup struct {
	Sphere sphereName
	Cards  []card
}

type homeView struct {
	Lead        string
	Guest       bool // nobody is signed in
	Unverified  *callout
	Mine        []card
	MineDone    bool // answered everything that is open
	Soon        []card
	Spheres     []sphereGroup
	Across      []card
	Results     []card
	Coordinator bool
	Cities      []memberCity
	Empty       bool
	Proposes    bool
	Official    bool
	Feed        string
}

// memberCity is a city of the union, as the coordinator lists it.
type memberCity struct{ Name, Host, Territory, Href string }

// Home is the first page of the instance: what is on, what closes soon, what
// waits for the reader, what came of it.
func (p *Polls) Home(w http.ResponseWriter, r *http.Request) {
	view, err := p.home(r.Context(), p.site.Printer(r), web.ViewerOf(r))
	if err != nil {
		p.site.Error(w, r, fmt.Errorf("home: %w", err))
		return
	}
	p.site.Render(w, r, http.StatusOK, "polls/home", view)
}

func (p *Polls) home(ctx context.Context, words *locale.Printer, v *web.Viewer) (homeView, error) {
	view := homeView{Guest: v == nil, Coordinator: p.Coordinator, Feed: "/polls/feed.atom", Official: opensAny(v), Proposes: !p.Coordinator || opensAny(v)}
	open, err := p.running(ctx)
	if err != nil {
		return view, err
	}
	cards, err := p.cards(ctx, words, v, open)
	if err != nil {
		return view, err
	}
	p.sortOut(words, &view, open, cards)
	if v != nil && !p.Coordinator {
		if err := p.mine(ctx, words, v, &view, open); err != nil {
			return view, err
		}
	}
	closed, _, err := p.List(ctx, Filter{States: []State{Closed}, Limit: homeClosed})
	if err != nil {
		return view, err
	}
	if view.Results, err = p.cards(ctx, words, v, closed); err != nil {
		return view, err
	}
	if err := p.outcomes(ctx, words, v, closed, view.Results); err != nil {
		return view, err
	}
	if p.Coordinator {
		if view.Cities, err = p.memberCities(ctx, words); err != nil {
			return view, err
		}
	}
	view.Empty = len(open) == 0 && len(closed) == 0
	return view, nil
}

// running gives the polls that take ballots now, those first that close first.
func (p *Polls) running(ctx context.Context) ([]*Poll, error) {
	var rows []row
	now := store.Millis(p.DB.Now())
	err := p.DB.Read().NewSelect().Model(&rows).Where("module = '' and state = 'open' and closes_at > ? and opens_at <= ?", now, now).
		Order("closes_at", "id").Limit(homeOpen).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("running polls: %w", store.Kind(err))
	}
	list := make([]*Poll, len(rows))
	for i, r := range rows {
		if list[i], err = r.poll(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// sortOut puts each running poll where readers look for it.
func (p *Polls) sortOut(words *locale.Printer, view *homeView, open []*Poll, cards []card) {
	groups := map[string][]card{}
	quiet(cards)
	for i, one := range open {
		if len(view.Soon) < homeSoon && one.ClosesAt.Before(p.DB.Now().Add(soon)) {
			view.Soon = append(view.Soon, cards[i])
		}
		if one.Scope != City {
			view.Across = append(view.Across, cards[i])
			continue
		}
		groups[one.Sphere] = append(groups[one.Sphere], cards[i])
	}
	for _, s := range actors.Spheres {
		if len(groups[s.Slug]) > 0 {
			view.Spheres = append(view.Spheres, sphereGroup{sphereOf(words, s.Slug), groups[s.Slug]})
		}
	}
}

// mine picks what the viewer can answer and has not.
func (p *Polls) mine(ctx context.Context, words *locale.Printer, v *web.Viewer, view *homeView, open []*Poll) error {
	who, err := p.Resident(ctx, p.DB.ReadBound(), v.AccountID)
	if err != nil {
		return err
	}
	if who.Person == nil {
		if who.Votes {
			view.Unverified = p.why(words, nil, NotVerified, "/")
		}
		return nil
	}
	voted, err := p.Voted(ctx, open, v.AccountID)
	if err != nil {
		return err
	}
	could := 0
	for _, one := range open {
		in := voted[one.ID]
		if !in {
			if in, err = p.Box.Registered(ctx, p.DB.ReadBound(), one.Box(), who.Person); err != nil {
				return err
			}
		}
		if !in {
			continue
		}
		could++
		if !voted[one.ID] && len(view.Mine) < homeMine {
			c := p.card(words, one)
			c.Badges = c.Badges[1:] // the heading says that it is open
			view.Mine = append(view.Mine, c)
		}
	}
	view.MineDone = could > 0 && len(view.Mine) == 0
	return nil
}

func (p *Polls) memberCities(ctx context.Context, words *locale.Printer) ([]memberCity, error) {
	if p.Union == nil {
		return nil, nil
	}
	members, err := p.Union.Members(ctx)
	if err != nil {
		return nil, err
	}
	var out []memberCity
	for _, m := range members {
		if m.Status != union.Active {
			continue
		}
		page, err := actors.Origin(m.Actor)
		if err != nil {
			return nil, fmt.Errorf("member %s: %w", m.Actor, err)
		}
		out = append(out, memberCity{Name: p.place(m.Territory, words.Lang()), Host: m.Host(), Territory: m.Territory, Href: page})
	}
	order := collate.New(language.Make(words.Lang()))
	slices.SortFunc(out, func(a, b memberCity) int { return order.CompareString(a.Name, b.Name) })
	return out, nil
}
