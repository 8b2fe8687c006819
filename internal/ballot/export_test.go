package ballot

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"viche/internal/store"
)

// TagOf is open to the test of the published vector.
var TagOf = tagOf

// CountOnly is one pass over the box, for the benchmark.
func (b *Box) CountOnly(ctx context.Context, p Poll) error { _, err := b.count(ctx, p); return err }

// Fill puts a first ballot for everybody, as Put would one by one, but in tag
// order and many to a statement, so that a benchmark of a million does not spend
// its time on getting there.
func (b *Box) Fill(ctx context.Context, p Poll, n int, person func(i int) []byte, answer func(i int) Answer) error {
	aead, err := b.aead(p)
	if err != nil {
		return err
	}
	type row struct{ tag, sealed []byte }
	rows := make([]row, n)
	for i := range rows {
		choice, err := encode(p.Questions, answer(i))
		if err != nil {
			return err
		}
		tag := b.tag(p, person(i))
		rows[i] = row{tag, seal(aead, p, tag, opened{first: choice, choice: choice})}
	}
	slices.SortFunc(rows, func(x, y row) int { return bytes.Compare(x.tag, y.tag) })
	const batch = 500
	for part := range slices.Chunk(rows, batch*20) {
		if err := b.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
			for some := range slices.Chunk(part, batch) {
				var args []any
				for _, r := range some {
					args = append(args, p.ID, r.tag, r.sealed)
				}
				if _, err := tx.Exec(ctx, "insert into ballots (poll, tag, seq, sealed) values "+strings.TrimSuffix(strings.Repeat("(?, ?, 0, ?),", len(some)), ","), args...); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}
