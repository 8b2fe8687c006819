package people

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"viche/actors"
	"viche/internal/store"
	"viche/web"
)

type signInView struct {
	Email, Next string
	Errors      web.FormErrors
}

func (s pages) showSignIn(w http.ResponseWriter, r *http.Request) {
	next := web.LocalPath(r.URL.Query().Get("next"))
	if web.ViewerOf(r) != nil {
		web.Redirect303(w, r, next)
		return
	}
	s.site.Render(w, r, http.StatusOK, "people/signin", signInView{Next: next})
}

func (s pages) signIn(w http.ResponseWriter, r *http.Request) {
	view := signInView{Email: strings.TrimSpace(r.PostFormValue("email")), Next: web.LocalPath(r.PostFormValue("next"))}
	account, err := s.CheckPassword(r.Context(), view.Email, r.PostFormValue("password"), actors.NetworkOf(r.RemoteAddr))
	if view.Errors.Take(err) {
		s.site.Render(w, r, http.StatusUnprocessableEntity, "people/signin", view)
		return
	}
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	if err := s.site.SignIn(r.Context(), w, r, account.ID, account.CredGeneration); err != nil {
		s.site.Error(w, r, err)
		return
	}
	web.Redirect303(w, r, view.Next)
}

func (s pages) signOut(w http.ResponseWriter, r *http.Request) {
	if err := s.site.SignOut(r.Context(), w, r); err != nil {
		s.site.Error(w, r, err)
		return
	}
	web.Redirect303(w, r, "/")
}

// CheckPassword says whose e-mail and password these are. Every failure looks
// alike and takes as long, except that an account which waits for a moderator
// is told so once the password is right. Tries are limited by account and by
// address.
func (p *People) CheckPassword(ctx context.Context, typed, password, address string) (Account, error) {
	wrong := store.Invalid("password", "people.signin.wrong")
	_, normal, err := normalEmail(typed)
	if err != nil {
		normal = "?" // nobody's, yet it is counted and takes as long
	}
	pair, account, network := "pair "+normal+" "+address, "account "+normal, "address "+address
	if p.limits.full(pair, signInPair) || p.limits.full(account, signInAccount) || p.limits.full(network, signInAddress) {
		return Account{}, fmt.Errorf("sign in: %w", tooMany)
	}
	a, err := accountBy(ctx, p.DB.Read(), "a.email_norm = ?", normal)
	if err != nil && !isGone(err) {
		return Account{}, fmt.Errorf("sign in: %w", err)
	}
	known := err == nil && a.PasswordHash != ""
	hash := nobody
	if known {
		hash = a.PasswordHash
	}
	ok, stale, err := p.try(ctx, hash, password)
	if err != nil {
		return Account{}, fmt.Errorf("sign in: %w", err)
	}
	if !ok || !known {
		p.limits.add(pair, signInPair)
		p.limits.add(account, signInAccount)
		p.limits.add(network, signInAddress)
		return Account{}, wrong
	}
	p.limits.forget(pair)
	if a.Approved == 0 {
		return Account{}, store.Invalid("email", "people.signin.waiting")
	}
	if stale {
		p.rehash(ctx, a, password)
	}
	return a, nil
}

// rehash raises an old hash to today's cost. It is a courtesy to the person: if
// it fails, the next sign-in tries again.
func (p *People) rehash(ctx context.Context, a Account, password string) {
	hash, err := p.hash(ctx, password)
	if err == nil {
		err = p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
			// Only over the hash that was checked: the password may have changed.
			_, err := tx.Exec(ctx, `update accounts set password_hash = ? where id = ? and password_hash = ?`, hash, a.ID, a.PasswordHash)
			return err
		})
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		p.Log.WarnContext(ctx, "password hash not renewed", "account", a.ID, "error", err)
	}
}
