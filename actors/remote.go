package actors

import (
	"context"
	"fmt"

	"viche/internal/markup"
	"viche/internal/store"
)

// RemoteActor is what another server says about an actor of its own, already
// checked for origin by whoever fetched it.
type RemoteActor struct {
	URI, Type, Handle, Name, Summary, URL, Icon string
	Inbox, SharedInbox, Outbox, Followers       string
	Featured, Image, MovedTo                    string
	Aliases                                     []string
	Fields                                      []Field
	Open, Indexable                             bool
	Published                                   int64 // Unix milliseconds
	Keys                                        []PublicKey
	// Implements is what its server says it can (FEP-844e); it is not kept.
	Implements []string
}

// Field is a line of a profile.
type Field struct{ Name, Value string }

// PublicKey is a key as an actor document lists it: RSA in PEM, Ed25519 as a
// multibase text.
type PublicKey struct{ URI, Kind, Text string }

// Kinds of keys.
const (
	KeyRSA     = "rsa"
	KeyEd25519 = "ed25519"
)

// Upsert stores what we heard of a remote actor and replaces its keys: a key
// that its server no longer lists no longer speaks for it. Our own actors
// cannot be changed from outside, and one that was deleted stays so.
func (b *Book) Upsert(ctx context.Context, tx *store.Tx, r RemoteActor) (Actor, error) {
	host := HostOf(r.URI)
	if host == "" || host == b.host {
		return Actor{}, fmt.Errorf("remote actor %q: %w", r.URI, store.ErrDenied)
	}
	// Strangers' names stand among ours, on every page.
	r.Name = markup.Name(r.Name)
	aliases, err := list(r.Aliases)
	if err != nil {
		return Actor{}, fmt.Errorf("remote actor %s: %w", r.URI, err)
	}
	fields, err := list(r.Fields)
	if err != nil {
		return Actor{}, fmt.Errorf("remote actor %s: %w", r.URI, err)
	}
	_, err = tx.Exec(ctx, `
		insert into actors (id, uri, type, kind, handle, host, name, summary, url, icon, inbox, shared_inbox,
			outbox, followers, local, open, suspended, deleted, published, fetched,
			featured, image, moved_to, aliases, indexable, fields)
		values (?, ?, ?, '', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, 0, 0, ?, ?, ?, ?, ?, ?, ?, ?)
		on conflict (uri) do update set
			type = excluded.type, handle = excluded.handle, name = excluded.name, summary = excluded.summary,
			url = excluded.url, icon = excluded.icon, inbox = excluded.inbox, shared_inbox = excluded.shared_inbox,
			outbox = excluded.outbox, followers = excluded.followers, open = excluded.open, fetched = excluded.fetched,
			featured = excluded.featured, image = excluded.image, moved_to = excluded.moved_to,
			aliases = excluded.aliases, indexable = excluded.indexable, fields = excluded.fields
		where actors.deleted = 0`,
		store.NewID(), r.URI, r.Type, r.Handle, host, r.Name, r.Summary, r.URL, r.Icon, r.Inbox, r.SharedInbox,
		r.Outbox, r.Followers, store.Flag(r.Open), r.Published, store.Millis(tx.Now),
		r.Featured, r.Image, r.MovedTo, aliases, store.Flag(r.Indexable), fields)
	if err != nil {
		return Actor{}, fmt.Errorf("remote actor %s: %w", r.URI, err)
	}
	a, err := b.ByURI(ctx, tx, r.URI)
	if err != nil || a.Deleted {
		return a, err
	}
	if _, err := tx.Exec(ctx, "delete from actor_keys where actor = ?", a.ID); err != nil {
		return a, err
	}
	for _, k := range r.Keys {
		// A key id that another actor holds already stays that actor's.
		if _, err := tx.Exec(ctx, `
			insert into actor_keys (uri, actor, kind, public, fetched) values (?, ?, ?, ?, ?)
			on conflict (uri) do nothing`, k.URI, a.ID, k.Kind, k.Text, store.Millis(tx.Now)); err != nil {
			return a, fmt.Errorf("key %s: %w", k.URI, err)
		}
	}
	return a, nil
}

// Seen says when we last heard from an actor's server, without changing what
// we know of it.
func (b *Book) Seen(ctx context.Context, tx *store.Tx, id int64) error {
	_, err := tx.Exec(ctx, "update actors set fetched = ? where id = ? and local = 0", store.Millis(tx.Now), id)
	return err
}
