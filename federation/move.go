package federation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
)

const (
	moveRest    = 7 * 24 * time.Hour // before somebody may move again
	freshEnough = 10 * time.Minute   // since the new actor was fetched
	moveBatch   = 200                // follows that are moved in one change
	moveLooks   = 24 * time.Hour     // how long follows of a moved actor are looked for
	mostAliases = 10                 // that one of ours may name
)

// needMove fetches the actor that somebody says they go on as: only its own
// server's newest word counts. Where nobody here follows, nobody is asked.
func (c *City) needMove(ctx context.Context, a *ap.Activity) error {
	if a.Object == nil || a.Object.ID != a.Actor || a.Target == "" || c.IsLocal(a.Target) {
		return nil
	}
	old, err := c.Book.ByURI(ctx, c.DB.Read(), a.Actor)
	if err != nil || c.rests(old, c.DB.Now()) {
		return nil // what comes of it is said when it is worked off
	}
	followed, err := c.followedByOurs(ctx, old.ID)
	if err != nil || !followed {
		return err
	}
	if to, err := c.Book.ByURI(ctx, c.DB.Read(), a.Target); err == nil && to.KnowsAs(old.URI) && to.Age(c.DB.Now()) < freshEnough {
		return nil
	}
	_, err = c.Renew(ctx, a.Target)
	return err
}

func (c *City) followedByOurs(ctx context.Context, actor int64) (bool, error) {
	var one int
	err := c.DB.ReadBound().Row(ctx, []any{&one}, `
		select 1 from follows f join actors a on a.id = f.follower
		where f.followee = ? and a.local = 1 limit 1`, actor)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func (c *City) rests(a actors.Actor, now time.Time) bool {
	return a.MovedAt > 0 && now.Sub(store.Time(a.MovedAt)) < moveRest
}

// onMove has those of ours who follow somebody follow them where they went.
func (c *City) onMove(ctx context.Context, tx *store.Tx, a *ap.Activity) error {
	if len(a.Objects) != 1 || a.Object.ID != a.Actor || a.Target == "" || a.Target == a.Actor {
		return fmt.Errorf("move of somebody else, or to nowhere: %w", store.ErrDenied)
	}
	old, err := c.Book.ByURI(ctx, tx, a.Actor)
	if err != nil {
		return err
	}
	if c.rests(old, tx.Now) {
		return fmt.Errorf("%s moved lately: %w", old.URI, store.ErrDenied)
	}
	to, err := c.successor(ctx, tx, old, a.Target)
	if errors.Is(err, store.ErrNotFound) {
		return ErrIgnored // nobody here follows, so the new one was not asked for
	}
	if err != nil {
		return err
	}
	if !to.Local && to.Age(tx.Now) > freshEnough {
		return ErrIgnored
	}
	if err := c.Book.Moved(ctx, tx, old.ID, to.URI); err != nil {
		return err
	}
	return c.moveFollows(ctx, tx, old, to)
}

// successor is the actor at an address if it goes on as old: it says itself that
// it is the same person, and it is not on the way to yet another place.
func (c *City) successor(ctx context.Context, tx *store.Tx, old actors.Actor, uri string) (actors.Actor, error) {
	to, err := c.Book.ByURI(ctx, tx, uri)
	switch {
	case err != nil:
		return to, err
	case to.Suspended || to.Deleted || to.ID == old.ID:
		return to, fmt.Errorf("move to %s: it is not there: %w", uri, store.ErrDenied)
	case to.MovedTo != "":
		return to, fmt.Errorf("move to %s, which moved itself: %w", uri, store.ErrDenied)
	case !to.KnowsAs(old.URI):
		return to, fmt.Errorf("move to %s, which does not know %s: %w", uri, old.URI, store.ErrDenied)
	}
	blocked, err := c.Book.Blocked(ctx, tx, to.Host)
	if err == nil && blocked {
		err = fmt.Errorf("move to a server that is shut out: %w", store.ErrDenied)
	}
	return to, err
}

// moveFollows moves some of our follows from one actor to the other.
func (c *City) moveFollows(ctx context.Context, tx *store.Tx, old, to actors.Actor) error {
	ours, err := c.Book.OwnFollowersOf(ctx, tx, old.ID, moveBatch)
	if err != nil {
		return err
	}
	for _, who := range ours {
		if err := c.moveFollow(ctx, tx, who, old, to); err != nil {
			return err
		}
	}
	return nil
}

func (c *City) moveFollow(ctx context.Context, tx *store.Tx, who, old, to actors.Actor) error {
	if err := c.Unfollow(ctx, tx, who, old); err != nil || who.ID == to.ID {
		return err
	}
	if c.Apart != nil {
		apart, err := c.Apart(ctx, tx, who, to)
		if err != nil || apart {
			return err
		}
	}
	if err := c.Follow(ctx, tx, who, to); err != nil || !to.Local || c.Followed == nil {
		return err
	}
	return c.Followed(ctx, tx, to, who, to.Open)
}

// moveOn moves the follows that one change would have been too short for.
func (c *City) moveOn(ctx context.Context) error {
	return c.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		list, err := c.Book.MovedSince(ctx, tx, store.Millis(tx.Now.Add(-moveLooks)), 4)
		if err != nil {
			return err
		}
		for _, old := range list {
			to, err := c.successor(ctx, tx, old, old.MovedTo)
			if errors.Is(err, store.ErrDenied) || errors.Is(err, store.ErrNotFound) {
				continue // it said something else since
			}
			if err != nil {
				return err
			}
			if err := c.moveFollows(ctx, tx, old, to); err != nil {
				return err
			}
		}
		return nil
	})
}

// SetAliases says which actors elsewhere are the same person as one of ours. One
// of them can then move here.
func (c *City) SetAliases(ctx context.Context, tx *store.Tx, who actors.Actor, uris []string) error {
	var kept []string
	for _, uri := range uris {
		if isAddress(uri) && uri != who.URI && !slices.Contains(kept, uri) {
			kept = append(kept, uri)
		}
	}
	if len(kept) > mostAliases {
		return store.Invalid("alias", "blogs.move.many")
	}
	if err := c.Book.SetAliases(ctx, tx, who.ID, kept); err != nil {
		return err
	}
	return c.Changed(ctx, tx, who.ID)
}

// MoveAway has one of ours go on as another actor, which the caller has fetched
// just now and which names this one among its aliases. Followers are told and,
// where their servers can, follow the new one by themselves.
func (c *City) MoveAway(ctx context.Context, tx *store.Tx, who actors.Actor, target string) error {
	if who.MovedTo == target {
		return nil
	}
	if c.rests(who, tx.Now) {
		return store.Invalid("target", "blogs.move.lately")
	}
	to, err := c.successor(ctx, tx, who, target)
	if errors.Is(err, store.ErrDenied) || errors.Is(err, store.ErrNotFound) {
		return store.Invalid("target", "blogs.move.unknown")
	}
	if err != nil {
		return err
	}
	if err := c.Book.Moved(ctx, tx, who.ID, to.URI); err != nil {
		return err
	}
	if err := c.Changed(ctx, tx, who.ID); err != nil {
		return err
	}
	e := ap.Envelope{ID: c.ActivityURI(), Actor: who.URI, To: []string{who.Followers}}
	move := e.Object("Move", who.URI)
	move["target"] = to.URI
	raw, err := ap.Encode(move)
	if err != nil {
		return err
	}
	if err := c.Publish(ctx, tx, who, raw, Audience{Followers: []int64{who.ID}}); err != nil {
		return err
	}
	return c.moveFollows(ctx, tx, who, to)
}

// Stay takes back that one of ours goes on elsewhere. Follows that moved do not
// come back.
func (c *City) Stay(ctx context.Context, tx *store.Tx, who actors.Actor) error {
	if err := c.Book.Moved(ctx, tx, who.ID, ""); err != nil {
		return err
	}
	return c.Changed(ctx, tx, who.ID)
}

// Changed tells followers elsewhere that the profile of one of ours did. Whom
// nobody ever asked for has no keys yet, and nobody to tell.
func (c *City) Changed(ctx context.Context, tx *store.Tx, id int64) error {
	who, err := c.Book.ByID(ctx, tx, id)
	if err != nil {
		return err
	}
	keys, err := c.Book.PublicKeys(ctx, tx, id)
	if err != nil || len(keys) == 0 || !who.Local {
		return err
	}
	doc, err := c.describe(ctx, who, keys)
	if err != nil {
		return err
	}
	object, err := json.Marshal(doc.Object())
	if err != nil {
		return err
	}
	// Not to everybody: that a profile changed is no news for the outbox.
	e := ap.Envelope{ID: c.ActivityURI(), Actor: who.URI, To: []string{who.Followers}}
	raw, err := e.Update(object)
	if err != nil {
		return err
	}
	return c.Publish(ctx, tx, who, raw, Audience{Followers: []int64{id}})
}
