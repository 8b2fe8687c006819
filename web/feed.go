package web

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"time"
)

// A Feed is a list of what is new, in the form of RFC 4287. A reader of feeds is
// nobody whom we know, so only what everybody may see belongs in it.
type Feed struct {
	Title  string
	Path   string // of the feed itself
	Page   string // of the page that shows the same
	Author FeedAuthor
	Since  time.Time // when it is said to have changed while nothing is in it
	// Newest is when it changed last, Since if that is later.
	Newest  time.Time
	Entries []FeedEntry
}

// FeedAuthor is somebody with a page.
type FeedAuthor struct {
	Name string `xml:"name"`
	URI  string `xml:"uri,omitempty"`
}

// FeedEntry is one thing in a feed. Lang, Author, Summary and Category may be
// left out.
type FeedEntry struct {
	Lang, ID, Title    string
	Published, Updated time.Time
	Author             *FeedAuthor
	URL                string // its page
	Category, Label    string
	Summary            string
	Kind, Text         string // Kind of Text: "text" or "html"
}

type atomFeed struct {
	XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	Lang    string      `xml:"xml:lang,attr"`
	ID      string      `xml:"id"`
	Title   string      `xml:"title"`
	Updated string      `xml:"updated"`
	Author  FeedAuthor  `xml:"author"`
	Links   []atomLink  `xml:"link"`
	Entries []atomEntry `xml:"entry"`
}

type atomLink struct {
	Rel  string `xml:"rel,attr"`
	Type string `xml:"type,attr,omitempty"`
	Href string `xml:"href,attr"`
}

type atomEntry struct {
	Lang      string        `xml:"xml:lang,attr,omitempty"`
	ID        string        `xml:"id"`
	Title     string        `xml:"title"`
	Published string        `xml:"published"`
	Updated   string        `xml:"updated"`
	Author    *FeedAuthor   `xml:"author"`
	Link      atomLink      `xml:"link"`
	Category  *atomCategory `xml:"category"`
	Summary   string        `xml:"summary,omitempty"`
	Content   atomText      `xml:"content"`
}

type atomCategory struct {
	Term  string `xml:"term,attr"`
	Label string `xml:"label,attr"`
}

type atomText struct {
	Type string `xml:"type,attr"`
	Text string `xml:",chardata"`
}

// Feed writes a feed in the reader's language.
func (s *Site) Feed(w http.ResponseWriter, r *http.Request, f Feed) {
	newest := f.Since
	if f.Newest.After(newest) {
		newest = f.Newest
	}
	feed := atomFeed{
		Lang: s.Printer(r).Lang(), ID: s.URL(f.Path), Title: f.Title, Updated: atomTime(newest), Author: f.Author,
		Links: []atomLink{{"self", "application/atom+xml", s.URL(f.Path)}, {"alternate", "text/html", s.URL(f.Page)}},
	}
	for _, e := range f.Entries {
		one := atomEntry{
			Lang: e.Lang, ID: e.ID, Title: e.Title, Published: atomTime(e.Published), Updated: atomTime(e.Updated), Author: e.Author,
			Link: atomLink{"alternate", "text/html", e.URL}, Summary: e.Summary, Content: atomText{e.Kind, e.Text},
		}
		if e.Category != "" {
			one.Category = &atomCategory{e.Category, e.Label}
		}
		feed.Entries = append(feed.Entries, one)
	}
	raw, err := xml.MarshalIndent(feed, "", " ")
	if err != nil {
		s.Error(w, r, fmt.Errorf("write feed: %w", err))
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/atom+xml; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=300")
	h.Add("Vary", "Accept-Language, Cookie")
	_, _ = w.Write(append([]byte(xml.Header), raw...)) // a reader who hangs up needs no answer
}

func atomTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }
