package verify

import (
	"fmt"
	"slices"
)

// The methods of a question.
const (
	choiceOne     = "one"
	choiceSeveral = "several"
	choiceScale   = "scale"
	choiceRanking = "ranking"
)

// question is what a poll asks; a poll of one question has one without an id.
type question struct {
	id      string
	method  string
	options []string
}

// numbers are what a city says of its ballots, or a sum of that.
type numbers struct {
	register, ballots, changes int64
	answers                    []answers // in the order in which they were written
}

// answers are the numbers of one question.
type answers struct {
	question string
	blank    int64
	counts   []count
	first    []count
	hasFirst bool
}

// count is one number of a histogram; of a ranking, how many put one option
// over the other.
type count struct {
	option, over string
	n            int64
}

func (c count) cell() string { return c.option + "\x00" + c.over }

// readNumbers reads numbers where a poll has them: flat for one question,
// else per entry of `questions`.
func readNumbers(n node, several bool) (numbers, error) {
	var out numbers
	for name, into := range map[string]*int64{"register": &out.register, "ballots": &out.ballots, "changes": &out.changes} {
		value, ok := n.int(name)
		if !ok {
			return out, fault("form", "%s is missing", name)
		}
		*into = value
	}
	parts := []node{n}
	if several {
		entries, ok := n.list("questions")
		if !ok {
			return out, fault("form", "questions are missing")
		}
		parts = entries
	}
	for _, part := range parts {
		a, err := readAnswers(part)
		if err != nil {
			return out, err
		}
		if several {
			a.question = part.text("questionId")
		}
		out.answers = append(out.answers, a)
	}
	return out, nil
}

func readAnswers(n node) (answers, error) {
	blank, ok := n.int("blank")
	if !ok {
		return answers{}, fault("form", "blank is missing")
	}
	a := answers{blank: blank, hasFirst: n.has("firstAnswers")}
	var err error
	if a.counts, err = readCounts(n, "counts"); err != nil {
		return a, err
	}
	if a.hasFirst {
		a.first, err = readCounts(n, "firstAnswers")
	}
	return a, err
}

func readCounts(n node, name string) ([]count, error) {
	entries, ok := n.optionalList(name)
	if !ok {
		return nil, fault("form", "%s is no list of counts", name)
	}
	out := make([]count, 0, len(entries))
	for _, entry := range entries {
		value, ok := entry.int("count")
		if !ok {
			return nil, fault("form", "an entry of %s has no count", name)
		}
		out = append(out, count{option: entry.text("optionId"), over: entry.text("over"), n: value})
	}
	return out, nil
}

// firstRule tells when first answers may and must be there.
type firstRule int

const (
	firstOfCity firstRule = iota // exactly when nobody or at least k people changed
	firstOfSum                   // they may lack: the caller knows whether a summand lacks them
)

// check holds the numbers against themselves and the poll's questions, in the
// order of the checks: ballots, changes, blanks, options, sums, first answers.
func (n numbers) check(p *poll, rule firstRule) error {
	if n.ballots > n.register {
		return fault("ballots-over-register", "%d ballots of %d people", n.ballots, n.register)
	}
	if n.changes > n.ballots {
		return fault("sum", "%d people changed, %d voted", n.changes, n.ballots)
	}
	if !p.several && n.answers[0].blank != 0 {
		return fault("sum", "a poll of one question has no blanks, here are %d", n.answers[0].blank)
	}
	if err := n.names(p); err != nil {
		return err
	}
	for _, a := range n.answers {
		if err := sums(p.questions[p.place(a.question)], a.counts, n.ballots, a.blank); err != nil {
			return err
		}
	}
	for _, a := range n.answers {
		if err := n.checkFirst(p, a, rule); err != nil {
			return err
		}
	}
	return nil
}

// names holds when every question, and in it every option or ordered pair, is
// named exactly once.
func (n numbers) names(p *poll) error {
	var seen []string
	for _, a := range n.answers {
		if p.place(a.question) < 0 || slices.Contains(seen, a.question) {
			return fault("options", "question %q is unknown or named twice", a.question)
		}
		seen = append(seen, a.question)
		if err := complete(p.questions[p.place(a.question)], a.counts); err != nil {
			return err
		}
	}
	if len(seen) != len(p.questions) {
		return fault("options", "%d of %d questions are counted", len(seen), len(p.questions))
	}
	return nil
}

func complete(q question, counts []count) error {
	var want []string
	for _, option := range q.options {
		if q.method != choiceRanking {
			want = append(want, count{option: option}.cell())
			continue
		}
		for _, over := range q.options {
			if over != option {
				want = append(want, count{option: option, over: over}.cell())
			}
		}
	}
	got := make([]string, 0, len(counts))
	for _, c := range counts {
		got = append(got, c.cell())
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		return fault("options", "the counts don't name each option exactly once")
	}
	return nil
}

// sums holds counts that are complete against the ballots that they count.
func sums(q question, counts []count, ballots, blank int64) error {
	answered := ballots - blank
	if answered < 0 {
		return fault("sum", "%d blanks in %d ballots", blank, ballots)
	}
	switch q.method {
	case choiceOne, choiceScale:
		if total, ok := total(counts); !ok || total != answered {
			return fault("sum", "the counts and blanks add up to %d, the ballots are %d", total+blank, ballots)
		}
	default:
		return bounded(q, counts, answered)
	}
	return nil
}

// bounded holds counts that need not add up: no option has more, and no pair
// together has more, than there are answers.
func bounded(q question, counts []count, answered int64) error {
	byCell := cells(counts)
	for _, c := range counts {
		sum := c.n
		if q.method == choiceRanking {
			sum += byCell[count{option: c.over, over: c.option}.cell()]
		}
		if sum > answered {
			return fault("sum", "option %q has %d, answers are %d", c.option, sum, answered)
		}
	}
	return nil
}

func (n numbers) checkFirst(p *poll, a answers, rule firstRule) error {
	allowed := n.changes == 0 || n.changes >= p.k
	if a.hasFirst && !allowed {
		return fault("first-answers", "they are told although only %d people changed", n.changes)
	}
	// Of a sum: where nobody changed in any summand, each summand has them.
	if !a.hasFirst && allowed && (rule == firstOfCity || n.changes == 0) {
		return fault("first-answers", "they lack although %d people changed", n.changes)
	}
	if !a.hasFirst {
		return nil
	}
	q := p.questions[p.place(a.question)]
	if complete(q, a.first) != nil {
		return fault("first-answers", "they don't name each option exactly once")
	}
	if err := firstSums(p, q, a.first, n.ballots); err != nil {
		return err
	}
	last := cells(a.counts)
	for _, c := range a.first {
		if difference := c.n - last[c.cell()]; max(difference, -difference) > n.changes {
			return fault("first-answers", "option %q differs by more than the %d people who changed", c.option, n.changes)
		}
	}
	return nil
}

// firstSums is sums for first answers. In a poll of several questions nobody
// says how many had left one blank at first, so they may be fewer.
func firstSums(p *poll, q question, first []count, ballots int64) error {
	var err error
	switch {
	case q.method == choiceOne || q.method == choiceScale:
		total, ok := total(first)
		if !ok || total > ballots || (!p.several && total != ballots) {
			err = fmt.Errorf("they add up to %d, the ballots are %d", total, ballots)
		}
	default:
		err = bounded(q, first, ballots)
	}
	if err != nil {
		return fault("first-answers", "%v", err)
	}
	return nil
}

// total adds counts up; false where they are more than a number can hold.
func total(counts []count) (int64, bool) {
	var sum int64
	for _, c := range counts {
		if sum += c.n; sum > maxInt {
			return sum, false
		}
	}
	return sum, true
}

func cells(counts []count) map[string]int64 {
	out := make(map[string]int64, len(counts))
	for _, c := range counts {
		out[c.cell()] = c.n
	}
	return out
}

// addCounts adds up, cell by cell, in the order of the first.
func addCounts(a, b []count) []count {
	more := cells(b)
	out := make([]count, 0, max(len(a), len(b)))
	for _, c := range a {
		c.n += more[c.cell()]
		delete(more, c.cell())
		out = append(out, c)
	}
	for _, c := range b {
		if _, left := more[c.cell()]; left {
			out = append(out, c)
		}
	}
	return out
}

// add gives the sum of two sets of numbers of the same poll. First answers
// are there when both have them.
func (n numbers) add(m numbers) numbers {
	out := numbers{register: n.register + m.register, ballots: n.ballots + m.ballots, changes: n.changes + m.changes}
	for _, a := range n.answers {
		b := m.of(a.question)
		out.answers = append(out.answers, answers{
			question: a.question,
			blank:    a.blank + b.blank,
			counts:   addCounts(a.counts, b.counts),
			first:    addCounts(a.first, b.first),
			hasFirst: a.hasFirst && b.hasFirst,
		})
	}
	return out
}

func (n numbers) of(question string) answers {
	for _, a := range n.answers {
		if a.question == question {
			return a
		}
	}
	return answers{}
}

// differs names the first number in which two sets differ; "" where they are
// equal. The order of options does not matter.
func (n numbers) differs(m numbers) string {
	switch {
	case n.register != m.register:
		return fmt.Sprintf("register %d, not %d", n.register, m.register)
	case n.ballots != m.ballots:
		return fmt.Sprintf("ballots %d, not %d", n.ballots, m.ballots)
	case n.changes != m.changes:
		return fmt.Sprintf("changes %d, not %d", n.changes, m.changes)
	case len(n.answers) != len(m.answers):
		return "other questions"
	}
	for _, a := range n.answers {
		b := m.of(a.question)
		if a.blank != b.blank {
			return fmt.Sprintf("blank %d, not %d", a.blank, b.blank)
		}
		if a.hasFirst != b.hasFirst {
			return "first answers on one side only"
		}
		if text := differentCounts(a.counts, b.counts); text != "" {
			return text
		}
		if text := differentCounts(a.first, b.first); a.hasFirst && text != "" {
			return "first answers: " + text
		}
	}
	return ""
}

func differentCounts(a, b []count) string {
	other := cells(b)
	if len(a) != len(b) {
		return "other options"
	}
	for _, c := range a {
		if n, there := other[c.cell()]; !there || n != c.n {
			return fmt.Sprintf("option %q %d, not %d", c.option, c.n, n)
		}
	}
	return ""
}

// unanimous tells whether all ballots of some question say the same.
func (n numbers) unanimous(p *poll) bool {
	for _, a := range n.answers {
		if n.ballots == 0 || a.blank != 0 || len(a.counts) < 2 {
			continue
		}
		all := func(c count) bool { return c.n == n.ballots }
		if m := p.questions[p.place(a.question)].method; m == choiceOne || m == choiceScale {
			if slices.ContainsFunc(a.counts, all) {
				return true
			}
			continue
		}
		if !slices.ContainsFunc(a.counts, func(c count) bool { return c.n != 0 && !all(c) }) {
			return true
		}
	}
	return false
}

// open are the votes of unverified accounts: beside the result, never in it.
type open struct {
	ballots int64
	counts  map[string][]count // by question
}

// readOpen reads the open votes and holds them against themselves; nil where
// there are none. Whatever is wrong with them is the one fault `open`.
func readOpen(n node, name string, p *poll) (*open, error) {
	if !n.has(name) {
		return nil, nil
	}
	inner := n.inner(name)
	ballots, ok := inner.int("ballots")
	if !ok {
		return nil, fault("open", "%s has no ballots", name)
	}
	parts := []node{inner}
	if p.several {
		if parts, ok = inner.list("questions"); !ok {
			return nil, fault("open", "%s has no questions", name)
		}
	}
	out := &open{ballots: ballots, counts: map[string][]count{}}
	for _, part := range parts {
		id := ""
		if p.several {
			id = part.text("questionId")
		}
		place := p.place(id)
		if _, twice := out.counts[id]; place < 0 || twice {
			return nil, fault("open", "%s: question %q is unknown or named twice", name, id)
		}
		counts, err := readCounts(part, "counts")
		if err == nil {
			err = openSums(p, p.questions[place], counts, ballots)
		}
		if err != nil {
			return nil, fault("open", "%s: %v", name, err)
		}
		out.counts[id] = counts
	}
	if len(out.counts) != len(p.questions) {
		return nil, fault("open", "%s: %d of %d questions are counted", name, len(out.counts), len(p.questions))
	}
	return out, nil
}

// openSums holds open counts against the open ballots. Nobody says how many of
// several questions a guest left blank, so their counts may be fewer.
func openSums(p *poll, q question, counts []count, ballots int64) error {
	if err := complete(q, counts); err != nil {
		return err
	}
	blank := int64(0)
	if p.several && (q.method == choiceOne || q.method == choiceScale) {
		sum, _ := total(counts)
		blank = max(ballots-sum, 0)
	}
	return sums(q, counts, ballots, blank)
}

// add sums open votes; nil stands for none.
func (o *open) add(m *open) *open {
	if o == nil {
		return m
	}
	if m == nil {
		return o
	}
	out := &open{ballots: o.ballots + m.ballots, counts: map[string][]count{}}
	for _, part := range []*open{o, m} {
		for question, counts := range part.counts {
			out.counts[question] = addCounts(out.counts[question], counts)
		}
	}
	return out
}

// covers tells whether no number is less than in m; equal whether all agree.
func (o *open) covers(m *open) (covers, equal bool) {
	if m == nil {
		return true, o == nil || o.ballots == 0
	}
	if o == nil {
		return m.ballots == 0, m.ballots == 0
	}
	covers, equal = o.ballots >= m.ballots, o.ballots == m.ballots
	for question, counts := range m.counts {
		mine := cells(o.counts[question])
		for _, c := range counts {
			covers = covers && mine[c.cell()] >= c.n
			equal = equal && mine[c.cell()] == c.n
		}
	}
	return covers, equal
}
