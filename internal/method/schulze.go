package method

// Order is a ranking with ties.
type Order struct {
	// Places are the options by place, the best first; those of one place tie, and
	// stand in ballot order there.
	Places [][]int
	// Strengths are those of the strongest paths, row by row: how strongly option a
	// beats option b, straight or by way of others, is Strengths[a*options+b].
	Strengths []int
}

// Winner is the one option that is best, or -1 when several tie for it or there
// is none.
func (o Order) Winner() int {
	if len(o.Places) == 0 || len(o.Places[0]) != 1 {
		return -1
	}
	return o.Places[0][0]
}

// Schulze ranks options by the method of Markus Schulze ("A new monotonic,
// clone-independent, reversal symmetric, and Condorcet-consistent single-winner
// election method", Social Choice and Welfare 36, 2011), with winning votes: a
// defeat is as strong as the number of ballots behind it, a path as strong as
// its weakest defeat, and an option beats another when its strongest path there
// is stronger than the one back. Who wins every straight comparison wins.
//
// pairs gives for each ordered pair of options how many ballots put the first
// above the second: (0,1), (0,2) … (1,0), (1,2) … (the slots of a ranking).
//
// Ties stay ties, nothing is drawn by lot: the first place is for all options
// that no other beats, each later one for all that none of those left beats.
func Schulze(options int, pairs []int) Order {
	n := options
	p := make([]int, n*n)
	for a := range n {
		for b := range n {
			if a != b && above(n, pairs, a, b) > above(n, pairs, b, a) {
				p[a*n+b] = above(n, pairs, a, b)
			}
		}
	}
	for by := range n {
		for a := range n {
			for b := range n {
				if a != b {
					p[a*n+b] = max(p[a*n+b], min(p[a*n+by], p[by*n+b]))
				}
			}
		}
	}
	return Order{Places: places(n, func(a, b int) bool { return p[a*n+b] > p[b*n+a] }), Strengths: p}
}

// CondorcetWinner is the option that more ballots put above than below each
// other one, or -1 when there is none; pairs are as for Schulze.
func CondorcetWinner(options int, pairs []int) int {
	for a := range options {
		wins := 0
		for b := range options {
			if a != b && above(options, pairs, a, b) > above(options, pairs, b, a) {
				wins++
			}
		}
		if wins == options-1 {
			return a
		}
	}
	return -1
}

func above(options int, pairs []int, a, b int) int {
	if b > a {
		b--
	}
	return pairs[a*(options-1)+b]
}

// places takes those that none of the rest beats, again and again; beats must
// be free of cycles.
func places(options int, beats func(a, b int) bool) (out [][]int) {
	placed := make([]bool, options)
	for left := options; left > 0; {
		var best []int
		for a := range options {
			if placed[a] {
				continue
			}
			beaten := false
			for b := 0; b < options && !beaten; b++ {
				beaten = !placed[b] && beats(b, a)
			}
			if !beaten {
				best = append(best, a)
			}
		}
		for _, a := range best {
			placed[a] = true
		}
		left -= len(best)
		out = append(out, best)
	}
	return out
}
