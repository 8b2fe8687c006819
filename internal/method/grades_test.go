package method_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"viche/internal/method"
)

func TestMajorityCountsPublishedElections(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		candidates []method.Grades
		want       string
	}{
		// The twelve candidates of the experiment at Orsay, 22 April 2007, 1733 ballots in
		// per mille, excellent … to reject (Balinski and Laraki, "Election by Majority
		// Judgment: Experimental Evidence", 2007): A Besancenot, B Buffet, C Schivardi,
		// D Bayrou, E Bové, F Voynet, G Villiers, H Royal, I Nihous, J Le Pen, K Laguiller,
		// L Sarkozy. They rank D, H, L, F, A, B, E, K, I, G, C, J.
		"Orsay 2007": {[]method.Grades{
			{41, 99, 163, 160, 226, 311}, {25, 76, 125, 206, 264, 304}, {5, 10, 39, 95, 249, 604}, {136, 307, 251, 148, 84, 74},
			{15, 60, 114, 160, 257, 395}, {29, 93, 175, 237, 261, 205}, {24, 64, 87, 113, 158, 555}, {167, 227, 191, 168, 122, 126},
			{3, 18, 53, 110, 267, 550}, {30, 46, 62, 65, 54, 744}, {21, 53, 102, 166, 259, 401}, {191, 198, 143, 115, 71, 282},
		}, "D>H>L>F>A>B>E>K>I>G>C>J"},
		"no candidate":                {nil, ""},
		"no ballots":                  {[]method.Grades{{0, 0, 0}, {0, 0, 0}}, "A=B"},
		"one ballot":                  {[]method.Grades{{0, 1, 0}, {1, 0, 0}, {0, 0, 1}}, "B>A>C"},
		"one without any grade":       {[]method.Grades{{0, 0, 0}, {0, 0, 9}}, "B>A"},
		"two alike":                   {[]method.Grades{{2, 3, 4}, {4, 3, 2}, {2, 3, 4}}, "B>A=C"},
		"two alike at half the count": {[]method.Grades{{2, 4, 6}, {1, 2, 3}}, "A=B"},
		// Both medians are the middle grade; taken away once, A shows the worse next.
		"more against than for": {[]method.Grades{{3, 3, 4}, {4, 3, 3}}, "B>A"},
		// As many for as against: the smaller middle is reached first, at its worse edge.
		"for and against alike":  {[]method.Grades{{4, 2, 4}, {3, 4, 3}}, "B>A"},
		"halves, the worse half": {[]method.Grades{{5, 0, 5}, {0, 10, 0}}, "B>A"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := letters(method.Majority(c.candidates)); got != c.want {
				t.Errorf("Majority(%v) = %s, want %s", c.candidates, got, c.want)
			}
		})
	}
}

// A candidate whose grades are another's, copied, stands at the same place and
// moves nobody else.
func TestMajorityIsNotSwayedByClones(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(7, 7))
	for range 200 {
		var candidates []method.Grades
		for range 5 {
			candidates = append(candidates, someGrades(random, 6, 9))
		}
		before := method.Majority(candidates)
		after := method.Majority(append(slices.Clone(candidates), candidates[2]))
		for i, place := range before {
			if slices.Contains(place, 2) {
				place = append(slices.Clone(place), 5)
			}
			if !slices.Equal(place, after[i]) {
				t.Fatalf("%v: places %v, with a clone of 2 %v", candidates, before, after)
			}
		}
	}
}

// A better grade in place of a worse one never costs a place.
func TestMajorityRewardsABetterGrade(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(8, 8))
	for range 2000 {
		a, b := someGrades(random, 4, 9), someGrades(random, 4, 9)
		from := random.IntN(4)
		if a[from] == 0 || from == 0 {
			continue
		}
		better := slices.Clone(a)
		better[from]--
		better[random.IntN(from)]++
		rank := func(g method.Grades) int { return placeOf(method.Majority([]method.Grades{g, b}), 0) }
		if rank(better) > rank(a) {
			t.Fatalf("against %v: %v has place %d, the better %v place %d", b, a, rank(a), better, rank(better))
		}
	}
}

func placeOf(places [][]int, candidate int) int {
	return slices.IndexFunc(places, func(place []int) bool { return slices.Contains(place, candidate) })
}

// TestMajorityAgreesWithTakingMediansAway compares with the rule taken
// literally: sort all grades, take the median away, and again.
func TestMajorityAgreesWithTakingMediansAway(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 9))
	for range 3000 {
		grades := 2 + random.IntN(5)
		a, b := someGrades(random, grades, 12), someGrades(random, grades, 12)
		want := slices.Compare(medians(a, b.N()), medians(b, a.N()))
		if a.N() == 0 || b.N() == 0 {
			want = min(b.N(), 1) - min(a.N(), 1)
		}
		places := method.Majority([]method.Grades{a, b})
		if got := placeOf(places, 0) - placeOf(places, 1); got != want {
			t.Fatalf("%v and %v: places %v, the medians taken away %v and %v", a, b, places, medians(a, b.N()), medians(b, a.N()))
		}
		if want := -1; a.N() > 0 {
			want = medians(a, 1)[0]
			if got := a.Median(); got != want {
				t.Fatalf("%v: Median = %d, want %d", a, got, want)
			}
		} else if got := a.Median(); got != want {
			t.Fatalf("%v: Median = %d, want %d", a, got, want)
		}
	}
}

// medians are the grades in the order in which they are taken away, each grade
// repeated so that candidates of different counts compare; equal counts are left
// as they are.
func medians(g method.Grades, repeat int) (out []int) {
	if repeat == g.N() {
		repeat = 1
	}
	var all []int // the worst first
	for i := len(g) - 1; i >= 0; i-- {
		for range g[i] * repeat {
			all = append(all, i)
		}
	}
	for len(all) > 0 {
		at := (len(all) - 1) / 2
		out = append(out, all[at])
		all = slices.Delete(all, at, at+1)
	}
	return out
}

func someGrades(random *rand.Rand, grades, most int) method.Grades {
	g := make(method.Grades, grades)
	for range random.IntN(most + 1) {
		g[random.IntN(grades)]++
	}
	return g
}

func TestGradesInWordsOfAPage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		grades                method.Grades
		better, median, worse int
		atLeastGood           int
	}{
		{method.Grades{1, 2, 3, 4, 5, 6}, 10, 4, 6, 6}, // 21 grades, the eleventh
		{method.Grades{10, 0, 0, 0, 0, 10}, 10, 5, 0, 10},
		{method.Grades{0, 0, 0, 0, 0, 1}, 0, 5, 0, 0},
		{method.Grades{0, 0, 0, 0, 0, 0}, 0, -1, 0, 0},
	} {
		if b, m, w := c.grades.Gauge(); b != c.better || m != c.median || w != c.worse {
			t.Errorf("Gauge(%v) = %d, %d, %d, want %d, %d, %d", c.grades, b, m, w, c.better, c.median, c.worse)
		}
		if got := c.grades.AtLeast(2); got != c.atLeastGood {
			t.Errorf("AtLeast(%v, 2) = %d, want %d", c.grades, got, c.atLeastGood)
		}
	}
}

func TestMeanIsThatOfEveryValueWrittenOut(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 5))
	values := []int{5, 4, 3, 2, 1, 0}
	for range 200 {
		g := someGrades(random, 6, 30)
		sum, n := 0.0, 0.0
		for i, c := range g {
			for range c {
				sum, n = sum+float64(values[i]), n+1
			}
		}
		want := 0.0
		if n > 0 {
			want = sum / n
		}
		if got := g.Mean(values); math.Abs(got-want) > 1e-12 {
			t.Fatalf("Mean(%v) = %v, want %v", g, got, want)
		}
	}
}

func BenchmarkMajority60(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 1))
	candidates := make([]method.Grades, 60)
	for i := range candidates {
		// Alike but for a little, so that every tie-break is walked to its end.
		candidates[i] = method.Grades{100_000, 150_000, 250_000, 250_000, 150_000, 100_000 + random.IntN(2)}
	}
	for b.Loop() {
		method.Majority(candidates)
	}
}
