package actors

import (
	"context"
	"fmt"

	"viche/internal/store"
)

// Approve says whether those who want to follow one of ours wait for an answer.
// Who follows already goes on.
func (b *Book) Approve(ctx context.Context, tx *store.Tx, id int64, waits bool) error {
	n, err := tx.Exec(ctx, "update actors set open = ? where id = ? and local = 1", store.Flag(!waits), id)
	if err == nil && n == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("approve followers of %d: %w", id, err)
	}
	return nil
}
