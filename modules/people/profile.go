package people

import (
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"viche/internal/store"
	"viche/web"
)

type profileView struct {
	Handle, Name, Address string
	Summary               []string // paragraphs
	Organisation          bool
	Verified              bool   // only if chosen to be shown
	Territory             string // likewise
	Joined                time.Time
	ActorURI              string
	Own                   bool
	Indexable             bool
	Posts                 template.HTML
	Status                template.HTML
}

// Profile is the page /@handle of a resident or an organisation: only what they
// chose to show. internal/city routes to it, since spheres share the address.
func (p *People) Profile(site *web.Site) http.HandlerFunc {
	s := pages{p, site}
	return func(w http.ResponseWriter, r *http.Request) {
		view, err := s.profile(r, strings.TrimPrefix(r.URL.Path, "/@"))
		if err != nil {
			site.Error(w, r, err)
			return
		}
		site.Render(w, r, http.StatusOK, "people/profile", view)
	}
}

func (s pages) profile(r *http.Request, handle string) (profileView, error) {
	ctx := r.Context()
	a, err := byHandle(ctx, s.DB.Read(), handle)
	if err != nil {
		return profileView{}, err
	}
	actor, err := s.Book.ByID(ctx, s.DB.Read(), a.ActorID)
	if err != nil {
		return profileView{}, err
	}
	if a.Approved == 0 || actor.Suspended || actor.Deleted {
		return profileView{}, fmt.Errorf("profile %q: %w", handle, store.ErrNotFound)
	}
	v := web.ViewerOf(r)
	view := profileView{
		Handle: a.Handle, Name: actor.Label(), Address: actor.Address(), Summary: web.Paragraphs(actor.Summary),
		Organisation: a.Kind == Organisation, Joined: store.Time(a.Created), ActorURI: actor.URI,
		Own: v != nil && v.AccountID == a.ID, Indexable: actor.Indexable,
	}
	if s.Posts != nil {
		if view.Posts, err = s.Posts(r, actor); err != nil {
			return profileView{}, err
		}
	}
	if s.Status != nil {
		if view.Status, err = s.Status(r, a.ID); err != nil {
			return profileView{}, err
		}
	}
	if a.ShowVerified == 1 || a.ShowTerritory == 1 {
		now, holds, err := s.EntitlementOf(ctx, s.DB.Read(), a.ID, s.DB.Now())
		if err != nil {
			return profileView{}, err
		}
		view.Verified = holds && a.ShowVerified == 1
		if holds && a.ShowTerritory == 1 {
			view.Territory = s.Territories.Label(now.Territory, s.site.Printer(r).Lang())
		}
	}
	return view, nil
}
