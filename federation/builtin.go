package federation

import (
	"context"
	"errors"
	"fmt"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
)

// builtin are the Handlers that every instance has: who follows whom, and what
// actors say about themselves.
func (c *City) builtin() []On {
	list := []On{
		{Activity: "Follow", Object: "*", Do: c.onFollow},
		{Activity: "Undo", Object: "Follow", Do: c.onUndoFollow},
		{Activity: "Undo", Object: "", Do: c.onUndoFollow},
		{Activity: "Delete", Object: "*", Do: c.onDelete},
		{Activity: "Move", Object: "*", Do: c.onMove, Need: c.needMove},
	}
	for _, kind := range []string{"Follow", ""} {
		list = append(list,
			On{Activity: "Accept", Object: kind, Do: c.onAccept},
			On{Activity: "Reject", Object: kind, Do: c.onReject})
	}
	for _, kind := range []string{"Person", "Group", "Organization", "Application", "Service"} {
		list = append(list, On{Activity: "Update", Object: kind, Do: c.onUpdateActor})
	}
	return list
}

// onFollow lets anybody follow an open actor of ours, and says so at once.
func (c *City) onFollow(ctx context.Context, tx *store.Tx, a *ap.Activity) error {
	if len(a.Objects) != 1 || !c.IsLocal(a.Object.ID) {
		return fmt.Errorf("follow of nobody here: %w", store.ErrNotFound)
	}
	followee, err := c.Book.ByURI(ctx, tx, a.Object.ID)
	if err != nil {
		return err
	}
	follower, err := c.Book.ByURI(ctx, tx, a.Actor)
	if err != nil {
		return err
	}
	if err := c.mayFollow(ctx, tx, follower); err != nil {
		return err
	}
	if followee.MovedTo != "" {
		return c.answer(ctx, tx, "Reject", followee, follower, a.ID)
	}
	f, err := c.Book.Follow(ctx, tx, a.ID, follower, followee)
	if err != nil {
		return err
	}
	if c.Followed != nil {
		err := c.Followed(ctx, tx, followee, follower, f.Accepted)
		if errors.Is(err, store.ErrDenied) {
			if _, err := c.Book.Unfollow(ctx, tx, follower.ID, followee.ID); err != nil {
				return err
			}
			return c.answer(ctx, tx, "Reject", followee, follower, a.ID)
		}
		if err != nil {
			return err
		}
	}
	if !f.Accepted {
		return nil
	}
	return c.answer(ctx, tx, "Accept", followee, follower, a.ID)
}

// answer tells a follower yes or no. The Follow is repeated as it was, for some
// servers know theirs again only so.
func (c *City) answer(ctx context.Context, tx *store.Tx, kind string, followee, follower actors.Actor, followURI string) error {
	e := ap.Envelope{ID: c.ActivityURI(), Actor: followee.URI, To: []string{follower.URI}}
	raw, err := ap.Encode(e.Object(kind, map[string]any{
		"id": followURI, "type": "Follow", "actor": follower.URI, "object": followee.URI,
	}))
	if err != nil {
		return err
	}
	return c.Publish(ctx, tx, followee, raw, Audience{Actors: []string{follower.URI}})
}

func (c *City) onUndoFollow(ctx context.Context, tx *store.Tx, a *ap.Activity) error {
	follower, followee, err := c.followOf(ctx, tx, a.Object)
	if err != nil {
		return err
	}
	if follower.URI != a.Actor {
		return fmt.Errorf("undo of another's follow: %w", store.ErrDenied)
	}
	_, err = c.Book.Unfollow(ctx, tx, follower.ID, followee.ID)
	return err
}

func (c *City) onAccept(ctx context.Context, tx *store.Tx, a *ap.Activity) error {
	follower, followee, err := c.followOf(ctx, tx, a.Object)
	if err != nil {
		return err
	}
	if followee.URI != a.Actor || !follower.Local {
		return fmt.Errorf("answer to a follow by somebody else: %w", store.ErrDenied)
	}
	return c.Book.Accept(ctx, tx, follower.ID, followee.ID)
}

func (c *City) onReject(ctx context.Context, tx *store.Tx, a *ap.Activity) error {
	follower, followee, err := c.followOf(ctx, tx, a.Object)
	if err != nil {
		return err
	}
	if followee.URI != a.Actor || !follower.Local {
		return fmt.Errorf("answer to a follow by somebody else: %w", store.ErrDenied)
	}
	_, err = c.Book.Unfollow(ctx, tx, follower.ID, followee.ID)
	return err
}

// followOf finds the two of a Follow that we know, by its id or by the pair.
// A follow that we don't know is none of our business.
func (c *City) followOf(ctx context.Context, tx *store.Tx, o *ap.Object) (follower, followee actors.Actor, err error) {
	if o == nil {
		return follower, followee, ErrIgnored
	}
	f, err := c.Book.FollowByURI(ctx, tx, o.ID)
	if errors.Is(err, store.ErrNotFound) && o.Actor != "" && o.Object != nil {
		f, err = c.followByPair(ctx, tx, o.Actor, o.Object.ID)
	}
	if errors.Is(err, store.ErrNotFound) {
		return follower, followee, ErrIgnored
	}
	if err != nil {
		return follower, followee, err
	}
	if follower, err = c.Book.ByID(ctx, tx, f.Follower); err != nil {
		return follower, followee, err
	}
	followee, err = c.Book.ByID(ctx, tx, f.Followee)
	return follower, followee, err
}

func (c *City) followByPair(ctx context.Context, tx *store.Tx, follower, followee string) (actors.Follow, error) {
	from, err := c.Book.ByURI(ctx, tx, follower)
	if err != nil {
		return actors.Follow{}, err
	}
	to, err := c.Book.ByURI(ctx, tx, followee)
	if err != nil {
		return actors.Follow{}, err
	}
	return c.Book.Following(ctx, tx, from.ID, to.ID)
}

// onDelete forgets an actor that left, or marks an object as gone for good and
// has the modules that know it do the same.
func (c *City) onDelete(ctx context.Context, tx *store.Tx, a *ap.Activity) error {
	id := a.Object.ID
	if id == a.Actor {
		leaving, err := c.Book.ByURI(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := c.Book.Forget(ctx, tx, leaving.ID); err != nil {
			return err
		}
	} else if _, err := tx.Exec(ctx, `
		insert into heard (uri, actor, deleted, at) values (?, ?, 1, ?)
		on conflict (uri, actor) do update set deleted = 1, at = excluded.at`, id, a.Actor, store.Millis(tx.Now)); err != nil {
		return err
	}
	for _, on := range c.mux[deleted] {
		if err := on.Do(ctx, tx, a); err != nil && !errors.Is(err, ErrIgnored) {
			return err
		}
	}
	return nil
}

// deleted is the pair under which modules hear of every deletion: each of them
// is told, for several may have made use of one object.
var deleted = [2]string{"Delete", "Object"}

func (c *City) onUpdateActor(ctx context.Context, tx *store.Tx, a *ap.Activity) error {
	if a.Object.ID != a.Actor {
		return fmt.Errorf("update of another actor: %w", store.ErrDenied)
	}
	r, err := readActor(a.Object.Raw)
	if err != nil {
		return err
	}
	for _, k := range r.Keys {
		c.keys.forget(k.URI)
	}
	_, err = c.Book.Upsert(ctx, tx, r)
	return err
}

// Follow has one of our actors follow another. Elsewhere it waits for the
// other side's answer.
func (c *City) Follow(ctx context.Context, tx *store.Tx, from, to actors.Actor) error {
	if f, err := c.Book.Following(ctx, tx, from.ID, to.ID); err == nil && f.Accepted {
		return nil
	}
	e := ap.Envelope{ID: c.ActivityURI(), Actor: from.URI, To: []string{to.URI}}
	if _, err := c.Book.Follow(ctx, tx, e.ID, from, to); err != nil || to.Local {
		return err
	}
	raw, err := e.Follow(to.URI)
	if err != nil {
		return err
	}
	return c.Publish(ctx, tx, from, raw, Audience{Actors: []string{to.URI}})
}

// Unfollow takes a follow back, and tells the other server.
func (c *City) Unfollow(ctx context.Context, tx *store.Tx, from, to actors.Actor) error {
	f, err := c.Book.Following(ctx, tx, from.ID, to.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := c.Book.Unfollow(ctx, tx, from.ID, to.ID); err != nil || to.Local {
		return err
	}
	e := ap.Envelope{ID: c.ActivityURI(), Actor: from.URI, To: []string{to.URI}}
	raw, err := ap.Encode(e.Object("Undo", map[string]any{"id": f.URI, "type": "Follow", "actor": from.URI, "object": to.URI}))
	if err != nil {
		return err
	}
	return c.Publish(ctx, tx, from, raw, Audience{Actors: []string{to.URI}})
}

// AnswerFollow grants or refuses a wish to follow an actor that is not open.
func (c *City) AnswerFollow(ctx context.Context, tx *store.Tx, f actors.Follow, kind string) error {
	follower, err := c.Book.ByID(ctx, tx, f.Follower)
	if err != nil {
		return err
	}
	followee, err := c.Book.ByID(ctx, tx, f.Followee)
	if err != nil {
		return err
	}
	if kind == "Accept" {
		err = c.Book.Accept(ctx, tx, f.Follower, f.Followee)
	} else {
		_, err = c.Book.Unfollow(ctx, tx, f.Follower, f.Followee)
	}
	if err != nil || follower.Local {
		return err
	}
	return c.answer(ctx, tx, kind, followee, follower, f.URI)
}
