package blogs

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"viche/actors"
	"viche/internal/markup"
	"viche/internal/store"
	"viche/web"
)

// fileRoutes serve pictures: those that our people uploaded, and our copies of
// those in posts and profiles of other servers, so that no reader's browser ever
// asks another server. What is served there is a picture and nothing else.
func (b *Blogs) fileRoutes(r chi.Router) {
	r.Get("/media/{name}", b.picture)
	r.Get("/media/proxy/{id}/{n}", b.remotePicture)
	r.Get("/media/icon/{id}", b.icon)
}

func small(r *http.Request) bool { return r.URL.Query().Get("size") == "small" }

// picture serves an upload. Its name is random, so that whoever knows it has
// seen the post. One in a post that a moderator hid is for moderators alone.
func (b *Blogs) picture(w http.ResponseWriter, r *http.Request) {
	hidden, err := exists(r.Context(), b.DB.Read(), "select 1 from media m join posts p on p.id = m.post where m.name = ? and p.hidden = 1", chi.URLParam(r, "name"))
	if v := web.ViewerOf(r); err == nil && hidden && !v.Watches("") {
		err = store.ErrNotFound
	}
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	b.Media.Serve(w, r, chi.URLParam(r, "name"), small(r))
}

// remotePicture serves our copy of a picture in a post that the reader may see:
// the nth beside the text, or "text-n", the nth within.
func (b *Blogs) remotePicture(w http.ResponseWriter, r *http.Request) {
	p, _, err := b.asked(r)
	if err == nil && p.Deleted > 0 {
		err = store.ErrNotFound
	}
	var from string
	if err == nil {
		from, err = sourceOf(p, chi.URLParam(r, "n"))
	}
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	b.proxy(w, r, from, small(r))
}

// sourceOf is where a picture of a post lies.
func sourceOf(p *Post, n string) (string, error) {
	if within, ok := strings.CutPrefix(n, "text-"); ok {
		want, err := strconv.Atoi(within)
		at, found := 0, ""
		markup.Images(p.Content, func(src string) string {
			if at == want && err == nil {
				found = src
			}
			at++
			return ""
		})
		if found == "" {
			return "", fmt.Errorf("picture %s of post %d: %w", n, p.ID, store.ErrNotFound)
		}
		return found, nil
	}
	if of, ok := strings.CutPrefix(n, "emoji-"); ok {
		list := p.Card().Emoji
		i, err := strconv.Atoi(of)
		if err != nil || i < 0 || i >= len(list) {
			return "", fmt.Errorf("emoji %s of post %d: %w", of, p.ID, store.ErrNotFound)
		}
		return list[i].URL, nil
	}
	i, err := strconv.Atoi(n)
	pictures := p.Card().Pictures
	if err != nil || i < 0 || i >= len(pictures) || pictures[i].URL == "" {
		return "", fmt.Errorf("picture %s of post %d: %w", n, p.ID, store.ErrNotFound)
	}
	return pictures[i].URL, nil
}

// icon serves our copy of the picture of somebody of another server.
func (b *Blogs) icon(w http.ResponseWriter, r *http.Request) {
	a, err := b.Book.ByID(r.Context(), b.DB.Read(), web.Number(chi.URLParam(r, "id")))
	if err == nil && (a.Local || a.Icon == "" || a.Suspended || a.Deleted) {
		err = store.ErrNotFound
	}
	if err != nil {
		b.site.Error(w, r, err)
		return
	}
	b.proxy(w, r, a.Icon, true)
}

func (b *Blogs) proxy(w http.ResponseWriter, r *http.Request, from string, thumb bool) {
	pic, err := b.Media.Proxy(r.Context(), from, b.fetchPicture)
	if err != nil {
		b.Log.DebugContext(r.Context(), "a picture elsewhere could not be had", "err", err)
		b.site.Error(w, r, fmt.Errorf("%w: %w", store.ErrNotFound, err))
		return
	}
	b.Media.Serve(&forOne{ResponseWriter: w}, r, pic.Name, thumb)
}

// forOne answers one reader alone: the picture may be of a post that is not for
// everybody, so nothing between us may keep it for others.
type forOne struct{ http.ResponseWriter }

func (w *forOne) WriteHeader(status int) {
	w.Header().Set("Cache-Control", "private, max-age=86400")
	w.ResponseWriter.WriteHeader(status)
}

// fetchPicture asks another server for a picture.
func (b *Blogs) fetchPicture(ctx context.Context, from string) (io.ReadCloser, error) {
	shut, err := b.Book.Blocked(ctx, b.DB.Read(), actors.HostOf(from))
	if err != nil {
		return nil, err
	}
	if shut {
		return nil, fmt.Errorf("picture from %s: %w", actors.HostOf(from), store.ErrDenied)
	}
	answer, err := b.Federation.Client.Get(ctx, from, "image/*", nil)
	if err != nil {
		return nil, err
	}
	if answer.Status != http.StatusOK {
		return nil, fmt.Errorf("picture from %s: status %d: %w", actors.HostOf(from), answer.Status, store.ErrNotFound)
	}
	return io.NopCloser(bytes.NewReader(answer.Body)), nil
}
