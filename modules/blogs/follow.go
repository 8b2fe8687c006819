package blogs

import (
	"context"
	"fmt"
	"strings"

	"viche/actors"
	"viche/federation"
	"viche/federation/ap"
	"viche/internal/store"
)

// Follow has an actor of ours follow another, here or elsewhere; where the other
// approves followers, it waits for the answer. Errors: store.ErrDenied where one
// of the two blocks the other.
func (b *Blogs) Follow(ctx context.Context, who, target actors.Actor) error {
	return b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		for _, pair := range [][2]actors.Actor{{who, target}, {target, who}} {
			blocked, err := b.Shunned(ctx, tx, pair[0].ID, pair[1])
			if err != nil {
				return err
			}
			if blocked {
				return fmt.Errorf("follow %s: one blocks the other: %w", target.URI, store.ErrDenied)
			}
		}
		if err := b.Federation.Follow(ctx, tx, who, target); err != nil || !target.Local {
			return err
		}
		kind := Followed
		if !target.Open {
			kind = Asked
		}
		return b.Notify(ctx, tx, Notice{To: target.ID, Kind: kind, By: who.ID})
	})
}

// FollowedBy is told that somebody of another server follows an actor of ours, or
// asks to; store.ErrDenied for whom the actor blocks.
func (b *Blogs) FollowedBy(ctx context.Context, tx *store.Tx, followee, follower actors.Actor, accepted bool) error {
	blocked, err := b.Shunned(ctx, tx, followee.ID, follower)
	if err != nil {
		return err
	}
	if blocked {
		return fmt.Errorf("follow by somebody blocked: %w", store.ErrDenied)
	}
	kind := Followed
	if !accepted {
		kind = Asked
	}
	return b.Notify(ctx, tx, Notice{To: followee.ID, Kind: kind, By: follower.ID})
}

// Unfollow ends it, or takes the wish back.
func (b *Blogs) Unfollow(ctx context.Context, who, target actors.Actor) error {
	return b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if _, err := tx.Exec(ctx, "delete from notices where actor = ? and by_actor = ? and kind in ('follow', 'request')", target.ID, who.ID); err != nil {
			return err
		}
		return b.Federation.Unfollow(ctx, tx, who, target)
	})
}

// AnswerFollow grants or refuses the wish of somebody to follow an actor of ours.
func (b *Blogs) AnswerFollow(ctx context.Context, who, follower actors.Actor, yes bool) error {
	return b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		f, err := b.Book.Following(ctx, tx, follower.ID, who.ID)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "delete from notices where actor = ? and by_actor = ? and kind = 'request'", who.ID, follower.ID); err != nil {
			return err
		}
		if !yes {
			return b.Federation.AnswerFollow(ctx, tx, f, "Reject")
		}
		if err := b.Federation.AnswerFollow(ctx, tx, f, "Accept"); err != nil {
			return err
		}
		return b.Notify(ctx, tx, Notice{To: who.ID, Kind: Followed, By: follower.ID})
	})
}

// RemoveFollower ends the follow of somebody who follows an actor of ours.
func (b *Blogs) RemoveFollower(ctx context.Context, who, follower actors.Actor) error {
	return b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return b.cut(ctx, tx, who, follower) })
}

// cut ends the follow of follower after one of ours, and tells its server.
func (b *Blogs) cut(ctx context.Context, tx *store.Tx, who, follower actors.Actor) error {
	f, err := b.Book.Following(ctx, tx, follower.ID, who.ID)
	if isNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return b.Federation.AnswerFollow(ctx, tx, f, "Reject")
}

// Block ends all between two: neither follows the other, and the blocked one
// neither sees nor answers what the other writes. Its server is told, for only
// so can it keep to it.
func (b *Blogs) Block(ctx context.Context, who, target actors.Actor) error {
	if who.ID == target.ID {
		return fmt.Errorf("block oneself: %w", store.ErrInvalid)
	}
	return b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		e := ap.Envelope{ID: b.Federation.ActivityURI(), Actor: who.URI, To: []string{target.URI}}
		n, err := tx.Exec(ctx, "insert into shuns (actor, kind, other, host, uri, at) values (?, 'block', ?, '', ?, ?) on conflict do nothing",
			who.ID, target.ID, e.ID, store.Millis(tx.Now))
		if err != nil || n == 0 {
			return err
		}
		if err := b.cut(ctx, tx, who, target); err != nil {
			return err
		}
		if err := b.Federation.Unfollow(ctx, tx, who, target); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "delete from notices where actor = ? and by_actor = ?", who.ID, target.ID); err != nil {
			return err
		}
		if target.Local {
			return nil
		}
		raw, err := ap.Encode(e.Object("Block", target.URI))
		if err != nil {
			return err
		}
		return b.Federation.Publish(ctx, tx, who, raw, federation.Audience{Actors: []string{target.URI}})
	})
}

// Unblock takes a block back. Follows do not come back by themselves.
func (b *Blogs) Unblock(ctx context.Context, who, target actors.Actor) error {
	return b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		var uri string
		err := tx.Row(ctx, []any{&uri}, "delete from shuns where actor = ? and kind = 'block' and other = ? returning uri", who.ID, target.ID)
		if isNotFound(err) || err == nil && target.Local {
			return nil
		}
		if err != nil {
			return err
		}
		e := ap.Envelope{ID: b.Federation.ActivityURI(), Actor: who.URI, To: []string{target.URI}}
		raw, err := ap.Encode(e.Object("Undo", map[string]any{"id": uri, "type": "Block", "actor": who.URI, "object": target.URI}))
		if err != nil {
			return err
		}
		return b.Federation.Publish(ctx, tx, who, raw, federation.Audience{Actors: []string{target.URI}})
	})
}

// Mute keeps what somebody says out of an actor's sight. Nobody is told.
func (b *Blogs) Mute(ctx context.Context, who, target actors.Actor) error {
	if who.ID == target.ID {
		return fmt.Errorf("mute oneself: %w", store.ErrInvalid)
	}
	return b.shun(ctx, who.ID, "mute", target.ID, "")
}

// Unmute takes it back.
func (b *Blogs) Unmute(ctx context.Context, who, target actors.Actor) error {
	return b.unshun(ctx, who.ID, "mute", target.ID, "")
}

// BlockHost keeps everybody of a server away from an actor, and their words out
// of its sight; they stop following it.
func (b *Blogs) BlockHost(ctx context.Context, who actors.Actor, host string) error {
	host = actors.HostOf("https://" + strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(host), "https://"), "http://"))
	if host == "" || host == b.Book.Host() {
		return store.Invalid("host", "blogs.blocks.host.invalid")
	}
	if err := b.shun(ctx, who.ID, "block", 0, host); err != nil {
		return err
	}
	return b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		var list []actors.Actor
		err := tx.NewRaw(`
			select a.* from follows f join actors a on a.id in (f.follower, f.followee)
			where (f.followee = ? or f.follower = ?) and a.id <> ? and a.host = ?`, who.ID, who.ID, who.ID, host).Scan(ctx, &list)
		if err != nil {
			return store.Kind(err)
		}
		for _, a := range list {
			if err := b.cut(ctx, tx, who, a); err != nil {
				return err
			}
			if err := b.Federation.Unfollow(ctx, tx, who, a); err != nil {
				return err
			}
		}
		return nil
	})
}

// UnblockHost takes it back.
func (b *Blogs) UnblockHost(ctx context.Context, who actors.Actor, host string) error {
	return b.unshun(ctx, who.ID, "block", 0, host)
}

func (b *Blogs) shun(ctx context.Context, who int64, kind string, other int64, host string) error {
	return b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "insert into shuns (actor, kind, other, host, uri, at) values (?, ?, ?, ?, '', ?) on conflict do nothing",
			who, kind, other, host, store.Millis(tx.Now))
		return err
	})
}

func (b *Blogs) unshun(ctx context.Context, who int64, kind string, other int64, host string) error {
	return b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "delete from shuns where actor = ? and kind = ? and other = ? and host = ?", who, kind, other, host)
		return err
	})
}

// Between is how an actor of ours stands to another.
type Between struct {
	Follows, Waits, Followed, Blocks, Mutes, Blocked bool
}

// BetweenOf tells it in one query.
func (b *Blogs) BetweenOf(ctx context.Context, who int64, other actors.Actor) (s Between, err error) {
	rows, err := b.DB.ReadBound().Query(ctx, `
		select 'follows' || state from follows where follower = ? and followee = ?
		union all select 'followed' from follows where follower = ? and followee = ? and state = 'accepted'
		union all select kind from shuns where actor = ? and (other = ? or other = 0 and host = ?)
		union all select 'blocked' from shuns where actor = ? and kind = 'block' and other = ?`,
		who, other.ID, other.ID, who, who, other.ID, other.Host, other.ID, who)
	if err != nil {
		return s, fmt.Errorf("between %d and %d: %w", who, other.ID, err)
	}
	defer rows.Close()
	for rows.Next() {
		var what string
		if err := rows.Scan(&what); err != nil {
			return s, err
		}
		switch what {
		case "followsaccepted":
			s.Follows = true
		case "followsasked":
			s.Waits = true
		case "followed":
			s.Followed = true
		case "block":
			s.Blocks = true
		case "mute":
			s.Mutes = true
		case "blocked":
			s.Blocked = true
		}
	}
	return s, rows.Err()
}

// Pin puts a public post of one's own on top of one's page; five at most.
func (b *Blogs) Pin(ctx context.Context, who actors.Actor, id int64) error {
	p, err := b.own(ctx, id, who)
	if err != nil {
		return err
	}
	if !p.Open() {
		return fmt.Errorf("pin what is not for everybody: %w", store.ErrDenied)
	}
	return b.pin(ctx, who, p, "Add", `
		insert into pins (actor, post, at) select ?, ?, ? where (select count(*) from pins where actor = ?) < 5
		on conflict do nothing`, who.ID, p.ID, store.NewID(), who.ID)
}

// Unpin takes it down.
func (b *Blogs) Unpin(ctx context.Context, who actors.Actor, id int64) error {
	p, err := b.own(ctx, id, who)
	if err != nil {
		return err
	}
	return b.pin(ctx, who, p, "Remove", "delete from pins where actor = ? and post = ?", who.ID, p.ID)
}

func (b *Blogs) pin(ctx context.Context, who actors.Actor, p *Post, kind, query string, args ...any) error {
	return b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		n, err := tx.Exec(ctx, query, args...)
		if err != nil || n == 0 {
			return err
		}
		e := ap.Envelope{ID: b.Federation.ActivityURI(), Actor: who.URI, To: []string{ap.Public}, Cc: []string{who.Followers}}
		raw, err := e.Add(p.URI, who.URI+"/featured")
		if kind == "Remove" {
			raw, err = e.Remove(p.URI, who.URI+"/featured")
		}
		if err != nil {
			return err
		}
		return b.Federation.Publish(ctx, tx, who, raw, federation.Audience{Followers: []int64{who.ID}})
	})
}

// Pinned are the pinned posts of an actor that everybody may see, newest pin
// first.
func (b *Blogs) Pinned(ctx context.Context, actor int64) (list []*Post, err error) {
	err = b.DB.Read().NewRaw(`
		select p.* from pins n join posts p on p.id = n.post
		where n.actor = ? and p.deleted = 0 and p.hidden = 0 and p.visibility in ('public', 'unlisted')
		order by n.at desc limit 20`, actor).Scan(ctx, &list)
	return list, store.Kind(err)
}
