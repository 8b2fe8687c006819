package actors

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"viche/internal/store"
)

// Follow is one actor's wish to hear of another. Its ID orders the list.
type Follow struct {
	ID       int64  `bun:"id"`
	URI      string `bun:"uri"` // the id of the Follow activity
	Follower int64  `bun:"follower"`
	Followee int64  `bun:"followee"`
	Accepted bool   `bun:"accepted"`
	Created  int64  `bun:"created"`
}

const followColumns = "id, uri, follower, followee, case when state = 'accepted' then 1 else 0 end as accepted, created"

// Follow stores the wish, accepted at once if the followee is open and ours.
// Asking again renews the activity's id and never takes an acceptance away.
func (b *Book) Follow(ctx context.Context, tx *store.Tx, uri string, follower, followee Actor) (Follow, error) {
	state := "asked"
	if followee.Local && followee.Open {
		state = "accepted"
	}
	if follower.ID == followee.ID || followee.Deleted || followee.Suspended {
		return Follow{}, fmt.Errorf("follow %s: %w", followee.URI, store.ErrDenied)
	}
	_, err := tx.Exec(ctx, `
		insert into follows (id, uri, follower, followee, state, created) values (?, ?, ?, ?, ?, ?)
		on conflict (follower, followee) do update set uri = excluded.uri`,
		store.NewID(), uri, follower.ID, followee.ID, state, store.Millis(tx.Now))
	if err != nil {
		return Follow{}, fmt.Errorf("follow %s: %w", followee.URI, err)
	}
	return b.Following(ctx, tx, follower.ID, followee.ID)
}

// Following is the follow between two actors, or store.ErrNotFound.
func (b *Book) Following(ctx context.Context, idb bun.IDB, follower, followee int64) (f Follow, err error) {
	err = idb.NewRaw("select "+followColumns+" from follows where follower = ? and followee = ?", follower, followee).Scan(ctx, &f)
	return f, store.Kind(err)
}

// Accept marks a wish as granted; an unknown one gives store.ErrNotFound.
func (b *Book) Accept(ctx context.Context, tx *store.Tx, follower, followee int64) error {
	n, err := tx.Exec(ctx, "update follows set state = 'accepted' where follower = ? and followee = ?", follower, followee)
	if err == nil && n == 0 {
		err = fmt.Errorf("accept follow: %w", store.ErrNotFound)
	}
	return err
}

// Unfollow ends a follow, by whichever side; it tells whether there was one.
func (b *Book) Unfollow(ctx context.Context, tx *store.Tx, follower, followee int64) (bool, error) {
	n, err := tx.Exec(ctx, "delete from follows where follower = ? and followee = ?", follower, followee)
	return n > 0, err
}

// FollowByURI finds a follow by the id of its activity.
func (b *Book) FollowByURI(ctx context.Context, idb bun.IDB, uri string) (f Follow, err error) {
	err = idb.NewRaw("select "+followColumns+" from follows where uri = ?", uri).Scan(ctx, &f)
	return f, store.Kind(err)
}

// FollowersOf are accepted followers, newest first, before the follow with id
// before (0 for the first page).
func (b *Book) FollowersOf(ctx context.Context, idb bun.IDB, id, before int64, limit int) ([]Follow, error) {
	return b.follows(ctx, idb, "followee = ?", id, before, limit)
}

// FollowingOf is the other direction of FollowersOf.
func (b *Book) FollowingOf(ctx context.Context, idb bun.IDB, id, before int64, limit int) ([]Follow, error) {
	return b.follows(ctx, idb, "follower = ?", id, before, limit)
}

func (b *Book) follows(ctx context.Context, idb bun.IDB, side string, id, before int64, limit int) ([]Follow, error) {
	var list []Follow
	q := "select " + followColumns + " from follows where state = 'accepted' and " + side + " and (? = 0 or id < ?) order by id desc limit ?"
	if err := idb.NewRaw(q, id, before, before, limit).Scan(ctx, &list); err != nil {
		return nil, fmt.Errorf("follows of %d: %w", id, store.Kind(err))
	}
	return list, nil
}

// CountFollows gives the numbers of accepted followers and of those followed.
func (b *Book) CountFollows(ctx context.Context, idb bun.IDB, id int64) (followers, following int, err error) {
	err = idb.NewRaw(`
		select (select count(*) from follows where followee = ? and state = 'accepted'),
			(select count(*) from follows where follower = ? and state = 'accepted')`, id, id).Scan(ctx, &followers, &following)
	return followers, following, store.Kind(err)
}

// Inboxes are where a post of an actor goes, so that all its followers
// elsewhere have it: each shared inbox once, in alphabetical order after the
// one given.
func (b *Book) Inboxes(ctx context.Context, idb bun.IDB, id int64, after string, limit int) ([]string, error) {
	const inbox = "case when a.shared_inbox <> '' then a.shared_inbox else a.inbox end"
	var list []string
	err := idb.NewRaw(`
		select distinct `+inbox+` as target
		from follows f join actors a on a.id = f.follower
		where f.followee = ? and f.state = 'accepted'
			and a.local = 0 and a.suspended = 0 and a.deleted = 0 and `+inbox+` > ?
		order by target limit ?`, id, after, limit).Scan(ctx, &list)
	if err != nil {
		return nil, fmt.Errorf("inboxes of followers of %d: %w", id, store.Kind(err))
	}
	return list, nil
}
