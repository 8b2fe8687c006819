package primaries

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"viche/internal/ballot"
)

// totals are those of a vote: for each participant the counts of the
// overall grade, and the same for the only competence.
func totals(ballots int, overall ...[7]int) ballot.Numbers {
	n := ballot.Numbers{Register: 2 * ballots, Ballots: ballots}
	for _, counts := range overall {
		given := 0
		for _, c := range counts {
			given += c
		}
		for range 2 {
			n.Questions = append(n.Questions, ballot.QuestionNumbers{Counts: counts[:], Blank: ballots - given})
		}
	}
	return n
}

var contestOfTwo = &Contest{Competences: []string{"budget"}}

func roundOf(participants int) *Round {
	r := &Round{Number: 1, Poll: "x"}
	for i := range participants {
		r.Nominees = append(r.Nominees, int64(i+1))
	}
	return r
}

func TestOutcomeRanksThoseWithEnoughGrades(t *testing.T) {
	t.Parallel()
	const many = 1000
	for name, c := range map[string]struct {
		numbers ballot.Numbers
		want    string // places, those with too few, why a second round is due
	}{
		"a clear order": {totals(many, [7]int{0, 0, 100, 200, 300, 400}, [7]int{400, 300, 200, 100}), "1:2 2:1 few:[] "},
		"who cannot judge counts for nothing": {
			// Of those who judged the first, all say excellent; nine hundred cannot judge.
			totals(many, [7]int{300, 0, 0, 0, 0, 0, 700}, [7]int{0, 0, 0, 0, 1000}), "1:1 2:2 few:[] "},
		"a hundred grades are enough":       {totals(300, [7]int{100, 0, 0, 0, 0, 0, 200}, [7]int{0, 0, 0, 0, 0, 300}), "1:1 2:2 few:[] "},
		"ninety-nine are not":               {totals(300, [7]int{99, 0, 0, 0, 0, 0, 201}, [7]int{0, 0, 0, 0, 0, 300}), "1:2 few:[1] "},
		"three tenths of the sheets are":    {totals(many, [7]int{300, 0, 0, 0, 0, 0, 700}, [7]int{0, 0, 0, 0, 0, 1000}), "1:1 2:2 few:[] "},
		"less than three tenths are not":    {totals(many, [7]int{299, 0, 0, 0, 0, 0, 701}, [7]int{0, 0, 0, 0, 0, 1000}), "1:2 few:[1] "},
		"nobody graded, most sheets blank":  {totals(many, [7]int{}, [7]int{0, 0, 0, 0, 0, 0, 1000}), "few:[1 2] "},
		"equal grades":                      {totals(many, [7]int{500, 500}, [7]int{500, 500}), "1:1 1:2 few:[] tie"},
		"closer than the interval":          {totals(many, [7]int{0, 0, 510, 490}, [7]int{0, 0, 500, 500}), "1:1 2:2 few:[] interval"},
		"another has more who find it good": {totals(many, [7]int{510, 0, 0, 0, 0, 490}, [7]int{0, 0, 700, 300}), "1:1 2:2 few:[] approval"},
		"one alone":                         {totals(many, [7]int{0, 0, 510, 490}), "1:1 few:[] "},
	} {
		o := contestOfTwo.outcome(roundOf(len(c.numbers.Questions)/2), c.numbers)
		got := ""
		for _, s := range o.Ranked {
			got += fmt.Sprintf("%d:%d ", s.Place, s.Nominee)
		}
		got += fmt.Sprintf("few:%v %s", o.Few, o.Why)
		if got != c.want || o.Second != (o.Why != "") {
			t.Errorf("%s: %q (second round %v), want %q", name, got, o.Second, c.want)
		}
		for _, s := range o.Ranked {
			if share := s.Overall.share(); s.Overall.Low > share || s.Overall.High < share || s.ByQuality["budget"].N != s.Overall.N {
				t.Errorf("%s: participant %d has the profile %+v, by quality %+v", name, s.Nominee, s.Overall, s.ByQuality)
			}
		}
	}
}

func TestSecondRoundEndsIt(t *testing.T) {
	t.Parallel()
	r := roundOf(2)
	r.Number = 2
	if o := contestOfTwo.outcome(r, totals(1000, [7]int{500, 500}, [7]int{500, 500})); o.Second {
		t.Error("after the second round there is no third")
	}
}

// TestOrderIsEverybodysOwn looks at ten thousand viewers: each sees one order,
// whatever order the database gave, and each participant stands at each place for
// about as many of them.
func TestOrderIsEverybodysOwn(t *testing.T) {
	t.Parallel()
	var list []*Nominee
	for i := range 5 {
		list = append(list, &Nominee{ID: int64(i + 1)})
	}
	backwards := slices.Clone(list)
	slices.Reverse(backwards)
	const viewers = 10_000
	var at [5][6]int
	for v := range viewers {
		viewer := fmt.Sprint("account ", v)
		one, again := shuffled("seed", viewer, list), shuffled("seed", viewer, backwards)
		if !slices.Equal(one, again) {
			t.Fatalf("%s sees two orders", viewer)
		}
		for place, n := range one {
			at[place][n.ID]++
		}
	}
	for place := range at {
		for id, n := range at[place] {
			if id > 0 && (n < viewers/5-200 || n > viewers/5+200) { // five standard deviations
				t.Errorf("participant %d stands at place %d for %d of %d viewers", id, place, n, viewers)
			}
		}
	}
	if slices.Equal(shuffled("seed", "account 1", list), shuffled("another", "account 1", list)) &&
		slices.Equal(shuffled("seed", "account 2", list), shuffled("another", "account 2", list)) {
		t.Error("the contest's seed changes nothing")
	}
}

func TestPhasesFollowTheCalendar(t *testing.T) {
	t.Parallel()
	day := func(n int) (at time.Time) { return time.Time{}.AddDate(2026, 0, n) }
	c := &Contest{Nomination: day(10), Programme: day(20), Vote: day(30), Closes: day(40)}
	second := *c
	second.Rounds = []Round{{Number: 1}, {Number: 2, Opens: day(45), Closes: day(50)}}
	off := *c
	off.Cancelled = "!"
	for _, one := range []struct {
		c    *Contest
		at   int
		want Phase
	}{
		{c, 9, Announced}, {c, 10, Nomination}, {c, 19, Nomination}, {c, 20, Programme}, {c, 30, Voting}, {c, 39, Voting}, {c, 40, Result},
		{&second, 39, Voting}, {&second, 45, Second}, {&second, 50, Result}, {&off, 35, Cancelled},
	} {
		if got := one.c.Phase(day(one.at)); got != one.want {
			t.Errorf("day %d: %s, want %s", one.at, got, one.want)
		}
	}
}
