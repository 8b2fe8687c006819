package search

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// finds tells whether all words of a query are found among those of a text, as
// Find compares them.
func finds(query, text string) bool {
	var have []string
	eachWord(text, func(w string, _, _ int) bool { have = append(have, stems(w)...); return true })
	all := true
	eachWord(query, func(w string, _, _ int) bool {
		s := stems(w)
		if s != nil && !slices.ContainsFunc(s, func(one string) bool { return slices.Contains(have, one) }) {
			all = false
		}
		return all
	})
	return all
}

func pairsOf(t *testing.T, file string) (list [][2]string) {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(raw)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		one, other, ok := strings.Cut(line, " | ")
		if !ok || seen[line] {
			t.Fatalf("%s: %q is no pair, or stands there twice", file, line)
		}
		seen[line] = true
		list = append(list, [2]string{one, other})
	}
	return list
}

func TestWordFormsAreFound(t *testing.T) {
	t.Parallel()
	list := pairsOf(t, "forms.txt")
	if len(list) < 200 {
		t.Fatalf("only %d pairs", len(list))
	}
	var missed []string
	for _, p := range list {
		if !finds(p[0], p[1]) || !finds(p[1], p[0]) && !strings.Contains(p[1], " ") {
			missed = append(missed, p[0]+" | "+p[1])
		}
	}
	t.Logf("%d of %d pairs found; missed: %q", len(list)-len(missed), len(list), missed)
	if len(missed)*10 > len(list) {
		t.Errorf("%d of %d pairs are not found, more than a tenth", len(missed), len(list))
	}
}

func TestDifferentWordsStayApart(t *testing.T) {
	t.Parallel()
	list := pairsOf(t, "apart.txt")
	var mixed []string
	for _, p := range list {
		if finds(p[0], p[1]) || finds(p[1], p[0]) {
			mixed = append(mixed, p[0]+" | "+p[1])
		}
	}
	t.Logf("%d of %d pairs mixed up: %q", len(mixed), len(list), mixed)
	if len(mixed)*10 > len(list) {
		t.Errorf("%d of %d pairs are mixed up, more than a tenth", len(mixed), len(list))
	}
}
