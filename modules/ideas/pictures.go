package ideas

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"viche/internal/media"
	"viche/internal/store"
	"viche/web"
)

// Picture is one that was uploaded; Name is its address below /media/.
type Picture struct {
	Name   string `bun:"name"`
	Alt    string `bun:"alt"`
	Width  int    `bun:"width"`
	Height int    `bun:"height"`
}

// maxLoose is how many pictures somebody may have uploaded that no idea took.
const maxLoose = 20

// Upload takes a picture of somebody's, to be attached to an idea. A picture
// that no idea takes within a day is deleted.
func (d *Ideas) Upload(ctx context.Context, account int64, r io.Reader, alt string) (Picture, error) {
	saved, err := d.Media.Save(ctx, r)
	if err != nil {
		return Picture{}, err
	}
	err = d.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		var loose int
		if err := tx.Row(ctx, []any{&loose}, "select count(*) from idea_pictures where account = ? and idea is null", account); err != nil {
			return err
		}
		if loose >= maxLoose {
			return store.Invalid("files", "ideas.draft.loose")
		}
		_, err := tx.Exec(ctx, "insert into idea_pictures (name, account, idea, place, alt, width, height, created) values (?, ?, null, 0, ?, ?, ?, ?)",
			saved.Name, account, alt, saved.Width, saved.Height, store.Millis(tx.Now))
		return err
	})
	if err != nil {
		_ = d.Media.Remove(saved.Name) // its row is missing, so nobody can ask for it
		return Picture{}, fmt.Errorf("upload: %w", err)
	}
	return Picture{Name: saved.Name, Alt: alt, Width: saved.Width, Height: saved.Height}, nil
}

// attach gives pictures to a new idea: only its author's own, each to one idea.
func attach(ctx context.Context, tx *store.Tx, one *Idea, list []Picture) error {
	for i, p := range list {
		n, err := tx.Exec(ctx, "update idea_pictures set idea = ?, place = ?, alt = ? where name = ? and account = ? and idea is null", one.ID, i, p.Alt, p.Name, one.Author)
		if err != nil {
			return err
		}
		if n == 0 {
			return store.Invalid("files", "ideas.draft.gone")
		}
	}
	return nil
}

func (d *Ideas) picturesOf(ctx context.Context, id int64) (list []Picture, err error) {
	err = d.DB.Read().NewRaw("select name, alt, width, height from idea_pictures where idea = ? order by place", id).Scan(ctx, &list)
	if err != nil {
		err = fmt.Errorf("pictures of idea %d: %w", id, store.Kind(err))
	}
	return list, err
}

// Tidy deletes pictures that no idea took within a day.
func (d *Ideas) Tidy(ctx context.Context) error {
	return d.dropPictures(ctx, "idea is null and created < ?", store.Millis(d.DB.Now().Add(-day)))
}

// dropPictures deletes pictures, the rows first: a file without one is nobody's
// to ask for, a row without a file would be a hole in a page.
func (d *Ideas) dropPictures(ctx context.Context, where string, args ...any) error {
	var names []string
	err := d.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		names = nil
		return store.Kind(tx.NewRaw("delete from idea_pictures where "+where+" returning name", args...).Scan(ctx, &names))
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("pictures that go: %w", err)
	}
	for _, name := range names {
		if err := d.Media.Remove(name); err != nil {
			d.Log.WarnContext(ctx, "a picture stays that nobody uses", "name", name, "err", err)
		}
	}
	return nil
}

const (
	// maxFields is what all that is typed may be; maxForm allows for pictures, one
	// too many of them, besides.
	maxFields = 2 << 20
	maxForm   = (MaxPictures+1)*media.MaxBytes + maxFields
)

// readForm reads what was filled in, and takes in the pictures that came along
// one by one; what is wrong with those is told in wrong.
func (d *Ideas) readForm(w http.ResponseWriter, r *http.Request, v *web.Viewer, wrong *web.FormErrors) (Draft, error) {
	var files []Picture
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "multipart/form-data" {
		web.Allow(w, r, maxForm)
		if err := r.ParseMultipartForm(maxFields); err != nil {
			var tooBig *http.MaxBytesError
			if errors.As(err, &tooBig) {
				wrong.Add("files", "ideas.draft.heavy", "Max", MaxPictures)
				return Draft{}, nil
			}
			return Draft{}, fmt.Errorf("%w: %w", store.ErrInvalid, err)
		}
		defer func() { _ = r.MultipartForm.RemoveAll() }() // temporary files; the system clears what stays
		for _, header := range r.MultipartForm.File["files"] {
			if header.Size == 0 || len(files) > MaxPictures {
				continue
			}
			if err := d.takeFile(r, v, header.Open, &files, wrong); err != nil {
				return Draft{}, err
			}
		}
	} else if err := r.ParseForm(); err != nil {
		return Draft{}, fmt.Errorf("%w: %w", store.ErrInvalid, err)
	}
	value := r.PostFormValue
	f := Draft{
		Title: value("title"), Problem: value("problem"), Solution: value("solution"), Cost: value("cost"), Place: value("place"),
		Sphere: value("sphere"), Territory: value("territory"), Origin: value("origin"),
	}
	if len(files) > 0 {
		files[0].Alt = strings.TrimSpace(value("newalt"))
	}
	kept, err := d.again(r, v)
	f.Pictures = append(kept, files...)
	return f, err
}

func (d *Ideas) takeFile(r *http.Request, v *web.Viewer, open func() (multipart.File, error), files *[]Picture, wrong *web.FormErrors) error {
	file, err := open()
	if err != nil {
		return fmt.Errorf("read a form: %w", err)
	}
	defer file.Close()
	pic, err := d.Upload(r.Context(), v.AccountID, file, "")
	var field *store.FieldError
	switch {
	case err == nil:
		*files = append(*files, pic)
	case errors.As(err, &field):
		wrong.Add("files", field.Key, field.Args...)
	default:
		return err
	}
	return nil
}

// again finds the pictures that the form names again: the author's own loose
// ones, without those that are to go.
func (d *Ideas) again(r *http.Request, v *web.Viewer) ([]Picture, error) {
	names := r.PostForm["picture"]
	if len(names) == 0 {
		return nil, nil
	}
	var known []Picture
	err := d.DB.Read().NewRaw("select name, alt, width, height from idea_pictures where account = ? and idea is null and name in (?)",
		v.AccountID, bun.List(names[:min(len(names), 2*MaxPictures)])).Scan(r.Context(), &known)
	if err != nil {
		return nil, fmt.Errorf("pictures of a form: %w", store.Kind(err))
	}
	alts, dropped := r.PostForm["alt"], r.PostForm["drop"]
	var out []Picture
	for i, name := range names {
		at := slices.IndexFunc(known, func(p Picture) bool { return p.Name == name })
		if at < 0 || slices.Contains(dropped, name) {
			continue
		}
		p := known[at]
		if i < len(alts) {
			p.Alt = strings.TrimSpace(alts[i])
		}
		out = append(out, p)
	}
	return out, nil
}
