package c2s

import (
	"errors"
	"io"
	"net/http"
	"unicode/utf8"

	"viche/federation/ap"
	"viche/internal/markup"
	"viche/internal/store"
	"viche/modules/blogs"
)

const (
	maxFile      = 12 << 20 // what a page's form may bring
	maxShell     = 16 << 10
	keptInMemory = 1 << 20
)

// upload answers POST /uploadMedia: a form with the file and the shell of an
// object around it, which may say what the picture shows. The answer is the
// object with its address; a post takes the picture by naming that address in an
// attachment. One that no post takes within a day is gone.
func (a *API) upload(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxFile)
	if err := r.ParseMultipartForm(keptInMemory); err != nil {
		var tooBig *http.MaxBytesError
		if !errors.As(err, &tooBig) {
			err = errMediaType
		}
		a.fail(w, r, err)
		return
	}
	defer func() { _ = r.MultipartForm.RemoveAll() }() // else the system clears its temporary files
	writer := callerOf(r).writer
	file, _, err := r.FormFile("file")
	if err != nil {
		a.fail(w, r, malformed("file", "a file is wanted"))
		return
	}
	defer file.Close()
	shell, err := shellOf(r, writer.Actor.URI)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	alt := ""
	if shell != nil {
		if shell.Type != "Image" && shell.Type != "Document" {
			a.fail(w, r, errUnsupported.about("object", "Type", shell.Type))
			return
		}
		if alt = markup.Name(shell.Name); utf8.RuneCountInString(alt) > blogs.MaxAlt {
			a.fail(w, r, store.Invalid("object", "blogs.write.alt.long", "Max", blogs.MaxAlt))
			return
		}
	}
	picture, err := a.Blogs.Upload(r.Context(), writer, file, alt)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	address := a.Base + "/media/" + picture.Name
	object := map[string]any{
		"@context": ap.SocialContext, "type": "Image", "mediaType": picture.Type, "url": address, "attributedTo": writer.Actor.URI,
		"width": picture.Width, "height": picture.Height, "blurhash": picture.Blurhash,
	}
	if alt != "" {
		object["name"] = alt
	}
	raw, err := ap.Encode(object)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	w.Header().Set("Location", address)
	w.Header().Set("Content-Type", ap.ContentType)
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(raw) // a client that hangs up has the picture all the same
}

// shellOf reads the object that came with a file, nil where none did. Some
// clients send it as a field, some as a file of its own.
func shellOf(r *http.Request, me string) (*ap.Object, error) {
	raw := []byte(r.FormValue("object"))
	if part, _, err := r.FormFile("object"); err == nil {
		defer part.Close()
		if raw, err = io.ReadAll(io.LimitReader(part, maxShell+1)); err != nil {
			return nil, err
		}
	}
	switch {
	case len(raw) == 0:
		return nil, nil
	case len(raw) > maxShell:
		return nil, malformed("object", "longer than %d bytes", maxShell)
	}
	said, err := strictly(me, raw)
	if err != nil {
		return nil, err
	}
	objects, err := objectsOf(me, said)
	if err != nil {
		return nil, err
	}
	if len(objects) != 1 {
		return nil, malformed("object", "one object is wanted")
	}
	return objects[0], nil
}
