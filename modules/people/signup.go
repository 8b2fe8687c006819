package people

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"viche/actors"
	"viche/internal/store"
	"viche/web"
)

// confirmFor is how long the mailed link holds, and with it the handle.
const confirmFor = 48 * time.Hour

// SignUp is what somebody typed to join.
type SignUp struct {
	Kind, Handle, Name, Email, Password, Lang string
	Charter, Age                              bool
}

type signUpView struct {
	Form         SignUp
	Errors       web.FormErrors
	Closed       bool
	Organisation bool
}

func (s pages) showSignUp(w http.ResponseWriter, r *http.Request) {
	if web.ViewerOf(r) != nil {
		web.Redirect303(w, r, "/me")
		return
	}
	form := SignUp{Kind: Resident}
	if r.URL.Query().Get("kind") == Organisation {
		form.Kind = Organisation
	}
	s.renderSignUp(w, r, http.StatusOK, form, web.FormErrors{})
}

func (s pages) renderSignUp(w http.ResponseWriter, r *http.Request, status int, form SignUp, wrong web.FormErrors) {
	form.Password = "" // never sent back
	s.site.Render(w, r, status, "people/signup", signUpView{
		Form: form, Errors: wrong,
		Closed:       s.Registration == RegistrationClosed,
		Organisation: form.Kind == Organisation,
	})
}

func (s pages) signUp(w http.ResponseWriter, r *http.Request) {
	form := SignUp{
		Kind: r.PostFormValue("kind"), Handle: r.PostFormValue("handle"), Name: r.PostFormValue("name"),
		Email: r.PostFormValue("email"), Password: r.PostFormValue("password"),
		Lang:    r.PostFormValue("lang"),
		Charter: r.PostFormValue("charter") != "", Age: r.PostFormValue("age") != "",
	}
	if form.Lang == "" {
		form.Lang = s.site.Printer(r).Lang()
	}
	if !s.limits.take("sign-up "+actors.NetworkOf(r.RemoteAddr), signUpAddress) {
		s.site.Error(w, r, tooMany)
		return
	}
	wrong, err := s.SignUp(r.Context(), form)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	if wrong.Any() {
		s.renderSignUp(w, r, http.StatusUnprocessableEntity, form, wrong)
		return
	}
	web.Redirect303(w, r, "/confirm?sent=1")
}

// SignUp keeps a wish to join until its mailed link is opened. The answer is the
// same whether or not the e-mail has an account: its owner is told by mail.
func (p *People) SignUp(ctx context.Context, form SignUp) (web.FormErrors, error) {
	wrong, row := p.checkSignUp(form)
	if wrong.Any() {
		return wrong, nil
	}
	var err error
	if row.password, err = p.hash(ctx, form.Password); err != nil {
		return wrong, err
	}
	token := newToken()
	err = p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := holdHandle(ctx, tx, row, token); err != nil {
			return err
		}
		if !p.limits.take("mail "+row.emailNorm, mailAccount) {
			return nil // the letter is left out, the answer stays the same
		}
		return p.writeSignUp(ctx, tx, row, token)
	})
	if errors.Is(err, store.ErrExists) {
		wrong.Add("handle", "people.handle.taken")
		return wrong, nil
	}
	if err != nil {
		return wrong, fmt.Errorf("sign up: %w", err)
	}
	return wrong, nil
}

// signup is a checked sign-up.
type signup struct {
	kind, handle, name, email, emailNorm, password, lang string
}

func (p *People) checkSignUp(form SignUp) (wrong web.FormErrors, row signup) {
	if p.Registration == RegistrationClosed {
		wrong.Add("handle", "people.signup.closed.title")
		return wrong, row
	}
	var err error
	row = signup{kind: form.Kind, lang: form.Lang}
	if row.kind != Organisation {
		row.kind = Resident
	}
	if row.lang != "en" {
		row.lang = "uk"
	}
	if row.handle, err = normalHandle(form.Handle); err != nil {
		wrong.Take(err)
	}
	if row.name, err = normalText("name", form.Name, nameMax); err != nil {
		wrong.Take(err)
	}
	if row.kind == Organisation && row.name == "" {
		wrong.Add("name", "people.signup.name.missing")
	}
	if row.email, row.emailNorm, err = normalEmail(form.Email); err != nil {
		wrong.Take(err)
	}
	if err = checkPassword(form.Password, row.handle, row.email); err != nil {
		wrong.Take(err)
	}
	if row.kind == Resident && !form.Age {
		wrong.Add("age", "people.signup.age.missing")
	}
	if !form.Charter {
		wrong.Add("charter", "people.signup.charter.missing")
	}
	return wrong, row
}

// holdHandle stores the sign-up; store.ErrExists where the handle has an actor
// or is held by another sign-up.
func holdHandle(ctx context.Context, tx *store.Tx, row signup, token string) error {
	now := store.Millis(tx.Now)
	if _, err := tx.Exec(ctx, `delete from signups where handle = ? and expires < ?`, row.handle, now); err != nil {
		return err
	}
	n, err := tx.Exec(ctx, `
		insert into signups (hash, handle, kind, name, email_norm, email, password_hash, lang, charter_at, expires)
		select ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
		where not exists (select 1 from actors where local = 1 and handle = ?)
		on conflict (handle) do nothing`,
		hashToken(token), row.handle, row.kind, row.name, row.emailNorm, row.email, row.password, row.lang,
		now, store.Millis(tx.Now.Add(confirmFor)), row.handle)
	if err == nil && n == 0 {
		return store.ErrExists
	}
	return err
}

// writeSignUp mails the link, or, to somebody who has an account, that there
// was a try.
func (p *People) writeSignUp(ctx context.Context, tx *store.Tx, row signup, token string) error {
	_, err := accountBy(ctx, tx, "a.email_norm = ?", row.emailNorm)
	switch {
	case err == nil:
		return p.write(ctx, tx, row.email, row.lang, "people.mail.again", "Link", p.Base+"/sign-in", "Reset", p.Base+"/password")
	case isGone(err):
		return p.write(ctx, tx, row.email, row.lang, "people.mail.confirm",
			"Link", p.Base+"/confirm?token="+url.QueryEscape(token), "Handle", row.handle)
	}
	return err
}

// newToken is a secret for a link or an app: 256 bits, safe in an address.
func newToken() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // crypto/rand never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// hashToken is what the database keeps of it. A plain hash is enough for a
// secret that nobody can guess.
func hashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
