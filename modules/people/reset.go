package people

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"viche/actors"
	"viche/internal/store"
	"viche/web"
)

const resetFor = time.Hour

type forgottenView struct {
	Email  string
	Sent   bool
	Errors web.FormErrors
}

func (s pages) showForgotten(w http.ResponseWriter, r *http.Request) {
	s.site.Render(w, r, http.StatusOK, "people/forgotten", forgottenView{Sent: r.URL.Query().Get("sent") != ""})
}

func (s pages) forgotten(w http.ResponseWriter, r *http.Request) {
	view := forgottenView{Email: r.PostFormValue("email")}
	if !s.limits.take("reset "+actors.NetworkOf(r.RemoteAddr), mailAddress) {
		s.site.Error(w, r, tooMany)
		return
	}
	err := s.Forgotten(r.Context(), view.Email)
	if view.Errors.Take(err) {
		s.site.Render(w, r, http.StatusUnprocessableEntity, "people/forgotten", view)
		return
	}
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	web.Redirect303(w, r, "/password?sent=1")
}

// Forgotten mails a link for a new password, if the address has an account.
// Whoever asks can't tell.
func (p *People) Forgotten(ctx context.Context, typed string) error {
	_, normal, err := normalEmail(typed)
	if err != nil {
		return err
	}
	if !p.limits.take("mail "+normal, mailAccount) {
		return nil // enough letters for this hour; the answer stays the same
	}
	token := newToken()
	err = p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		a, err := accountBy(ctx, tx, "a.email_norm = ?", normal)
		if err != nil && !isGone(err) {
			return err
		}
		known := err == nil
		var account any
		if known {
			account = a.ID
		}
		// Stored for an unknown address too: an answer that comes sooner would tell.
		_, err = tx.Exec(ctx, `insert into mail_tokens (hash, account, purpose, expires) values (?, ?, 'reset', ?)`,
			hashToken(token), account, store.Millis(tx.Now.Add(resetFor)))
		if err != nil || !known {
			return err
		}
		return p.write(ctx, tx, a.Email, a.Lang, "people.mail.reset",
			"Link", p.Base+"/password/new?token="+url.QueryEscape(token))
	})
	if err != nil {
		return fmt.Errorf("forgotten password: %w", err)
	}
	return nil
}

type resetView struct {
	Token  string
	Dead   bool
	Errors web.FormErrors
}

func (s pages) showReset(w http.ResponseWriter, r *http.Request) {
	token := r.URL.Query().Get("token")
	s.site.Render(w, r, http.StatusOK, "people/reset", resetView{Token: token, Dead: token == ""})
}

func (s pages) reset(w http.ResponseWriter, r *http.Request) {
	view := resetView{Token: r.PostFormValue("token")}
	err := s.Reset(r.Context(), view.Token, r.PostFormValue("password"))
	switch {
	case view.Errors.Take(err):
		s.site.Render(w, r, http.StatusUnprocessableEntity, "people/reset", view)
	case errors.Is(err, store.ErrNotFound):
		view.Dead = true
		s.site.Render(w, r, http.StatusUnprocessableEntity, "people/reset", view)
	case err != nil:
		s.site.Error(w, r, err)
	default:
		s.site.Flash(w, "people.reset.done")
		http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
	}
}

// Reset sets the password by a mailed link, once. It is the person's own
// password again, whatever staff did before; all sessions and app tokens end.
func (p *People) Reset(ctx context.Context, token, password string) error {
	if err := checkPassword(password, "", ""); err != nil {
		return err
	}
	hash, err := p.hash(ctx, password)
	if err != nil {
		return err
	}
	err = p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		var account int64
		err := tx.Row(ctx, []any{&account}, `
			update mail_tokens set used_at = ?
			where hash = ? and account is not null and purpose = 'reset' and used_at is null and expires > ?
			returning account`, store.Millis(tx.Now), hashToken(token), store.Millis(tx.Now))
		if err != nil {
			return err
		}
		a, err := accountBy(ctx, tx, "a.id = ?", account)
		if err != nil {
			return err
		}
		if err := setPassword(ctx, tx, a.ID, hash, 0); err != nil {
			return err
		}
		return p.write(ctx, tx, a.Email, a.Lang, "people.mail.changed", "Reset", p.Base+"/password")
	})
	if err != nil {
		return fmt.Errorf("reset password: %w", err)
	}
	return nil
}

// setPassword stores the hash with the generation of the credential, and ends
// what was opened with the one before.
func setPassword(ctx context.Context, tx *store.Tx, account int64, hash string, generation int) error {
	_, err := tx.Exec(ctx, `update accounts set password_hash = ?, cred_generation = ? where id = ?`, hash, generation, account)
	if err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	if err := web.EndSessions(ctx, tx, account); err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	_, err = tx.Exec(ctx, `update api_tokens set revoked_at = ? where account = ? and revoked_at is null`, store.Millis(tx.Now), account)
	if err != nil {
		return fmt.Errorf("revoke tokens: %w", err)
	}
	// Links that are still on their way would undo this.
	_, err = tx.Exec(ctx, `update mail_tokens set used_at = ? where account = ? and used_at is null`, store.Millis(tx.Now), account)
	return err
}
