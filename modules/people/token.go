package people

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"viche/internal/store"
	"viche/web"
)

// scopes that a token may carry.
var scopes = []string{"read", "write", "follow", "push"}

// DefaultScopes are those of a token for which nobody named any.
const DefaultScopes = "read write follow push"

// IssueToken makes a bearer token in somebody's name for staff. It is a
// credential that staff issued: it can't read what was answered before, and
// the person is told.
func (p *People) IssueToken(ctx context.Context, handle, wanted, label string) (string, error) {
	token := newToken()
	err := p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		a, err := byHandle(ctx, tx, handle)
		if err != nil {
			return err
		}
		generation, err := raiseStaffGeneration(ctx, tx, a.ID)
		if err != nil {
			return err
		}
		if err := p.addToken(ctx, tx, token, a.ID, wanted, label, generation); err != nil {
			return err
		}
		if err := tx.Act(ctx, "operator", "token issued", "@"+a.Handle, label); err != nil {
			return err
		}
		return p.write(ctx, tx, a.Email, a.Lang, "people.mail.token", "Label", label)
	})
	if err != nil {
		return "", fmt.Errorf("issue token: %w", err)
	}
	return token, nil
}

// NewToken makes a bearer token that the person granted in a session of the
// given generation.
func (p *People) NewToken(ctx context.Context, tx *store.Tx, account int64, wanted, label string, generation int) (string, error) {
	token := newToken()
	if err := p.addToken(ctx, tx, token, account, wanted, label, generation); err != nil {
		return "", fmt.Errorf("new token: %w", err)
	}
	return token, nil
}

func (p *People) addToken(ctx context.Context, tx *store.Tx, token string, account int64, wanted, label string, generation int) error {
	names := strings.Fields(wanted)
	if len(names) == 0 {
		names = strings.Fields(DefaultScopes)
	}
	for _, name := range names {
		root, _, _ := strings.Cut(name, ":")
		if !slices.Contains(scopes, root) {
			return store.Invalid("scopes", "people.token.scope", "Scope", name)
		}
	}
	_, err := tx.Exec(ctx, `insert into api_tokens (hash, account, scopes, generation, label, created) values (?, ?, ?, ?, ?, ?)`,
		hashToken(token), account, strings.Join(names, " "), generation, label, store.Millis(tx.Now))
	return err
}

// RevokeToken ends a token; an unknown one is no error.
func (p *People) RevokeToken(ctx context.Context, token string) error {
	return p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `update api_tokens set revoked_at = ? where hash = ? and revoked_at is null`, store.Millis(tx.Now), hashToken(token))
		return err
	})
}

// Authenticate says whom a bearer token speaks for; store.ErrNotFound for a
// token that is unknown, revoked, or of an account that is gone.
func (p *People) Authenticate(ctx context.Context, bearer string) (*web.Viewer, error) {
	v, _, err := p.AuthenticateScoped(ctx, bearer)
	return v, err
}

// AuthenticateScoped is Authenticate with what the token may do.
func (p *People) AuthenticateScoped(ctx context.Context, bearer string) (*web.Viewer, []string, error) {
	v, c, err := p.found(ctx, ", t.generation, t.scopes", "api_tokens t join accounts a on a.id = t.account", "t.hash = ? and t.revoked_at is null", hashToken(bearer))
	if err != nil {
		return nil, nil, fmt.Errorf("authenticate: %w", err)
	}
	v.CredentialGeneration = c.token
	return v, strings.Fields(c.scopes), nil
}

// A Voter is what a ballot needs to know about whom a token speaks for.
type Voter struct {
	Account    int64
	Kind       string
	Person     []byte // nil before verification
	Issued     int    // credentials that staff have issued for the account
	Credential int    // which of them the token is
}

// AuthenticateVoter is AuthenticateScoped for a ballot: it reads no more than
// that needs, since on the evening of a poll everybody comes at once.
func (p *People) AuthenticateVoter(ctx context.Context, bearer string) (Voter, []string, error) {
	var v Voter
	var granted string
	err := p.DB.ReadBound().Row(ctx, []any{&v.Account, &v.Kind, &v.Person, &v.Issued, &v.Credential, &granted}, `
		select a.id, a.kind, p.person_key, a.staff_generation, t.generation, t.scopes
		from api_tokens t
		join accounts a on a.id = t.account
		left join persons p on p.account = a.id
		where t.hash = ? and t.revoked_at is null
			and a.deleted_at is null and a.suspended_at is null and a.approved_at is not null`, hashToken(bearer))
	if err != nil {
		return v, nil, fmt.Errorf("authenticate: %w", err)
	}
	return v, strings.Fields(granted), nil
}

// raiseStaffGeneration notes that staff made a credential, and returns which.
func raiseStaffGeneration(ctx context.Context, tx *store.Tx, account int64) (int, error) {
	var n int
	err := tx.Row(ctx, []any{&n}, `update accounts set staff_generation = staff_generation + 1 where id = ? returning staff_generation`, account)
	if err != nil {
		return 0, fmt.Errorf("raise staff generation: %w", err)
	}
	return n, nil
}
