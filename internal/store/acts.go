package store

import (
	"context"
	"fmt"
)

// Act notes with this change what somebody did in a role, about what and why:
// the log that anybody may ask about. Nothing that anybody answered belongs in it.
func (tx *Tx) Act(ctx context.Context, by, act, subject, reason string) error {
	_, err := tx.Exec(ctx, "insert into acts (id, at, actor, act, subject, reason) values (?, ?, ?, ?, ?, ?)",
		NewID(), Millis(tx.Now), by, act, subject, reason)
	if err != nil {
		return fmt.Errorf("note act: %w", err)
	}
	return nil
}
