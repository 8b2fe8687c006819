package civic

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"viche/internal/store"
	"viche/web"
)

// caller is who asks, beyond what web.ViewerOf tells.
type caller struct {
	token  string // its hash; "" without a token
	scopes []string
}

type callerKey struct{}

func callerOf(r *http.Request) caller {
	c, _ := r.Context().Value(callerKey{}).(caller)
	return c
}

// Why somebody is not let through, besides the reasons of polls.Denied.
var (
	errToken = errors.New("the token is unknown or revoked")
	errScope = fmt.Errorf("the token lacks a scope: %w", store.ErrDenied)
)

// identify finds out who asks: the person behind a bearer token, else whoever
// the session of a browser says, else nobody. Requests with a wrong token count
// against the address they come from, or guessing would be free.
func (a *API) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, given := bearer(r)
		if !given {
			next.ServeHTTP(w, r)
			return
		}
		viewer, scopes, err := a.People.AuthenticateScoped(r.Context(), token)
		switch {
		case errors.Is(err, store.ErrNotFound):
			a.limited(a.refuse(errToken)).ServeHTTP(w, r)
			return
		case err != nil:
			a.fail(w, r, err)
			return
		}
		hash := sha256.Sum256([]byte(token))
		r = r.WithContext(context.WithValue(r.Context(), callerKey{}, caller{string(hash[:]), scopes}))
		next.ServeHTTP(w, web.WithViewer(r, viewer))
	})
}

func bearer(r *http.Request) (token string, given bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), strings.EqualFold(scheme, "Bearer")
}

// scope lets tokens through that carry it. Who has no token reads what anybody
// may, or what the own session may.
func (a *API) scope(name string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if c := callerOf(r); c.token != "" && !slices.Contains(c.scopes, name) {
				a.fail(w, r, errScope)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// person lets only people through.
func (a *API) person(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if web.ViewerOf(r) == nil {
			a.fail(w, r, errNobody)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// bearer lets only tokens through: a browser's session, which other sites' pages
// could try to use, casts no ballot here.
func (a *API) bearer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if callerOf(r).token == "" {
			a.fail(w, r, errNobody)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (a *API) refuse(err error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { a.fail(w, r, err) }
}
