package blogs

import (
	"context"

	"viche/internal/markup"
	"viche/internal/store"
)

// formatted gives a draft that came as HTML its words, which are what lengths,
// tags and the next edit by hand go by. One word more than may be is enough to
// see that it is too long.
func (r *prepared) formatted() {
	if r.HTML == "" || r.Text != "" {
		return
	}
	longest := MaxNote
	if r.Article {
		longest = MaxArticle
	}
	r.Text = markup.Text(r.HTML, 2*longest)
}

// handles are those in the text that name somebody. In HTML the links say who
// is meant, and "@olena" in their words may be anybody's: whoever writes HTML
// names people by their ids.
func (r *prepared) handles() []string {
	if r.HTML != "" {
		return nil
	}
	return markup.Mentions(r.Text)
}

// nameOthers adds whom a program names by their ids.
func (b *Blogs) nameOthers(ctx context.Context, r *prepared) error {
	if len(r.Named) > maxMentions {
		return store.Invalid("text", "blogs.write.mentions", "Max", maxMentions)
	}
	found, err := b.Book.ByIDs(ctx, b.DB.Read(), r.Named)
	if err != nil {
		return err
	}
	for _, id := range r.Named {
		if a, known := found[id]; known && !a.Deleted && !a.Suspended {
			r.name(a)
		}
	}
	return nil
}
