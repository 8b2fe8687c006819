package ballot

// Top and Matches are open to the test of the majority's rules.
func (q Question) Top(g Gauge, n QuestionNumbers) (int, bool) { return q.top(g, n) }

// Matches packs an answer and holds it against the majority's.
func (q Question) Matches(g Gauge, top int, ids []string) (match, counts bool, err error) {
	choice := make([]byte, q.size())
	if err := q.pack(ids, choice); err != nil {
		return false, false, err
	}
	match, counts = q.matches(g, top, choice)
	return match, counts, nil
}
