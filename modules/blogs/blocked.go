package blogs

import (
	"context"
	"fmt"

	"viche/actors"
	"viche/federation"
	"viche/federation/ap"
	"viche/internal/store"
)

// onBlock keeps to it that somebody elsewhere wants nothing to do with one of
// ours: neither follows the other any more, and the one neither sees nor
// answers what the other writes. Their server has ended the follows on its side.
func (b *Blogs) onBlock(ctx context.Context, tx *store.Tx, a *ap.Activity) error {
	if len(a.Objects) != 1 {
		return federation.ErrIgnored
	}
	whom, err := b.Book.ByURI(ctx, tx, a.Object.ID)
	if err != nil {
		return err
	}
	if !whom.Local {
		return fmt.Errorf("block of nobody here: %w", store.ErrDenied)
	}
	by, err := b.Book.ByURI(ctx, tx, a.Actor)
	if err != nil {
		return err
	}
	for _, pair := range [][2]int64{{by.ID, whom.ID}, {whom.ID, by.ID}} {
		if _, err := b.Book.Unfollow(ctx, tx, pair[0], pair[1]); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, `
		insert into shuns (actor, kind, other, host, uri, at) values (?, 'block', ?, '', ?, ?)
		on conflict (actor, kind, other, host) do update set uri = excluded.uri`, by.ID, whom.ID, a.ID, store.Millis(tx.Now))
	return err
}

// undoBlock takes a block back: by its id, or by whom it was about. It tells
// whether there was one.
func (b *Blogs) undoBlock(ctx context.Context, tx *store.Tx, o *ap.Object, by actors.Actor) (bool, error) {
	n, err := tx.Exec(ctx, "delete from shuns where actor = ? and kind = 'block' and uri = ? and uri <> ''", by.ID, o.ID)
	if err != nil || n > 0 || o.Type != "Block" || o.Object == nil {
		return n > 0, err
	}
	n, err = tx.Exec(ctx, `
		delete from shuns where actor = ? and kind = 'block' and other = (select id from actors where uri = ? and local = 1)`, by.ID, o.Object.ID)
	return n > 0, err
}

// Apart tells whether one of two blocks the other.
func (b *Blogs) Apart(ctx context.Context, tx *store.Tx, one, other actors.Actor) (bool, error) {
	blocks, err := b.Shunned(ctx, tx, one.ID, other)
	if err != nil || blocks {
		return blocks, err
	}
	return b.Shunned(ctx, tx, other.ID, one)
}
