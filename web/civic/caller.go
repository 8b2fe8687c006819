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
	"viche/modules/people"
	"viche/modules/polls"
	"viche/web"
)

// caller is who asks, beyond what web.ViewerOf tells.
type caller struct {
	token  string // its hash; "" without a token
	scopes []string
	voter  polls.Resident // where a ballot is cast
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
	return a.identified(next, func(ctx context.Context, token string, is *caller) (v *web.Viewer, err error) {
		v, is.scopes, err = a.People.AuthenticateScoped(ctx, token)
		return v, err
	})
}

// identifyVoter is identify where a ballot is cast: it asks for less.
func (a *API) identifyVoter(next http.Handler) http.Handler {
	return a.identified(next, func(ctx context.Context, token string, is *caller) (*web.Viewer, error) {
		voter, scopes, err := a.People.AuthenticateVoter(ctx, token)
		is.scopes = scopes
		is.voter = polls.Resident{Person: voter.Person, Issued: voter.Issued, Votes: voter.Kind == people.Resident}
		return &web.Viewer{AccountID: voter.Account, CredentialGeneration: voter.Credential}, err
	})
}

func (a *API) identified(next http.Handler, find func(context.Context, string, *caller) (*web.Viewer, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, given := bearer(r)
		if !given {
			next.ServeHTTP(w, r)
			return
		}
		hash := sha256.Sum256([]byte(token))
		is := caller{token: string(hash[:])}
		viewer, err := find(r.Context(), token, &is)
		switch {
		case errors.Is(err, store.ErrNotFound):
			a.limited(a.refuse(errToken)).ServeHTTP(w, r)
			return
		case err != nil:
			a.fail(w, r, err)
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), callerKey{}, is))
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
