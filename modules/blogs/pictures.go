package blogs

import (
	"context"
	"fmt"
	"io"

	"github.com/uptrace/bun"

	"viche/internal/store"
)

// Upload takes a picture of somebody's, to be attached to a post. A picture
// that no post takes within a day is deleted.
func (b *Blogs) Upload(ctx context.Context, w Writer, r io.Reader, alt string) (Picture, error) {
	saved, err := b.Media.Save(ctx, r)
	if err != nil {
		return Picture{}, err
	}
	pic := Picture{Name: saved.Name, Type: saved.Type, Width: saved.Width, Height: saved.Height, Blurhash: saved.Blurhash, Alt: alt}
	err = b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		var waiting int
		if err := tx.Row(ctx, []any{&waiting}, "select count(*) from media where actor = ? and post is null", w.Actor.ID); err != nil {
			return err
		}
		if waiting >= 40 {
			return store.Invalid("pictures", "blogs.write.pictures.waiting")
		}
		_, err := tx.Exec(ctx, `
			insert into media (id, name, actor, post, place, type, width, height, bytes, blurhash, alt, created)
			values (?, ?, ?, null, 0, ?, ?, ?, ?, ?, ?, ?)`,
			store.NewID(), pic.Name, w.Actor.ID, pic.Type, pic.Width, pic.Height, saved.Bytes, pic.Blurhash, alt, store.Millis(tx.Now))
		return err
	})
	if err != nil {
		_ = b.Media.Remove(saved.Name) // its row is missing, so nobody can ask for it
		return Picture{}, fmt.Errorf("upload: %w", err)
	}
	return pic, nil
}

// attach gives pictures to a post: only one's own, each to one post. It returns
// them as they were stored, with the descriptions now given.
func (b *Blogs) attach(ctx context.Context, tx *store.Tx, actor, post int64, pictures []Picture) ([]Picture, error) {
	if len(pictures) == 0 {
		_, err := tx.Exec(ctx, "update media set post = null where post = ?", post)
		return nil, err
	}
	if _, err := tx.Exec(ctx, "update media set post = null where post = ?", post); err != nil {
		return nil, err
	}
	var out []Picture
	for i, pic := range pictures {
		var p Picture
		err := tx.Row(ctx, []any{&p.Name, &p.Type, &p.Width, &p.Height, &p.Blurhash}, `
			update media set post = ?, place = ?, alt = ? where name = ? and actor = ? and post is null
			returning name, type, width, height, blurhash`, post, i, pic.Alt, pic.Name, actor)
		if isNotFound(err) {
			return nil, store.Invalid("pictures", "blogs.write.pictures.gone")
		}
		if err != nil {
			return nil, err
		}
		p.Alt = pic.Alt
		out = append(out, p)
	}
	return out, nil
}

// Tidy deletes pictures that no post took within a day, and forgets old forms.
func (b *Blogs) Tidy(ctx context.Context) error {
	var names []string
	err := b.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		names = nil
		if err := forgetForms(ctx, tx); err != nil {
			return err
		}
		before := store.Millis(tx.Now) - 24*60*60*1000
		if err := tx.NewRaw("select name from media where post is null and created < ? limit 500", before).Scan(ctx, &names); err != nil {
			return store.Kind(err)
		}
		if len(names) == 0 {
			return nil
		}
		// A draft that waits for its hour keeps its pictures.
		var kept []string
		for _, name := range names {
			used, err := exists(ctx, tx, "select 1 from drafts where body like ?", "%"+name+"%")
			if err != nil {
				return err
			}
			if !used {
				kept = append(kept, name)
			}
		}
		if names = kept; len(names) == 0 {
			return nil
		}
		_, err := tx.NewRaw("delete from media where post is null and name in (?)", bun.List(names)).Exec(ctx)
		return store.Kind(err)
	})
	if err != nil {
		return fmt.Errorf("pictures that nobody uses: %w", err)
	}
	for _, name := range names {
		if err := b.Media.Remove(name); err != nil {
			b.Log.WarnContext(ctx, "a picture stays that nobody uses", "name", name, "err", err)
		}
	}
	return nil
}
