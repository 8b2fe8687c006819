package union

import (
	"context"
	"errors"
	"fmt"
	"time"

	"viche/federation/ap"
	"viche/internal/store"
)

// keyYears is how long a newly pinned key holds.
const keyYears = 5

// AddMembers makes a new version of the trust list with these cities in it;
// those known already are replaced, keys included. Call it on the coordinator.
// A member without a status becomes active; a key without times holds from the
// day before for five years.
func (u *Union) AddMembers(ctx context.Context, tx *store.Tx, members ...Member) (*TrustList, error) {
	for i := range members {
		m := &members[i]
		if m.Status == "" {
			m.Status = Active
		}
		if m.Actor == "" || m.Territory == "" || m.Ceiling < 1 || len(m.Keys) == 0 {
			return nil, fmt.Errorf("member %q: actor, territory, ceiling and a key are needed: %w", m.Actor, store.ErrInvalid)
		}
		for j := range m.Keys {
			k := &m.Keys[j]
			if !sameOrigin(k.ID, m.Actor) {
				return nil, fmt.Errorf("key %q is not of %s: %w", k.ID, m.Actor, store.ErrInvalid)
			}
			if k.From.IsZero() {
				k.From = firstDay(tx.Now)
			}
			if k.Until.IsZero() {
				k.Until = k.From.AddDate(keyYears, 0, 0)
			}
		}
	}
	return u.newList(ctx, tx, func(all []Member) ([]Member, error) {
		at := map[string]int{}
		for i, m := range all {
			at[m.Actor] = i
		}
		for _, m := range members {
			if i, known := at[m.Actor]; known {
				all[i] = m
				continue
			}
			at[m.Actor] = len(all)
			all = append(all, m)
		}
		return all, nil
	})
}

// Suspend takes a city off the list for polls opened from now on. Polls that
// run keep their version of the list; see Exclude.
func (u *Union) Suspend(ctx context.Context, tx *store.Tx, host, reason string) error {
	if reason == "" {
		return fmt.Errorf("suspend %s: a reason is needed: %w", host, store.ErrInvalid)
	}
	return u.setStatus(ctx, tx, func(m Member) bool { return m.Host() == host }, Suspended, reason)
}

func (u *Union) setStatus(ctx context.Context, tx *store.Tx, which func(Member) bool, status, reason string) error {
	found := ""
	_, err := u.newList(ctx, tx, func(all []Member) ([]Member, error) {
		for i, m := range all {
			if which(m) {
				all[i].Status, found = status, m.Actor
			}
		}
		if found == "" {
			return nil, fmt.Errorf("no such member: %w", store.ErrNotFound)
		}
		return all, nil
	})
	if err != nil {
		return err
	}
	u.Log.Warn("member city's status changed", "city", found, "status", status, "reason", reason)
	return tx.Act(ctx, u.Actor(), "union."+status, found, reason)
}

func firstDay(now time.Time) time.Time { return now.UTC().Truncate(24*time.Hour).AddDate(0, 0, -1) }

// newList signs and stores the next version, with the members as change makes
// them of those before.
func (u *Union) newList(ctx context.Context, tx *store.Tx, change func([]Member) ([]Member, error)) (*TrustList, error) {
	if !u.Coordinator {
		return nil, fmt.Errorf("the trust list is the coordinator's: %w", store.ErrDenied)
	}
	c, err := u.trust(ctx, tx.Bound)
	if err != nil {
		return nil, err
	}
	before := c.newest()
	version, at := 1, seconds(tx.Now)
	own := Key{ID: u.KeyID(), Public: u.Public(), From: firstDay(tx.Now), Until: firstDay(tx.Now).AddDate(keyYears, 0, 0)}
	coordinator := []Key{own}
	var members []Member
	if before != nil {
		version, coordinator, members = before.Version+1, before.Coordinator, append(members, before.Members...)
		at = latest(at, before.Published)
	}
	if members, err = change(members); err != nil {
		return nil, err
	}
	obj := map[string]any{
		"id": fmt.Sprintf("%s/trust/%d", u.Base, version), "type": "TrustList", "attributedTo": u.Actor(), "to": []string{ap.Public},
		"published": ap.FormatTime(at), "version": version,
		"coordinatorKeys": wireKeys(u.Actor(), coordinator), "members": wireMembers(members),
	}
	if before != nil {
		obj["previous"] = before.ref().wire()
	}
	raw, err := u.sign(obj, at)
	if err != nil {
		return nil, fmt.Errorf("sign trust list: %w", err)
	}
	l, err := readList(raw)
	if err != nil {
		return nil, fmt.Errorf("trust list: %w: %w", store.ErrInvalid, err)
	}
	next := &chain{lists: append([]*TrustList(nil), c.lists...)}
	if err := next.add(l); err != nil {
		return nil, fmt.Errorf("trust list: %w", err)
	}
	if _, err := tx.Exec(ctx, "insert into trust_lists (version, uri, digest, raw, stored) values (?, ?, ?, ?, ?)",
		l.Version, l.URI, l.Digest, l.Raw, store.Millis(tx.Now)); err != nil {
		return nil, fmt.Errorf("store trust list: %w", err)
	}
	return l, nil
}

func wireKeys(owner string, list []Key) []any {
	out := []any{}
	for _, k := range list {
		out = append(out, map[string]any{
			"id": k.ID, "type": "Multikey", "controller": owner, "publicKeyMultibase": ap.EncodeMultikey(k.Public),
			"validFrom": ap.FormatTime(k.From), "validUntil": ap.FormatTime(k.Until),
		})
	}
	return out
}

func wireMembers(list []Member) []any {
	out := []any{}
	for _, m := range list {
		out = append(out, map[string]any{
			"actor": m.Actor, "territory": m.Territory, "status": m.Status, "ceiling": m.Ceiling, "tallyKeys": wireKeys(m.Actor, m.Keys),
		})
	}
	return out
}

// TrustList gives a version of the list, or with 0 the newest.
func (u *Union) TrustList(ctx context.Context, version int) (*TrustList, error) {
	c, err := u.trust(ctx, u.DB.ReadBound())
	if err != nil {
		return nil, err
	}
	l := c.newest()
	if version != 0 {
		l = c.version(version)
	}
	if l == nil {
		return nil, fmt.Errorf("trust list %d: %w", version, store.ErrNotFound)
	}
	return l, nil
}

// Members gives the cities of the newest list.
func (u *Union) Members(ctx context.Context) ([]Member, error) {
	l, err := u.TrustList(ctx, 0)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return l.Members, nil
}
