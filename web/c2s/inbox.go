package c2s

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
	"viche/modules/blogs"
)

// pageSize is how many activities a page of the inbox has at most.
const pageSize = 20

// inbox answers GET of the own inbox: what those whom one follows wrote and
// passed on, and what concerns oneself, newest first. It is put together from
// what is here, not kept as a second copy, so a Create of another server has no
// id: what counts is its object. Votes are none of it.
func (a *API) inbox(w http.ResponseWriter, r *http.Request) {
	me := callerOf(r).writer.Actor
	before, err := strconv.ParseInt(r.URL.Query().Get("before"), 10, 64)
	if r.URL.Query().Has("before") && (err != nil || before < 0) {
		a.fail(w, r, malformed("before", "before is what the last page gave in next"))
		return
	}
	var raw []byte
	if r.URL.Query().Has("before") {
		raw, err = a.inboxPage(r.Context(), me, before)
	} else {
		raw, err = ap.EncodeCollection(ap.Collection{ID: me.Inbox, First: me.Inbox + "?before=0"})
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	serve(w, raw)
}

// came is a line of the inbox: an entry of the home timeline, a notice, or
// somebody's wish to follow. Their numbers all grow with time, so one order holds
// for the three.
type came struct {
	id     int64
	entry  *blogs.Entry
	notice *blogs.Told
	follow *actors.Follow
}

func (a *API) inboxPage(ctx context.Context, me actors.Actor, before int64) ([]byte, error) {
	entries, err := a.Blogs.Home(ctx, me.ID, before, pageSize)
	if err != nil {
		return nil, err
	}
	notices, err := a.Blogs.Notices(ctx, a.DB.Read(), me.ID, before, pageSize,
		blogs.Mentioned, blogs.Quoted, blogs.Liked, blogs.Boosted, blogs.Changed)
	if err != nil {
		return nil, err
	}
	follows, err := a.Blogs.Wishes(ctx, me.ID, before, pageSize)
	if err != nil {
		return nil, err
	}
	var lines []came
	for i := range entries {
		lines = append(lines, came{id: entries[i].ID, entry: &entries[i]})
	}
	for i := range notices {
		lines = append(lines, came{id: notices[i].ID, notice: &notices[i]})
	}
	for i := range follows {
		lines = append(lines, came{id: follows[i].ID, follow: &follows[i]})
	}
	slices.SortFunc(lines, func(x, y came) int {
		if x.id > y.id {
			return -1
		}
		return 1
	})
	page := ap.Collection{ID: me.Inbox + "?before=" + strconv.FormatInt(before, 10), PartOf: me.Inbox}
	if len(lines) >= pageSize {
		lines = lines[:pageSize]
		page.Next = me.Inbox + "?before=" + strconv.FormatInt(lines[pageSize-1].id, 10)
	}
	var items []any
	created := map[int64]bool{}
	for _, line := range lines {
		item, err := a.activity(ctx, me, line, created)
		if err != nil && !errors.Is(err, store.ErrNotFound) { // gone since
			return nil, err
		}
		if item != nil {
			items = append(items, item)
		}
	}
	return ap.EncodePage(page, items)
}

// activity is what a line tells as an activity, nil for what does not belong
// into an inbox or stands on the page already.
func (a *API) activity(ctx context.Context, me actors.Actor, line came, created map[int64]bool) (any, error) {
	if e := line.entry; e != nil {
		switch {
		case e.Booster == me.ID || e.Booster == 0 && e.Post.Author == me.ID:
			return nil, nil
		case e.Booster != 0:
			return a.boosted(ctx, e.Booster, e.Post.ID)
		}
		return a.created(ctx, e.Post, "Create", created)
	}
	if f := line.follow; f != nil {
		return a.about(ctx, f.Follower, f.URI, "Follow", me.URI)
	}
	n := line.notice
	post, err := a.Blogs.ByID(ctx, a.DB.Read(), n.Post)
	if err != nil {
		return nil, err
	}
	if may, err := a.Blogs.Audience(ctx, a.DB.Read(), post, &me); err != nil || !may {
		return nil, err
	}
	switch n.Kind {
	case blogs.Mentioned, blogs.Quoted:
		return a.created(ctx, post, "Create", created)
	case blogs.Changed:
		return a.created(ctx, post, "Update", map[int64]bool{})
	case blogs.Boosted:
		return a.boosted(ctx, n.ByActor, n.Post)
	case blogs.Liked:
		return a.liked(ctx, n.ByActor, post)
	}
	return nil, nil
}

// created is the Create, or the Update, of a post with the post in it.
func (a *API) created(ctx context.Context, post *blogs.Post, kind string, seen map[int64]bool) (any, error) {
	if seen[post.ID] {
		return nil, nil
	}
	seen[post.ID] = true
	object, err := a.Blogs.Document(ctx, post)
	if err != nil {
		return nil, err
	}
	author, err := a.Book.ByID(ctx, a.DB.Read(), post.Author)
	if err != nil {
		return nil, err
	}
	read, err := ap.ParseObject(object)
	if err != nil {
		return nil, err
	}
	e := ap.Envelope{Actor: author.URI, To: read.To, Cc: read.Cc, Published: store.Time(post.Published)}
	if post.Local && kind == "Create" {
		e.ID = post.URI + "/activity"
	}
	return item(e, kind, object), nil
}

func (a *API) boosted(ctx context.Context, by, post int64) (any, error) {
	deed, err := a.Blogs.Done(ctx, by, "Announce", post)
	if err != nil {
		return nil, err
	}
	target, err := a.Blogs.ByID(ctx, a.DB.Read(), post)
	if err != nil {
		return nil, err
	}
	return a.about(ctx, by, deed.URI, "Announce", target.URI)
}

func (a *API) liked(ctx context.Context, by int64, post *blogs.Post) (any, error) {
	uri, emoji, err := a.Blogs.Reaction(ctx, by, post.ID)
	if err != nil {
		return nil, err
	}
	kind := "Like"
	if emoji != "" {
		kind = "EmojiReact"
	}
	made, err := a.about(ctx, by, uri, kind, post.URI)
	if err == nil && emoji != "" {
		made.(map[string]any)["content"] = emoji
	}
	return made, err
}

func (a *API) about(ctx context.Context, by int64, uri, kind, object string) (any, error) {
	who, err := a.Book.ByID(ctx, a.DB.Read(), by)
	if err != nil {
		return nil, err
	}
	return item(ap.Envelope{ID: uri, Actor: who.URI}, kind, object), nil
}

// item is an activity inside a page, which has the @context.
func item(e ap.Envelope, kind string, about any) map[string]any {
	made := e.Object(kind, about)
	delete(made, "@context")
	if e.ID == "" {
		delete(made, "id")
	}
	return made
}

// serve writes an ActivityPub document for one reader.
func serve(w http.ResponseWriter, raw json.RawMessage) {
	w.Header().Set("Content-Type", ap.ContentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(raw) // a reader who hangs up needs no answer
}
