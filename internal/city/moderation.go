package city

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"viche/actors"
	"viche/federation"
	"viche/federation/ap"
	"viche/internal/notify"
	"viche/internal/store"
	"viche/modules/moderation"
	"viche/web"
)

// openModeration makes what decides on reports.
func (c *City) openModeration(post *notify.Post) {
	c.Moderation = moderation.New(moderation.Options{
		DB: c.DB, Book: c.Book, Federation: c.Federation, Mail: post, Words: c.Words, Log: c.Log,
		Base: c.Config.Base(), Name: "Віче · " + c.Config.Name,
		PostOf: c.postOf, Hide: c.Blogs.Hide, Unhide: c.Blogs.Unhide, Mark: c.Blogs.Mark, Unmark: c.Blogs.Unmark,
		AccountOf: c.accountOf, Suspend: c.suspendActor,
	})
}

// postOf is what moderators have to know of a post.
func (c *City) postOf(ctx context.Context, idb bun.IDB, id int64) (moderation.Post, error) {
	p, err := c.Blogs.ByID(ctx, idb, id)
	if err != nil {
		return moderation.Post{}, err
	}
	var marked int
	err = store.Kind(idb.NewRaw("select count(*) from post_warnings where post = ?", id).Scan(ctx, &marked))
	return moderation.Post{Author: p.Author, Path: p.Path(), Local: p.Local, Hidden: p.Hidden, Marked: marked > 0, Deleted: p.Deleted > 0}, err
}

// accountOf is who holds an actor of ours, suspended or not.
func (c *City) accountOf(ctx context.Context, idb bun.IDB, actor int64) (moderation.Account, error) {
	var row struct {
		Email string `bun:"email"`
		Lang  string `bun:"lang"`
		Staff int    `bun:"staff"`
	}
	err := store.Kind(idb.NewRaw(`
		select a.email, a.lang, (select count(*) from roles r where r.account = a.id and r.role in ('moderator', 'operator')) as staff
		from accounts a where a.actor = ? and a.deleted_at is null`, actor).Scan(ctx, &row))
	if err != nil {
		return moderation.Account{}, fmt.Errorf("account of actor %d: %w", actor, err)
	}
	return moderation.Account{Email: row.Email, Lang: row.Lang, Staff: row.Staff > 0}, nil
}

// suspendActor prepares the suspension of an actor or its end. Followers of one
// of ours hear of it on other servers; votes already cast stay in their boxes.
func (c *City) suspendActor(ctx context.Context, a actors.Actor, suspended bool) (func(context.Context, *store.Tx) error, error) {
	if !a.Local {
		return func(ctx context.Context, tx *store.Tx) error { return c.setSuspended(ctx, tx, a, suspended) }, nil
	}
	doc, err := c.Federation.Document(ctx, a)
	if err != nil {
		return nil, err
	}
	doc.Suspended = suspended
	object, err := doc.Encode()
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, tx *store.Tx) error {
		e := ap.Envelope{ID: c.Federation.ActivityURI(), Actor: a.URI, To: []string{ap.Public}, Cc: []string{a.Followers}, Published: tx.Now}
		raw, err := e.Update(object)
		if err != nil {
			return err
		}
		if err := c.Federation.Publish(ctx, tx, a, raw, federation.Audience{Followers: []int64{a.ID}}); err != nil {
			return err
		}
		return c.setSuspended(ctx, tx, a, suspended)
	}, nil
}

func (c *City) setSuspended(ctx context.Context, tx *store.Tx, a actors.Actor, suspended bool) error {
	if !suspended {
		if _, err := tx.Exec(ctx, "update accounts set suspended_at = null where actor = ?", a.ID); err != nil {
			return err
		}
		if err := c.Book.Restore(ctx, tx, a.ID); err != nil {
			return err
		}
		return c.searchPerson(ctx, tx, a.ID)
	}
	if err := c.Book.Suspend(ctx, tx, a.ID); err != nil {
		return err
	}
	if err := c.searchPerson(ctx, tx, a.ID); err != nil {
		return err
	}
	var account int64
	err := tx.Row(ctx, []any{&account}, "update accounts set suspended_at = ? where actor = ? returning id", store.Millis(tx.Now), a.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil // somebody of another server has no account here
	}
	if err != nil {
		return err
	}
	return web.EndSessions(ctx, tx, account)
}
