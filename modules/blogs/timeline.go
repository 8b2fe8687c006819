package blogs

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-chi/chi/v5"

	"viche/internal/markup"
	"viche/web"
)

const pageSize = 20

// tab is one of the timelines that stand beside each other.
type tab struct {
	Href, Text string
	Current    bool
}

// timelineView is a list of posts with what stands around it.
type timelineView struct {
	Title, Lead string
	Tabs        []tab
	Links       []tab
	Feed        string // address of the same as Atom
	Posts       []postView
	Older       string
	First       string
	Composer    *quickView
	Empty       emptyView
	Private     bool // not for search engines
}

type emptyView struct{ Title, Text, Href, Action, Icon string }

// read gives lines of a timeline below the entry before.
type read func(ctx context.Context, before int64, limit int) ([]Entry, error)

// turn reads one page of a timeline. What the reader does not see takes room in
// what was read, so whether there is more is asked for.
func turn(ctx context.Context, before int64, from read) (list []Entry, older bool, err error) {
	if list, err = from(ctx, before, pageSize+1); err != nil || len(list) == 0 {
		return nil, false, err
	}
	if len(list) > pageSize {
		return list[:pageSize], true, nil
	}
	rest, err := from(ctx, list[len(list)-1].ID, 1)
	return list, len(rest) > 0, err
}

// fill puts a page of a timeline into view, which r asks for.
func (b *Blogs) fill(r *http.Request, s showing, view *timelineView, from read) error {
	before := web.Number(r.URL.Query().Get("before"))
	list, older, err := turn(r.Context(), before, from)
	if err != nil {
		return err
	}
	if view.Posts, err = s.entries(r.Context(), list); err != nil {
		return err
	}
	if older {
		view.Older = withQuery(r.URL, "before", strconv.FormatInt(list[len(list)-1].ID, 10))
	}
	if before > 0 {
		view.First = withQuery(r.URL, "before", "")
	}
	return nil
}

// withQuery is the address of this page with one parameter changed.
func withQuery(u *url.URL, name, value string) string {
	q := u.Query()
	q.Del("lang")
	if q.Set(name, value); value == "" {
		q.Del(name)
	}
	return (&url.URL{Path: u.Path, RawQuery: q.Encode()}).String()
}

// timelines are the tabs above /home and /blogs.
func (b *Blogs) timelines(r *http.Request) []tab {
	words, all := b.site.Printer(r), r.URL.Query().Get("from") == "all"
	tabs := []tab{
		{"/blogs", words.T("blogs.timeline.ours"), r.URL.Path == "/blogs" && !all},
		{"/blogs?from=all", words.T("blogs.timeline.all"), r.URL.Path == "/blogs" && all},
	}
	if web.ViewerOf(r) == nil {
		return tabs
	}
	return append([]tab{{"/home", words.T("blogs.timeline.home"), r.URL.Path == "/home"}}, tabs...)
}

// mine are the tabs above what somebody keeps.
func (b *Blogs) mine(r *http.Request) []tab {
	words := b.site.Printer(r)
	return []tab{
		{"/home", words.T("blogs.timeline.home"), false},
		{"/direct", words.T("blogs.direct.title"), r.URL.Path == "/direct"},
		{"/bookmarks", words.T("blogs.bookmarks.title"), r.URL.Path == "/bookmarks"},
	}
}

func (b *Blogs) showNewest(w http.ResponseWriter, r *http.Request) {
	words := b.site.Printer(r)
	ours := r.URL.Query().Get("from") != "all"
	view := timelineView{Title: words.T("blogs.timeline.title"), Lead: words.T("blogs.timeline.lead.ours"), Tabs: b.timelines(r), Feed: "/blogs/feed.atom",
		Empty: emptyView{Title: words.T("blogs.empty.title"), Text: words.T("blogs.empty.ours"), Icon: "message-circle"}}
	if !ours {
		view.Lead, view.Private = words.T("blogs.timeline.lead.all"), true
	}
	b.timeline(w, r, view, func(ctx context.Context, reader, before int64, limit int) ([]Entry, error) {
		return b.Newest(ctx, reader, before, limit, ours)
	})
}

func (b *Blogs) showHome(w http.ResponseWriter, r *http.Request) {
	words := b.site.Printer(r)
	view := timelineView{Title: words.T("blogs.home.title"), Tabs: b.timelines(r), Private: true,
		Empty: emptyView{Title: words.T("blogs.empty.title"), Text: words.T("blogs.empty.home"), Href: "/spheres", Action: words.T("blogs.empty.home.action"), Icon: "user-plus"}}
	view.Links = []tab{{Href: "/direct", Text: words.T("blogs.direct.title")}, {Href: "/bookmarks", Text: words.T("blogs.bookmarks.title")},
		{Href: "/blogs/drafts", Text: words.T("blogs.drafts.title")}, {Href: "/me/follows", Text: words.T("blogs.follows.title")}}
	b.timeline(w, r, view, b.Home)
}

func (b *Blogs) showBookmarks(w http.ResponseWriter, r *http.Request) {
	words := b.site.Printer(r)
	view := timelineView{Title: words.T("blogs.bookmarks.title"), Lead: words.T("blogs.bookmarks.lead"), Tabs: b.mine(r), Private: true,
		Empty: emptyView{Title: words.T("blogs.empty.title"), Text: words.T("blogs.empty.bookmarks"), Icon: "bookmark"}}
	b.timeline(w, r, view, b.Bookmarks)
}

func (b *Blogs) showDirect(w http.ResponseWriter, r *http.Request) {
	words := b.site.Printer(r)
	view := timelineView{Title: words.T("blogs.direct.title"), Lead: words.T("blogs.direct.lead"), Tabs: b.mine(r), Private: true,
		Empty: emptyView{Title: words.T("blogs.empty.title"), Text: words.T("blogs.empty.direct"), Icon: "mail"}}
	b.timeline(w, r, view, b.Direct)
}

func (b *Blogs) showTag(w http.ResponseWriter, r *http.Request) {
	words, tag := b.site.Printer(r), markup.Fold(chi.URLParam(r, "tag"))
	if name, err := url.PathUnescape(tag); err == nil {
		tag = markup.Fold(name)
	}
	view := timelineView{Title: "#" + tag, Lead: words.T("blogs.tag.lead"), Private: true,
		Empty: emptyView{Title: words.T("blogs.empty.title"), Text: words.T("blogs.empty.tag"), Href: "/blogs", Action: words.T("blogs.timeline.title"), Icon: "search"}}
	b.timeline(w, r, view, func(ctx context.Context, reader, before int64, limit int) ([]Entry, error) {
		return b.Tagged(ctx, reader, tag, before, limit)
	})
}

// timeline shows a page of posts; from is what the reader reads.
func (b *Blogs) timeline(w http.ResponseWriter, r *http.Request, view timelineView, from func(ctx context.Context, reader, before int64, limit int) ([]Entry, error)) {
	reader, err := b.reader(r)
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	err = b.fill(r, b.showing(r, reader), &view, func(ctx context.Context, before int64, limit int) ([]Entry, error) {
		return from(ctx, idOf(reader), before, limit)
	})
	if err != nil {
		b.site.Error(w, r, fmt.Errorf("timeline %s: %w", r.URL.Path, err))
		return
	}
	if reader != nil && (r.URL.Path == "/home" || r.URL.Path == "/blogs") && view.First == "" {
		who, err := b.writer(r)
		if err != nil {
			b.site.Error(w, r, err)
			return
		}
		view.Composer = b.quick(r, who)
	}
	b.site.Render(w, r, http.StatusOK, "blogs/timeline", view)
}
