package polls

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"viche/internal/locale"
	"viche/internal/store"
	"viche/modules"
	"viche/web"
)

// Module is the manifest. It puts the pages on a site; until then Home and
// Sphere must not be called. The page of a sphere, /@ecology, is not among its
// routes, since residents share that address: see Sphere.
func (p *Polls) Module(site *web.Site) modules.Module {
	p.site = site
	return modules.Module{Name: "polls", Files: Files, Routes: p.routes, Periodic: p.Periodic()}
}

func (p *Polls) routes(r chi.Router) {
	r.Get("/spheres", p.showSpheres)
	r.Get("/spheres/{sphere}/feed.atom", p.sphereFeed)
	r.Get("/polls", p.showList)
	r.Get("/polls/feed.atom", p.feed)
	r.Get("/polls/initiatives", p.showInitiatives)
	r.Get("/polls/{id}", p.show)
	r.Post("/polls/{id}/ballot", p.vote)
	for _, form := range []string{"ballot", "support"} { // whoever comes back from signing in, or reloads
		r.Get("/polls/{id}/"+form, p.backToPoll)
	}

	r.Group(func(r chi.Router) {
		r.Use(p.site.SignedIn)
		r.Get("/polls/new", p.showNew)
		r.Post("/polls", p.create)
		r.Get("/polls/{id}/change", p.showChange)
		r.Post("/polls/{id}/support", p.support)
	})
	r.Group(func(r chi.Router) {
		r.Use(p.site.SignedIn, p.site.Only((*web.Viewer).WatchesAny))
		r.Get("/desk/polls", p.desk)
		r.Get("/desk/polls/{id}", p.showDecision)
		r.Post("/desk/polls/{id}", p.decide)
	})
}

// opens says whether somebody may open polls of a sphere without asking.
func opens(v *web.Viewer, sphere string) bool { return v.Watches(sphere) || v.Has(web.Officer, sphere) }

// opensAny says whether somebody may open polls of some sphere.
func opensAny(v *web.Viewer) bool {
	return v.HasAny(web.Moderator, web.Operator, web.Officer)
}

// asked loads the poll that an address names. A vote of another module has its
// page there and none here.
func (p *Polls) asked(r *http.Request) (*Poll, error) {
	poll, err := p.Load(r.Context(), p.DB.Read(), chi.URLParam(r, "id"))
	if err == nil && poll.Module != "" {
		return nil, fmt.Errorf("vote %s of %s: %w", poll.PollID, poll.Module, store.ErrNotFound)
	}
	return poll, err
}

func (p *Polls) backToPoll(w http.ResponseWriter, r *http.Request) {
	web.Redirect303(w, r, "/polls/"+chi.URLParam(r, "id"))
}

// sphereName is a sphere as pages name it. Long spells out what is short.
type sphereName struct{ Slug, Name, Long string }

func sphereOf(words *locale.Printer, slug string) sphereName {
	s := sphereName{Slug: slug, Name: words.T("spheres." + slug)}
	if slug == "osbb" {
		s.Long = words.T("spheres.osbb.long")
	}
	return s
}

type badge struct{ Text, Kind, Icon string }

// callout is what the part of that name is given.
type callout struct{ Kind, Title, Text, Href, Action, Href2, Action2 string }

// A card is a poll in a list. It tells nothing that depends on votes, but for
// Outcome, which comes through the same door as the page of the poll.
type card struct {
	Href, Title string
	Badges      []badge
	Sphere      sphereName
	When        string
	At          time.Time
	Outcome     string
	Own         bool // asks for the viewer's answer
}

// cards prepares polls for a list, with what the viewer has answered already.
func (p *Polls) cards(ctx context.Context, words *locale.Printer, v *web.Viewer, list []*Poll) ([]card, error) {
	voted := map[int64]bool{}
	if v != nil {
		var err error
		if voted, err = p.Voted(ctx, list, v.AccountID); err != nil {
			return nil, err
		}
	}
	out := make([]card, len(list))
	for i, one := range list {
		out[i] = p.card(words, one)
		if voted[one.ID] {
			out[i].Badges = append(out[i].Badges, badge{words.T("polls.badge.voted"), "quiet", "check"})
		}
	}
	return out, nil
}

func (p *Polls) card(words *locale.Printer, one *Poll) card {
	c := card{Href: "/polls/" + one.PollID, Title: one.Title, Sphere: sphereOf(words, one.Sphere), Badges: p.badges(words, one)}
	c.When, c.At = p.when(words, one)
	return c
}

// quiet leaves out where polls stand, for a list whose heading says it.
func quiet(cards []card) {
	for i := range cards {
		cards[i].Badges = cards[i].Badges[1:]
	}
}

// badges say where a poll stands and whose it is.
func (p *Polls) badges(words *locale.Printer, one *Poll) []badge {
	var out []badge
	switch {
	case one.Accepts(p.DB.Now()):
		out = append(out, badge{words.T("polls.badge.open"), "open", "clock"})
	case one.State == Open, one.State == Closed:
		out = append(out, badge{words.T("polls.badge.closed"), "closed", "check"})
	default:
		out = append(out, badge{words.T("polls.badge." + string(one.State)), stateKinds[one.State], stateIcons[one.State]})
	}
	switch one.Scope {
	case National:
		out = append(out, badge{words.T("polls.scope.national"), "", "globe"})
	case Region:
		out = append(out, badge{words.T("polls.scope.region"), "", "map-pin"})
	}
	return out
}

var (
	stateKinds = map[State]string{Gathering: "warning", Checking: "warning", Refused: "closed"}
	stateIcons = map[State]string{Gathering: "users", Checking: "hourglass", Refused: "x"}
)

// when says when a poll closes or has closed.
func (p *Polls) when(words *locale.Printer, one *Poll) (string, time.Time) {
	now := p.DB.Now()
	switch {
	case one.Accepts(now):
		return words.T("polls.card.closes", "When", words.Relative(one.ClosesAt, now)), one.ClosesAt
	case one.State == Open, one.State == Closed:
		return words.T("polls.card.closed", "When", words.Date(one.Closes())), one.Closes()
	}
	return words.T("polls.card.proposed", "When", words.Date(one.Created)), one.Created
}

// outcomes adds to closed polls what came of them.
func (p *Polls) outcomes(ctx context.Context, words *locale.Printer, v *web.Viewer, list []*Poll, cards []card) error {
	for i, one := range list {
		r, err := p.ResultsFor(ctx, one, v)
		if errors.Is(err, ErrVoteFirst) {
			continue
		}
		if err != nil {
			return fmt.Errorf("outcome of %s: %w", one.PollID, err)
		}
		switch {
		case r.Waiting:
			cards[i].Outcome = words.T("polls.outcome.waiting")
		case r.TooFew:
			cards[i].Outcome = words.T("polls.outcome.few")
		default:
			cards[i].Outcome = strings.TrimSpace(leadWords(words, one, r.Total) + " " + turnoutWords(words, r.Total))
		}
	}
	return nil
}
