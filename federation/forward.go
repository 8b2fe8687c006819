package federation

import (
	"context"
	"encoding/json"
	"fmt"

	"viche/actors"
	"viche/internal/store"
)

// Forward passes an activity of actor, of another server, on, byte for byte, as ActivityPub
// 7.1.2 asks: call it for an activity that came here for the first time, that is
// addressed to a collection of ours, and that answers in a conversation of ours,
// such as the followers of the one who is answered. Then those who follow the
// conversation elsewhere have all of it. It is signed by our instance, which
// proves nothing about its content: whoever gets it checks its proof or asks its
// own server. Its own server gets nothing back. What is not addressed to
// everybody is not forwarded: only its own server knows who may read it.
func (c *City) Forward(ctx context.Context, tx *store.Tx, raw []byte, actor string, to Audience) error {
	m, err := readMembers(raw)
	if err != nil {
		return fmt.Errorf("forward: %w", err)
	}
	id, kind := m.text("id"), m.kind()
	if c.IsLocal(id) || !isAddress(id) || kind == "" || m.ref("actor") != actor || !actors.SameOrigin(id, actor) {
		return fmt.Errorf("forward %.100q: not an activity of another server: %w", id, store.ErrInvalid)
	}
	if to.empty() || !isPublic(m) {
		return nil
	}
	if to.Except = actors.HostOf(id); to.Except == "" {
		return fmt.Errorf("forward %.100q: of no host: %w", id, store.ErrInvalid)
	}
	self, err := c.Book.Own(ctx, tx, actors.Instance)
	if err != nil {
		return fmt.Errorf("forward: the instance's own actor: %w", err)
	}
	audience, err := json.Marshal(to)
	if err != nil {
		return err
	}
	now := store.Millis(tx.Now)
	// Not public here: it stands in no outbox of ours, and is forgotten when sent.
	n, err := tx.Exec(ctx, `
		insert into activities (id, uri, actor, type, raw, public, published, audience, fanned, attempts, due)
		values (?, ?, ?, ?, ?, 0, ?, ?, 0, 0, ?)
		on conflict (uri) do nothing`, store.NewID(), id, self.ID, kind, raw, now, string(audience), now)
	if err != nil {
		return fmt.Errorf("forward %s: %w", id, err)
	}
	if n == 0 {
		return nil // it is on its way
	}
	return c.wakeDelivery(ctx, tx)
}
