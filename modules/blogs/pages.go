package blogs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/go-chi/chi/v5"

	"viche/actors"
	"viche/internal/store"
	"viche/modules"
	"viche/web"
)

// Module is the manifest. It puts the pages on a site; until then none of the
// handlers must be called. The pages of people, /@olena and /@olena@lviv.example,
// are not among its routes, since others share that address: see Remote,
// ProfileSection and ChannelSection.
func (b *Blogs) Module(site *web.Site) modules.Module {
	b.site = site
	b.asking = newAsking(b.DB.Now)
	return modules.Module{Name: "blogs", Files: Files, Routes: b.routes, Periodic: b.Periodic()}
}

// acts are what one button below a post does.
var acts = map[string]func(*Blogs, context.Context, actors.Actor, int64) error{
	"like": (*Blogs).Like, "unlike": (*Blogs).Unlike,
	"boost": (*Blogs).Boost, "unboost": (*Blogs).Unboost,
	"bookmark": (*Blogs).Bookmark, "unbookmark": (*Blogs).Unbookmark,
	"pin": (*Blogs).Pin, "unpin": (*Blogs).Unpin,
}

func (b *Blogs) routes(r chi.Router) {
	r.Get("/blogs", b.showNewest)
	r.Get("/blogs/feed.atom", b.newestFeed)
	r.Get("/@{handle}/feed.atom", b.actorFeed)
	r.Get("/tags/{tag}", b.showTag)
	r.Get("/blogs/{id}", b.show)
	r.Get("/blogs/{id}/history", b.showHistory)
	r.Get("/search", b.showSearch)
	r.Get("/interact", b.showInteract)
	r.Post("/interact", b.interact)
	b.fileRoutes(r)

	r.Group(func(r chi.Router) {
		r.Use(b.site.SignedIn)
		r.Get("/home", b.showHome)
		r.Get("/bookmarks", b.showBookmarks)
		r.Get("/direct", b.showDirect)

		r.Get("/blogs/new", b.showNew)
		r.Post("/blogs", b.write)
		r.Post("/blogs/new", b.showTyped)
		r.Get("/blogs/drafts", b.showDrafts)
		r.Post("/blogs/drafts/{id}/delete", b.dropDraft)
		r.Get("/blogs/{id}/edit", b.showEdit)
		r.Post("/blogs/{id}/edit", b.edit)
		r.Get("/blogs/{id}/delete", b.showDelete)
		r.Post("/blogs/{id}/delete", b.delete)
		r.Post("/blogs/{id}/vote", b.vote)
		for name, do := range acts {
			r.Post("/blogs/{id}/"+name, b.act(do))
		}

		r.Get("/notifications", b.showNotices)
		r.Post("/notifications", b.seeNotices)
		r.Get("/me/follows", b.showFollows)
		r.Post("/me/follows", b.setApproval)
		r.Get("/me/blocks", b.showBlocks)
		r.Post("/me/blocks", b.changeHosts)
		r.Get("/me/move", b.showMove)
		r.Post("/me/move", b.changeMove)
		r.Post("/people/{id}/{act}", b.toPerson)
		r.Get("/report", b.showReport)
		r.Post("/report", b.sendReport)
		r.Get("/authorize_interaction", b.authorizeInteraction)
		r.Get("/share", b.share)
	})
	// Whoever comes back from signing in, or reloads.
	for _, name := range []string{"like", "unlike", "boost", "unboost", "bookmark", "unbookmark", "pin", "unpin", "vote"} {
		r.Get("/blogs/{id}/"+name, func(w http.ResponseWriter, r *http.Request) { web.Redirect303(w, r, "/blogs/"+chi.URLParam(r, "id")) })
	}
	r.Get("/people/{id}/{act}", b.backToPerson)
}

// Badge is what waits for somebody, for the heading of each page.
func (b *Blogs) Badge(ctx context.Context, v *web.Viewer) (web.Badge, error) {
	n, err := b.Unread(ctx, v.ActorID)
	key := "blogs.badge"
	if n == 0 {
		key = "blogs.badge.none"
	}
	return web.Badge{Href: "/notifications", Key: key, Icon: "bell", Count: n}, err
}

// reader is the actor who reads, nil for nobody.
func (b *Blogs) reader(r *http.Request) (*actors.Actor, error) {
	v := web.ViewerOf(r)
	if v == nil {
		return nil, nil
	}
	a, err := b.Book.ByID(r.Context(), b.DB.Read(), v.ActorID)
	return &a, err
}

func idOf(a *actors.Actor) int64 {
	if a == nil {
		return 0
	}
	return a.ID
}

// writer is who writes; only behind SignedIn.
func (b *Blogs) writer(r *http.Request) (Writer, error) {
	return b.Writer(r.Context(), web.ViewerOf(r).AccountID)
}

// asked loads the post that an address names, if the reader may see it. One
// that was deleted is for whoever could have seen it: it comes with its mark.
func (b *Blogs) asked(r *http.Request) (*Post, *actors.Actor, error) {
	reader, err := b.reader(r)
	if err != nil {
		return nil, nil, err
	}
	p, err := b.ByID(r.Context(), b.DB.Read(), web.Number(chi.URLParam(r, "id")))
	if err != nil {
		return nil, nil, err
	}
	if p.Deleted > 0 && (p.Visibility == Public || p.Visibility == Unlisted) {
		return p, reader, nil
	}
	may, err := b.Audience(r.Context(), b.DB.Read(), p, reader)
	if err == nil && !may {
		err = fmt.Errorf("post %d: %w", p.ID, store.ErrNotFound)
	}
	return p, reader, err
}

// act does what a button below a post says and goes back to where it stood.
func (b *Blogs) act(do func(*Blogs, context.Context, actors.Actor, int64) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		reader, err := b.reader(r)
		id := web.Number(chi.URLParam(r, "id"))
		if err == nil {
			err = do(b, r.Context(), *reader, id)
		}
		if err != nil {
			b.site.Error(w, r, err)
			return
		}
		b.back(w, r, "/blogs/"+strconv.FormatInt(id, 10), "post-"+strconv.FormatInt(id, 10))
	}
}

// back leads to the page where the form stood, at the place named.
func (b *Blogs) back(w http.ResponseWriter, r *http.Request, otherwise, place string) {
	to := r.PostFormValue("back")
	if to == "" || web.LocalPath(to) != to {
		to = otherwise
	}
	if place != "" {
		to += "#" + place
	}
	web.Redirect303(w, r, to)
}

// here is the address of this page, for forms that come back to it. A page that
// answers a form has no address of its own.
func here(r *http.Request) string {
	if r.Method != http.MethodGet {
		return ""
	}
	return r.URL.RequestURI()
}

func isDenied(err error) bool { return errors.Is(err, store.ErrDenied) }
