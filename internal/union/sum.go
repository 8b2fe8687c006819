package union

import (
	"cmp"
	"slices"

	"viche/internal/ballot"
)

// leastCities is how many cities a line joins: with two, one could subtract
// itself and find the other.
const leastCities = 3

// country is the territory that holds everything.
const country = "UA"

// cityShare is a city's part while it is decided how the result shows it.
type cityShare struct {
	actor, territory string
	numbers          ballot.Numbers
	// shown says that an earlier version showed this city by itself: it can
	// hide nobody any more. line names the line that it was hidden in.
	shown bool
	line  string
}

// arrangement is who stands alone, who is in which line, and who could not be
// hidden with enough others. Indexes are those of the shares.
type arrangement struct {
	alone []int
	lines map[string][]int
	left  []int
}

// arrange hides small cities (rule 5): each in the line of its oblast, with at
// least two others, the next smallest if need be; where an oblast has not
// enough, in the country's line. A line is added to later only by three cities
// together that could be shown as a group, so that no two versions, subtracted,
// give away one of them.
func arrange(shares []cityShare, k int, oblast func(code string) string) arrangement {
	a := arrangement{lines: map[string][]int{}}
	hidden := map[string][]int{}
	var free []int
	for i, s := range shares {
		switch {
		case s.line != "":
			a.lines[s.line] = append(a.lines[s.line], i)
		case !s.numbers.Showable(k):
			hidden[oblast(s.territory)] = append(hidden[oblast(s.territory)], i)
		default:
			free = append(free, i)
		}
	}
	slices.SortFunc(free, func(i, j int) int {
		x, y := shares[i], shares[j]
		return cmp.Or(cmp.Compare(x.numbers.Ballots, y.numbers.Ballots), cmp.Compare(x.actor, y.actor))
	})
	var rest []int
	for _, code := range sorted(hidden) {
		var took bool
		if free, took = a.join(shares, k, code, hidden[code], free, func(i int) bool { return oblast(shares[i].territory) == code }); !took {
			rest = append(rest, hidden[code]...)
		}
	}
	for len(rest) > 0 {
		var took bool
		if free, took = a.join(shares, k, country, rest, free, func(int) bool { return true }); took {
			break
		}
		// A new line that an oblast has for itself can join the country's.
		code, found := a.newLine(shares)
		if !found {
			a.left = rest
			break
		}
		rest = append(rest, a.lines[code]...)
		delete(a.lines, code)
	}
	a.alone = free
	slices.Sort(a.alone)
	return a
}

// join makes a line of the hidden, with the smallest of those free that lie in
// it, or adds to the line there is. What is still free comes back.
func (a *arrangement) join(shares []cityShare, k int, code string, hidden, free []int, in func(int) bool) ([]int, bool) {
	group := slices.Clone(hidden)
	enough := func() bool { return len(group) >= leastCities && sumOf(shares, group).Showable(k) }
	var left []int
	for _, i := range free {
		if enough() || shares[i].shown || !in(i) {
			left = append(left, i)
			continue
		}
		group = append(group, i)
	}
	if !enough() {
		return free, false
	}
	a.lines[code] = append(a.lines[code], group...)
	return left, true
}

// force counts those left after all, because their ballots decide: in the
// country's line, with the smallest of those that stand alone, though these
// were seen before.
func (a *arrangement) force(shares []cityShare, k int) {
	all := append(slices.Clone(a.left), a.alone...)
	for _, group := range a.lines {
		all = append(all, group...)
	}
	without := slices.DeleteFunc(slices.Clone(all), func(i int) bool { return slices.Contains(a.left, i) })
	if len(a.left) == 0 || !changesOutcome(sumOf(shares, without), sumOf(shares, all)) {
		return
	}
	group := append(a.left, a.lines[country]...)
	slices.SortFunc(a.alone, func(i, j int) int { return cmp.Compare(shares[i].numbers.Ballots, shares[j].numbers.Ballots) })
	for len(a.alone) > 0 && (len(group) < leastCities || !sumOf(shares, group).Showable(k)) {
		group, a.alone = append(group, a.alone[0]), a.alone[1:]
	}
	if len(group) >= 2 {
		a.lines[country], a.left = group, nil
	}
	slices.Sort(a.alone)
}

func (a *arrangement) newLine(shares []cityShare) (string, bool) {
	for _, code := range sorted(a.lines) {
		fixed := slices.ContainsFunc(a.lines[code], func(i int) bool { return shares[i].line != "" })
		if code != country && !fixed {
			return code, true
		}
	}
	return "", false
}

func sumOf(shares []cityShare, group []int) (sum ballot.Numbers) {
	for _, i := range group {
		sum = plus(sum, shares[i].numbers)
	}
	return sum
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// outcome says which options lead each question; equal leaders lead together.
func outcome(n ballot.Numbers) (lead [][]int) {
	for _, q := range n.Questions {
		var best []int
		for i, c := range q.Counts {
			switch {
			case len(best) == 0 || c > q.Counts[best[0]]:
				best = []int{i}
			case c == q.Counts[best[0]]:
				best = append(best, i)
			}
		}
		lead = append(lead, best)
	}
	return lead
}

// changesOutcome tells whether the order at the top is another.
func changesOutcome(before, after ballot.Numbers) bool {
	return !slices.EqualFunc(outcome(before), outcome(after), slices.Equal[[]int])
}
