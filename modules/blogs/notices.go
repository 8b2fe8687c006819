package blogs

import (
	"context"
	"fmt"
	"math"

	"github.com/uptrace/bun"

	"viche/actors"
	"viche/internal/store"
)

// What a notice tells of.
const (
	Mentioned = "mention" // named in a post, or answered
	Liked     = "like"
	Boosted   = "boost"
	Followed  = "follow"
	Asked     = "request" // somebody asks to follow
	Quoted    = "quote"
	PollOver  = "poll"   // a poll that one asked or answered is over
	Changed   = "update" // a post that one boosted was edited
)

// Notice is something that concerns a resident.
type Notice struct {
	To   int64 // the actor who is told
	Kind string
	By   int64
	Post int64 // 0 for a follow
}

// Notify tells a resident of ours that something happened, once for each kind,
// person and post. Nobody is told of what they did themselves, nor of what
// somebody does whom they do not want to hear of.
func (b *Blogs) Notify(ctx context.Context, tx *store.Tx, n Notice) error {
	if err := b.notify(ctx, tx, n); err != nil {
		return err
	}
	return tx.Settle(ctx)
}

// notify is Notify at the next Settle.
func (b *Blogs) notify(ctx context.Context, tx *store.Tx, n Notice) error {
	if n.To == n.By {
		return nil
	}
	var post any
	if n.Post != 0 {
		post = n.Post
	}
	err := tx.Soon(ctx, nil, nil, `
		insert into notices (id, actor, kind, by_actor, post, read, at)
		select ?, a.id, ?, ?, ?, 0, ? from actors a
		where a.id = ? and a.local = 1 and a.deleted = 0 and not exists (
			select 1 from shuns s join actors o on o.id = ?
			where s.actor = a.id and (s.other = o.id or s.other = 0 and s.host = o.host))
			and not exists (select 1 from limited_actors l where l.actor = ? and not exists (
				select 1 from follows f where f.follower = a.id and f.followee = l.actor and f.state = 'accepted'))
		on conflict do nothing`,
		store.NewID(), n.Kind, n.By, post, store.Millis(tx.Now), n.To, n.By, n.By)
	if err != nil {
		return fmt.Errorf("notice for %d: %w", n.To, err)
	}
	return nil
}

// notifyOf tells those of ours whom a post names or quotes, at the next Settle.
func (b *Blogs) notifyOf(ctx context.Context, tx *store.Tx, p *Post, author actors.Actor, mentioned []actors.Actor) error {
	for _, a := range mentioned {
		if !a.Local {
			continue
		}
		if err := b.notify(ctx, tx, Notice{To: a.ID, Kind: Mentioned, By: author.ID, Post: p.ID}); err != nil {
			return err
		}
	}
	return nil
}

// Told is a notice as it is read.
type Told struct {
	ID      int64  `bun:"id"`
	Kind    string `bun:"kind"`
	ByActor int64  `bun:"by_actor"`
	Post    int64  `bun:"post,nullzero"`
	Read    bool   `bun:"read"`
	At      int64  `bun:"at"`
}

// Notices are those of an actor, newest first, before the one given (0 for the
// newest), of some kinds (none for all).
func (b *Blogs) Notices(ctx context.Context, idb bun.IDB, actor, before int64, limit int, kinds ...string) ([]Told, error) {
	if before <= 0 {
		before = math.MaxInt64
	}
	where, args := "", []any{actor, before}
	if len(kinds) > 0 {
		where, args = " and kind in (?)", append(args, bun.List(kinds))
	}
	var list []Told
	err := idb.NewRaw("select id, kind, by_actor, post, read, at from notices where actor = ? and id < ?"+where+" order by id desc limit ?", append(args, limit)...).Scan(ctx, &list)
	if err != nil {
		return nil, fmt.Errorf("notices of %d: %w", actor, store.Kind(err))
	}
	return list, nil
}

// Unread counts the notices that were not looked at, up to 100.
func (b *Blogs) Unread(ctx context.Context, actor int64) (n int, err error) {
	err = b.DB.ReadBound().Row(ctx, []any{&n}, "select count(*) from (select 1 from notices where actor = ? and read = 0 limit 100) as unread", actor)
	return n, err
}

// See marks the notices of an actor up to one as looked at.
func (b *Blogs) See(ctx context.Context, actor, upTo int64) error {
	return b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "update notices set read = 1 where actor = ? and read = 0 and id <= ?", actor, upTo)
		return err
	})
}
