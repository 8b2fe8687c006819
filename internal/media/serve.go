package media

import (
	"net/http"
	"os"
	"path"
	"strings"
)

// Handler answers /media/{name} and /media/{name}/small.
func (s *Store) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/media/"), "/")
		if rest != "" && rest != "small" {
			refuse(w, http.StatusNotFound)
			return
		}
		s.Serve(w, r, name, rest == "small")
	})
}

// Serve answers with a picture, or its small copy, as nothing but a picture:
// whatever is asked for, the type is that with which we wrote it.
func (s *Store) Serve(w http.ResponseWriter, r *http.Request, name string, thumb bool) {
	s.serve(w, r, name, thumb, "public, max-age=31536000, immutable")
}

func (s *Store) serve(w http.ResponseWriter, r *http.Request, name string, thumb bool, caching string) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, http.StatusMethodNotAllowed)
		return
	}
	if !wellNamed.MatchString(name) {
		refuse(w, http.StatusNotFound)
		return
	}
	f, err := s.open(name, thumb)
	if err != nil {
		refuse(w, http.StatusNotFound)
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		refuse(w, http.StatusNotFound)
		return
	}
	if key, _, _ := strings.Cut(name, "."); key[0] == 'r' {
		s.cache.used(key)
	}
	head := w.Header()
	guard(head)
	head.Set("Content-Type", types[path.Ext(name)])
	head.Set("Cache-Control", caching)
	etag := `"` + name + `"`
	if thumb {
		etag = `"small-` + name + `"`
	}
	head.Set("ETag", etag)
	http.ServeContent(w, r, "", info.ModTime(), f)
}

var types = map[string]string{".jpg": "image/jpeg", ".png": "image/png"}

// open opens a picture; where it has no small copy it is small enough itself.
func (s *Store) open(name string, thumb bool) (*os.File, error) {
	if thumb {
		if f, err := os.Open(small(s.path(name))); err == nil {
			return f, nil
		}
	}
	return os.Open(s.path(name))
}

// guard sets what keeps a file from being taken for a page or a program.
func guard(head http.Header) {
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	head.Set("Cross-Origin-Resource-Policy", "cross-origin") // other servers show our residents' pictures
	head.Set("Content-Disposition", "inline")
	head.Del("Vary") // one answer for everybody
}

func refuse(w http.ResponseWriter, status int) {
	guard(w.Header())
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(http.StatusText(status) + "\n")) // the client is gone if this fails
}
