package blogs

import (
	"context"
	"fmt"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/markup"
	"viche/internal/store"
)

// undoByID takes back what somebody elsewhere did under an id. Some servers
// have one id for all reactions of a person to a post, so where it is said
// which emoji, only that one goes.
func (b *Blogs) undoByID(ctx context.Context, tx *store.Tx, o *ap.Object, by actors.Actor) (done bool, err error) {
	var posts []int64
	err = tx.NewRaw(`
		select post from reactions where uri = ? and uri <> '' and actor = ?
		union select post from feed where uri = ? and uri <> '' and actor = ? and boost = 1`, o.ID, by.ID, o.ID, by.ID).Scan(ctx, &posts)
	if err != nil {
		return false, fmt.Errorf("what %s was: %w", o.ID, store.Kind(err))
	}
	for _, q := range []struct {
		text string
		args []any
	}{
		{"delete from reactions where uri = ? and uri <> '' and actor = ? and (emoji = ? or ? = '')", []any{o.ID, by.ID, markup.Name(o.Content), o.Content}},
		{"delete from feed where uri = ? and uri <> '' and actor = ? and boost = 1", []any{o.ID, by.ID}},
	} {
		n, err := tx.Exec(ctx, q.text, q.args...)
		if err != nil {
			return false, err
		}
		done = done || n > 0
	}
	for _, post := range posts {
		if err := unnotice(ctx, tx, by.ID, post); err != nil {
			return false, err
		}
	}
	return done, nil
}

// unnotice takes away the notices of likes and boosts that are there no more.
func unnotice(ctx context.Context, tx *store.Tx, by, post int64) error {
	_, err := tx.Exec(ctx, `
		delete from notices where by_actor = ? and post = ? and (
			kind = 'like' and not exists (select 1 from reactions r where r.post = notices.post and r.actor = notices.by_actor)
			or kind = 'boost' and not exists (select 1 from feed f where f.post = notices.post and f.actor = notices.by_actor and f.boost = 1))`, by, post)
	return err
}
