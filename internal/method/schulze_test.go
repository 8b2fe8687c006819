package method_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"viche/internal/ballot"
	"viche/internal/method"
)

// ranked is how many people put the options in one order, the best first.
type ranked struct {
	people int
	order  string // letters, A is option 0
}

// pairsOf counts rankings as a box does: who is not ranked stands below all who
// are.
func pairsOf(options int, votes []ranked) []int {
	pairs := make([]int, options*(options-1))
	for _, v := range votes {
		for a := range options {
			for b := range options {
				at, other := slices.Index([]byte(v.order), byte('A'+a)), slices.Index([]byte(v.order), byte('A'+b))
				if a != b && at >= 0 && (other < 0 || at < other) {
					pairs[ballot.Pair(options, a, b)] += v.people
				}
			}
		}
	}
	return pairs
}

func letters(places [][]int) string {
	out := ""
	for i, place := range places {
		if i > 0 {
			out += ">"
		}
		for j, o := range place {
			if j > 0 {
				out += "="
			}
			out += string(rune('A' + o))
		}
	}
	return out
}

func TestSchulzeCountsPublishedElections(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options int
		votes   []ranked
		want    string
	}{
		// Schulze 2011, example 1; also the example of Wikipedia's article.
		"Schulze, 45 voters": {5, []ranked{
			{5, "ACBED"}, {5, "ADECB"}, {8, "BEDAC"}, {3, "CABED"}, {7, "CAEBD"}, {2, "CBADE"}, {7, "DCEBA"}, {8, "EBADC"},
		}, "E>A>C>B>D"},
		// Schulze, "The Schulze Method of Voting" (arXiv 1804.02973), the example with two
		// potential winners, B and D.
		"Schulze, two potential winners": {4, []ranked{{3, "ABCD"}, {2, "DABC"}, {2, "DBCA"}, {2, "CBDA"}}, "B=D>A=C"},
		// The capital of Tennessee, the example of Wikipedia's article on the Condorcet
		// method: A Memphis, B Nashville, C Chattanooga, D Knoxville.
		"Tennessee": {4, []ranked{{42, "ABCD"}, {26, "BCDA"}, {15, "CDBA"}, {17, "DCBA"}}, "B>C>D>A"},
		// Condorcet's paradox with nothing to choose between the three.
		"a cycle of equals":     {3, []ranked{{1, "ABC"}, {1, "BCA"}, {1, "CAB"}}, "A=B=C"},
		"a cycle, weakest B>C":  {3, []ranked{{4, "ABC"}, {3, "BCA"}, {5, "CAB"}}, "C>A>B"},
		"no ballots":            {3, nil, "A=B=C"},
		"one ballot":            {3, []ranked{{1, "CAB"}}, "C>A>B"},
		"one ballot, cut short": {4, []ranked{{1, "C"}}, "C>A=B=D"},
		"two who cancel out":    {2, []ranked{{7, "AB"}, {7, "BA"}}, "A=B"},
		"one option":            {1, []ranked{{3, "A"}}, "A"},
		"no option":             {0, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := method.Schulze(c.options, pairsOf(c.options, c.votes))
			if letters(got.Places) != c.want {
				t.Errorf("places %s, want %s (strengths %v)", letters(got.Places), c.want, got.Strengths)
			}
		})
	}
}

// Adding a copy of an option that everybody ranks beside it changes nothing
// among the others.
func TestSchulzeIsNotSwayedByClones(t *testing.T) {
	t.Parallel()
	votes := []ranked{{5, "ACBED"}, {5, "ADECB"}, {8, "BEDAC"}, {3, "CABED"}, {7, "CAEBD"}, {2, "CBADE"}, {7, "DCEBA"}, {8, "EBADC"}}
	var cloned []ranked
	for i, v := range votes { // F is E's clone, in either order
		twins := [...]string{"EF", "FE"}[i%2]
		at := slices.Index([]byte(v.order), 'E')
		cloned = append(cloned, ranked{v.people, v.order[:at] + twins + v.order[at+1:]})
	}
	var got []int
	for _, place := range method.Schulze(6, pairsOf(6, cloned)).Places {
		for _, o := range place {
			if o != 5 {
				got = append(got, o)
			}
		}
	}
	if want := []int{4, 0, 2, 1, 3}; !slices.Equal(got, want) {
		t.Errorf("with a clone of the winner: %v, want %v", got, want)
	}
}

// TestSchulzeAgreesWithWalkingEveryPath compares with the definition taken
// literally: every path without repetition from each option to each other.
func TestSchulzeAgreesWithWalkingEveryPath(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(4, 2))
	for round := range 400 {
		n := 2 + random.IntN(5)
		var votes []ranked
		for range random.IntN(9) {
			order := []byte("ABCDEF")[:n]
			random.Shuffle(n, func(i, j int) { order[i], order[j] = order[j], order[i] })
			votes = append(votes, ranked{1 + random.IntN(4), string(order[:1+random.IntN(n)])})
		}
		pairs := pairsOf(n, votes)
		got := method.Schulze(n, pairs)
		for a := range n {
			for b := range n {
				if want := strongest(n, pairs, a, b, make([]bool, n)); a != b && got.Strengths[a*n+b] != want {
					t.Fatalf("round %d, %v: strongest path %d to %d is %d, want %d", round, votes, a, b, got.Strengths[a*n+b], want)
				}
			}
		}
		if want := bySurvivors(n, pairs); fmt.Sprint(got.Places) != fmt.Sprint(want) {
			t.Fatalf("round %d, %v: places %v, want %v", round, votes, got.Places, want)
		}
		if c := method.CondorcetWinner(n, pairs); c >= 0 && got.Winner() != c {
			t.Fatalf("round %d, %v: %d wins every comparison, places are %v", round, votes, c, got.Places)
		}
	}
}

// strongest walks every path that repeats nothing.
func strongest(n int, pairs []int, from, to int, been []bool) (best int) {
	been[from] = true
	defer func() { been[from] = false }()
	for by := range n {
		if been[by] || by == from {
			continue
		}
		step := pairs[ballot.Pair(n, from, by)]
		if step <= pairs[ballot.Pair(n, by, from)] {
			continue
		}
		if by != to {
			step = min(step, strongest(n, pairs, by, to, been))
		}
		best = max(best, step)
	}
	return best
}

// bySurvivors asks for each place anew who of those left is beaten by nobody.
func bySurvivors(n int, pairs []int) (places [][]int) {
	var left []int
	for a := range n {
		left = append(left, a)
	}
	for len(left) > 0 {
		var place, rest []int
		for _, a := range left {
			free := !slices.ContainsFunc(left, func(b int) bool {
				return b != a && strongest(n, pairs, b, a, make([]bool, n)) > strongest(n, pairs, a, b, make([]bool, n))
			})
			if free {
				place = append(place, a)
			} else {
				rest = append(rest, a)
			}
		}
		places, left = append(places, place), rest
	}
	return places
}

func TestCondorcetWinnerIsAheadOfEachOther(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options int
		votes   []ranked
		want    int
	}{
		"Tennessee":  {4, []ranked{{42, "ABCD"}, {26, "BCDA"}, {15, "CDBA"}, {17, "DCBA"}}, 1},
		"a cycle":    {3, []ranked{{4, "ABC"}, {3, "BCA"}, {5, "CAB"}}, -1},
		"a draw":     {2, []ranked{{1, "AB"}, {1, "BA"}}, -1},
		"no ballots": {2, nil, -1},
		"no options": {0, nil, -1},
	} {
		if got := method.CondorcetWinner(c.options, pairsOf(c.options, c.votes)); got != c.want {
			t.Errorf("%s: CondorcetWinner = %d, want %d", name, got, c.want)
		}
	}
}

func BenchmarkSchulze40(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 1))
	pairs := make([]int, 40*39)
	for i := range pairs {
		pairs[i] = random.IntN(1_000_000)
	}
	for b.Loop() {
		method.Schulze(40, pairs)
	}
}
