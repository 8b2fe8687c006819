package blogs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"viche/internal/markup"
	"viche/internal/store"
	"viche/web"
)

// Most of what one search shows.
const (
	mostFoundPeople = 20
	mostFoundTags   = 10
)

type searchView struct {
	Query   string
	Asked   bool
	Post    *postView
	People  []personView
	Tags    []tagView
	Nothing bool
	Sign    bool // somebody signed in would find more
	Failed  string
}

type tagView struct{ Href, Name, Count string }

// showSearch finds people and tags of ours by how they begin, and, for somebody
// signed in, whoever or whatever an address names on any server. Texts are not
// searched: nobody was asked for leave.
func (b *Blogs) showSearch(w http.ResponseWriter, r *http.Request) {
	view, err := b.search(r)
	if err != nil {
		b.site.Error(w, r, fmt.Errorf("search: %w", err))
		return
	}
	b.site.Render(w, r, http.StatusOK, "blogs/search", view)
}

func (b *Blogs) search(r *http.Request) (searchView, error) {
	ctx, q := r.Context(), strings.TrimSpace(r.URL.Query().Get("q"))
	view := searchView{Query: q, Asked: q != ""}
	if q == "" || utf8.RuneCountInString(q) > 2_000 {
		return view, nil
	}
	far := strings.HasPrefix(q, "https://") || strings.HasPrefix(q, "http://") || strings.Contains(strings.TrimPrefix(q, "@"), "@")
	switch {
	case far:
		if err := b.searchFar(r, q, &view); err != nil {
			return view, err
		}
	case strings.HasPrefix(q, "#"):
		if err := b.searchTags(ctx, strings.TrimPrefix(q, "#"), &view); err != nil {
			return view, err
		}
	default:
		var err error
		if view.People, err = b.foundPeople(ctx, strings.TrimPrefix(q, "@"), mostFoundPeople); err != nil {
			return view, err
		}
		if !strings.HasPrefix(q, "@") {
			if err := b.searchTags(ctx, q, &view); err != nil {
				return view, err
			}
		}
	}
	view.Nothing = view.Post == nil && len(view.People) == 0 && len(view.Tags) == 0
	return view, nil
}

// searchFar resolves an address or a handle with a host.
func (b *Blogs) searchFar(r *http.Request, q string, view *searchView) error {
	reader, err := b.reader(r)
	if err != nil {
		return err
	}
	if reader == nil {
		view.Sign = true
		return nil
	}
	if !b.asking.may(r) {
		return web.ErrTooMany
	}
	who, err := b.writer(r)
	if err != nil {
		return err
	}
	p, a, err := b.Find(r.Context(), who, q)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil: // the other server is away, refuses, or talks nonsense
		b.Log.InfoContext(r.Context(), "what was looked for could not be had", "err", err)
		view.Failed = b.site.Printer(r).T("blogs.search.failed")
		return nil
	}
	if a != nil {
		view.People = []personView{b.person(*a)}
	}
	if p == nil {
		return nil
	}
	views, err := b.showing(r, reader).posts(r.Context(), []*Post{p})
	if err == nil {
		view.Post = &views[0]
	}
	return err
}

// searchTags finds tags of public posts by how they begin.
func (b *Blogs) searchTags(ctx context.Context, q string, view *searchView) error {
	tag := markup.Fold(q)
	if tag == "" {
		return nil
	}
	var rows []struct {
		Tag string `bun:"tag"`
		N   int    `bun:"n"`
	}
	err := b.DB.Read().NewRaw(`
		select t.tag, count(*) as n from post_tags t join posts p on p.id = t.post
		where t.tag >= ? and t.tag < ? and p.visibility = 'public' and p.deleted = 0 and p.hidden = 0
		group by t.tag order by n desc, t.tag limit ?`, tag, tag+"\U0010ffff", mostFoundTags).Scan(ctx, &rows)
	if err != nil {
		return fmt.Errorf("search tags: %w", store.Kind(err))
	}
	for _, row := range rows {
		view.Tags = append(view.Tags, tagView{"/tags/" + url.PathEscape(row.Tag), "#" + row.Tag, fmt.Sprint(row.N)})
	}
	return nil
}

// escapeLike makes text stand for itself in a like whose escape is "!".
func escapeLike(text string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(text)
}

func lowered(text string) string { return strings.ToLower(text) }

// titled begins each word with a capital, as names do: a database compares
// letters beyond ASCII as they are.
func titled(text string) string {
	start := true
	return strings.Map(func(r rune) rune {
		if start {
			r = unicode.ToTitle(r)
		}
		start = unicode.IsSpace(r) || r == '-'
		return r
	}, text)
}
