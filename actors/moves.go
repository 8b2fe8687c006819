package actors

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"viche/internal/store"
)

// list is how a list lies in one column: JSON, or nothing for an empty one.
func list[T any](of []T) (string, error) {
	if len(of) == 0 {
		return "", nil
	}
	raw, err := json.Marshal(of)
	return string(raw), err
}

// AlsoKnownAs are the ids that an actor says are the same person.
func (a Actor) AlsoKnownAs() []string {
	var uris []string
	if json.Unmarshal([]byte(a.Aliases), &uris) != nil {
		return nil // nothing there is none
	}
	return uris
}

// KnowsAs tells whether an actor says of an id that it is the same person.
func (a Actor) KnowsAs(uri string) bool { return slices.Contains(a.AlsoKnownAs(), uri) }

// Lines are the lines of an actor's profile.
func (a Actor) Lines() []Field {
	var lines []Field
	if json.Unmarshal([]byte(a.Fields), &lines) != nil {
		return nil // nothing there is none
	}
	return lines
}

// SetAliases says which ids are the same person as one of ours.
func (b *Book) SetAliases(ctx context.Context, tx *store.Tx, id int64, uris []string) error {
	text, err := list(uris)
	if err != nil {
		return fmt.Errorf("aliases of %d: %w", id, err)
	}
	return b.change(ctx, tx, "update actors set aliases = ? where id = ? and local = 1", text, id)
}

// SetIndexable says whether what one of ours writes may be found by search.
func (b *Book) SetIndexable(ctx context.Context, tx *store.Tx, id int64, yes bool) error {
	return b.change(ctx, tx, "update actors set indexable = ? where id = ? and local = 1", store.Flag(yes), id)
}

// Moved notes that an actor goes on as another, or, with an empty address, that
// it stays. When it moved is noted only of a real move.
func (b *Book) Moved(ctx context.Context, tx *store.Tx, id int64, to string) error {
	if to == "" {
		return b.change(ctx, tx, "update actors set moved_to = '' where id = ?", id)
	}
	return b.change(ctx, tx, "update actors set moved_to = ?, moved_at = ? where id = ?", to, store.Millis(tx.Now), id)
}

func (b *Book) change(ctx context.Context, tx *store.Tx, query string, args ...any) error {
	n, err := tx.Exec(ctx, query, args...)
	if err == nil && n == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("change actor %v: %w", args[len(args)-1], err)
	}
	return nil
}

// OwnFollowersOf are some of ours that follow an actor, or wait to.
func (b *Book) OwnFollowersOf(ctx context.Context, tx *store.Tx, id int64, limit int) ([]Actor, error) {
	var list []Actor
	err := tx.NewRaw(`
		select a.* from follows f join actors a on a.id = f.follower
		where f.followee = ? and a.local = 1 order by f.id limit ?`, id, limit).Scan(ctx, &list)
	if err != nil {
		return nil, fmt.Errorf("followers of %d here: %w", id, store.Kind(err))
	}
	return list, nil
}

// MovedSince are actors that moved and whom somebody here still follows.
func (b *Book) MovedSince(ctx context.Context, tx *store.Tx, since int64, limit int) ([]Actor, error) {
	var list []Actor
	err := tx.NewRaw(`
		select o.* from actors o
		where o.moved_at > ? and o.moved_to <> '' and exists (
			select 1 from follows f join actors a on a.id = f.follower where f.followee = o.id and a.local = 1)
		order by o.moved_at limit ?`, since, limit).Scan(ctx, &list)
	if err != nil {
		return nil, fmt.Errorf("actors that moved: %w", store.Kind(err))
	}
	return list, nil
}
