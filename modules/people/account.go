package people

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"viche/internal/store"
	"viche/web"
)

// Account is what the site knows about a resident or an organisation, beside
// the actor that others see.
type Account struct {
	ID       int64  `bun:"id"`
	ActorID  int64  `bun:"actor"`
	Handle   string `bun:"handle"`
	Name     string `bun:"name"`
	Kind     string `bun:"kind"`
	Email    string `bun:"email"`
	Lang     string `bun:"lang"`
	Created  int64  `bun:"created"`
	Approved int64  `bun:"approved_at"` // 0 while a moderator is awaited

	PasswordHash    string `bun:"password_hash"`
	CredGeneration  int    `bun:"cred_generation"`
	StaffGeneration int    `bun:"staff_generation"`
	ShowVerified    int    `bun:"show_verified"`
	ShowTerritory   int    `bun:"show_territory"`
}

const accountColumns = `select a.id, a.actor, x.handle, x.name, a.kind, a.email, a.lang, a.created, coalesce(a.approved_at, 0) as approved_at,
	a.password_hash, a.cred_generation, a.staff_generation, a.show_verified, a.show_territory
	from accounts a
	join actors x on x.id = a.actor
	where a.deleted_at is null and a.suspended_at is null and `

// accountBy finds a living account by one condition, or store.ErrNotFound.
func accountBy(ctx context.Context, idb bun.IDB, condition string, args ...any) (Account, error) {
	var a Account
	err := idb.NewRaw(accountColumns+condition, args...).Scan(ctx, &a)
	if err != nil {
		return a, fmt.Errorf("load account: %w", store.Kind(err))
	}
	return a, nil
}

// byHandle finds one of our own by the handle as people type it.
func byHandle(ctx context.Context, idb bun.IDB, typed string) (Account, error) {
	handle, err := normalHandle(typed)
	if err != nil {
		return Account{}, fmt.Errorf("account %q: %w", typed, store.ErrNotFound)
	}
	return accountBy(ctx, idb, "x.local = 1 and x.handle = ?", handle)
}

// LoadViewer says who a session belongs to; store.ErrNotFound where the
// account is gone, suspended or not let in yet, or its password was reset since
// by staff or back by the person: the session ends then.
func (p *People) LoadViewer(ctx context.Context, accountID int64, generation int) (*web.Viewer, error) {
	v, credentials, err := p.viewer(ctx, accountID)
	if err != nil {
		return nil, err
	}
	if credentials != generation {
		return nil, fmt.Errorf("session of credentials %d, now %d: %w", generation, credentials, store.ErrNotFound)
	}
	v.CredentialGeneration = generation
	return v, nil
}

// viewer is read at each request of somebody signed in: one query, by keys.
func (p *People) viewer(ctx context.Context, accountID int64) (*web.Viewer, int, error) {
	v, c, err := p.found(ctx, "", "accounts a", "a.id = ?", accountID)
	if err != nil {
		return nil, 0, fmt.Errorf("account %d: %w", accountID, err)
	}
	return v, c.password, nil
}

// credentials are what somebody was found by.
type credentials struct {
	password int    // generation of the password
	token    int    // generation of the token
	scopes   string // of the token
}

// found is the viewer behind a row of "from", in one query with the token's
// columns if those are asked for: a cast begins with it.
func (p *People) found(ctx context.Context, token, from, where string, key any) (*web.Viewer, credentials, error) {
	var c credentials
	now := store.Millis(p.DB.Now())
	rows, err := p.DB.ReadBound().Query(ctx, `
		select a.id, a.actor, x.handle, x.name, a.lang, a.cred_generation,
			coalesce(e.territory, ''), coalesce(r.role, ''), coalesce(r.scope, '')`+token+`
		from `+from+`
		join actors x on x.id = a.actor
		left join persons p on p.account = a.id
		left join entitlements e on e.person_key = p.person_key
			and e.valid_from <= ? and (e.valid_until is null or e.valid_until > ?)
		left join roles r on r.account = a.id
		where `+where+`
			and a.deleted_at is null and a.suspended_at is null and a.approved_at is not null`,
		now, now, key)
	if err != nil {
		return nil, c, fmt.Errorf("load viewer: %w", err)
	}
	defer rows.Close()
	var v *web.Viewer
	for rows.Next() {
		var row web.Viewer
		var role web.Role
		into := []any{&row.AccountID, &row.ActorID, &row.Handle, &row.Name, &row.Lang, &c.password, &row.Territory, &role.Name, &role.Scope}
		if token != "" {
			into = append(into, &c.token, &c.scopes)
		}
		if err := rows.Scan(into...); err != nil {
			return nil, c, fmt.Errorf("load viewer: %w", err)
		}
		if v == nil {
			v = &row
			v.Verified = v.Territory != ""
		}
		if role.Name != "" {
			v.Roles = append(v.Roles, role)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, c, fmt.Errorf("load viewer: %w", store.Kind(err))
	}
	if v == nil {
		return nil, c, fmt.Errorf("load viewer: %w", store.ErrNotFound)
	}
	if v.Name == "" {
		v.Name = v.Handle
	}
	return v, c, nil
}

// StaffGeneration counts how often staff issued or reset credentials of the
// account. A ballot remembers it; credentials of a later generation may not
// read the answer.
func (p *People) StaffGeneration(ctx context.Context, idb bun.IDB, accountID int64) (int, error) {
	var n int
	err := idb.NewRaw("select staff_generation from accounts where id = ?", accountID).Scan(ctx, &n)
	if err != nil {
		return 0, fmt.Errorf("staff generation: %w", store.Kind(err))
	}
	return n, nil
}

// ActorOf finds the actor of an account.
func (p *People) ActorOf(ctx context.Context, idb bun.IDB, accountID int64) (int64, error) {
	var actor int64
	err := idb.NewRaw("select actor from accounts where id = ?", accountID).Scan(ctx, &actor)
	if err != nil {
		return 0, fmt.Errorf("actor of account %d: %w", accountID, store.Kind(err))
	}
	return actor, nil
}

// isGone says whether an error means that there is no such row.
func isGone(err error) bool { return errors.Is(err, store.ErrNotFound) }
