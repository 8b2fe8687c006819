package blogs

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"viche/actors"
	"viche/internal/markup"
	"viche/internal/search"
	"viche/internal/store"
	"viche/web"
)

// What of search's modules is ours: posts; people are told by internal/city.
const (
	foundPosts = "posts"
	foundOnes  = "people"
)

// searchable tells whether an author lets posts be found by search: residents,
// and people elsewhere, only if they said so (FEP-5feb).
func searchable(author actors.Actor) bool {
	return !author.Suspended && !author.Deleted && (author.Indexable || author.Kind == actors.News || author.Kind == actors.Instance)
}

// letsFind tells whether the author of a post lets it be found.
func (b *Blogs) letsFind(r *http.Request, p *Post) bool {
	author, err := b.Book.ByID(r.Context(), b.DB.Read(), p.Author)
	return err == nil && searchable(author)
}

// findable tells whether everybody may find a post by its words.
func (p *Post) findable(author actors.Actor) bool {
	return p.Visibility == Public && p.Deleted == 0 && !p.Hidden && searchable(author)
}

// item is a post as search knows it. What stands behind a warning is not shown
// beside others' words, so it is not found by its own either.
func (b *Blogs) item(p *Post, author actors.Actor) search.Item {
	it := search.Item{
		Module: foundPosts, Ref: strconv.FormatInt(p.ID, 10), Path: p.Path(), Title: p.Title,
		At: store.Time(p.Published), Lang: p.Lang, Visible: p.findable(author),
	}
	if !it.Visible {
		return it
	}
	card := p.Card()
	if sphere, ok := strings.CutPrefix(card.Audience, b.Base+"/spheres/"); ok {
		it.Sphere = sphere
	}
	parts := []string{p.Summary}
	if !p.Sensitive {
		parts = append(parts, markup.Text(p.Content, MaxArticle))
		if card.Poll != nil {
			for _, o := range card.Poll.Options {
				parts = append(parts, o.Name)
			}
		}
	}
	it.Text = strings.TrimSpace(strings.Join(parts, "\n"))
	return it
}

// offer has search find a post as it is stored now, or not at all.
func (b *Blogs) offer(ctx context.Context, tx *store.Tx, id int64) error {
	if b.Index == nil {
		return nil
	}
	p, err := b.ByID(ctx, tx, id)
	if err != nil || p.Visibility != Public {
		return err
	}
	author, err := b.Book.ByID(ctx, tx, p.Author)
	if err != nil {
		return fmt.Errorf("author of post %d: %w", p.ID, err)
	}
	return b.Index(ctx, tx, b.item(p, author))
}

// Findable gives posts for search to go through: all that may be found, or, with
// the number of an author, all of that one's, be it to take them out.
func (b *Blogs) Findable(ctx context.Context, tx *store.Tx, author string, after int64, limit int) (items []search.Item, last int64, err error) {
	var list []*Post
	if author == "" {
		err = tx.NewRaw(`
			select p.* from posts p join actors a on a.id = p.author
			where p.id > ? and p.visibility = 'public' and p.deleted = 0 and p.hidden = 0 and (a.indexable = 1 or a.kind in ('news', 'instance'))
			order by p.id limit ?`, after, limit).Scan(ctx, &list)
	} else {
		err = tx.NewRaw("select * from posts where author = ? and id > ? and visibility = 'public' order by id limit ?", web.Number(author), after, limit).Scan(ctx, &list)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("posts to be found: %w", store.Kind(err))
	}
	authors := map[int64]actors.Actor{}
	for _, p := range list {
		a, known := authors[p.Author]
		if !known {
			if a, err = b.Book.ByID(ctx, tx, p.Author); err != nil {
				return nil, 0, err
			}
			authors[p.Author] = a
		}
		items, last = append(items, b.item(p, a)), p.ID
	}
	return items, last, nil
}

// stillSeen leaves of what was found what a reader may see, and gives the
// authors of its posts. The index follows every change, but what somebody no
// longer wants to be found, or a reader does not want to see, is looked up.
func (b *Blogs) stillSeen(ctx context.Context, reader *actors.Actor, found []search.Found) (seen []search.Found, authors map[int64]actors.Actor, err error) {
	var ids, people []int64
	for _, f := range found {
		switch f.Module {
		case foundPosts:
			ids = append(ids, web.Number(f.Ref))
		case foundOnes:
			people = append(people, web.Number(f.Ref))
		}
	}
	posts, err := b.byIDs(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	for _, p := range posts {
		people = append(people, p.Author)
	}
	if authors, err = b.Book.ByIDs(ctx, b.DB.Read(), people); err != nil {
		return nil, nil, err
	}
	var who int64
	if reader != nil {
		who = reader.ID
	}
	gone, err := b.away(ctx, who, people)
	if err != nil {
		return nil, nil, err
	}
	byPost := map[int64]actors.Actor{}
	for _, f := range found {
		n := web.Number(f.Ref)
		switch f.Module {
		case foundPosts:
			p := posts[n]
			if p == nil || !p.findable(authors[p.Author]) || gone[p.Author] {
				continue
			}
			byPost[n] = authors[p.Author]
		case foundOnes:
			if a, known := authors[n]; !known || !searchable(a) || gone[n] {
				continue
			}
		}
		seen = append(seen, f)
	}
	return seen, byPost, nil
}
