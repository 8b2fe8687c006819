package primaries

import (
	"cmp"
	"context"
	"slices"
	"time"

	"viche/internal/ballot"
	"viche/internal/method"
	"viche/web"
)

// OutcomeState says what there is to tell of a round.
type OutcomeState string

// What there may be to tell.
const (
	NotYet  OutcomeState = "not-yet" // before the close nobody sees anything
	Waiting OutcomeState = "waiting" // the count is on its way
	TooFew  OutcomeState = "too-few" // too few took part to show anything
	Nobody  OutcomeState = "nobody"  // there was nobody to assess
	Shown   OutcomeState = "shown"
)

// An Outcome is the result of a round, as a viewer may see it.
type Outcome struct {
	State             OutcomeState
	Register, Ballots int
	// Ranked are those with enough overall grades, by majority judgment; Few are the
	// others, in no order.
	Ranked []Standing
	Few    []int64
	// Second says that the result does not tell the first two apart; Why is a part
	// of the message that says so.
	Second bool
	Why    string
}

// A Standing is the result of one participant.
type Standing struct {
	Nominee   int64
	Place     int // from 1; those who tie share it
	Overall   Profile
	ByQuality map[string]Profile
}

// A Profile is the grades for one quality; only Few is set where too few gave one.
type Profile struct {
	Few       bool
	Grades    method.Grades
	N         int
	Median    int // index in Grades of this package
	Good      int // grades that are "good" or better: what approval counts
	Low, High float64
}

// How many grades a participant needs, so that the few who know somebody don't
// speak for all (R3.6): so many, and of all sheets so many per cent.
const (
	leastGrades = 100
	leastShare  = 30
)

// counting is how long after the close a missing number means that it is still
// being counted, and not that too few took part.
const counting = 5 * time.Minute

// outcomeOf reads the result of a round for a viewer.
func (p *Primaries) outcomeOf(ctx context.Context, c *Contest, r *Round, v *web.Viewer) (Outcome, error) {
	if r.Poll == "" {
		return Outcome{State: Nobody}, nil
	}
	if p.DB.Now().Before(r.Closes) {
		return Outcome{State: NotYet}, nil
	}
	n, seen, closed, err := p.NumbersOf(ctx, r.Poll, v)
	switch {
	case err != nil:
		return Outcome{}, err
	case !closed:
		return Outcome{State: NotYet}, nil
	case !seen:
		if p.DB.Now().Before(r.Closes.Add(counting)) {
			return Outcome{State: Waiting}, nil
		}
		return Outcome{State: TooFew}, nil
	}
	return c.outcome(r, n), nil
}

// outcome works a result out of the totals.
func (c *Contest) outcome(r *Round, n ballot.Numbers) Outcome {
	o := Outcome{State: Shown, Register: n.Register, Ballots: n.Ballots}
	var overall []method.Grades
	var all []Standing
	for _, nominee := range r.Nominees {
		s := Standing{Nominee: nominee, ByQuality: map[string]Profile{}}
		for _, what := range c.sheet() {
			s.ByQuality[what] = profile(n.Questions[c.at(r, nominee, what)].Counts, n.Ballots)
		}
		if s.Overall = s.ByQuality[Overall]; s.Overall.Few {
			o.Few = append(o.Few, nominee)
			continue
		}
		delete(s.ByQuality, Overall)
		all, overall = append(all, s), append(overall, s.Overall.Grades)
	}
	for _, place := range method.Majority(overall) {
		before := len(o.Ranked)
		for _, at := range place {
			s := all[at]
			s.Place = before + 1
			o.Ranked = append(o.Ranked, s)
		}
		// Those who tie stand by their share of good grades, which changes no place.
		slices.SortStableFunc(o.Ranked[before:], func(a, b Standing) int { return cmp.Compare(b.Overall.share(), a.Overall.share()) })
	}
	if len(o.Ranked) > 1 && r.Number == 1 {
		o.Second, o.Why = apart(o.Ranked)
	}
	return o
}

// apart says why the first two of a ranking are not told apart, if so.
func apart(ranked []Standing) (bool, string) {
	first, next := ranked[0].Overall, ranked[1].Overall
	switch {
	case ranked[1].Place == 1:
		return true, "tie"
	case first.Low <= next.High && next.Low <= first.High:
		return true, "interval"
	}
	for _, other := range ranked[1:] {
		if other.Overall.share() > first.share() {
			return true, "approval"
		}
	}
	return false, ""
}

// share is how large a part of the grades is good or better.
func (p Profile) share() float64 { return float64(p.Good) / float64(max(p.N, 1)) }

// profile is what counts of one question say, if enough gave a grade.
func profile(counts []int, ballots int) Profile {
	g := method.Grades(slices.Clone(counts[:len(Grades)]))
	n := g.N()
	if n < leastGrades || n*100 < leastShare*ballots {
		return Profile{Few: true}
	}
	p := Profile{Grades: g, N: n, Median: g.Median(), Good: g.AtLeast(good)}
	p.Low, p.High = method.Credible(p.Good, n, method.Uniform)
	return p
}
