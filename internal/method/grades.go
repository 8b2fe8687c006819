package method

import "slices"

// Grades are how many people gave each grade to one candidate, the best grade
// first. Who gave none is in no count: ungraded is not the lowest grade.
type Grades []int

// N is how many grades there are.
func (g Grades) N() (n int) {
	for _, c := range g {
		n += c
	}
	return n
}

// AtLeast is how many grades are as good as the given one or better: with the
// lowest grade that counts as support, the count of approval voting.
func (g Grades) AtLeast(grade int) (n int) {
	for i := 0; i <= grade && i < len(g); i++ {
		n += g[i]
	}
	return n
}

// Median is the grade in the middle; of two in the middle the worse one, as at
// least half must have given it or a better one. It is -1 when there are none.
func (g Grades) Median() int {
	n := g.N()
	if n == 0 {
		return -1
	}
	grade, better := 0, 0
	for 2*(better+g[grade]) < n {
		better += g[grade]
		grade++
	}
	// With exactly half of the grades up to here, the next given one is the lower of
	// the two in the middle.
	if 2*(better+g[grade]) == n {
		for grade++; g[grade] == 0; grade++ {
		}
	}
	return grade
}

// Gauge is the median with how many grades are better and how many are worse:
// what a page says to explain a place.
func (g Grades) Gauge() (better, median, worse int) {
	median = g.Median()
	if median < 0 {
		return 0, median, 0
	}
	better = g.AtLeast(median - 1)
	return better, median, g.N() - better - g[median]
}

// Mean is the mean of values given by grade, as in score voting; 0 without
// grades. It is for numbers, not for worded grades, whose distances nobody
// knows.
func (g Grades) Mean(values []int) float64 {
	n, sum := 0, 0
	for i, c := range g {
		n += c
		sum += c * values[i]
	}
	if n == 0 {
		return 0
	}
	return float64(sum) / float64(n)
}

// Majority ranks candidates by majority judgment (Michel Balinski and Rida
// Laraki, "Majority Judgment", MIT Press 2011): the better median first. Among
// equal medians their own tie-break holds: one median grade of each is taken
// away, again and again, until the medians differ. It was chosen before the
// newer ones (Fabre, "Tie-breaking the highest median", 2021) since it is the
// one that the method is known by and that other programs can check.
//
// Candidates need not have equally many grades, for who gives none is left out.
// So what is compared are shares: the result is that of Balinski and Laraki when
// each candidate's grades are repeated until all have equally many, and is the
// same when every ballot is cast twice. With equally many it is theirs as it
// stands.
//
// Candidates with the same shares of all grades tie. Those without any grade
// come last and tie.
func Majority(candidates []Grades) [][]int {
	order := make([]int, len(candidates))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return compare(candidates[a], candidates[b]) })
	var places [][]int
	for i, c := range order {
		if i > 0 && compare(candidates[order[i-1]], candidates[c]) == 0 {
			places[len(places)-1] = append(places[len(places)-1], c)
		} else {
			places = append(places, []int{c})
		}
	}
	return places
}

// compare is negative when a stands before b. Taking medians away opens a gap in
// the middle of the sorted grades, as far to the better side as to the worse;
// what is taken next are the grades at its edges, the worse edge first. So both
// gaps are opened together, from one edge of a grade to the next.
func compare(a, b Grades) int {
	if n, m := a.N(), b.N(); n == 0 || m == 0 {
		return min(m, 1) - min(n, 1)
	}
	// The middle is at length n·m on a line of 2·n·m, so that all edges are whole.
	middle := a.N() * b.N()
	x, y := newGap(a, 2*b.N(), middle), newGap(b, 2*a.N(), middle)
	for open := 0; open < middle; {
		if x.worse != y.worse {
			return x.worse - y.worse
		}
		if x.better != y.better {
			return x.better - y.better
		}
		open = min(x.worseEdge-middle, middle-x.betterEdge, y.worseEdge-middle, middle-y.betterEdge)
		x.widen(open)
		y.widen(open)
	}
	return 0
}

// gap is an opening in the middle of a candidate's sorted grades, the best at 0.
type gap struct {
	grades                Grades
	each, middle          int
	better, worse         int // the grades at its edges
	betterEdge, worseEdge int // how far those grades reach
}

func newGap(g Grades, each, middle int) *gap {
	out := &gap{grades: g, each: each, middle: middle, better: -1, worse: len(g)}
	end := 0
	for i, c := range g {
		start := end
		end += c * each
		if start < middle && middle <= end {
			out.better, out.betterEdge = i, start
		}
		if start <= middle && middle < end {
			out.worse, out.worseEdge = i, end
		}
	}
	return out
}

// widen opens the gap by so much on both sides of the middle, no further than
// the grades at its edges reach.
func (g *gap) widen(open int) {
	for g.middle-open <= g.betterEdge && g.better > 0 {
		g.better--
		g.betterEdge -= g.grades[g.better] * g.each
	}
	for g.middle+open >= g.worseEdge && g.worse < len(g.grades)-1 {
		g.worse++
		g.worseEdge += g.grades[g.worse] * g.each
	}
}
