package blogs

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"

	"viche/internal/media"
	"viche/internal/store"
	"viche/web"
)

const (
	// maxForm is what the form to write on may send: pictures as large as they
	// may be, one too many of them, and the text.
	maxForm = (MaxPictures+1)*media.MaxBytes + maxFields
	// maxFields is what all that is typed may be.
	maxFields = 2 << 20
)

// readFields reads a form into r.PostForm. Pictures in it go to the store as
// they come, so that no more than one is held at a time. What does not fit is
// told in wrong, and all that was read before it is kept.
func (b *Blogs) readFields(w http.ResponseWriter, r *http.Request, who Writer, wrong *web.FormErrors) ([]Picture, error) {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "multipart/form-data" {
		return nil, r.ParseForm()
	}
	web.Allow(w, r, maxForm)
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrInvalid, err)
	}
	r.PostForm = url.Values{}
	defer func() { r.Form = r.PostForm }()
	var files []Picture
	typed := int64(0)
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err == nil {
			if part.FormName() != "files" {
				var value []byte
				value, err = io.ReadAll(io.LimitReader(part, maxFields-typed+1))
				if typed += int64(len(value)); typed > maxFields {
					return files, &http.MaxBytesError{Limit: maxFields}
				}
				r.PostForm.Add(part.FormName(), string(value))
			} else if part.FileName() != "" && len(files) <= MaxPictures {
				err = b.takeFile(r, who, part, &files, wrong)
			}
		}
		var tooBig *http.MaxBytesError
		if errors.As(err, &tooBig) {
			wrong.Add("files", "blogs.write.pictures.heavy", "Max", MaxPictures)
			return files, nil
		}
		if err != nil {
			return files, fmt.Errorf("read a form: %w", err)
		}
	}
}

// takeFile stores one file.
func (b *Blogs) takeFile(r *http.Request, who Writer, part *multipart.Part, files *[]Picture, wrong *web.FormErrors) error {
	pic, err := b.Upload(r.Context(), who, part, "")
	var field *store.FieldError
	switch {
	case err == nil:
		*files = append(*files, pic)
	case errors.As(err, &field) && b.site.Printer(r).T(field.Key) != field.Key:
		wrong.Add("files", field.Key, field.Args...)
	case errors.Is(err, store.ErrInvalid):
		wrong.Add("files", "blogs.write.pictures.bad", "Name", part.FileName())
	default:
		return err
	}
	return nil
}
