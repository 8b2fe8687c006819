package people

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/uptrace/bun"

	"viche/internal/store"
)

// Entitlement is where somebody may vote, and since when.
type Entitlement struct {
	Territory   string
	Level       int
	From, Until time.Time // Until is zero while it lasts
}

// EntitledPersons streams the keys of all persons whose entitlement holds at
// the moment, is of the level at least, and lies in a territory that within
// accepts. Each comes once, in no order. The loop must end before the same
// transaction is asked anything else.
func (p *People) EntitledPersons(ctx context.Context, idb bun.IDB, within func(code string) bool, level int, at time.Time) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		moment := store.Millis(at)
		rows, err := idb.QueryContext(ctx, `
			select person_key, territory
			from entitlements
			where valid_from <= ? and (valid_until is null or valid_until > ?) and level >= ?`,
			moment, moment, level)
		if err != nil {
			yield(nil, fmt.Errorf("read entitlements: %w", store.Kind(err)))
			return
		}
		defer rows.Close()
		// Thousands of people live in one territory, so each is asked about once.
		asked := make(map[string]bool)
		for rows.Next() {
			var key []byte
			var code string
			if err := rows.Scan(&key, &code); err != nil {
				yield(nil, fmt.Errorf("read entitlements: %w", err))
				return
			}
			in, known := asked[code]
			if !known {
				in = within(code)
				asked[code] = in
			}
			if in && !yield(key, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, fmt.Errorf("read entitlements: %w", store.Kind(err)))
		}
	}
}

// PersonOf finds the person behind an account; false where nobody was verified.
func (p *People) PersonOf(ctx context.Context, idb bun.IDB, account int64) (key []byte, ok bool, err error) {
	err = idb.NewRaw("select person_key from persons where account = ?", account).Scan(ctx, &key)
	err = store.Kind(err)
	if isGone(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("person of account %d: %w", account, err)
	}
	return key, true, nil
}

// EntitlementOf finds what an account's person was entitled to at a moment.
func (p *People) EntitlementOf(ctx context.Context, idb bun.IDB, account int64, at time.Time) (Entitlement, bool, error) {
	var row struct {
		Territory  string
		Level      int
		ValidFrom  int64
		ValidUntil int64
	}
	moment := store.Millis(at)
	err := idb.NewRaw(`
		select e.territory, e.level, e.valid_from, coalesce(e.valid_until, 0) as valid_until
		from entitlements e
		join persons p on p.person_key = e.person_key
		where p.account = ? and e.valid_from <= ? and (e.valid_until is null or e.valid_until > ?)`,
		account, moment, moment).Scan(ctx, &row)
	err = store.Kind(err)
	if isGone(err) {
		return Entitlement{}, false, nil
	}
	if err != nil {
		return Entitlement{}, false, fmt.Errorf("entitlement of account %d: %w", account, err)
	}
	return Entitlement{row.Territory, row.Level, store.Time(row.ValidFrom), store.Time(row.ValidUntil)}, true, nil
}

// bind ties an account to a person, once. store.ErrExists: the person has
// another account here, or the account is another person's. The primary key
// decides, so two moderators at the same moment can't both succeed.
func bind(ctx context.Context, tx *store.Tx, account int64, key []byte) error {
	_, err := tx.Exec(ctx, `insert into persons (person_key, account, created) values (?, ?, ?) on conflict do nothing`,
		key, account, store.Millis(tx.Now))
	if err != nil {
		return fmt.Errorf("bind person: %w", err)
	}
	var holder int64
	err = tx.Row(ctx, []any{&holder}, `select account from persons where person_key = ?`, key)
	if isGone(err) {
		return fmt.Errorf("account %d is bound to another person: %w", account, store.ErrExists)
	}
	if err != nil {
		return fmt.Errorf("bind person: %w", err)
	}
	if holder != account {
		return fmt.Errorf("person has another account: %w", store.ErrExists)
	}
	return nil
}

// entitle opens an interval, and closes the one before if it says something
// else.
func entitle(ctx context.Context, tx *store.Tx, key []byte, territory string, level int) error {
	var open Entitlement
	err := tx.Row(ctx, []any{&open.Territory, &open.Level},
		`select territory, level from entitlements where person_key = ? and valid_until is null`, key)
	if err != nil && !isGone(err) {
		return fmt.Errorf("read entitlement: %w", err)
	}
	if err == nil && open.Territory == territory && open.Level == level {
		return nil
	}
	now := store.Millis(tx.Now)
	if _, err := tx.Exec(ctx, `update entitlements set valid_until = ? where person_key = ? and valid_until is null`, now, key); err != nil {
		return fmt.Errorf("close entitlement: %w", err)
	}
	_, err = tx.Exec(ctx, `insert into entitlements (id, person_key, territory, level, valid_from) values (?, ?, ?, ?, ?)`,
		store.NewID(), key, territory, level, now)
	if err != nil {
		return fmt.Errorf("open entitlement: %w", err)
	}
	return nil
}
