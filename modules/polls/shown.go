package polls

import "viche/internal/ballot"

// Shown are the totals of one question as they may be shown where those of the
// poll may: see Poll.shows.
type Shown struct {
	ID       string      `json:"id"`
	Kind     ballot.Kind `json:"kind"`
	TooFew   bool        `json:"tooFew,omitempty"`
	Answered int         `json:"answered,omitempty"`
	Counts   []Counted   `json:"counts,omitempty"`
	Pairs    []Paired    `json:"pairs,omitempty"`  // of a ranking, in place of counts
	Places   [][]string  `json:"places,omitempty"` // of a ranking by Schulze's method, the best first
	Runoff   [][]Counted `json:"runoff,omitempty"` // its instant-runoff rounds, with those still in
	Median   []string    `json:"median,omitempty"` // of a scale: the step, or the two it lies between
}

// Counted is how many chose an option.
type Counted struct {
	OptionID string `json:"optionId"`
	Count    int    `json:"count"`
}

// Paired is how many put an option above another one.
type Paired struct {
	OptionID string `json:"optionId"`
	Over     string `json:"over"`
	Count    int    `json:"count"`
}

// Show gives totals question by question. The numbers have to come from
// ResultsFor, which says whether they may be shown at all.
func (p *Poll) Show(n ballot.Numbers) (out []Shown) {
	for i, q := range p.Questions {
		v := Shown{ID: q.ID, Kind: q.Kind}
		if v.TooFew = !p.shows(n, i); v.TooFew {
			out = append(out, v)
			continue
		}
		have := n.Questions[i]
		v.Answered = answered(n, i)
		if q.Kind == ballot.Ranking {
			q.showOrder(&v, have)
			out = append(out, v)
			continue
		}
		for o, option := range q.Options {
			v.Counts = append(v.Counts, Counted{option.ID, have.Counts[o]})
		}
		if low, high := q.middle(have.Counts); q.Kind == ballot.Scale && low >= 0 {
			v.Median = append(v.Median, q.Options[low].ID)
			if high != low {
				v.Median = append(v.Median, q.Options[high].ID)
			}
		}
		out = append(out, v)
	}
	return out
}

func (q Question) showOrder(v *Shown, n ballot.QuestionNumbers) {
	options, pairs, places := q.order(n)
	for a, o := range options {
		for b, over := range options {
			if a != b {
				v.Pairs = append(v.Pairs, Paired{q.Options[o].ID, q.Options[over].ID, pairs[ballot.Pair(len(options), a, b)]})
			}
		}
	}
	for _, place := range places {
		var ids []string
		for _, o := range place {
			ids = append(ids, q.Options[options[o]].ID)
		}
		v.Places = append(v.Places, ids)
	}
	for _, round := range q.rounds(options, n.Runoff) {
		var in []Counted
		for a, o := range options {
			if round[a] >= 0 {
				in = append(in, Counted{q.Options[o].ID, round[a]})
			}
		}
		v.Runoff = append(v.Runoff, in)
	}
}
