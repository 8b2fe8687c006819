package actors

import (
	"context"
	"fmt"

	"viche/internal/store"
)

// FollowerInboxes is one page of where an actor's posts go so that all its
// followers elsewhere have them: the shared inbox of each, or else its own, in
// the order of the follows after the one given. An inbox may come several times.
// next continues; 0 says that this was the last page.
func (b *Book) FollowerInboxes(ctx context.Context, tx *store.Tx, id, after int64, limit int) (list []string, next int64, err error) {
	rows, err := tx.Query(ctx, `
		select f.id, case when a.shared_inbox <> '' then a.shared_inbox else a.inbox end
		from follows f join actors a on a.id = f.follower
		where f.followee = ? and f.state = 'accepted' and f.id > ?
			and a.local = 0 and a.suspended = 0 and a.deleted = 0
		order by f.id limit ?`, id, after, limit)
	if err != nil {
		return nil, 0, fmt.Errorf("inboxes of followers of %d: %w", id, err)
	}
	defer rows.Close()
	for rows.Next() {
		var inbox string
		if err := rows.Scan(&next, &inbox); err != nil {
			return nil, 0, err
		}
		list = append(list, inbox)
	}
	if len(list) < limit {
		next = 0
	}
	return list, next, rows.Err()
}
