package blogs

import (
	"context"
	"fmt"

	"viche/actors"
	"viche/federation"
	"viche/federation/ap"
	"viche/internal/store"
)

// Like adds an actor's like to a post, and tells its author. Doing it twice is
// no fault. Errors: store.ErrNotFound for a post that the actor may not see.
func (b *Blogs) Like(ctx context.Context, who actors.Actor, id int64) error {
	p, err := b.readable(ctx, id, who)
	if err != nil {
		return err
	}
	return b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		author, err := b.Book.ByID(ctx, tx, p.Author)
		if err != nil {
			return err
		}
		e := ap.Envelope{ID: b.Federation.ActivityURI(), Actor: who.URI, To: []string{author.URI}}
		n, err := tx.Exec(ctx, "insert into reactions (post, actor, emoji, uri, at) values (?, ?, '', ?, ?) on conflict do nothing",
			p.ID, who.ID, e.ID, store.Millis(tx.Now))
		if err != nil || n == 0 {
			return err
		}
		if author.Local {
			return b.Notify(ctx, tx, Notice{To: author.ID, Kind: Liked, By: who.ID, Post: p.ID})
		}
		raw, err := e.Like(p.URI)
		if err != nil {
			return err
		}
		return b.Federation.Publish(ctx, tx, who, raw, federation.Audience{Actors: []string{author.URI}})
	})
}

// Unlike takes a like back.
func (b *Blogs) Unlike(ctx context.Context, who actors.Actor, id int64) error {
	return b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		var uri string
		err := tx.Row(ctx, []any{&uri}, "delete from reactions where post = ? and actor = ? and emoji = '' returning uri", id, who.ID)
		if isNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		return b.undo(ctx, tx, who, id, uri, "Like", false)
	})
}

// Boost passes a post on to an actor's followers. Only what everybody may see
// can be passed on.
func (b *Blogs) Boost(ctx context.Context, who actors.Actor, id int64) error {
	p, err := b.readable(ctx, id, who)
	if err != nil {
		return err
	}
	if !p.Open() {
		return fmt.Errorf("boost %s: it is not for everybody: %w", p.URI, store.ErrDenied)
	}
	return b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		author, err := b.Book.ByID(ctx, tx, p.Author)
		if err != nil {
			return err
		}
		e := ap.Envelope{
			ID: b.Federation.ActivityURI(), Actor: who.URI, To: []string{ap.Public}, Cc: []string{who.Followers, author.URI}, Published: tx.Now,
		}
		n, err := tx.Exec(ctx, "insert into feed (id, actor, post, boost, uri, visibility) values (?, ?, ?, 1, ?, ?) on conflict do nothing",
			store.NewID(), who.ID, p.ID, e.ID, Public)
		if err != nil || n == 0 {
			return err
		}
		if author.Local {
			if err := b.Notify(ctx, tx, Notice{To: author.ID, Kind: Boosted, By: who.ID, Post: p.ID}); err != nil {
				return err
			}
		}
		raw, err := e.Announce(p.URI)
		if err != nil {
			return err
		}
		to := federation.Audience{Followers: []int64{who.ID}}
		if !author.Local {
			to.Actors = []string{author.URI}
		}
		return b.Federation.Publish(ctx, tx, who, raw, to)
	})
}

// Unboost takes it back.
func (b *Blogs) Unboost(ctx context.Context, who actors.Actor, id int64) error {
	return b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		var uri string
		err := tx.Row(ctx, []any{&uri}, "delete from feed where actor = ? and post = ? and boost = 1 returning uri", who.ID, id)
		if isNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := b.Federation.Retract(ctx, tx, uri); err != nil {
			return err
		}
		return b.undo(ctx, tx, who, id, uri, "Announce", true)
	})
}

// undo tells those who heard of an activity that it is taken back.
func (b *Blogs) undo(ctx context.Context, tx *store.Tx, who actors.Actor, id int64, uri, kind string, followers bool) error {
	p, err := b.ByID(ctx, tx, id)
	if err != nil {
		return err
	}
	author, err := b.Book.ByID(ctx, tx, p.Author)
	if err != nil {
		return err
	}
	kinds := map[string]string{"Like": Liked, "Announce": Boosted}
	if _, err := tx.Exec(ctx, "delete from notices where actor = ? and kind = ? and by_actor = ? and post = ?", author.ID, kinds[kind], who.ID, id); err != nil {
		return err
	}
	e := ap.Envelope{ID: b.Federation.ActivityURI(), Actor: who.URI, To: []string{author.URI}}
	var to federation.Audience
	if !author.Local {
		to.Actors = []string{author.URI}
	}
	if followers {
		e.To, e.Cc = []string{ap.Public}, []string{who.Followers, author.URI}
		to.Followers = []int64{who.ID}
	}
	if !followers && author.Local {
		return nil
	}
	raw, err := ap.Encode(e.Object("Undo", map[string]any{"id": uri, "type": kind, "actor": who.URI, "object": p.URI}))
	if err != nil {
		return err
	}
	return b.Federation.Publish(ctx, tx, who, raw, to)
}

// Bookmark keeps a post for its reader; nobody else is told.
func (b *Blogs) Bookmark(ctx context.Context, who actors.Actor, id int64) error {
	p, err := b.readable(ctx, id, who)
	if err != nil {
		return err
	}
	return b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "insert into bookmarks (actor, post, at) values (?, ?, ?) on conflict do nothing", who.ID, p.ID, store.NewID())
		return err
	})
}

// Unbookmark takes it away.
func (b *Blogs) Unbookmark(ctx context.Context, who actors.Actor, id int64) error {
	return b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, "delete from bookmarks where actor = ? and post = ?", who.ID, id)
		return err
	})
}
