package blogs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"viche/actors"
	"viche/internal/markup"
	"viche/internal/search"
	"viche/internal/store"
	"viche/web"
)

// Most of what one search shows.
const (
	mostFoundPeople = 20
	mostFoundTags   = 10
	mostFoundThings = 20
	longestAddress  = 2_000 // characters of what may be looked for
	longestSearch   = 8_000 // bytes of the page's address, in which a letter may take six
)

// searched are the modules that a search can be narrowed to, in their order.
var searched = []string{"polls", "ideas", "officials", "primaries", foundPosts, foundOnes}

type searchView struct {
	Query     string
	Asked     bool
	Post      *postView
	People    []personView
	Tags      []tagView
	Tabs      []tab
	Spheres   []web.Choice
	Module    string
	Territory string
	Found     []foundView
	Older     string
	First     string
	Everybody string // the same search without filters, if one is set
	Nothing   bool
	Sign      bool // somebody signed in would find more
	Failed    string
}

type tagView struct{ Href, Name, Count string }

// foundView is one thing that was found. Its pieces are text, which the template
// escapes.
type foundView struct {
	Href, Kind, Sphere, State string
	Lang                      string
	Heading, Snippet          []search.Piece
	At                        time.Time
}

// showSearch finds by words whatever modules show to everybody; people and tags
// of ours by how they begin; and, for somebody signed in, whoever or whatever an
// address names on any server. Of posts only those are found whose authors want
// to be.
func (b *Blogs) showSearch(w http.ResponseWriter, r *http.Request) {
	if len(r.URL.RawQuery) > longestSearch {
		// The page says its own address, which is not to come back so long.
		r = r.WithContext(r.Context())
		r.URL, r.RequestURI = &url.URL{Path: "/search"}, "/search"
		b.renderSearch(w, r, http.StatusRequestURITooLong, searchView{Failed: b.site.Printer(r).T("blogs.search.long")})
		return
	}
	view, err := b.search(r)
	if err != nil {
		b.site.Error(w, r, fmt.Errorf("search: %w", err))
		return
	}
	b.renderSearch(w, r, http.StatusOK, view)
}

func (b *Blogs) renderSearch(w http.ResponseWriter, r *http.Request, status int, view searchView) {
	words := b.site.Printer(r)
	chosen := sphereOf(r.URL.Query())
	view.Spheres = []web.Choice{{Label: words.T("blogs.search.spheres"), Checked: chosen == ""}}
	for _, s := range actors.Spheres {
		view.Spheres = append(view.Spheres, web.Choice{Value: s.Slug, Label: words.T(s.Key), Checked: s.Slug == chosen})
	}
	b.site.Render(w, r, status, "blogs/search", view)
}

// sphereOf is the sphere that a search is narrowed to; what nobody knows is none.
func sphereOf(q url.Values) string {
	for _, s := range actors.Spheres {
		if s.Slug == q.Get("sphere") {
			return s.Slug
		}
	}
	return ""
}

func (b *Blogs) search(r *http.Request) (searchView, error) {
	ctx, q := r.Context(), strings.TrimSpace(r.URL.Query().Get("q"))
	view := searchView{Query: q, Asked: q != ""}
	if q == "" {
		return view, nil
	}
	if utf8.RuneCountInString(q) > longestAddress {
		view.Query, view.Failed = "", b.site.Printer(r).T("blogs.search.long")
		return view, nil
	}
	far := strings.HasPrefix(q, "https://") || strings.HasPrefix(q, "http://") || strings.Contains(strings.TrimPrefix(q, "@"), "@")
	var err error
	switch {
	case far:
		err = b.searchFar(r, q, &view)
	case strings.HasPrefix(q, "#"):
		err = b.searchTags(ctx, strings.TrimPrefix(q, "#"), &view)
	case strings.HasPrefix(q, "@"):
		view.People, err = b.foundPeople(ctx, strings.TrimPrefix(q, "@"), mostFoundPeople)
	default:
		err = b.searchWords(r, q, &view)
	}
	view.Nothing = view.Failed == "" && view.Post == nil && len(view.People) == 0 && len(view.Tags) == 0 && len(view.Found) == 0
	return view, err
}

// searchWords looks for words everywhere, or where a filter says.
func (b *Blogs) searchWords(r *http.Request, q string, view *searchView) error {
	ctx, asked := r.Context(), r.URL.Query()
	wanted := search.Query{Text: q, Sphere: sphereOf(asked), Territory: asked.Get("territory"), After: asked.Get("after"), Limit: mostFoundThings}
	if slices.Contains(searched, asked.Get("module")) {
		wanted.Module = asked.Get("module")
	}
	view.Module, view.Territory = wanted.Module, wanted.Territory
	narrowed := wanted.Sphere != "" || wanted.Territory != ""
	if wanted.Module != "" || narrowed {
		view.Everybody = searchAddress(search.Query{Text: q})
	}
	var err error
	if wanted.After == "" && !narrowed {
		if wanted.Module == "" || wanted.Module == foundOnes {
			if view.People, err = b.foundPeople(ctx, q, mostFoundPeople); err != nil {
				return err
			}
		}
		if wanted.Module == "" || wanted.Module == foundPosts {
			if err := b.searchTags(ctx, q, view); err != nil {
				return err
			}
		}
	}
	if err := b.searchTabs(r, wanted, view); err != nil {
		return err
	}
	page, err := search.Find(ctx, b.DB.ReadBound(), wanted)
	if err != nil {
		return err
	}
	reader, err := b.reader(r)
	if err != nil {
		return err
	}
	found, authors, err := b.stillSeen(ctx, reader, page.Items)
	if err != nil {
		return err
	}
	words := b.site.Printer(r)
	for _, f := range found {
		one := foundView{Href: f.Path, Kind: words.T("blogs.search.module." + kindOf(f.Module)), Lang: f.Lang, Heading: f.Heading, Snippet: f.Snippet, At: f.At}
		if a, ok := authors[web.Number(f.Ref)]; ok && f.Module == foundPosts && f.Title == "" {
			one.Heading = []search.Piece{{Text: a.Label()}}
		}
		for _, s := range actors.Spheres {
			if s.Slug == f.Sphere {
				one.Sphere = words.T(s.Key)
			}
		}
		if f.State == "open" || f.State == "closed" {
			one.State = words.T("blogs.search.state." + f.State)
		}
		view.Found = append(view.Found, one)
	}
	if wanted.After != "" {
		first := wanted
		first.After = ""
		view.First = searchAddress(first)
	}
	if page.Next != "" {
		older := wanted
		older.After = page.Next
		view.Older = searchAddress(older)
	}
	return nil
}

// kindOf is the word for what a module has; one that the words don't know is
// something else that was found.
func kindOf(module string) string {
	if slices.Contains(searched, module) {
		return module
	}
	return "other"
}

// searchTabs are the modules that a search can be narrowed to: those that have
// anything.
func (b *Blogs) searchTabs(r *http.Request, wanted search.Query, view *searchView) error {
	words := b.site.Printer(r)
	have, err := search.Modules(r.Context(), b.DB.ReadBound(), searched)
	if err != nil || len(have) == 0 {
		return err
	}
	current := wanted.Module
	wanted.After = ""
	for _, module := range append([]string{""}, have...) {
		wanted.Module = module
		key := "blogs.search.all"
		if module != "" {
			key = "blogs.search.in." + module
		}
		view.Tabs = append(view.Tabs, tab{searchAddress(wanted), words.T(key), module == current})
	}
	return nil
}

// searchAddress is the page of a search.
func searchAddress(q search.Query) string {
	values := url.Values{"q": {q.Text}}
	for name, value := range map[string]string{"module": q.Module, "sphere": q.Sphere, "territory": q.Territory, "after": q.After} {
		if value != "" {
			values.Set(name, value)
		}
	}
	return "/search?" + values.Encode()
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
