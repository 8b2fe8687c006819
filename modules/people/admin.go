package people

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"viche/actors/identity"
	"viche/internal/store"
	"viche/web"
)

// NewResident is an account that an operator or a demo adds. It needs no
// confirmation and has accepted the charter on paper.
type NewResident struct {
	Handle, Name, Email string
	Kind                string // Resident if empty
	Lang                string // uk if empty
	Password            string // none: no sign-in by password
	PasswordHash        string // instead of Password, for many that share one
	Verified            bool   // by the operator, for Territory
	Territory           string // the instance's own if empty
	Reason              string // of the verification
	Role                string
}

// Added names the new account; the command line prints it as JSON.
type Added struct {
	Handle  string `json:"handle"`
	Actor   string `json:"actor"`
	ID      string `json:"id"`
	Account int64  `json:"-"`
	ActorID int64  `json:"-"`
}

// AddResident adds a resident or an organisation.
func (p *People) AddResident(ctx context.Context, n NewResident) (Added, error) {
	if n.Password != "" {
		if err := checkPassword(n.Password, n.Handle, n.Email); err != nil {
			return Added{}, fmt.Errorf("add %s: %w", n.Handle, err)
		}
		hash, err := p.hash(ctx, n.Password)
		if err != nil {
			return Added{}, fmt.Errorf("add %s: %w", n.Handle, err)
		}
		n.PasswordHash = hash
	}
	var added Added
	err := p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		added, err = p.AddResidentIn(ctx, tx, n)
		return err
	})
	return added, err
}

// AddResidentIn is AddResident inside a change, for many at once; Password is
// not looked at, only its hash.
func (p *People) AddResidentIn(ctx context.Context, tx *store.Tx, n NewResident) (Added, error) {
	row := signup{kind: n.Kind, name: n.Name, lang: n.Lang, password: n.PasswordHash}
	if row.kind == "" {
		row.kind = Resident
	}
	if row.lang == "" {
		row.lang = "uk"
	}
	var err error
	if row.handle, err = normalHandle(n.Handle); err != nil {
		return Added{}, fmt.Errorf("add %q: %w", n.Handle, err)
	}
	if row.email, row.emailNorm, err = normalEmail(n.Email); err != nil {
		return Added{}, fmt.Errorf("add %s: %w", row.handle, err)
	}
	id, actor, err := p.addAccount(ctx, tx, row, store.Millis(tx.Now))
	switch {
	case errors.Is(err, store.ErrExists) && actor.ID == 0:
		return Added{}, fmt.Errorf("add %s: %w (%w)", row.handle, store.Invalid("handle", "people.handle.taken"), err)
	case errors.Is(err, store.ErrExists):
		return Added{}, fmt.Errorf("add %s: %w (%w)", row.handle, store.Invalid("email", "people.email.taken"), err)
	case err != nil:
		return Added{}, fmt.Errorf("add %s: %w", row.handle, err)
	}
	if _, err := tx.Exec(ctx, `update accounts set approved_at = ? where id = ?`, store.Millis(tx.Now), id); err != nil {
		return Added{}, fmt.Errorf("add %s: %w", row.handle, err)
	}
	if n.Verified {
		if err := p.verifyByOperator(ctx, tx, id, row.kind, n.Territory, n.Reason); err != nil {
			return Added{}, fmt.Errorf("add %s: %w", row.handle, err)
		}
	}
	if n.Role != "" {
		if err := setRole(ctx, tx, id, row.handle, n.Role, ""); err != nil {
			return Added{}, fmt.Errorf("add %s: %w", row.handle, err)
		}
	}
	return Added{Handle: row.handle, Actor: actor.URI, ID: strconv.FormatInt(id, 10), Account: id, ActorID: actor.ID}, nil
}

// VerifyByOperator verifies somebody without a personal code: the operator
// answers for it by the reason, and the log says so. For somebody verified
// before it changes the territory.
func (p *People) VerifyByOperator(ctx context.Context, handle, code, reason string) error {
	err := p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		a, err := byHandle(ctx, tx, handle)
		if err != nil {
			return err
		}
		return p.verifyByOperator(ctx, tx, a.ID, a.Kind, code, reason)
	})
	if err != nil {
		return fmt.Errorf("verify @%s: %w", handle, err)
	}
	return nil
}

func (p *People) verifyByOperator(ctx context.Context, tx *store.Tx, account int64, kind, code, reason string) error {
	if kind == Organisation {
		return fmt.Errorf("an organisation never votes: %w", store.ErrDenied)
	}
	if code == "" {
		code = p.Home
	}
	if err := p.checkTerritory(code); err != nil {
		return err
	}
	provider := identity.Operator{Account: account}
	proof, err := provider.Prove(ctx)
	if err != nil {
		return err
	}
	key, known, err := p.PersonOf(ctx, tx, account)
	if err != nil {
		return err
	}
	if !known {
		if key, err = identity.Key(p.Keys, proof); err != nil {
			return err
		}
		if err := bind(ctx, tx, account, key); err != nil {
			return err
		}
	}
	level := proof.Level
	if now, holds, err := p.EntitlementOf(ctx, tx, account, tx.Now); err != nil {
		return err
	} else if holds {
		level = max(level, now.Level) // a move takes nothing away
	}
	if err := entitle(ctx, tx, key, code, level); err != nil {
		return err
	}
	return logVerification(ctx, tx, verification{
		account: account, provider: provider.Name(), territory: code, level: level,
		moderator: "operator", reason: reason, outcome: "verified",
	})
}

// SetRole gives somebody a role; having it already is no error.
func (p *People) SetRole(ctx context.Context, handle, role, scope string) error {
	err := p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		a, err := byHandle(ctx, tx, handle)
		if err != nil {
			return err
		}
		return setRole(ctx, tx, a.ID, a.Handle, role, scope)
	})
	if err != nil {
		return fmt.Errorf("set role of @%s: %w", handle, err)
	}
	return nil
}

func setRole(ctx context.Context, tx *store.Tx, account int64, handle, role, scope string) error {
	if !slices.Contains([]string{web.Moderator, web.Operator, web.Officer}, role) {
		return store.Invalid("role", "people.role.unknown", "Role", role)
	}
	n, err := tx.Exec(ctx, `insert into roles (account, role, scope) values (?, ?, ?) on conflict do nothing`, account, role, scope)
	if err != nil || n == 0 {
		return err
	}
	return tx.Act(ctx, "operator", "role given", "@"+handle, role+" "+scope)
}

// TakeRole takes a role away.
func (p *People) TakeRole(ctx context.Context, handle, role, scope string) error {
	err := p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		a, err := byHandle(ctx, tx, handle)
		if err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `delete from roles where account = ? and role = ? and scope = ?`, a.ID, role, scope)
		if err != nil || n == 0 {
			return err
		}
		return tx.Act(ctx, "operator", "role taken", "@"+a.Handle, role+" "+scope)
	})
	if err != nil {
		return fmt.Errorf("take role of @%s: %w", handle, err)
	}
	return nil
}

// ResetByStaff gives an account a new password, which it returns, and tells the
// person by mail. What was answered before stays closed to it until the person
// sets a password of their own by mail.
func (p *People) ResetByStaff(ctx context.Context, handle, reason string) (string, error) {
	password := newToken()[:16]
	hash, err := p.hash(ctx, password)
	if err != nil {
		return "", err
	}
	err = p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		a, err := byHandle(ctx, tx, handle)
		if err != nil {
			return err
		}
		generation, err := raiseStaffGeneration(ctx, tx, a.ID)
		if err != nil {
			return err
		}
		if err := setPassword(ctx, tx, a.ID, hash, generation); err != nil {
			return err
		}
		if err := tx.Act(ctx, "operator", "password reset", "@"+a.Handle, reason); err != nil {
			return err
		}
		return p.write(ctx, tx, a.Email, a.Lang, "people.mail.staff", "Reason", reason, "Reset", p.Base+"/password")
	})
	if err != nil {
		return "", fmt.Errorf("reset password of @%s: %w", handle, err)
	}
	return password, nil
}

// checkTerritory holds that a place exists and belongs to this instance.
func (p *People) checkTerritory(code string) error {
	unit, found := p.Territories.Get(code)
	if !found || unit.Closed {
		return store.Invalid("territory", "people.territory.unknown")
	}
	if !p.Territories.Within(code, p.Home) {
		return store.Invalid("territory", "people.territory.elsewhere", "Home", p.Territories.Label(p.Home, "uk"))
	}
	return nil
}
