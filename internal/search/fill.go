package search

import (
	"context"
	"errors"
	"fmt"

	"viche/internal/store"
)

// batch is how many items of a source are read in one change.
const batch = 200

// A Source gives what a module has, in the order of its numbers: at most limit
// things after one, and the number of the last; none ends it. part narrows it to
// what belongs to something, "" is all. What is no longer to be found comes with
// Visible false.
type Source func(ctx context.Context, tx *store.Tx, part string, after int64, limit int) (items []Item, last int64, err error)

// Again asks for a source, or a part of it, to be gone through once more: after
// a change that concerns many items.
func Again(ctx context.Context, tx *store.Tx, source, part string) error {
	_, err := tx.Exec(ctx, "insert into search_work (source, part, after) values (?, ?, 0) on conflict (source, part) do update set after = 0", source, part)
	return err
}

// Fill takes in what Again asked for and what was there before the index was,
// a batch a change, and says how many items it went through, 0 when there was
// nothing to do; two processes may call it at once.
func Fill(ctx context.Context, db *store.DB, sources map[string]Source) (done int, err error) {
	var one int
	if err := db.ReadBound().Row(ctx, []any{&one}, "select 1 from search_work limit 1"); errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	err = db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := tx.Alone(ctx, door); err != nil {
			return err
		}
		var source, part string
		var after int64
		err := tx.Row(ctx, []any{&source, &part, &after}, "select source, part, after from search_work order by source, part limit 1")
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		done = 1
		read := sources[source]
		if read == nil {
			return finished(ctx, tx, source, part) // a module that is not here any more
		}
		items, last, err := read(ctx, tx, part, after, batch)
		if err != nil {
			return fmt.Errorf("%s: %w", source, err)
		}
		done = max(done, len(items))
		for _, it := range items {
			if err := put(ctx, tx, it); err != nil {
				return err
			}
		}
		if last <= after {
			return finished(ctx, tx, source, part)
		}
		_, err = tx.Exec(ctx, "update search_work set after = ? where source = ? and part = ?", last, source, part)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("fill the index: %w", err)
	}
	return done, nil
}

func finished(ctx context.Context, tx *store.Tx, source, part string) error {
	_, err := tx.Exec(ctx, "delete from search_work where source = ? and part = ?", source, part)
	return err
}
