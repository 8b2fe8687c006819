package federation

import (
	"context"
	"fmt"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
)

// check holds an activity to what is true of all of them, whoever handles it:
// nobody speaks for another, and what was deleted stays so. It may strip what
// an activity embeds down to a link.
func (c *City) check(ctx context.Context, tx *store.Tx, a *ap.Activity) error {
	sender, err := c.Book.ByURI(ctx, tx, a.Actor)
	if err != nil {
		return err
	}
	if sender.Suspended || sender.Deleted && a.Type != "Delete" {
		return fmt.Errorf("the actor is suspended or gone: %w", store.ErrDenied)
	}
	return c.checkContent(ctx, tx, a)
}

// checkContent is check without the sender, whom the inbox has looked at.
func (c *City) checkContent(ctx context.Context, tx *store.Tx, a *ap.Activity) error {
	switch a.Type {
	case "Create":
		return c.checkCreate(ctx, tx, a)
	case "Update":
		return c.checkUpdate(ctx, tx, a)
	case "Delete":
		return c.checkDelete(ctx, tx, a)
	case "Undo":
		if a.Object != nil && a.Object.Actor != "" && a.Object.Actor != a.Actor {
			return fmt.Errorf("undo of another's activity: %w", store.ErrDenied)
		}
	case "Accept", "Reject":
		// The answered activity is ours, so it is compared with what we sent.
	default:
		for _, o := range a.Objects {
			if o.Raw != nil && !actors.SameOrigin(o.ID, a.Actor) {
				*o = ap.Object{ID: o.ID} // somebody else's words in the sender's mouth
			}
		}
		return resolve(ctx, tx.Bound, c.Base, a)
	}
	return nil
}

func (c *City) checkCreate(ctx context.Context, tx *store.Tx, a *ap.Activity) error {
	if len(a.Objects) == 0 {
		return fmt.Errorf("create of nothing: %w", store.ErrInvalid)
	}
	for _, o := range a.Objects {
		if o.ID == "" || o.Raw == nil || !actors.SameOrigin(o.ID, a.Actor) || o.AttributedTo != a.Actor {
			return fmt.Errorf("create of what is not the actor's own: %w", store.ErrDenied)
		}
		if o.Type == "Vote" {
			continue // who voted is nobody's business here
		}
		if err := c.hear(ctx, tx, o.ID, a.Actor); err != nil {
			return err
		}
	}
	return nil
}

// hear is mustOwn and Heard in one statement where nobody has heard of the
// object, as is so for nearly all.
func (c *City) hear(ctx context.Context, tx *store.Tx, id, actor string) error {
	n, err := tx.Exec(ctx, `
		insert into heard (uri, actor, deleted, at)
		select cast(? as text), cast(? as text), 0, cast(? as bigint)
		where not exists (select 1 from heard where uri = ?)
		on conflict do nothing`, id, actor, store.Millis(tx.Now), id)
	if err != nil || n > 0 {
		return err
	}
	if err := c.mustOwn(ctx, tx, id, actor); err != nil {
		return err
	}
	return c.Heard(ctx, tx, id, actor)
}

func (c *City) checkUpdate(ctx context.Context, tx *store.Tx, a *ap.Activity) error {
	if len(a.Objects) != 1 || a.Object.Raw == nil {
		return fmt.Errorf("update that is not of one object: %w", store.ErrInvalid)
	}
	o := a.Object
	if o.ID == a.Actor {
		return nil
	}
	if !actors.SameOrigin(o.ID, a.Actor) || o.AttributedTo != a.Actor {
		return fmt.Errorf("update of what is not the actor's own: %w", store.ErrDenied)
	}
	return c.mustOwn(ctx, tx, o.ID, a.Actor)
}

func (c *City) checkDelete(ctx context.Context, tx *store.Tx, a *ap.Activity) error {
	if len(a.Objects) != 1 || a.Object.ID == "" {
		return fmt.Errorf("delete that is not of one object: %w", store.ErrInvalid)
	}
	id := a.Object.ID
	if id == a.Actor {
		return nil
	}
	if !actors.SameOrigin(id, a.Actor) {
		return fmt.Errorf("delete of what is not the actor's own: %w", store.ErrDenied)
	}
	return c.mustOwn(ctx, tx, id, a.Actor)
}

// mustOwn refuses when we know the object as somebody else's, of the same
// server too, or as deleted by the actor.
func (c *City) mustOwn(ctx context.Context, tx *store.Tx, id, actor string) error {
	var against int
	err := tx.Row(ctx, []any{&against}, `
		select count(*) from heard
		where uri = ? and ((actor <> ? and deleted = 0) or (actor = ? and deleted = 1))`, id, actor, actor)
	if err != nil {
		return err
	}
	if against > 0 {
		return fmt.Errorf("%s is not the actor's, or gone: %w", id, store.ErrDenied)
	}
	return nil
}

// Heard records who owns an object of another server that was fetched rather
// than received, so that only the owner can change it later.
func (c *City) Heard(ctx context.Context, tx *store.Tx, uri, owner string) error {
	_, err := tx.Exec(ctx, "insert into heard (uri, actor, deleted, at) values (?, ?, 0, ?) on conflict do nothing",
		uri, owner, store.Millis(tx.Now))
	return err
}
