package method

import "slices"

// Suppress says which groups of a table to hide when the sum of all groups is
// published too (rule 5 of the counting rules): every group under k and those
// named in also, which are hidden on other grounds; and where any is hidden, the
// smallest of the others with them, so that no subtraction from the sum gives a
// hidden group and those hidden are k together.
//
// The rule itself may be known to everybody: groups as large as the smallest go
// with it, and it goes also where two are hidden already; otherwise the sum and
// the rule together would sometimes leave one possibility.
//
// When all groups together are under k, all are hidden and the sum must not be
// published either. Two tables of the same people by different marks are each
// safe alone; a table by both marks is not made safe by this.
func Suppress(sizes []int, k int, also ...int) []bool {
	hidden := make([]bool, len(sizes))
	smallest := -1
	for i, n := range sizes {
		hidden[i] = n < k || slices.Contains(also, i)
		if !hidden[i] && (smallest < 0 || n < smallest) {
			smallest = n
		}
	}
	if !slices.Contains(hidden, true) {
		return hidden
	}
	for i, n := range sizes {
		hidden[i] = hidden[i] || n == smallest
	}
	return hidden
}
