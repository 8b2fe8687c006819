package blogs

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"viche/actors"
	"viche/internal/locale"
	"viche/internal/store"
	"viche/web"
)

const feedSize = 50

func (b *Blogs) newestFeed(w http.ResponseWriter, r *http.Request) {
	list, err := b.Newest(r.Context(), 0, 0, feedSize, true)
	if err != nil {
		b.site.Error(w, r, fmt.Errorf("feed: %w", err))
		return
	}
	self, err := b.Book.Own(r.Context(), b.DB.Read(), actors.Instance)
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	title := b.site.Printer(r).T("blogs.feed.title", "Instance", self.Label())
	b.writeFeed(w, r, list, title, "/blogs/feed.atom", "/blogs", self)
}

func (b *Blogs) actorFeed(w http.ResponseWriter, r *http.Request) {
	a, err := b.Book.ByHandle(r.Context(), b.DB.Read(), chi.URLParam(r, "handle"))
	if err == nil && (!a.Local || a.Suspended || a.Deleted) {
		err = store.ErrNotFound
	}
	var list []Entry
	if err == nil {
		list, err = b.By(r.Context(), 0, a, false, 0, feedSize)
	}
	if err != nil {
		b.site.Error(w, r, fmt.Errorf("feed of an actor: %w", err))
		return
	}
	b.writeFeed(w, r, list, b.site.Printer(r).T("blogs.feed.by", "Name", a.Label()), "/@"+a.Handle+"/feed.atom", "/@"+a.Handle, a)
}

func (b *Blogs) writeFeed(w http.ResponseWriter, r *http.Request, list []Entry, title, path, page string, by actors.Actor) {
	s := b.showing(r, nil)
	views, err := s.entries(r.Context(), list)
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	feed := web.Feed{Title: title, Path: path, Page: page, Author: web.FeedAuthor{Name: by.Label(), URI: b.site.URL(page)}, Since: store.Time(by.Published)}
	for i, v := range views {
		if v.At.After(feed.Newest) {
			feed.Newest = v.At
		}
		feed.Entries = append(feed.Entries, b.feedEntry(s.words, v, list[i].Post))
	}
	b.site.Feed(w, r, feed)
}

func (b *Blogs) feedEntry(words *locale.Printer, v postView, p *Post) web.FeedEntry {
	updated := v.At
	if v.Edited {
		updated = v.EditedAt
	}
	return web.FeedEntry{
		Lang: p.Lang, ID: p.URI, Title: titleOf(words, v, p), Published: v.At, Updated: updated,
		Author: &web.FeedAuthor{Name: v.Author.Name, URI: b.site.URL(v.Author.Href)}, URL: b.site.URL(v.Path),
		Summary: p.Summary, Kind: "html", Text: strings.ReplaceAll(string(v.Content), `src="/media/`, `src="`+b.Base+`/media/`),
	}
}
