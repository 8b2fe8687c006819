package polls

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"viche/internal/locale"
	"viche/internal/store"
)

const feedSize = 50

// A feed in the form of RFC 4287. Feed readers are nobody who has voted, so
// there is never a number of votes in it, nor after the close: that is what the
// page is for.
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
	ID        string       `xml:"id"`
	Title     string       `xml:"title"`
	Published string       `xml:"published"`
	Updated   string       `xml:"updated"`
	Links     []atomLink   `xml:"link"`
	Category  atomCategory `xml:"category"`
	Content   atomText     `xml:"content"`
}

type atomCategory struct {
	Term  string `xml:"term,attr"`
	Label string `xml:"label,attr"`
}

type atomText struct {
	Type string `xml:"type,attr"`
	Text string `xml:",chardata"`
}

func (p *Polls) feed(w http.ResponseWriter, r *http.Request) {
	words := p.site.Printer(r)
	p.writeFeed(w, r, Filter{}, words.T("polls.feed.title", "Instance", p.self.Label()), "/polls/feed.atom", "/polls")
}

func (p *Polls) sphereFeed(w http.ResponseWriter, r *http.Request) {
	slug := chi.URLParam(r, "sphere")
	if !knownSphere(slug) {
		p.site.Error(w, r, fmt.Errorf("sphere %q: %w", slug, store.ErrNotFound))
		return
	}
	words := p.site.Printer(r)
	title := words.T("polls.feed.sphere", "Instance", p.self.Label(), "Sphere", words.T("spheres."+slug))
	p.writeFeed(w, r, Filter{Sphere: slug}, title, "/spheres/"+slug+"/feed.atom", "/@"+slug)
}

func (p *Polls) writeFeed(w http.ResponseWriter, r *http.Request, f Filter, title, path, page string) {
	f.Limit = feedSize
	list, _, err := p.List(r.Context(), f)
	if err != nil {
		p.site.Error(w, r, err)
		return
	}
	words := p.site.Printer(r)
	feed := atomFeed{
		Lang: words.Lang(), ID: p.Base + path, Title: title, Author: atomAuthor{p.self.Label(), p.Base + "/"},
		Links: []atomLink{{"self", "application/atom+xml", p.Base + path}, {"alternate", "text/html", p.Base + page}},
	}
	newest := store.Time(p.self.Published)
	for _, one := range list {
		e, updated := p.entry(words, one)
		if updated.After(newest) {
			newest = updated
		}
		feed.Entries = append(feed.Entries, e)
	}
	feed.Updated = atomTime(newest)
	raw, err := xml.MarshalIndent(feed, "", " ")
	if err != nil {
		p.site.Error(w, r, fmt.Errorf("write feed: %w", err))
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/atom+xml; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=300")
	h.Add("Vary", "Accept-Language, Cookie")
	_, _ = w.Write(append([]byte(xml.Header), raw...)) // a reader who hangs up needs no answer
}

func (p *Polls) entry(words *locale.Printer, one *Poll) (atomEntry, time.Time) {
	updated, last := one.OpensAt, words.T("polls.feed.open", "Date", words.DateTime(one.ClosesAt))
	if !one.Accepts(p.DB.Now()) {
		updated, last = one.Closes(), words.T("polls.feed.closed", "Date", words.DateTime(one.Closes()))
	}
	text := ""
	for _, par := range paragraphs(one.Body) {
		text += par + "\n\n"
	}
	for _, o := range one.Options() {
		text += "• " + o.Text + "\n"
	}
	return atomEntry{
		ID: one.URI, Title: one.Title, Published: atomTime(one.OpensAt), Updated: atomTime(updated),
		Links:    []atomLink{{"alternate", "text/html", p.URL(one)}},
		Category: atomCategory{one.Sphere, words.T("spheres." + one.Sphere)},
		Content:  atomText{"text", text + "\n" + last},
	}, updated
}

func atomTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }
