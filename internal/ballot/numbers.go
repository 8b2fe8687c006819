package ballot

import (
	"fmt"
	"slices"
)

// Kind is how a question is answered and counted.
type Kind string

// The kinds of question; the names are those on the wire (questionType).
const (
	One     Kind = "one"     // exactly one option
	Several Kind = "several" // any number of options, at least one
	Scale   Kind = "scale"   // one step of several, which stand in order
	Ranking Kind = "ranking" // an order of some or all options, the best first
)

// Question is one question of a poll, with its options in ballot order.
type Question struct {
	ID      string   `json:"id"`
	Kind    Kind     `json:"kind"`
	Options []string `json:"options"`       // option ids
	Max     int      `json:"max,omitempty"` // most options that may be chosen; 0: all
}

// Answer is what a person chose: for each question the ids of the options, none
// for a question left unanswered; in a ranking the best first.
type Answer [][]string

// Numbers are the counts of one box, as they stand in snapshots, statements and
// results. Counts follow the order of the poll's questions and options.
type Numbers struct {
	Register  int               `json:"register"`
	Ballots   int               `json:"ballots"`
	Changes   int               `json:"changes"` // people who changed their answer at least once
	Questions []QuestionNumbers `json:"questions"`
}

// QuestionNumbers are the counts of one question, in as many numbers as its
// Slots. Runoff are the rounds of an instant-runoff count of a ranking: for each
// round how many ballots each option leads, -1 for one that is out. It needs the
// ballots themselves, so only the final count of a city's own box has it.
type QuestionNumbers struct {
	Blank  int     `json:"blank"`
	Counts []int   `json:"counts"`
	First  []int   `json:"first"` // as everybody had answered at first
	Runoff [][]int `json:"runoff,omitempty"`
}

// Unanimous says whether everybody who voted chose the same: such numbers give
// away every single answer.
func (n Numbers) Unanimous() bool {
	if n.Ballots == 0 {
		return false
	}
	for _, q := range n.Questions {
		if q.Blank != 0 && q.Blank != n.Ballots {
			return false
		}
		for _, c := range q.Counts {
			if c != 0 && c != n.Ballots {
				return false
			}
		}
	}
	return true
}

// unanimousFrom is how many voters a unanimous group needs before it is shown.
const unanimousFrom = 100

// Showable says whether a group with these numbers may be shown to those who may
// see totals (rule 5 of the counting rules, R4.7): at least k voters, and not
// unanimous below a hundred.
func (n Numbers) Showable(k int) bool {
	return n.Ballots >= k && (n.Ballots >= unanimousFrom || !n.Unanimous())
}

// ShowFirst says whether the first answers may be told: nobody changed, or at
// least k did.
func (n Numbers) ShowFirst(k int) bool { return n.Changes == 0 || n.Changes >= k }

// Add sums numbers of the same poll.
func (n Numbers) Add(o Numbers) Numbers {
	sum := Numbers{Register: n.Register + o.Register, Ballots: n.Ballots + o.Ballots, Changes: n.Changes + o.Changes}
	if len(n.Questions) == 0 {
		n.Questions = zero(o)
	}
	if len(o.Questions) == 0 {
		o.Questions = zero(n)
	}
	for i, q := range n.Questions {
		p := o.Questions[i]
		sum.Questions = append(sum.Questions, QuestionNumbers{Blank: q.Blank + p.Blank, Counts: add(q.Counts, p.Counts), First: add(q.First, p.First)})
	}
	return sum
}

func zero(n Numbers) []QuestionNumbers {
	out := make([]QuestionNumbers, len(n.Questions))
	for i, q := range n.Questions {
		out[i] = QuestionNumbers{Counts: make([]int, len(q.Counts)), First: make([]int, len(q.First))}
	}
	return out
}

func add(a, b []int) []int {
	out := slices.Clone(a)
	for i, v := range b {
		out[i] += v
	}
	return out
}

func newNumbers(questions []Question, register int) Numbers {
	n := Numbers{Register: register}
	for _, q := range questions {
		n.Questions = append(n.Questions, QuestionNumbers{Counts: make([]int, q.Slots()), First: make([]int, q.Slots())})
	}
	return n
}

// Check says why these numbers cannot be true for such questions, or nil.
func (n Numbers) Check(questions []Question) error {
	if n.Ballots > n.Register || n.Changes > n.Ballots || n.Ballots < 0 || n.Changes < 0 {
		return fmt.Errorf("register %d, ballots %d, changes %d", n.Register, n.Ballots, n.Changes)
	}
	for i, q := range questions {
		have := n.Questions[i]
		for _, counts := range [][]int{have.Counts, have.First} {
			for _, c := range counts {
				if c < 0 || c > n.Ballots {
					return fmt.Errorf("question %d: count %d of %d ballots", i, c, n.Ballots)
				}
			}
		}
		if have.Blank < 0 || have.Blank > n.Ballots {
			return fmt.Errorf("question %d: %d blanks of %d ballots", i, have.Blank, n.Ballots)
		}
		switch q.Kind {
		case One, Scale:
			if got := sum(have.Counts) + have.Blank; got != n.Ballots {
				return fmt.Errorf("question %d: counts and blanks add up to %d of %d ballots", i, got, n.Ballots)
			}
			if got := sum(have.First); got > n.Ballots {
				return fmt.Errorf("question %d: first answers add up to %d of %d ballots", i, got, n.Ballots)
			}
		case Ranking:
			for a := range q.Options {
				for b := range a {
					if got := have.Counts[Pair(len(q.Options), a, b)] + have.Counts[Pair(len(q.Options), b, a)]; got > n.Ballots-have.Blank {
						return fmt.Errorf("question %d: options %d and %d were compared %d times on %d ballots", i, b, a, got, n.Ballots-have.Blank)
					}
				}
			}
		}
	}
	return nil
}

func sum(counts []int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}
