package store

import (
	"context"
	"fmt"
	"math"
	"strings"
)

// Full-text search is where the two databases differ most, so what differs of it
// is here: search_terms says by which terms an item is found. On SQLite that is
// an FTS5 table without content or positions, on PostgreSQL a tsvector with a
// GIN index. A term is made of small letters and digits; what it means, its
// ending taken off, is the business of internal/search.

// SetTerms has an item found by these terms and no others.
func (b Bound) SetTerms(ctx context.Context, item int64, terms []string) error {
	var err error
	if text := strings.Join(terms, " "); b.pg {
		_, err = b.Exec(ctx, `
			insert into search_terms (item, terms) values (?, array_to_tsvector(string_to_array(?, ' ')))
			on conflict (item) do update set terms = excluded.terms`, item, text)
	} else {
		_, err = b.Exec(ctx, "insert or replace into search_terms (rowid, terms) values (?, ?)", item, text)
	}
	if err != nil {
		return fmt.Errorf("terms of item %d: %w", item, err)
	}
	return nil
}

// DropTerms has an item not found any more.
func (b Bound) DropTerms(ctx context.Context, item int64) error {
	query := "delete from search_terms where rowid = ?"
	if b.pg {
		query = "delete from search_terms where item = ?"
	}
	_, err := b.Exec(ctx, query, item)
	return err
}

// Match says which items are wanted: those that have, of each group, one of its
// terms at the least, and, if But is not empty, not one of each group of that.
type Match struct {
	All, But [][]string
	Before   int64 // items below it; 0 for all
	Limit    int
}

// recent is how many of the newest items PostgreSQL looks through one by one
// before it asks the index for all: a common word is among them often enough for
// a page, and a rare one costs the index little.
const recent = 3_000

// MatchTerms gives the items that match, the highest number first.
func (b Bound) MatchTerms(ctx context.Context, m Match) (items []int64, err error) {
	if len(m.All) == 0 {
		return nil, nil
	}
	if m.Before == 0 {
		m.Before = math.MaxInt64
	}
	if !b.pg {
		expression := m.expression(" AND ", " OR ", " NOT ", `"`)
		return b.matched(ctx, "select rowid from search_terms where search_terms match ? and rowid < ? order by rowid desc limit ?", expression, m.Before, m.Limit)
	}
	expression := m.expression(" & ", " | ", " & !", "'")
	items, err = b.matched(ctx, `
		select item from (select item, terms from search_terms where item < ? order by item desc limit ?) newest
		where terms @@ cast(? as tsquery) order by item desc limit ?`, m.Before, recent, expression, m.Limit)
	if err != nil || len(items) == m.Limit {
		return items, err
	}
	// The sum keeps the planner from walking all items backwards in the hope of
	// meeting matches: it cannot tell how rarely words stand together.
	return b.matched(ctx, `
		select item from search_terms where terms @@ cast(? as tsquery) and item < ? order by item + 0 desc limit ?`, expression, m.Before, m.Limit)
}

// expression writes a match as one of the databases reads it.
func (m Match) expression(and, or, not, quote string) string {
	write := func(groups [][]string) string {
		parts := make([]string, len(groups))
		for i, g := range groups {
			parts[i] = "(" + quote + strings.Join(g, quote+or+quote) + quote + ")"
		}
		return "(" + strings.Join(parts, and) + ")"
	}
	if len(m.But) == 0 {
		return write(m.All)
	}
	return write(m.All) + not + write(m.But)
}

func (b Bound) matched(ctx context.Context, query string, args ...any) (items []int64, err error) {
	rows, err := b.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("match terms: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var item int64
		if err := rows.Scan(&item); err != nil {
			return nil, fmt.Errorf("match terms: %w", Kind(err))
		}
		items = append(items, item)
	}
	return items, Kind(rows.Err())
}
