package blogs

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/uptrace/bun"

	"viche/actors"
	"viche/internal/locale"
	"viche/internal/store"
	"viche/web"
)

// personActs are what one button beside somebody's name does, with the message
// that says it is done.
var personActs = map[string]struct {
	do   func(*Blogs, context.Context, actors.Actor, actors.Actor) error
	said string
}{
	"follow":   {(*Blogs).Follow, "blogs.person.followed"},
	"unfollow": {(*Blogs).Unfollow, "blogs.person.unfollowed"},
	"block":    {(*Blogs).Block, "blogs.person.blocked"},
	"unblock":  {(*Blogs).Unblock, "blogs.person.unblocked"},
	"mute":     {(*Blogs).Mute, "blogs.person.muted"},
	"unmute":   {(*Blogs).Unmute, "blogs.person.unmuted"},
	"remove":   {(*Blogs).RemoveFollower, "blogs.person.removed"},
	"accept": {func(b *Blogs, ctx context.Context, who, other actors.Actor) error {
		return b.AnswerFollow(ctx, who, other, true)
	},
		"blogs.person.accepted"},
	"refuse": {func(b *Blogs, ctx context.Context, who, other actors.Actor) error {
		return b.AnswerFollow(ctx, who, other, false)
	},
		"blogs.person.refused"},
	"block-host": {func(b *Blogs, ctx context.Context, who, other actors.Actor) error {
		return b.BlockHost(ctx, who, other.Host)
	}, "blogs.person.host.blocked"},
	"unblock-host": {func(b *Blogs, ctx context.Context, who, other actors.Actor) error {
		return b.UnblockHost(ctx, who, other.Host)
	}, "blogs.person.host.unblocked"},
}

// toPerson does what a button beside somebody's name says.
func (b *Blogs) toPerson(w http.ResponseWriter, r *http.Request) {
	act, known := personActs[chi.URLParam(r, "act")]
	reader, err := b.reader(r)
	var other actors.Actor
	if err == nil {
		other, err = b.Book.ByID(r.Context(), b.DB.Read(), web.Number(chi.URLParam(r, "id")))
	}
	if err == nil && !known {
		err = store.ErrNotFound
	}
	if err == nil {
		err = act.do(b, r.Context(), *reader, other)
	}
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	said := act.said
	if chi.URLParam(r, "act") == "follow" && !(other.Local && other.Open) {
		said = "blogs.person.asked"
	}
	b.site.Flash(w, said, "Name", other.Label(), "Host", other.Host)
	b.back(w, r, b.profilePath(other), "")
}

// backToPerson is for whoever comes back from signing in, or reloads.
func (b *Blogs) backToPerson(w http.ResponseWriter, r *http.Request) {
	other, err := b.Book.ByID(r.Context(), b.DB.Read(), web.Number(chi.URLParam(r, "id")))
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	web.Redirect303(w, r, b.profilePath(other))
}

// listed is somebody in a list, with the buttons that fit there.
type listed struct {
	Person personView
	Waits  bool
	At     time.Time
}

type followsView struct {
	Crumbs   []web.Crumb
	Tabs     []tab
	List     []listed
	Which    string
	Heading  string
	Empty    string
	Older    string
	First    string
	Asked    []listed // those who wait for an answer
	Approves bool
	Back     string
}

const peoplePage = 40

// showFollows lists whom one follows, or who follows one, and above it who
// waits to be let in.
func (b *Blogs) showFollows(w http.ResponseWriter, r *http.Request) {
	reader, err := b.reader(r)
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	view, err := b.followsView(r, *reader)
	if err != nil {
		b.site.Error(w, r, fmt.Errorf("follows: %w", err))
		return
	}
	b.site.Render(w, r, http.StatusOK, "blogs/follows", view)
}

func (b *Blogs) followsView(r *http.Request, who actors.Actor) (followsView, error) {
	ctx, words, before := r.Context(), b.site.Printer(r), web.Number(r.URL.Query().Get("before"))
	view := followsView{Which: "following", Approves: !who.Open, Back: here(r), Crumbs: meCrumbs(words, "blogs.follows.title")}
	side, other := "follower", "followee"
	if r.URL.Query().Get("who") == "followers" {
		view.Which, side, other = "followers", "followee", "follower"
	}
	followers, following, err := b.Book.CountFollows(ctx, b.DB.Read(), who.ID)
	if err != nil {
		return view, err
	}
	view.Tabs = []tab{
		{"/me/follows", words.T("blogs.follows.following", "Count", following), view.Which == "following"},
		{"/me/follows?who=followers", words.T("blogs.follows.followers", "Count", followers), view.Which == "followers"},
	}
	view.Heading, view.Empty = words.T("blogs.follows.heading."+view.Which), words.T("blogs.follows.empty."+view.Which)
	state := " and f.state = 'accepted'"
	if view.Which == "following" {
		state = "" // one's own wishes stand there while they wait
	}
	rows, err := b.peopleOf(ctx, "select f.id, f."+other+" as other, f.state, f.created from follows f where f."+side+" = ?"+state, who.ID, before, peoplePage+1)
	if err != nil {
		return view, err
	}
	if len(rows) > peoplePage {
		rows = rows[:peoplePage]
		view.Older = withQuery(r.URL, "before", strconv.FormatInt(rows[peoplePage-1].ID, 10))
	}
	if before > 0 {
		view.First = withQuery(r.URL, "before", "")
	}
	if view.List, err = b.listed(ctx, rows); err != nil {
		return view, err
	}
	asked, err := b.peopleOf(ctx, "select f.id, f.follower as other, f.state, f.created from follows f where f.followee = ? and f.state = 'asked'", who.ID, 0, 100)
	if err != nil {
		return view, err
	}
	view.Asked, err = b.listed(ctx, asked)
	return view, err
}

type followRow struct {
	ID      int64  `bun:"id"`
	Other   int64  `bun:"other"`
	State   string `bun:"state"`
	Created int64  `bun:"created"`
}

func (b *Blogs) peopleOf(ctx context.Context, query string, who, before int64, limit int) (list []followRow, err error) {
	args := []any{who}
	if before > 0 {
		query, args = query+" and f.id < ?", append(args, before)
	}
	err = b.DB.Read().NewRaw(query+" order by f.id desc limit ?", append(args, limit)...).Scan(ctx, &list)
	return list, store.Kind(err)
}

func (b *Blogs) listed(ctx context.Context, rows []followRow) ([]listed, error) {
	ids := make([]int64, len(rows))
	for i, row := range rows {
		ids[i] = row.Other
	}
	people, err := b.Book.ByIDs(ctx, b.DB.Read(), ids)
	if err != nil {
		return nil, err
	}
	var list []listed
	for _, row := range rows {
		if a, ok := people[row.Other]; ok && !a.Deleted {
			list = append(list, listed{b.person(a), row.State == "asked", store.Time(row.Created)})
		}
	}
	return list, nil
}

func meCrumbs(words *locale.Printer, title string) []web.Crumb {
	return []web.Crumb{{Text: words.T("blogs.me"), Href: "/me"}, {Text: words.T(title)}}
}

// setApproval says whether one's followers wait to be let in.
func (b *Blogs) setApproval(w http.ResponseWriter, r *http.Request) {
	who, approves := web.ViewerOf(r).ActorID, r.PostFormValue("approves") != ""
	err := b.DB.Write(r.Context(), func(ctx context.Context, tx *store.Tx) error {
		if now, err := b.Book.ByID(ctx, tx, who); err != nil || now.Open == !approves {
			return err // the network has nothing new to hear
		}
		if err := b.Book.Approve(ctx, tx, who, approves); err != nil || b.Changed == nil {
			return err
		}
		return b.Changed(ctx, tx, who)
	})
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	said := "blogs.follows.open"
	if approves {
		said = "blogs.follows.approves"
	}
	b.site.Flash(w, said)
	web.Redirect303(w, r, "/me/follows")
}

// blocksView is whom one does not want to hear of.
type blocksView struct {
	Crumbs  []web.Crumb
	Blocked []personView
	Muted   []personView
	Hosts   []string
	Host    string
	Errors  web.FormErrors
}

func (b *Blogs) showBlocks(w http.ResponseWriter, r *http.Request) {
	b.renderBlocks(w, r, http.StatusOK, "", web.FormErrors{})
}

func (b *Blogs) renderBlocks(w http.ResponseWriter, r *http.Request, status int, host string, wrong web.FormErrors) {
	ctx := r.Context()
	var rows []struct {
		Kind  string `bun:"kind"`
		Other int64  `bun:"other"`
		Host  string `bun:"host"`
	}
	err := b.DB.Read().NewRaw("select kind, other, host from shuns where actor = ? order by at desc limit 2000", web.ViewerOf(r).ActorID).Scan(ctx, &rows)
	if err != nil {
		b.site.Error(w, r, fmt.Errorf("blocks: %w", store.Kind(err)))
		return
	}
	var ids []int64
	for _, row := range rows {
		ids = append(ids, row.Other)
	}
	people, err := b.Book.ByIDs(ctx, b.DB.Read(), ids)
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	view := blocksView{Crumbs: meCrumbs(b.site.Printer(r), "blogs.blocks.title"), Host: host, Errors: wrong}
	for _, row := range rows {
		a, known := people[row.Other]
		switch {
		case row.Other == 0:
			view.Hosts = append(view.Hosts, row.Host)
		case known && row.Kind == "block":
			view.Blocked = append(view.Blocked, b.person(a))
		case known:
			view.Muted = append(view.Muted, b.person(a))
		}
	}
	b.site.Render(w, r, status, "blogs/blocks", view)
}

// changeHosts blocks a whole server for oneself, or opens it again.
func (b *Blogs) changeHosts(w http.ResponseWriter, r *http.Request) {
	reader, err := b.reader(r)
	host, said := r.PostFormValue("host"), "blogs.person.host.blocked"
	if err == nil && r.PostFormValue("do") == "open" {
		err, said = b.UnblockHost(r.Context(), *reader, host), "blogs.person.host.unblocked"
	} else if err == nil {
		err = b.BlockHost(r.Context(), *reader, host)
	}
	var wrong web.FormErrors
	switch {
	case wrong.Take(err):
		b.renderBlocks(w, r, http.StatusUnprocessableEntity, host, wrong)
	case err != nil:
		b.site.Error(w, r, err)
	default:
		b.site.Flash(w, said, "Name", host, "Host", host)
		web.Redirect303(w, r, "/me/blocks")
	}
}

// foundPeople are ours whose handle or name begins with what was typed.
func (b *Blogs) foundPeople(ctx context.Context, q string, limit int) ([]personView, error) {
	var list []actors.Actor
	name := escapeLike(q) + "%"
	err := b.DB.Read().NewRaw(`
		select a.* from actors a left join accounts c on c.actor = a.id
		where a.local = 1 and a.suspended = 0 and a.deleted = 0 and a.kind in (?)
			and (c.id is null or c.approved_at is not null)
			and (lower(a.handle) like ? escape '!' or a.name like ? escape '!' or a.name like ? escape '!')
		order by a.handle limit ?`,
		bun.List([]string{actors.Resident, actors.Organisation, actors.Sphere, actors.Club, actors.News}), lowered(name), name, titled(name), limit).Scan(ctx, &list)
	if err != nil {
		return nil, fmt.Errorf("search people: %w", store.Kind(err))
	}
	var people []personView
	for _, a := range list {
		people = append(people, b.person(a))
	}
	return people, nil
}
