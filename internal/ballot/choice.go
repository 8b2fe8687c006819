package ballot

import (
	"slices"

	"viche/internal/store"
)

// How each kind of question is answered, stored and counted stands here and
// nowhere else. What is stored is as long for everybody who answers a poll: one
// bit an option, or in a ranking one byte an option, its place (0: not ranked).

// size is how many bytes the answer to a question takes.
func (q Question) size() int {
	if q.Kind == Ranking {
		return len(q.Options)
	}
	return (len(q.Options) + 7) / 8
}

func choiceSize(questions []Question) (n int) {
	for _, q := range questions {
		n += q.size()
	}
	return n
}

// Slots is how many numbers a question is counted in: one an option; in a
// ranking one an ordered pair, in the order of Pair.
func (q Question) Slots() int {
	if n := len(q.Options); q.Kind == Ranking {
		return n * (n - 1)
	}
	return len(q.Options)
}

// Pair is the slot of a ranking of n options that counts how many put option a
// above option b: (0,1), (0,2) … (1,0), (1,2) …
func Pair(n, a, b int) int {
	if b > a {
		b--
	}
	return a*(n-1) + b
}

// Check says what is wrong with an answer to this question alone, or nil.
func (q Question) Check(ids []string) error { return q.pack(ids, make([]byte, q.size())) }

// pack checks the answer to a question and stores it in out. Its errors name
// what a person did.
func (q Question) pack(ids []string, out []byte) error {
	if (q.Kind == One || q.Kind == Scale) && len(ids) > 1 {
		return store.Invalid("choices", "ballot.one-only")
	}
	if q.Max > 0 && len(ids) > q.Max {
		return store.Invalid("choices", "ballot.too-many", "Max", q.Max)
	}
	for place, id := range ids {
		o := slices.Index(q.Options, id)
		if o < 0 {
			return store.Invalid("choices", "ballot.no-such-option")
		}
		at, mark := o/8, byte(1)<<(o%8)
		if q.Kind == Ranking {
			at, mark = o, byte(place+1)
		}
		if q.Kind == Ranking && out[at] != 0 || q.Kind != Ranking && out[at]&mark != 0 {
			return store.Invalid("choices", "ballot.option-twice")
		}
		out[at] |= mark
	}
	return nil
}

func (q Question) unpack(choice []byte) (ids []string) {
	if q.Kind == Ranking {
		for place := 1; place <= len(q.Options); place++ {
			if o := slices.Index(choice, byte(place)); o >= 0 {
				ids = append(ids, q.Options[o])
			}
		}
		return ids
	}
	for o, id := range q.Options {
		if choice[o/8]&(1<<(o%8)) != 0 {
			ids = append(ids, id)
		}
	}
	return ids
}

// count adds the answer to the question's counts and says whether there is one.
func (q Question) count(choice []byte, counts []int) (answered bool) {
	if q.Kind == Ranking {
		slot := 0
		for a, placed := range choice {
			answered = answered || placed != 0
			for b, other := range choice {
				if a == b {
					continue
				}
				if placed != 0 && (other == 0 || placed < other) {
					counts[slot]++
				}
				slot++
			}
		}
		return answered
	}
	for o := range q.Options {
		if choice[o/8]&(1<<(o%8)) != 0 {
			counts[o]++
			answered = true
		}
	}
	return answered
}

// encode checks an answer against its poll. Its errors name what a person did.
func encode(questions []Question, a Answer) ([]byte, error) {
	if len(a) != len(questions) {
		return nil, store.Invalid("choices", "ballot.questions")
	}
	out := make([]byte, choiceSize(questions))
	at, chosen := 0, 0
	for i, q := range questions {
		if err := q.pack(a[i], out[at:at+q.size()]); err != nil {
			return nil, err
		}
		at += q.size()
		chosen += len(a[i])
	}
	if chosen == 0 {
		return nil, store.Invalid("choices", "ballot.empty")
	}
	return out, nil
}

func decode(questions []Question, choice []byte) Answer {
	out := make(Answer, len(questions))
	at := 0
	for i, q := range questions {
		out[i] = q.unpack(choice[at : at+q.size()])
		at += q.size()
	}
	return out
}
