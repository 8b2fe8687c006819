package federation

import (
	"context"
	"encoding/json"
	"fmt"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
)

// Audience is who gets an activity: all followers of some of our actors,
// inboxes by address, and actors by id. Those of this instance are left out:
// they read the same database.
type Audience struct {
	Followers []int64  `json:"followers,omitempty"`
	Inboxes   []string `json:"inboxes,omitempty"`
	Actors    []string `json:"actors,omitempty"`
	// Except is a host that has it already.
	Except string `json:"except,omitempty"`
}

func (a Audience) empty() bool { return len(a.Followers)+len(a.Inboxes)+len(a.Actors) == 0 }

// Publish stores an activity of one of our actors with this change and returns
// at once: a job finds the inboxes, another one delivers. raw is sent as it
// is. A public activity also stands in the actor's outbox; any other is
// forgotten once everybody has it.
func (c *City) Publish(ctx context.Context, tx *store.Tx, from actors.Actor, raw []byte, to Audience) error {
	m, err := readMembers(raw)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	id, kind := m.text("id"), m.kind()
	if !from.Local || m.text("actor") != from.URI || !c.IsLocal(id) || kind == "" {
		return fmt.Errorf("publish %q as %s: not an activity of this actor: %w", id, from.URI, store.ErrInvalid)
	}
	watched(ctx, id, kind, from.URI)
	public := isPublic(m)
	if to.empty() && !public {
		return nil
	}
	audience, err := json.Marshal(to)
	if err != nil {
		return err
	}
	now := store.Millis(tx.Now)
	_, err = tx.Exec(ctx, `
		insert into activities (id, uri, actor, type, raw, public, published, audience, fanned, attempts, due)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)`,
		store.NewID(), id, from.ID, kind, raw, store.Flag(public), now, string(audience), store.Flag(to.empty()), now)
	if err != nil {
		return fmt.Errorf("publish %s: %w", id, err)
	}
	if to.empty() {
		return nil
	}
	return c.wakeDelivery(ctx, tx)
}

// AnnounceFrom passes an object on to the followers of a channel: by its
// address for Mastodon and all that show posts, and, where the Create is
// given, as that activity for Lemmy and all that speak FEP-1b12.
func (c *City) AnnounceFrom(ctx context.Context, tx *store.Tx, channel actors.Actor, objectURI string, create []byte) error {
	envelope := func() ap.Envelope {
		return ap.Envelope{ID: c.ActivityURI(), Actor: channel.URI, To: []string{ap.Public}, Cc: []string{channel.Followers}, Published: tx.Now}
	}
	to := Audience{Followers: []int64{channel.ID}}
	raw, err := envelope().Announce(objectURI)
	if err != nil {
		return err
	}
	if err := c.Publish(ctx, tx, channel, raw, to); err != nil || len(create) == 0 {
		return err
	}
	if raw, err = envelope().AnnounceActivity(create); err != nil {
		return err
	}
	return c.Publish(ctx, tx, channel, raw, to)
}

// Store keeps an object of ours, or its newer state, as it is served at its
// id. Only what is addressed to everybody is served to strangers.
func (c *City) Store(ctx context.Context, tx *store.Tx, uri string, raw []byte, kind, attributedTo string) error {
	m, err := readMembers(raw)
	if err != nil {
		return fmt.Errorf("store %s: %w", uri, err)
	}
	if m.text("id") != uri || !c.IsLocal(uri) {
		return fmt.Errorf("store %s: not an object of ours: %w", uri, store.ErrInvalid)
	}
	now := store.Millis(tx.Now)
	n, err := tx.Exec(ctx, `
		insert into objects (uri, owner, type, raw, public, published, updated, deleted) values (?, ?, ?, ?, ?, ?, ?, 0)
		on conflict (uri) do update set type = excluded.type, raw = excluded.raw, public = excluded.public, updated = excluded.updated
		where objects.owner = excluded.owner and objects.deleted = 0`,
		uri, attributedTo, kind, raw, store.Flag(isPublic(m)), now, now)
	if err == nil && n == 0 {
		err = fmt.Errorf("it has another owner or is gone: %w", store.ErrDenied)
	}
	if err != nil {
		return fmt.Errorf("store %s: %w", uri, err)
	}
	return nil
}

// Withdraw replaces an object of ours by a tombstone; telling others is done by
// publishing a Delete.
func (c *City) Withdraw(ctx context.Context, tx *store.Tx, uri string) error {
	raw, err := ap.Encode(map[string]any{"id": uri, "type": "Tombstone"})
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "update objects set deleted = ?, raw = ? where uri = ? and deleted = 0", store.Millis(tx.Now), raw, uri)
	return err
}

// Raw gives the stored bytes of an object of ours, or store.ErrNotFound.
func (c *City) Raw(ctx context.Context, uri string) (raw []byte, err error) {
	err = c.DB.ReadBound().Row(ctx, []any{&raw}, "select raw from objects where uri = ? and deleted = 0", uri)
	return raw, err
}
