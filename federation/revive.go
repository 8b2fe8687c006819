package federation

import (
	"context"

	"viche/internal/store"
)

// Revive takes a Withdraw back: the object may be stored again. Until that is
// done its tombstone's bytes stand there, so it must follow in this change.
func (c *City) Revive(ctx context.Context, tx *store.Tx, uri string) error {
	_, err := tx.Exec(ctx, "update objects set deleted = 0 where uri = ? and deleted > 0", uri)
	return err
}
