package actors

import (
	"context"
	"database/sql"

	"github.com/uptrace/bun"

	"viche/internal/store"
)

// row reads one row with real parameters where idb is one of ours, which keeps
// the statement prepared: who is who is asked for everything that arrives.
func (b *Book) row(ctx context.Context, idb bun.IDB, into []any, query string, args ...any) error {
	if tx, ok := idb.(*store.Tx); ok {
		return tx.Row(ctx, into, query, args...)
	}
	if idb == b.db.Read() {
		return b.db.ReadBound().Row(ctx, into, query, args...)
	}
	rows, err := idb.QueryContext(ctx, query, args...)
	if err != nil {
		return store.Kind(err)
	}
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return store.Kind(err)
		}
		return store.Kind(sql.ErrNoRows)
	}
	return store.Kind(rows.Scan(into...))
}

// actorColumns are those of Actor in the order of its fields.
const actorColumns = `id, uri, type, kind, handle, host, name, summary, url, icon, inbox, shared_inbox, outbox, followers,
	local, open, suspended, deleted, published, fetched, featured, moved_to, moved_at, aliases, image, indexable, fields`

// scanOne reads the actor that a condition finds.
func (b *Book) scanOne(ctx context.Context, idb bun.IDB, where string, args ...any) (a Actor, err error) {
	var local, open, suspended, deleted, indexable int
	err = b.row(ctx, idb, []any{
		&a.ID, &a.URI, &a.Type, &a.Kind, &a.Handle, &a.Host, &a.Name, &a.Summary, &a.URL, &a.Icon, &a.Inbox, &a.SharedInbox, &a.Outbox, &a.Followers,
		&local, &open, &suspended, &deleted, &a.Published, &a.Fetched, &a.Featured, &a.MovedTo, &a.MovedAt, &a.Aliases, &a.Image, &indexable, &a.Fields,
	}, "select "+actorColumns+" from actors "+where+" limit 1", args...)
	a.Local, a.Open, a.Suspended, a.Deleted, a.Indexable = local == 1, open == 1, suspended == 1, deleted == 1, indexable == 1
	return a, err
}

// nearest is the rule of the longest of up to 16 names, longest first. There are
// as many parameters whatever the name, so that the statement stays the same;
// of a name with more parts the shorter ones count.
func (b *Book) nearest(ctx context.Context, idb bun.IDB, names []string) (rule string, err error) {
	args := make([]any, 16)
	names = names[max(0, len(names)-len(args)):]
	for i := range args {
		args[i] = names[min(i, len(names)-1)]
	}
	err = b.row(ctx, idb, []any{&rule}, `
		select rule from domains where host in (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		order by length(host) desc limit 1`, args...)
	return rule, err
}
