// Package method has the ways of counting that Viche uses, as pure functions of
// what a ballot box gives out: histograms and pairwise counts, never ballots.
// Each function's comment says by which published rule it counts and what it
// does with a tie; nothing here is left to chance or to the order of arrival.
package method

// Out marks an option that is out of a runoff's round.
const Out = -1

// Runoff counts by instant runoff (also called the alternative vote): in each
// round every ballot counts for the option it places highest of those still in;
// when none has more than half of the ballots that count for somebody, the one
// with the fewest goes out. Of several with the fewest, that one goes which had
// fewer in the latest earlier round where they differ, else the last in ballot
// order. It ends with a majority or when one is left.
//
// lead gives for each option how many ballots it leads among those still in. A
// round's numbers follow the options; Out for one that is out. The winner is
// the option with the most in the last round.
func Runoff(options int, lead func(in []bool) ([]int, error)) (rounds [][]int, err error) {
	in := make([]bool, options)
	for i := range in {
		in[i] = true
	}
	for left := options; left > 0; left-- {
		counts, err := lead(in)
		if err != nil {
			return nil, err
		}
		round := make([]int, options)
		sum, most := 0, 0
		for i := range round {
			if round[i] = Out; in[i] {
				round[i] = counts[i]
				sum, most = sum+counts[i], max(most, counts[i])
			}
		}
		rounds = append(rounds, round)
		if 2*most > sum || left == 1 {
			break
		}
		in[last(rounds)] = false
	}
	return rounds, nil
}

// last is the option that goes out after the newest round.
func last(rounds [][]int) int {
	loser := -1
	for i, n := range rounds[len(rounds)-1] {
		if n != Out && (loser < 0 || !ahead(rounds, i, loser)) {
			loser = i
		}
	}
	return loser
}

// ahead says whether option a stays rather than b, which stands before it in
// ballot order.
func ahead(rounds [][]int, a, b int) bool {
	for r := len(rounds) - 1; r >= 0; r-- {
		if rounds[r][a] != rounds[r][b] {
			return rounds[r][a] > rounds[r][b]
		}
	}
	return false
}
