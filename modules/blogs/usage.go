package blogs

import (
	"context"
	"fmt"
	"net/http"

	"viche/actors"
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

// searchable tells whether the author of a post lets it be found by search.
func (b *Blogs) searchable(r *http.Request, p *Post) bool {
	author, err := b.Book.ByID(r.Context(), b.DB.Read(), p.Author)
	return err == nil && (author.Indexable || author.Kind == actors.News || author.Kind == actors.Instance)
}
