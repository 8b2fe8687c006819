package blogs

import (
	"context"
	"fmt"
)

// Count is how many posts and answers were written here.
func (b *Blogs) Count(ctx context.Context) (posts, answers int, err error) {
	err = b.DB.ReadBound().Row(ctx, []any{&posts, &answers}, `
		select coalesce(sum(case when reply_uri = '' then 1 else 0 end), 0), coalesce(sum(case when reply_uri <> '' then 1 else 0 end), 0)
		from posts where local = 1 and deleted = 0`)
	if err != nil {
		return 0, 0, fmt.Errorf("count posts: %w", err)
	}
	return posts, answers, nil
}
