package federation

import (
	"errors"
	"net/http"

	"viche/internal/store"
)

// secured keeps ActivityPub from those who may not have it. Servers that are
// shut out get nothing that they sign for. In secure mode nothing of that type
// leaves for anybody unsigned, whatever was asked for and whichever handler
// answers, but for what a server must read in order to sign and for what
// Options.Open names.
func (c *City) secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead || unsigned(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		signed := r.Header.Get("Signature") != ""
		if signed && c.shutOut(r) {
			c.refused("blocked")
			turnAway(w, http.StatusNotFound) // as if there was nothing
			return
		}
		if !c.Secure || c.Open != nil && c.Open(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		if signed {
			_, err := c.asker(r)
			signed = err == nil
		}
		if !signed && WantsActivity(r) {
			c.refused("unsigned")
			turnAway(w, http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(&secureWriter{ResponseWriter: w, city: c, signed: signed}, r)
	})
}

// shutOut tells whether a request names a key of a server that is shut out.
// Whether the signature is true does not matter: nobody else would say so.
func (c *City) shutOut(r *http.Request) bool {
	cl, err := readClaim(r, nil, c.Base, c.DB.Now())
	return err == nil && errors.Is(c.mayMeet(r.Context(), cl.KeyID), store.ErrDenied)
}

// turnAway answers alike whatever was asked for. No cache may hold it for
// somebody else.
func turnAway(w http.ResponseWriter, status int) {
	w.Header().Set("Vary", "Accept, Signature")
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, http.StatusText(status), status)
}

// A secureWriter sees what type an answer has before it leaves.
type secureWriter struct {
	http.ResponseWriter
	city   *City
	signed bool
	begun  bool
	closed bool // nothing of what follows leaves
}

// Unwrap lets http.ResponseController find what the writer below can.
func (w *secureWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *secureWriter) WriteHeader(status int) {
	if w.begun || status < 200 {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.begun = true
	h := w.Header()
	if !IsActivityType(h.Get("Content-Type")) {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	if w.signed {
		h.Set("Vary", "Accept, Signature")
		if h.Get("Cache-Control") == "" {
			h.Set("Cache-Control", "private")
		}
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.closed = true
	for _, name := range []string{"Content-Length", "Content-Encoding", "ETag", "Last-Modified", "Link", "Location"} {
		h.Del(name)
	}
	w.city.refused("unsigned")
	turnAway(w.ResponseWriter, http.StatusUnauthorized)
}

func (w *secureWriter) Write(p []byte) (int, error) {
	if !w.begun {
		w.WriteHeader(http.StatusOK)
	}
	if w.closed {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}
