package people

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"viche/actors"
	"viche/internal/store"
)

type confirmView struct {
	Token string // empty: the letter is on its way
	Dead  bool
	Held  bool // for a moderator to let in
}

// showConfirm is where the mailed link leads. Opening it changes nothing: mail
// scanners open links as well; the button does.
func (s pages) showConfirm(w http.ResponseWriter, r *http.Request) {
	s.site.Render(w, r, http.StatusOK, "people/confirm", confirmView{Token: r.URL.Query().Get("token")})
}

func (s pages) confirm(w http.ResponseWriter, r *http.Request) {
	err := s.Confirm(r.Context(), r.PostFormValue("token"))
	switch {
	case errors.Is(err, store.ErrNotFound):
		s.site.Render(w, r, http.StatusUnprocessableEntity, "people/confirm", confirmView{Dead: true})
	case err != nil:
		s.site.Error(w, r, err)
	case s.Registration == RegistrationApproval:
		s.site.Render(w, r, http.StatusOK, "people/confirm", confirmView{Held: true})
	default:
		// The password is asked for next, so a stranger who signed up with
		// somebody's address gains nothing when that person opens the link.
		s.site.Flash(w, "people.confirm.done")
		http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
	}
}

// Confirm turns a sign-up into an account with its actor. A link that is
// unknown, used or out of date gives store.ErrNotFound.
func (p *People) Confirm(ctx context.Context, token string) error {
	err := p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		var row signup
		var charter int64
		err := tx.Row(ctx, []any{&row.kind, &row.handle, &row.name, &row.email, &row.emailNorm, &row.password, &row.lang, &charter}, `
			delete from signups
			where hash = ? and expires > ?
			returning kind, handle, name, email, email_norm, password_hash, lang, charter_at`,
			hashToken(token), store.Millis(tx.Now))
		if err != nil {
			return err
		}
		taken, err := tx.NewSelect().Table("accounts").Where("email_norm = ?", row.emailNorm).Exists(ctx)
		if err != nil {
			return err
		}
		if taken { // a second sign-up, confirmed after the first
			return fmt.Errorf("e-mail confirmed before: %w", store.ErrNotFound)
		}
		_, _, err = p.addAccount(ctx, tx, row, charter)
		return err
	})
	if err != nil {
		return fmt.Errorf("confirm sign-up: %w", err)
	}
	return nil
}

// addAccount makes the actor and the account. Where moderators let people in,
// the account waits for them.
func (p *People) addAccount(ctx context.Context, tx *store.Tx, row signup, charter int64) (id int64, actor actors.Actor, err error) {
	kind := actors.Resident
	if row.kind == Organisation {
		kind = actors.Organisation
	}
	actor, err = p.Book.Create(ctx, tx, actors.Local{Kind: kind, Handle: row.handle, Name: row.name})
	if err != nil {
		return 0, actor, err
	}
	id = store.NewID()
	now := store.Millis(tx.Now)
	var approved any = now
	if p.Registration == RegistrationApproval {
		approved = nil
	}
	_, err = tx.Exec(ctx, `
		insert into accounts (id, actor, kind, email_norm, email, password_hash, lang, charter_at, created, confirmed_at, approved_at)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		id, actor.ID, row.kind, row.emailNorm, row.email, row.password, row.lang, charter, now, now, approved)
	if err != nil {
		return 0, actor, fmt.Errorf("add account %s: %w", row.handle, err)
	}
	return id, actor, nil
}
