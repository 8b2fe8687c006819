package polls

import (
	"fmt"
	"net/http"

	"github.com/go-chi/chi/v5"

	"viche/actors"
	"viche/internal/locale"
	"viche/internal/store"
	"viche/web"
)

const feedSize = 50

func (p *Polls) feed(w http.ResponseWriter, r *http.Request) {
	words := p.site.Printer(r)
	p.writeFeed(w, r, Filter{}, words.T("polls.feed.title", "Instance", p.self.Label()), "/polls/feed.atom", "/polls")
}

func (p *Polls) sphereFeed(w http.ResponseWriter, r *http.Request) {
	slug := chi.URLParam(r, "sphere")
	if !actors.IsSphere(slug) {
		p.site.Error(w, r, fmt.Errorf("sphere %q: %w", slug, store.ErrNotFound))
		return
	}
	words := p.site.Printer(r)
	title := words.T("polls.feed.sphere", "Instance", p.self.Label(), "Sphere", words.T("spheres."+slug))
	p.writeFeed(w, r, Filter{Sphere: slug}, title, "/spheres/"+slug+"/feed.atom", "/@"+slug)
}

// writeFeed writes polls without a number of votes, nor after the close: feed
// readers are nobody who has voted, and that is what the page is for.
func (p *Polls) writeFeed(w http.ResponseWriter, r *http.Request, f Filter, title, path, page string) {
	f.Limit = feedSize
	list, _, err := p.List(r.Context(), f)
	if err != nil {
		p.site.Error(w, r, err)
		return
	}
	words := p.site.Printer(r)
	feed := web.Feed{Title: title, Path: path, Page: page, Author: web.FeedAuthor{Name: p.self.Label(), URI: p.Base + "/"}, Since: store.Time(p.self.Published)}
	for _, one := range list {
		e := p.entry(words, one)
		if e.Updated.After(feed.Newest) {
			feed.Newest = e.Updated
		}
		feed.Entries = append(feed.Entries, e)
	}
	p.site.Feed(w, r, feed)
}

func (p *Polls) entry(words *locale.Printer, one *Poll) web.FeedEntry {
	updated, last := one.OpensAt, words.T("polls.feed.open", "Date", words.DateTime(one.ClosesAt))
	if !one.Accepts(p.DB.Now()) {
		updated, last = one.Closes(), words.T("polls.feed.closed", "Date", words.DateTime(one.Closes()))
	}
	text := ""
	for _, par := range web.Paragraphs(one.Body) {
		text += par + "\n\n"
	}
	if one.Simple() {
		for _, o := range one.Options() {
			text += "• " + o.Text + "\n"
		}
	} else {
		for _, q := range one.Questions {
			text += "• " + q.full(one) + "\n"
		}
	}
	return web.FeedEntry{
		ID: one.URI, Title: one.Title, Published: one.OpensAt, Updated: updated, URL: p.URL(one),
		Category: one.Sphere, Label: words.T("spheres." + one.Sphere), Kind: "text", Text: text + "\n" + last,
	}
}
