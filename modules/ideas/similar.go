package ideas

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"viche/internal/search"
	"viche/internal/store"
)

// How many ideas are looked through for similar ones, how many are shown, and
// how much alike they must be.
const (
	lookThrough = 500
	showAlike   = 3
	leastAlike  = 0.34
)

// Similar finds ideas that say much the same as a draft, the most alike first,
// so that its author may support one of them instead.
func (d *Ideas) Similar(ctx context.Context, f Draft) ([]*Idea, error) {
	f.tidy()
	var list []*Idea
	err := d.DB.Read().NewSelect().Model(&list).Column("id", "state", "title", "problem", "solution", "sphere", "territory", "created", "closes_at", "closed_at", "author").
		Where("hidden = 0 and state in ('new', 'gathering', 'answering', 'accepted', 'working', 'done')").Order("id desc").Limit(lookThrough).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("similar ideas: %w", store.Kind(err))
	}
	mine := wordsOf(f.Title, f.Problem, f.Solution)
	title := wordsOf(f.Title)
	type found struct {
		idea  *Idea
		alike float64
	}
	var all []found
	for _, one := range list {
		other := wordsOf(one.Title, one.Problem, one.Solution)
		// What the titles share says most; two long texts share some words anyway.
		a := max(common(title, wordsOf(one.Title)), 0.7*common(title, other)+0.3*common(mine, other))
		if a >= leastAlike {
			all = append(all, found{one, a})
		}
	}
	slices.SortStableFunc(all, func(a, b found) int { return cmp.Compare(b.alike, a.alike) })
	var out []*Idea
	for _, one := range all[:min(showAlike, len(all))] {
		out = append(out, one.idea)
	}
	return out, nil
}

// wordsOf are the stems of the words of some texts: endings change with case
// and number.
func wordsOf(texts ...string) map[string]bool {
	out := map[string]bool{}
	for _, text := range texts {
		for _, word := range strings.FieldsFunc(text, func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("’'ʼ`", r)
		}) {
			for _, stem := range search.Stems(word) {
				out[stem] = true
			}
		}
	}
	return out
}

// common is the share of the smaller set's words that the other has too.
func common(a, b map[string]bool) float64 {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(a) == 0 {
		return 0
	}
	n := 0
	for w := range a {
		if b[w] {
			n++
		}
	}
	return float64(n) / float64(len(a))
}
