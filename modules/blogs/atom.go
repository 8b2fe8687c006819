package blogs

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"viche/actors"
	"viche/internal/locale"
	"viche/internal/store"
)

const feedSize = 50

// A feed in the form of RFC 4287. It holds what stands in public timelines and
// nothing else: a reader of feeds is nobody whom we know.
type atomFeed struct {
	XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	Lang    string      `xml:"xml:lang,attr"`
	ID      string      `xml:"id"`
	Title   string      `xml:"title"`
	Updated string      `xml:"updated"`
	Author  atomAuthor  `xml:"author"`
	Links   []atomLink  `xml:"link"`
	Entries []atomEntry `xml:"entry"`
}

type atomAuthor struct {
	Name string `xml:"name"`
	URI  string `xml:"uri,omitempty"`
}

type atomLink struct {
	Rel  string `xml:"rel,attr"`
	Type string `xml:"type,attr,omitempty"`
	Href string `xml:"href,attr"`
}

type atomEntry struct {
	Lang      string     `xml:"xml:lang,attr,omitempty"`
	ID        string     `xml:"id"`
	Title     string     `xml:"title"`
	Published string     `xml:"published"`
	Updated   string     `xml:"updated"`
	Author    atomAuthor `xml:"author"`
	Links     []atomLink `xml:"link"`
	Summary   string     `xml:"summary,omitempty"`
	Content   atomText   `xml:"content"`
}

type atomText struct {
	Type string `xml:"type,attr"`
	Text string `xml:",chardata"`
}

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
	feed := atomFeed{
		Lang: s.words.Lang(), ID: b.Base + path, Title: title, Author: atomAuthor{by.Label(), b.Base + page},
		Links: []atomLink{{"self", "application/atom+xml", b.Base + path}, {"alternate", "text/html", b.Base + page}},
	}
	newest := store.Time(by.Published)
	for i, v := range views {
		e := b.feedEntry(s.words, v, list[i].Post)
		if v.At.After(newest) {
			newest = v.At
		}
		feed.Entries = append(feed.Entries, e)
	}
	feed.Updated = atomTime(newest)
	raw, err := xml.MarshalIndent(feed, "", " ")
	if err != nil {
		b.site.Error(w, r, fmt.Errorf("write feed: %w", err))
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/atom+xml; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=300")
	h.Add("Vary", "Accept-Language, Cookie")
	_, _ = w.Write(append([]byte(xml.Header), raw...)) // a reader who hangs up needs no answer
}

func (b *Blogs) feedEntry(words *locale.Printer, v postView, p *Post) atomEntry {
	updated := v.At
	if v.Edited {
		updated = v.EditedAt
	}
	return atomEntry{
		Lang: p.Lang, ID: p.URI, Title: titleOf(words, v, p), Published: atomTime(v.At), Updated: atomTime(updated),
		Author: atomAuthor{v.Author.Name, b.site.URL(v.Author.Href)}, Links: []atomLink{{"alternate", "text/html", b.site.URL(v.Path)}},
		Summary: p.Summary, Content: atomText{"html", strings.ReplaceAll(string(v.Content), `src="/media/`, `src="`+b.Base+`/media/`)},
	}
}

func atomTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }
