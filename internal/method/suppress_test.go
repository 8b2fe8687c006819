package method_test

import (
	"slices"
	"testing"

	"viche/internal/method"
)

func TestSuppressHidesASecondGroup(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sizes []int
		also  []int
		want  []bool
	}{
		"none is small":          {[]int{10, 20, 30}, nil, []bool{false, false, false}},
		"one is small":           {[]int{3, 30, 20}, nil, []bool{true, false, true}},
		"two small":              {[]int{5, 30, 6, 20}, nil, []bool{true, false, true, true}},
		"two alike to hide it":   {[]int{3, 20, 30, 20}, nil, []bool{true, true, false, true}},
		"an empty one":           {[]int{0, 12, 30}, nil, []bool{true, true, false}},
		"one is hidden besides":  {[]int{50, 20, 30}, []int{0}, []bool{true, true, false}},
		"one besides, one small": {[]int{50, 0, 30, 40}, []int{0}, []bool{true, true, true, false}},
		"all together are small": {[]int{3, 4}, nil, []bool{true, true}},
		"one group":              {[]int{3}, nil, []bool{true}},
		"no group":               {nil, nil, []bool{}},
	} {
		if got := method.Suppress(c.sizes, 10, c.also...); !slices.Equal(got, c.want) {
			t.Errorf("%s: Suppress(%v, 10, %v) = %v, want %v", name, c.sizes, c.also, got, c.want)
		}
	}
}

// TestNobodyRecoversAHiddenGroup goes through every small table and takes the
// part of somebody who knows the rule by heart, sees the sum and the groups
// shown, and writes down every table that would have looked the same: no hidden
// group may have the same size in all of them, and those hidden together are k.
func TestNobodyRecoversAHiddenGroup(t *testing.T) {
	t.Parallel()
	const k = 3
	for groups := 2; groups <= 4; groups++ {
		const most = 7
		alike := map[string][][]int{}
		all(groups, most, func(sizes []int) {
			key := published(sizes, method.Suppress(sizes, k))
			alike[key] = append(alike[key], slices.Clone(sizes))
		})
		for key, tables := range alike {
			hidden := method.Suppress(tables[0], k)
			sum, together := 0, 0
			for i, n := range tables[0] {
				sum += n
				if hidden[i] {
					together += n
				}
			}
			if sum < k {
				continue // nothing of it is published, see Suppress
			}
			if slices.Contains(hidden, true) && together < k {
				t.Fatalf("%v: those hidden are %d together", tables[0], together)
			}
			for i := range groups {
				if !hidden[i] && tables[0][i] < k {
					t.Fatalf("%v: group %d is shown", tables[0], i)
				}
				if hidden[i] && !slices.ContainsFunc(tables, func(o []int) bool { return o[i] != tables[0][i] }) {
					t.Fatalf("published %s: group %d must be %d", key, i, tables[0][i])
				}
			}
		}
	}
}

// all calls with every table of so many groups of at most so many.
func all(groups, most int, with func([]int)) {
	sizes := make([]int, groups)
	for {
		with(sizes)
		i := 0
		for i < groups && sizes[i] == most {
			sizes[i] = 0
			i++
		}
		if i == groups {
			return
		}
		sizes[i]++
	}
}

func published(sizes []int, hidden []bool) string {
	out, sum := "", 0
	for i, n := range sizes {
		sum += n
		if hidden[i] {
			out += "? "
		} else {
			out += string(rune('0'+n)) + " "
		}
	}
	return out + "of " + string(rune('0'+sum))
}
