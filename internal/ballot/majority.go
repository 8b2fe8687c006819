package ballot

import "slices"

// A Gauge says how the answers to one question are held against the majority's.
type Gauge struct {
	Hard string `json:"hard,omitempty"` // the option «важко відповісти», which does not count
	None bool   `json:"none,omitempty"` // open text and numbers: there is no majority in them
}

// top is the answer that most people gave, in the final count: an option of One,
// Several and a Scale, the first choice of a Ranking. False where there is none:
// ties and «важко відповісти» don't count.
func (q Question) top(g Gauge, n QuestionNumbers) (best int, ok bool) {
	counts := n.Counts
	if q.Kind == Ranking {
		if len(n.Runoff) == 0 {
			return 0, false
		}
		counts = n.Runoff[0]
	}
	if g.None || len(counts) != len(q.Options) {
		return 0, false
	}
	most, tied := 0, false
	for o, c := range counts {
		if q.Options[o] == g.Hard || c < most || c <= 0 {
			continue
		}
		best, tied, most = o, c == most, c
	}
	return best, most > 0 && !tied
}

// matches says whether an answer matches the majority's, and whether it counts
// at all: blank and «важко відповісти» do not.
func (q Question) matches(g Gauge, top int, choice []byte) (match, counts bool) {
	hard := slices.Index(q.Options, g.Hard)
	if q.Kind == Ranking {
		all := make([]bool, len(q.Options))
		for i := range all {
			all[i] = true
		}
		first := leader(choice, all)
		return first == top, first >= 0 && first != hard
	}
	has := func(o int) bool { return choice[o/8]&(1<<(o%8)) != 0 }
	own := -1
	for o := range q.Options {
		if o != hard && has(o) {
			own = o
			break
		}
	}
	switch {
	case own < 0:
		return false, false
	case q.Kind == Scale:
		return q.side(hard, own) == q.side(hard, top), true
	}
	return has(top), true
}

// side is on which side of a scale's middle a step stands: -1, 1, or 0 in it.
func (q Question) side(hard, step int) int {
	steps := len(q.Options)
	if hard >= 0 {
		steps--
		if step > hard {
			step--
		}
	}
	switch twice := 2*step - (steps - 1); {
	case twice < 0:
		return -1
	case twice > 0:
		return 1
	}
	return 0
}
