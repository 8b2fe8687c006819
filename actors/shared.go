package actors

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"viche/internal/store"
)

// FollowersAt are the ids of those accepted followers of an actor that belong to
// one server, ours too. Where there are more than most, store.ErrUnavailable:
// a part of them would be mistaken for all.
func (b *Book) FollowersAt(ctx context.Context, idb bun.IDB, id int64, origin string, most int) ([]string, error) {
	var uris []string
	err := idb.NewRaw(`
		select a.uri from follows f join actors a on a.id = f.follower
		where f.followee = ? and f.state = 'accepted' and a.host = ? and a.deleted = 0
		order by a.uri limit ?`, id, HostOf(origin), most+1).Scan(ctx, &uris)
	if err != nil {
		return nil, fmt.Errorf("followers of %d at %s: %w", id, origin, store.Kind(err))
	}
	if len(uris) > most {
		return nil, fmt.Errorf("more than %d followers of %d at %s: %w", most, id, origin, store.ErrUnavailable)
	}
	return uris, nil
}
