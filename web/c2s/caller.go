package c2s

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"viche/actors"
	"viche/internal/store"
	"viche/modules/blogs"
)

// caller is who asks.
type caller struct {
	token  string // its hash; "" for nobody
	scopes []string
	writer blogs.Writer
	wrong  bool // a token was given, and it is none
}

type callerKey struct{}

func callerOf(r *http.Request) caller {
	c, _ := r.Context().Value(callerKey{}).(caller)
	return c
}

// identify finds out for whom a bearer token speaks. A browser's session counts
// for nothing here: another site's page could try to use it.
func (a *API) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		var is caller
		if token = strings.TrimSpace(token); strings.EqualFold(scheme, "Bearer") && token != "" {
			var err error
			if is, err = a.caller(r.Context(), token); err != nil {
				a.fail(w, r, err)
				return
			}
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, is)))
	})
}

func (a *API) caller(ctx context.Context, token string) (is caller, err error) {
	viewer, scopes, err := a.People.AuthenticateScoped(ctx, token)
	if err == nil {
		is.writer, err = a.Blogs.Writer(ctx, viewer.AccountID)
	}
	if errors.Is(err, store.ErrNotFound) {
		return caller{wrong: true}, nil
	}
	hash := sha256.Sum256([]byte(token))
	is.token, is.scopes = string(hash[:]), scopes
	return is, err
}

// keyOf is whom a request is counted for: the token, or for one without a good
// token the address that it comes from, or guessing would be free.
func keyOf(r *http.Request) string {
	if c := callerOf(r); c.token != "" {
		return c.token
	}
	return actors.NetworkOf(r.RemoteAddr)
}

// scope lets tokens through that carry it, and nobody else.
func (a *API) scope(name string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch c := callerOf(r); {
			case c.wrong:
				a.fail(w, r, errToken)
			case c.token == "":
				a.fail(w, r, errNobody)
			case !slices.Contains(c.scopes, name):
				a.fail(w, r, errScope)
			default:
				next.ServeHTTP(w, r)
			}
		})
	}
}

// own lets through whoever asks for what is their own. Whether somebody else has
// such a box is not told.
func (a *API) own(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if callerOf(r).writer.Actor.URI != a.Base+"/users/"+chi.URLParam(r, "handle") {
			a.fail(w, r, errOthers)
			return
		}
		next.ServeHTTP(w, r)
	})
}
