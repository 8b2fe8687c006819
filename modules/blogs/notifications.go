package blogs

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"viche/actors"
	"viche/internal/locale"
	"viche/internal/markup"
	"viche/internal/store"
	"viche/web"
)

// noticesPage is how many notices are read for one page; those of one kind about
// one post stand together.
const noticesPage = 60

// namedPeople are how many a line names before it counts the others.
const namedPeople = 3

type noticesView struct {
	Tabs   []tab
	Groups []noticeView
	Unread bool
	UpTo   string // the newest that is shown
	Older  string
	First  string
}

// noticeView is a line: what happened, who did it, to what.
type noticeView struct {
	Kind, Icon string
	Text       string
	People     []personView
	Others     string // how many more
	At         time.Time
	Unread     bool
	Href       string
	Excerpt    string
	Lang       string
	Action     string
}

// noticeKinds are the filters; "" is everything.
var noticeKinds = map[string][]string{
	"":         nil,
	"mentions": {Mentioned, Quoted},
	"follows":  {Followed, Asked},
}

var noticeIcons = map[string]string{
	Mentioned: "at-sign", Liked: "heart", Boosted: "repeat-2", Followed: "user-plus", Asked: "user-check", Quoted: "quote", PollOver: "chart-bar", Changed: "pencil",
}

func (b *Blogs) showNotices(w http.ResponseWriter, r *http.Request) {
	view, err := b.noticesView(r)
	if err != nil {
		b.site.Error(w, r, fmt.Errorf("notifications: %w", err))
		return
	}
	b.site.Render(w, r, http.StatusOK, "blogs/notifications", view)
}

func (b *Blogs) noticesView(r *http.Request) (view noticesView, err error) {
	ctx, words, actor := r.Context(), b.site.Printer(r), web.ViewerOf(r).ActorID
	kind := r.URL.Query().Get("kind")
	kinds, known := noticeKinds[kind]
	if !known {
		kind = ""
	}
	for _, k := range []string{"", "mentions", "follows"} {
		key, href := "blogs.notices.all", "/notifications"
		if k != "" {
			key, href = "blogs.notices."+k, href+"?kind="+k
		}
		view.Tabs = append(view.Tabs, tab{href, words.T(key), k == kind})
	}
	before := web.Number(r.URL.Query().Get("before"))
	list, err := b.Notices(ctx, b.DB.Read(), actor, before, noticesPage, kinds...)
	if err != nil {
		return view, err
	}
	if before > 0 {
		view.First = withQuery(r.URL, "before", "")
	}
	if len(list) == 0 {
		return view, nil
	}
	if len(list) == noticesPage {
		view.Older = withQuery(r.URL, "before", strconv.FormatInt(list[len(list)-1].ID, 10))
	}
	view.UpTo = strconv.FormatInt(list[0].ID, 10)
	view.Unread = slices.ContainsFunc(list, func(t Told) bool { return !t.Read })
	view.Groups, err = b.group(ctx, words, actor, list)
	return view, err
}

// group puts notices of one kind about one post into one line, in the place of
// the newest.
func (b *Blogs) group(ctx context.Context, words *locale.Printer, actor int64, list []Told) ([]noticeView, error) {
	var people, posts []int64
	for _, t := range list {
		people = append(people, t.ByActor)
		if t.Post != 0 {
			posts = append(posts, t.Post)
		}
	}
	who, err := b.Book.ByIDs(ctx, b.DB.Read(), people)
	if err != nil {
		return nil, err
	}
	what, err := b.byIDs(ctx, posts)
	if err != nil {
		return nil, err
	}
	reader, err := b.Book.ByID(ctx, b.DB.Read(), actor)
	if err != nil {
		return nil, err
	}
	type key struct {
		kind string
		post int64
		day  string // follows of one day stand together
		by   int64  // answers stand alone
	}
	var order []key
	groups := map[key][]Told{}
	for _, t := range list {
		k := key{kind: t.Kind, post: t.Post}
		switch t.Kind {
		case Followed:
			k.day = words.Date(store.Time(t.At))
		case Mentioned, Quoted, Asked:
			k.by = t.ID
		}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], t)
	}
	var lines []noticeView
	for _, k := range order {
		line := b.line(words, actor, groups[k], who)
		if p := what[k.post]; p != nil {
			// What was taken back, or hidden, since is not shown; that it was is.
			may, err := b.Audience(ctx, b.DB.Read(), p, &reader)
			if err != nil {
				return nil, err
			}
			if may {
				line.Href, line.Excerpt, line.Lang = p.Path(), excerpt(p), foreign(p.Lang, words.Lang())
			}
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// line is the words for a group.
func (b *Blogs) line(words *locale.Printer, actor int64, group []Told, who map[int64]actors.Actor) noticeView {
	first := group[0]
	line := noticeView{Kind: first.Kind, Icon: noticeIcons[first.Kind], Text: words.T("blogs.notice." + first.Kind), At: store.Time(first.At)}
	if line.Icon == "" {
		line.Icon = "bell"
	}
	if first.Kind == Asked {
		line.Action = "/me/follows"
	}
	for _, t := range group {
		line.Unread = line.Unread || !t.Read
		if t.ByActor == actor {
			continue // one's own question is over
		}
		if a, ok := who[t.ByActor]; ok && len(line.People) < namedPeople {
			line.People = append(line.People, b.person(a))
		}
	}
	if more := len(group) - len(line.People); more > 0 && len(line.People) == namedPeople {
		line.Others = words.T("blogs.notice.others", "Count", more)
	}
	return line
}

// excerpt is how a post begins.
func excerpt(p *Post) string {
	switch {
	case p.Title != "":
		return p.Title
	case p.Summary != "":
		return p.Summary
	}
	return markup.Text(p.Content, 160)
}

// seeNotices marks what was shown as looked at.
func (b *Blogs) seeNotices(w http.ResponseWriter, r *http.Request) {
	if err := b.See(r.Context(), web.ViewerOf(r).ActorID, web.Number(r.PostFormValue("upTo"))); err != nil {
		b.site.Error(w, r, err)
		return
	}
	b.site.Flash(w, "blogs.notices.seen")
	web.Redirect303(w, r, "/notifications")
}
