package blogs

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/uptrace/bun"

	"viche/actors"
	"viche/internal/markup"
	"viche/internal/store"
)

// Entry is a line of a timeline: a post, and who passed it on, if anybody did.
// ID is its place: a page continues below the last one's.
type Entry struct {
	ID      int64
	Post    *Post
	Booster int64 // 0 for the post itself
}

// Home is what those whom an actor follows, and the actor itself, put before
// their followers, newest first, below the entry before (0 for the newest).
//
// It looks up the newest entry of each of them, in the index alone, and reads
// on only with those who are among the newest: the price depends on how many
// somebody follows and not on how much was ever written.
func (b *Blogs) Home(ctx context.Context, who, before int64, limit int) ([]Entry, error) {
	if before <= 0 {
		before = math.MaxInt64
	}
	var newest []struct {
		Actor  int64 `bun:"actor"`
		Newest int64 `bun:"newest"`
	}
	// Some lines may fall to what the reader shuns, so a few more are read.
	want := limit + limit/2
	err := b.DB.Read().NewRaw(`
		select actor, newest from (
			select f.followee as actor, (select max(id) from feed where actor = f.followee and id < ?) as newest
			from follows f where f.follower = ? and f.state = 'accepted'
			union all select ?, (select max(id) from feed where actor = ? and id < ?)) as heads
		where newest is not null order by newest desc limit ?`, before, who, who, who, before, want).Scan(ctx, &newest)
	if err != nil {
		return nil, fmt.Errorf("home of %d: %w", who, store.Kind(err))
	}
	if len(newest) == 0 {
		return nil, nil
	}
	parts := make([]string, len(newest))
	args := make([]any, 0, 3*len(newest)+1)
	for i, n := range newest {
		parts[i] = "select * from (select id, actor, post, boost from feed where actor = ? and id < ? order by id desc limit ?) as part" + fmt.Sprint(i)
		args = append(args, n.Actor, before, want)
	}
	args = append(args, want)
	var rows []feedRow
	err = b.DB.Read().NewRaw("select * from ("+strings.Join(parts, " union all ")+") as feed order by id desc limit ?", args...).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("home of %d: %w", who, store.Kind(err))
	}
	return b.entries(ctx, rows, who, limit)
}

type feedRow struct {
	ID    int64 `bun:"id"`
	Actor int64 `bun:"actor"`
	Post  int64 `bun:"post"`
	Boost bool  `bun:"boost"`
}

// entries loads the posts of lines and leaves out what the reader may not or
// does not want to see, and what stands on the page already.
func (b *Blogs) entries(ctx context.Context, rows []feedRow, reader int64, limit int) ([]Entry, error) {
	ids := make([]int64, len(rows))
	for i, r := range rows {
		ids[i] = r.Post
	}
	posts, err := b.byIDs(ctx, ids)
	if err != nil {
		return nil, err
	}
	people := make([]int64, 0, 2*len(rows))
	for _, r := range rows {
		people = append(people, r.Actor)
		if p := posts[r.Post]; p != nil {
			people = append(people, p.Author)
		}
	}
	away, err := b.away(ctx, reader, people)
	if err != nil {
		return nil, err
	}
	var list []Entry
	seen := map[int64]bool{}
	for _, r := range rows {
		p := posts[r.Post]
		if p == nil || p.Deleted > 0 || p.Hidden || seen[p.ID] || away[r.Actor] || away[p.Author] {
			continue
		}
		// What is for an author's followers is not for those of a booster.
		if r.Boost && !p.Open() {
			continue
		}
		seen[p.ID] = true
		e := Entry{ID: r.ID, Post: p}
		if r.Boost {
			e.Booster = r.Actor
		}
		if list = append(list, e); len(list) == limit {
			break
		}
	}
	return list, nil
}

func (b *Blogs) byIDs(ctx context.Context, ids []int64) (map[int64]*Post, error) {
	found := map[int64]*Post{}
	if len(ids) == 0 {
		return found, nil
	}
	var list []*Post
	if err := b.DB.Read().NewRaw("select * from posts where id in (?)", bun.List(ids)).Scan(ctx, &list); err != nil {
		return nil, fmt.Errorf("posts: %w", store.Kind(err))
	}
	for _, p := range list {
		found[p.ID] = p
	}
	return found, nil
}

// away tells which of some actors a reader does not see: whom the reader blocks
// or mutes, who blocks the reader, whoever is suspended, and whoever is limited
// to their followers, of whom the reader is none.
func (b *Blogs) away(ctx context.Context, reader int64, people []int64) (map[int64]bool, error) {
	gone := map[int64]bool{}
	if len(people) == 0 {
		return gone, nil
	}
	var ids []int64
	err := b.DB.Read().NewRaw(`
		select a.id from actors a
		where a.id in (?) and a.id <> ? and (a.suspended = 1 or a.deleted = 1
			or exists (select 1 from shuns s where s.actor = ? and (s.other = a.id or s.other = 0 and s.host = a.host))
			or exists (select 1 from shuns s where s.actor = a.id and s.kind = 'block' and s.other = ?)
			or exists (select 1 from limited_actors l where l.actor = a.id) and not exists (
				select 1 from follows f where f.follower = ? and f.followee = a.id and f.state = 'accepted'))`,
		bun.List(people), reader, reader, reader, reader).Scan(ctx, &ids)
	if err != nil {
		return nil, fmt.Errorf("whom %d does not see: %w", reader, store.Kind(err))
	}
	for _, id := range ids {
		gone[id] = true
	}
	return gone, nil
}

// Newest are the public posts that begin a conversation, of this city alone or
// of everybody it hears of, newest first.
func (b *Blogs) Newest(ctx context.Context, reader, before int64, limit int, ours bool) ([]Entry, error) {
	where := "visibility = 'public' and deleted = 0 and reply_uri = ''"
	if ours {
		where += " and local = 1"
	}
	return b.list(ctx, reader, before, limit, "select id, author as actor, id as post, 0 as boost from posts where "+where+" and id < ? order by id desc limit ?")
}

// Tagged are the public posts with a hashtag.
func (b *Blogs) Tagged(ctx context.Context, reader int64, tag string, before int64, limit int) ([]Entry, error) {
	return b.list(ctx, reader, before, limit, `
		select p.id, p.author as actor, p.id as post, 0 as boost
		from post_tags t join posts p on p.id = t.post
		where t.tag = ? and p.visibility = 'public' and p.deleted = 0 and t.post < ? order by t.post desc limit ?`, markup.Fold(tag))
}

// By is what an actor put before its followers, as far as the reader may see
// it: followers says whether the reader is one.
func (b *Blogs) By(ctx context.Context, reader int64, actor actors.Actor, followers bool, before int64, limit int) ([]Entry, error) {
	where := " and visibility in ('public', 'unlisted')"
	if followers || reader == actor.ID {
		where = ""
	}
	return b.list(ctx, reader, before, limit, "select id, actor, post, boost from feed where actor = ?"+where+" and id < ? order by id desc limit ?", actor.ID)
}

// Bookmarks are what an actor keeps, the newest bookmark first.
func (b *Blogs) Bookmarks(ctx context.Context, actor, before int64, limit int) ([]Entry, error) {
	return b.list(ctx, actor, before, limit, "select at as id, actor, post, 0 as boost from bookmarks where actor = ? and at < ? order by at desc limit ?", actor)
}

// Direct are the posts that are for an actor and few others, or by it.
func (b *Blogs) Direct(ctx context.Context, actor, before int64, limit int) ([]Entry, error) {
	return b.list(ctx, actor, before, limit, `
		select p.id, p.author as actor, p.id as post, 0 as boost
		from post_mentions m join posts p on p.id = m.post
		where m.actor = ? and p.visibility = 'direct' and m.post < ? order by m.post desc limit ?`, actor)
}

func (b *Blogs) list(ctx context.Context, reader, before int64, limit int, query string, args ...any) ([]Entry, error) {
	if before <= 0 {
		before = math.MaxInt64
	}
	var rows []feedRow
	if err := b.DB.Read().NewRaw(query, append(args, before, limit+limit/2)...).Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("timeline: %w", store.Kind(err))
	}
	return b.entries(ctx, rows, reader, limit)
}

// Thread is the conversation that a post stands in, oldest first, as far as the
// reader may see it; at most limit posts.
func (b *Blogs) Thread(ctx context.Context, p *Post, reader *actors.Actor, limit int) ([]*Post, error) {
	var list []*Post
	if err := b.DB.Read().NewRaw("select * from posts where thread = ? order by id limit ?", p.Thread, limit).Scan(ctx, &list); err != nil {
		return nil, fmt.Errorf("conversation of %d: %w", p.ID, store.Kind(err))
	}
	people := make([]int64, len(list))
	for i, one := range list {
		people[i] = one.Author
	}
	var readerID int64
	if reader != nil {
		readerID = reader.ID
	}
	away, err := b.away(ctx, readerID, people)
	if err != nil {
		return nil, err
	}
	shown := list[:0]
	for _, one := range list {
		if away[one.Author] && one.ID != p.ID {
			continue
		}
		may := one.Open()
		if !may {
			if may, err = b.Audience(ctx, b.DB.Read(), one, reader); err != nil {
				return nil, err
			}
		}
		if may {
			shown = append(shown, one)
		}
	}
	return shown, nil
}

// Numbers are what stands under a post.
type Numbers struct{ Replies, Likes, Boosts int }

// NumbersOf counts for several posts at once.
func (b *Blogs) NumbersOf(ctx context.Context, ids []int64) (map[int64]Numbers, error) {
	found := map[int64]Numbers{}
	if len(ids) == 0 {
		return found, nil
	}
	for _, q := range []struct {
		query string
		add   func(*Numbers, int)
	}{
		{"select reply_to as post, count(*) as n from posts where reply_to in (?) and deleted = 0 and visibility in ('public', 'unlisted') group by reply_to", func(n *Numbers, c int) { n.Replies = c }},
		{"select post, count(*) as n from reactions where post in (?) and emoji = '' group by post", func(n *Numbers, c int) { n.Likes = c }},
		{"select post, count(*) as n from feed where boost = 1 and post in (?) group by post", func(n *Numbers, c int) { n.Boosts = c }},
	} {
		var rows []struct {
			Post int64 `bun:"post"`
			N    int   `bun:"n"`
		}
		if err := b.DB.Read().NewRaw(q.query, bun.List(ids)).Scan(ctx, &rows); err != nil {
			return nil, fmt.Errorf("numbers under posts: %w", store.Kind(err))
		}
		for _, r := range rows {
			n := found[r.Post]
			q.add(&n, r.N)
			found[r.Post] = n
		}
	}
	return found, nil
}

// Mine is what an actor has done with some posts.
type Mine struct{ Liked, Boosted, Bookmarked, Answered bool }

// MineOf tells it for several posts at once; Answered is about polls.
func (b *Blogs) MineOf(ctx context.Context, actor int64, ids []int64) (map[int64]Mine, error) {
	found := map[int64]Mine{}
	if actor == 0 || len(ids) == 0 {
		return found, nil
	}
	var rows []struct {
		Post int64  `bun:"post"`
		What string `bun:"what"`
	}
	list := bun.List(ids)
	err := b.DB.Read().NewRaw(`
		select post, 'like' as what from reactions where actor = ? and emoji = '' and post in (?)
		union all select post, 'boost' from feed where actor = ? and boost = 1 and post in (?)
		union all select post, 'bookmark' from bookmarks where actor = ? and post in (?)
		union all select post, 'poll' from poll_visits where actor = ? and post in (?)`,
		actor, list, actor, list, actor, list, actor, list).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("what %d did with posts: %w", actor, store.Kind(err))
	}
	for _, r := range rows {
		m := found[r.Post]
		switch r.What {
		case "like":
			m.Liked = true
		case "boost":
			m.Boosted = true
		case "bookmark":
			m.Bookmarked = true
		case "poll":
			m.Answered = true
		}
		found[r.Post] = m
	}
	return found, nil
}
