package blogs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"viche/actors"
	"viche/internal/locale"
	"viche/internal/markup"
	"viche/internal/store"
	"viche/web"
)

// How much of a conversation a page shows.
const (
	someAnswers   = 200
	manyAnswers   = 2_000
	manyAncestors = 40
	deepest       = 4 // steps that answers are set in
)

// showView is the page of a post in its conversation.
type showView struct {
	Title     string
	Crumbs    []web.Crumb
	Object    string // the id on the network, for others to find
	Listed    bool   // for search engines
	Above     []answerView
	Post      postView
	Answers   []answerView
	Count     string
	More      string
	Answer    *quickView // the form to answer with
	Stranger  string     // where somebody not signed in goes to answer
	Whose     string     // who may answer, where not everybody may
	Verify    bool       // the reader would have to be verified
	Conversed bool       // there are posts above or below
}

// answerView is a post in a conversation, or the place of one that is gone.
type answerView struct {
	Depth int
	Gone  bool
	Post  postView
}

func (b *Blogs) show(w http.ResponseWriter, r *http.Request) {
	p, reader, err := b.asked(r)
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	if p.Deleted > 0 {
		b.showGone(w, r, p)
		return
	}
	// Whoever asks for the object was served it before, if it is for them; that
	// of another server is at home there.
	if web.Negotiate(r) == web.ActivityPub {
		w.Header().Add("Vary", "Accept")
		if p.Local {
			http.NotFound(w, r)
			return
		}
		http.Redirect(w, r, p.URI, http.StatusFound)
		return
	}
	if page, ok := b.civic(r, p); ok {
		web.Redirect303(w, r, page)
		return
	}
	p = b.fresh(r, reader, p)
	b.renderShow(w, r, http.StatusOK, p, reader, nil)
}

// civic is the page of the civic poll that a question announces.
func (b *Blogs) civic(r *http.Request, p *Post) (string, bool) {
	if p.Type != "Question" || b.IsPoll == nil {
		return "", false
	}
	return b.IsPoll(r.Context(), p.URI)
}

// fresh is the post with the newest numbers of a question elsewhere, as far as
// its server answers. Strangers have nothing asked.
func (b *Blogs) fresh(r *http.Request, reader *actors.Actor, p *Post) *Post {
	if reader == nil || p.Local || p.Card().Poll == nil {
		return p
	}
	ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
	defer cancel()
	newer, err := b.Refresh(ctx, p)
	if err != nil {
		b.Log.InfoContext(r.Context(), "a question elsewhere could not be asked for anew", "post", p.ID, "err", err)
		return p
	}
	return newer
}

// renderShow shows the post; change, if given, changes the view before.
func (b *Blogs) renderShow(w http.ResponseWriter, r *http.Request, status int, p *Post, reader *actors.Actor, change func(*showView)) {
	view, err := b.page(r, p, reader)
	if err != nil {
		b.site.Error(w, r, fmt.Errorf("page of post %d: %w", p.ID, err))
		return
	}
	if change != nil {
		change(&view)
	}
	b.site.Render(w, r, status, "blogs/show", view)
}

func (b *Blogs) page(r *http.Request, p *Post, reader *actors.Actor) (showView, error) {
	ctx, s := r.Context(), b.showing(r, reader)
	s.back = p.Path()
	limit := someAnswers
	if r.URL.Query().Get("answers") == "all" {
		limit = manyAnswers
	}
	above, err := b.ancestors(ctx, p, reader)
	if err != nil {
		return showView{}, err
	}
	below, more, err := b.below(ctx, p, reader, limit)
	if err != nil {
		return showView{}, err
	}
	list := []*Post{p}
	for _, one := range append(slices.Clone(above), below...) {
		if one.post != nil {
			list = append(list, one.post)
		}
	}
	views, err := s.posts(ctx, list)
	if err != nil {
		return showView{}, err
	}
	byID := map[string]postView{}
	for _, v := range views {
		byID[v.ID] = v
	}
	view := showView{Post: views[0], Object: p.URI, Listed: p.Local && p.Listed() && b.letsFind(r, p), Conversed: len(above)+len(below) > 0}
	view.Post.Whole, view.Post.Main = true, true
	if view.Post.Pins {
		if view.Post.Pinned, err = exists(ctx, b.DB.Read(), "select 1 from pins where actor = ? and post = ?", p.Author, p.ID); err != nil {
			return view, err
		}
	}
	view.Title = titleOf(s.words, view.Post, p)
	view.Crumbs = []web.Crumb{{Text: s.words.T("blogs.timeline.title"), Href: "/blogs"}, {Text: view.Post.Author.Name, Href: view.Post.Author.Href}}
	show := func(part []placed) (out []answerView) {
		for _, one := range part {
			a := answerView{Depth: min(one.depth, deepest), Gone: one.post == nil}
			if one.post != nil {
				a.Post = byID[strconv.FormatInt(one.post.ID, 10)]
			}
			out = append(out, a)
		}
		return out
	}
	view.Above, view.Answers = show(above), show(below)
	n := 0
	for _, a := range view.Answers {
		if !a.Gone {
			n++
		}
	}
	view.Count = s.words.T("blogs.show.answers", "Count", n)
	if more && limit == someAnswers {
		view.More = p.Path() + "?answers=all"
	}
	return view, b.answering(r, p, reader, &view)
}

// answering adds the form to answer with, or the way to one.
func (b *Blogs) answering(r *http.Request, p *Post, reader *actors.Actor, view *showView) error {
	if reader == nil {
		view.Stranger = "/interact?to=" + queryOf(p.URI)
		return nil
	}
	who, err := b.writer(r)
	if err != nil {
		return err
	}
	if !b.MayWrite(who, true) {
		view.Verify = true
		return nil
	}
	switch may, err := b.mayReply(r.Context(), p, *reader); {
	case err != nil:
		return err
	case !may:
		view.Whose = b.site.Printer(r).T("blogs.show.answer.closed")
		return nil
	}
	form := b.quick(r, who)
	form.ReplyTo, form.Back = strconv.FormatInt(p.ID, 10), p.Path()
	if form.Text, err = b.alsoNamed(r.Context(), p, *reader); err != nil {
		return err
	}
	form.reach(p.Visibility)
	view.Answer = form
	return nil
}

// mayReply tells whether an answer would be accepted.
func (b *Blogs) mayReply(ctx context.Context, p *Post, who actors.Actor) (bool, error) {
	err := b.mayAnswer(ctx, b.DB.Read(), p, who)
	if errors.Is(err, store.ErrDenied) {
		return false, nil
	}
	return err == nil, err
}

// alsoNamed are the handles of those whom a post for few names besides the
// reader, so that an answer reaches them too.
func (b *Blogs) alsoNamed(ctx context.Context, p *Post, reader actors.Actor) (string, error) {
	if p.Visibility != Direct {
		return "", nil
	}
	var list []actors.Actor
	err := b.DB.Read().NewRaw("select a.* from post_mentions m join actors a on a.id = m.actor where m.post = ? and a.id <> ? and a.id <> ? limit 10",
		p.ID, reader.ID, p.Author).Scan(ctx, &list)
	if err != nil {
		return "", store.Kind(err)
	}
	text := ""
	for _, a := range list {
		if text += "@" + a.Handle; !a.Local {
			text += "@" + a.Host
		}
		text += " "
	}
	return text, nil
}

// placed is a post at its place in a conversation; nil where one is gone.
type placed struct {
	post  *Post
	depth int
}

// ancestors are the posts that p answers, the first first. What the reader may
// not see ends the way; what was deleted leaves its place.
func (b *Blogs) ancestors(ctx context.Context, p *Post, reader *actors.Actor) ([]placed, error) {
	var list []placed
	seen := map[int64]bool{p.ID: true}
	for id := p.ReplyTo; id != 0 && !seen[id] && len(list) < manyAncestors; {
		seen[id] = true
		one, err := b.ByID(ctx, b.DB.Read(), id)
		if isNotFound(err) {
			break
		}
		if err != nil {
			return nil, err
		}
		if one.Deleted > 0 {
			list, id = append(list, placed{}), one.ReplyTo
			continue
		}
		may, err := b.Audience(ctx, b.DB.Read(), one, reader)
		if err != nil {
			return nil, err
		}
		if !may {
			break
		}
		list, id = append(list, placed{post: one}), one.ReplyTo
	}
	slices.Reverse(list)
	for len(list) > 0 && list[0].post == nil { // nothing stands above what is gone
		list = list[1:]
	}
	return list, nil
}

// below are the answers to p and to those, each after what it answers.
func (b *Blogs) below(ctx context.Context, p *Post, reader *actors.Actor, limit int) (list []placed, more bool, err error) {
	posts, err := b.Thread(ctx, p, reader, limit)
	if err != nil {
		return nil, false, err
	}
	var links []struct {
		ID      int64 `bun:"id"`
		ReplyTo int64 `bun:"reply_to"`
		Deleted int64 `bun:"deleted"`
	}
	err = b.DB.Read().NewRaw("select id, reply_to, deleted from posts where thread = ? and reply_to is not null order by id limit ?", p.Thread, limit).Scan(ctx, &links)
	if err != nil {
		return nil, false, fmt.Errorf("conversation of %d: %w", p.ID, store.Kind(err))
	}
	t := tree{posts: map[int64]*Post{}, gone: map[int64]bool{}, under: map[int64][]int64{}}
	for _, one := range posts {
		t.posts[one.ID] = one
	}
	for _, l := range links {
		t.under[l.ReplyTo] = append(t.under[l.ReplyTo], l.ID)
		t.gone[l.ID] = l.Deleted > 0
	}
	t.walk(p.ID, 0)
	return t.list, len(links) == limit, nil
}

// tree puts a conversation in the order of reading.
type tree struct {
	posts map[int64]*Post
	gone  map[int64]bool
	under map[int64][]int64
	list  []placed
}

// walk lists what stands under a post. Under one that is not for the reader it
// goes on as if that one were not there.
func (t *tree) walk(id int64, depth int) {
	if depth > 500 { // no conversation is so deep; a loop would be
		return
	}
	slices.SortFunc(t.under[id], cmp.Compare[int64])
	for _, child := range t.under[id] {
		switch one := t.posts[child]; {
		case one != nil:
			t.list = append(t.list, placed{one, depth})
			t.walk(child, depth+1)
		case t.gone[child]:
			at := len(t.list)
			t.list = append(t.list, placed{nil, depth})
			if t.walk(child, depth+1); len(t.list) == at+1 { // nobody answered it
				t.list = t.list[:at]
			}
		default:
			t.walk(child, depth)
		}
	}
}

// titleOf names a post that has no title of its own, for the window and feeds.
func titleOf(words *locale.Printer, v postView, p *Post) string {
	switch {
	case p.Title != "":
		return p.Title
	case p.Summary != "":
		return words.T("blogs.show.title", "Author", v.Author.Name, "Text", markup.Text(template.HTMLEscapeString(p.Summary), 60))
	}
	text := markup.Text(p.Content, 60)
	if strings.TrimSpace(text) == "" {
		return words.T("blogs.show.title.none", "Author", v.Author.Name)
	}
	return words.T("blogs.show.title", "Author", v.Author.Name, "Text", text)
}

// goneView is what is left of a deleted post.
type goneView struct{ When time.Time }

func (b *Blogs) showGone(w http.ResponseWriter, r *http.Request, p *Post) {
	b.site.Render(w, r, http.StatusGone, "blogs/gone", goneView{store.Time(p.Deleted)})
}

// historyView are the states of an edited post, the newest first.
type historyView struct {
	Crumbs []web.Crumb
	Path   string
	States []stateView
}

type stateView struct {
	At      time.Time
	Now     bool
	Lang    string
	Title   string
	Warning string
	Content template.HTML
}

func (b *Blogs) showHistory(w http.ResponseWriter, r *http.Request) {
	p, reader, err := b.asked(r)
	if err == nil && p.Deleted > 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	former, err := b.Revisions(r.Context(), p)
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	s := b.showing(r, reader)
	at := p.Edited
	if at == 0 {
		at = p.Published
	}
	states := []Revision{{At: at, Title: p.Title, Summary: p.Summary, Content: p.Content}}
	view := historyView{Path: p.Path(), Crumbs: []web.Crumb{
		{Text: s.words.T("blogs.timeline.title"), Href: "/blogs"}, {Text: s.words.T("blogs.post"), Href: p.Path()}, {Text: s.words.T("blogs.history.title")}}}
	for i, one := range append(states, former...) {
		then := *p
		then.Content = one.Content
		view.States = append(view.States, stateView{
			At: store.Time(one.At), Now: i == 0, Lang: foreign(p.Lang, s.words.Lang()), Title: one.Title, Warning: one.Summary, Content: s.content(&then)})
	}
	b.site.Render(w, r, http.StatusOK, "blogs/history", view)
}

// vote answers a question in a post.
func (b *Blogs) vote(w http.ResponseWriter, r *http.Request) {
	p, reader, err := b.asked(r)
	if err == nil && p.Deleted > 0 {
		err = store.ErrNotFound
	}
	if err == nil {
		if page, ok := b.civic(r, p); ok {
			web.Redirect303(w, r, page)
			return
		}
		err = r.ParseForm()
	}
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	var choices []int
	for _, text := range r.PostForm["choices"] {
		i, err := strconv.Atoi(text)
		if err != nil {
			i = -1 // an option that does not exist
		}
		choices = append(choices, i)
	}
	err = b.VoteIn(r.Context(), *reader, p, choices)
	var wrong web.FormErrors
	switch {
	case wrong.Take(err):
		b.renderShow(w, r, http.StatusUnprocessableEntity, p, reader, func(v *showView) {
			if v.Post.Poll != nil {
				v.Post.Poll.Errors = wrong
			}
		})
	case errors.Is(err, ErrAnswered):
		b.site.Flash(w, "blogs.poll.twice")
		web.Redirect303(w, r, p.Path())
	case isDenied(err) && p.Card().Poll != nil && p.Card().Poll.Over(b.DB.Now()):
		b.site.Flash(w, "blogs.poll.late")
		web.Redirect303(w, r, p.Path())
	case err != nil:
		b.site.Error(w, r, err)
	default:
		b.site.Flash(w, "blogs.poll.done")
		b.back(w, r, p.Path(), "post-"+strconv.FormatInt(p.ID, 10))
	}
}
