package officials_test

import (
	"testing"

	"viche/internal/ballot"
	"viche/modules/officials"
)

// numbers are those of a round in which everybody graded the whole alone.
func numbers(overall ...int) ballot.Numbers {
	n := ballot.Numbers{Register: 500}
	for _, c := range overall {
		n.Ballots += c
	}
	for i := range officials.Criteria {
		q := ballot.QuestionNumbers{Counts: make([]int, 7), Blank: n.Ballots}
		if i == len(officials.Criteria)-1 {
			q.Counts, q.Blank = overall, 0
		}
		n.Questions = append(n.Questions, q)
	}
	return n
}

func whole(overall ...int) officials.Assessment {
	list := officials.Assess(numbers(overall...))
	return list[len(list)-1]
}

func TestFewGradesShowNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		counts       []int
		enough, bars bool
		tier         officials.Tier
	}{
		{"ten, and many without experience", []int{5, 5, 0, 0, 0, 0, 90}, false, false, officials.NoTier},
		{"eleven", []int{5, 6, 0, 0, 0, 0, 0}, true, false, officials.NoTier},
		{"twenty-nine", []int{9, 10, 10, 0, 0, 0, 0}, true, false, officials.NoTier},
		{"thirty", []int{10, 10, 10, 0, 0, 0, 0}, true, true, officials.NoTier},
		{"ninety-nine", []int{99, 0, 0, 0, 0, 0, 0}, true, true, officials.NoTier},
		{"a hundred, most good", []int{20, 30, 15, 20, 10, 5, 3}, true, true, officials.MostGood},
		{"a hundred, divided", []int{10, 20, 22, 20, 18, 10, 3}, true, true, officials.Split},
		{"a hundred, most worse", []int{5, 10, 15, 30, 20, 20, 3}, true, true, officials.MostWorse},
	} {
		a := whole(c.counts...)
		if a.Enough != c.enough || (a.Counts != nil) != c.bars || a.Tier != c.tier {
			t.Errorf("%s: %+v, want shown %v, a distribution %v, tier %q", c.name, a, c.enough, c.bars, c.tier)
		}
		if !a.Enough && (a.N != 0 || a.None != 0 || a.Good != 0 || a.Median != "" || a.High != 0) {
			t.Errorf("%s: something is told of too few grades: %+v", c.name, a)
		}
	}
}

func TestGradesAreSummedInWordsAndShares(t *testing.T) {
	t.Parallel()
	a := whole(10, 20, 30, 20, 15, 5, 40)
	if a.N != 100 || a.None != 40 || a.Good != 60 || a.Median != "g3" || a.Share() != 0.6 {
		t.Errorf("grades = %+v, want 100 of them, 60 good, the median good", a)
	}
	// Beta(61, 41): 0.5012…0.6906 by scipy.stats.beta.ppf.
	if a.Low < 0.500 || a.Low > 0.503 || a.High < 0.689 || a.High > 0.693 {
		t.Errorf("interval = %.4f…%.4f, want 0.501…0.691", a.Low, a.High)
	}
	// Of two in the middle the worse one: half must have given it or a better one.
	if got := whole(0, 0, 10, 10, 0, 0, 0).Median; got != "g4" {
		t.Errorf("the median of ten good and ten fair = %q, want the worse, g4", got)
	}
}

func TestNobodyIsAboveWhomTheIntervalMeets(t *testing.T) {
	t.Parallel()
	high, middle, low := whole(30, 40, 20, 5, 3, 2, 0), whole(25, 30, 20, 15, 5, 5, 0), whole(2, 5, 10, 30, 30, 23, 0)
	few := whole(0, 0, 0, 0, 0, 5, 0)
	if !high.Above(low) || !middle.Above(low) {
		t.Error("intervals that lie apart are not told apart")
	}
	for name, wrong := range map[string]bool{
		"an interval that meets it": high.Above(middle) && high.Low <= middle.High, "a higher one": low.Above(high), "itself": high.Above(high), "too few grades": high.Above(few), "too few of one's own": few.Above(low),
	} {
		if wrong {
			t.Errorf("somebody stands above %s", name)
		}
	}
}
