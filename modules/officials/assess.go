package officials

import (
	"viche/internal/ballot"
	"viche/internal/method"
)

// From so many grades on something is shown: a median and a share, then the
// distribution, then a tier.
const (
	FromGrades       = 11
	FromDistribution = 30
	FromTier         = 100
)

// Tier is what can be said for certain of most grades.
type Tier string

// The tiers. Split says that the interval holds a half.
const (
	NoTier    Tier = ""
	MostGood  Tier = "good"
	Split     Tier = "split"
	MostWorse Tier = "worse"
)

// Assessment is what may be shown of the grades by one criterion.
type Assessment struct {
	Criterion string
	Enough    bool // the rest is only set if there are enough grades
	N         int  // grades; who has no experience gave none
	None      int
	Counts    []int  // of each grade, the best first; nil where there are too few
	Median    string // a grade; of two in the middle the worse one
	Good      int    // «добре» and better
	Low, High float64
	Tier      Tier
}

// Share of grades that are «добре» and better.
func (a Assessment) Share() float64 { return float64(a.Good) / float64(a.N) }

// Above says whether a's interval lies above that of b with no point in common:
// otherwise nothing is said of who is graded better.
func (a Assessment) Above(b Assessment) bool { return a.Enough && b.Enough && a.Low > b.High }

// Assess says of a round's numbers what may be shown. The numbers are those that
// the viewer may see at all.
func Assess(n ballot.Numbers) []Assessment {
	out := make([]Assessment, len(Criteria))
	for i, criterion := range Criteria {
		out[i].Criterion = criterion
		if i < len(n.Questions) && len(n.Questions[i].Counts) > len(Grades) {
			out[i] = assess(criterion, n.Questions[i].Counts)
		}
	}
	return out
}

func assess(criterion string, counts []int) Assessment {
	grades := method.Grades(counts[:len(Grades)])
	a := Assessment{Criterion: criterion}
	n := grades.N()
	if n < FromGrades {
		return a
	}
	a.Enough, a.N, a.None, a.Good = true, n, counts[len(Grades)], grades.AtLeast(good-1)
	a.Median = Grades[grades.Median()]
	a.Low, a.High = method.Credible(a.Good, n, method.Uniform)
	if n >= FromDistribution {
		a.Counts = grades
	}
	if n >= FromTier {
		switch {
		case a.Low > 0.5:
			a.Tier = MostGood
		case a.High < 0.5:
			a.Tier = MostWorse
		default:
			a.Tier = Split
		}
	}
	return a
}

// overall is the assessment of the whole.
func overall(list []Assessment) Assessment {
	for _, a := range list {
		if a.Criterion == Overall {
			return a
		}
	}
	return Assessment{Criterion: Overall}
}
