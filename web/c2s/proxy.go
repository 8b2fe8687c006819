package c2s

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
)

// proxy answers POST /proxyUrl with the document at an id: what lies elsewhere
// is asked for with the instance's signature, by the client that goes to no
// private address, and only under the id that its own server gives it. What is
// ours is answered as far as the reader may see it.
func (a *API) proxy(w http.ResponseWriter, r *http.Request) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" && kind != "multipart/form-data" {
		a.fail(w, r, errMediaType)
		return
	}
	id := r.PostFormValue("id")
	if u, err := url.Parse(id); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || len(id) > 2048 {
		a.fail(w, r, malformed("id", "the id of an object is wanted"))
		return
	}
	var raw []byte
	var err error
	if a.Federation.IsLocal(id) {
		raw, err = a.ours(r.Context(), id, callerOf(r).writer.Actor)
	} else {
		raw, err = a.Federation.Fetch(r.Context(), id)
		err = fetched(err, "id")
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	serve(w, raw)
}

// ours is a document of this instance.
func (a *API) ours(ctx context.Context, id string, reader actors.Actor) ([]byte, error) {
	if post, err := a.Blogs.ByURI(ctx, a.DB.Read(), id); err == nil {
		may, err := a.Blogs.Audience(ctx, a.DB.Read(), post, &reader)
		if err != nil || !may {
			return nil, errors.Join(err, errMissing.about("id"))
		}
		return a.Blogs.Document(ctx, post)
	} else if !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	if who, err := a.Book.ByURI(ctx, a.DB.Read(), id); err == nil && who.Local && !who.Suspended && !who.Deleted {
		doc, err := a.Federation.Document(ctx, who)
		if err != nil {
			return nil, err
		}
		return doc.Encode()
	}
	raw, err := a.Federation.Raw(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, errMissing.about("id")
	}
	if err != nil {
		return nil, err
	}
	o, err := ap.ParseObject(raw)
	if err != nil || !slices.Contains(append(o.To, o.Cc...), ap.Public) {
		return nil, errMissing.about("id")
	}
	return raw, nil
}
