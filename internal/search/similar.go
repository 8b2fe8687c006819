package search

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"viche/internal/store"
)

const (
	similarWords = 6  // of the text that are compared
	similarEach  = 60 // newest items with one word that are looked at
)

// Similar gives the items of a module that have the most in common with what
// somebody is writing: two words at the least, or the only one. Words count the
// more the fewer items have them.
func Similar(ctx context.Context, q store.Bound, text, module string, limit int) ([]Found, error) {
	words := wanted(shortened(text, MaxQuery))
	// Long words tell more about a matter than short ones.
	slices.SortStableFunc(words, func(a, b []string) int { return cmp.Compare(len(b[0]), len(a[0])) })
	words = words[:min(len(words), similarWords)]
	type scored struct {
		weight float64
		words  int
	}
	score := map[int64]scored{}
	for _, w := range marked(inText, words) {
		all := [][]string{w}
		if module != "" {
			all = append(all, []string{byModule + plain(module)})
		}
		ids, err := q.MatchTerms(ctx, store.Match{All: all, Limit: similarEach})
		if err != nil {
			return nil, fmt.Errorf("similar: %w", err)
		}
		for _, id := range ids {
			s := score[id]
			score[id] = scored{s.weight + 1/float64(1+len(ids)), s.words + 1}
		}
	}
	var ids []int64
	for id, s := range score {
		if s.words >= min(2, len(words)) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b int64) int {
		return cmp.Or(cmp.Compare(score[b].words, score[a].words), cmp.Compare(score[b].weight, score[a].weight), cmp.Compare(b, a))
	})
	items, err := load(ctx, q, ids[:min(len(ids), max(limit, 0))])
	if err != nil {
		return nil, fmt.Errorf("similar: %w", err)
	}
	found := make([]Found, len(items))
	for i, it := range items {
		found[i] = Found{it, pieces(strings.TrimSpace(it.Title), words), snippet(it.Text, words)}
	}
	return found, nil
}
