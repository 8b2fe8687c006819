package union

import (
	"slices"

	"viche/internal/ballot"
)

// counted is one count as it stands on the wire: of an option or, in a
// ranking, of how many put option above over.
type counted struct {
	option, over string
	n            int
}

// part are the numbers of one question on the wire.
type part struct {
	question      string
	blank         int
	counts, first []counted
	hasFirst      bool
}

// wireNumbers are numbers as somebody wrote them, before they are held against
// the poll's questions.
type wireNumbers struct {
	register, ballots, changes int
	several                    bool
	parts                      []part
}

func readNumbers(f fields) (w wireNumbers, err error) {
	if f == nil {
		return w, fault("form", "numbers are missing")
	}
	for name, into := range map[string]*int{"register": &w.register, "ballots": &w.ballots, "changes": &w.changes} {
		if *into, err = f.whole(name); err != nil {
			return w, err
		}
	}
	if !f.has("questions") {
		p, err := readPart(f)
		w.parts = []part{p}
		return w, err
	}
	w.several = true
	list, ok := f.objects("questions")
	if !ok {
		return w, fault("form", "questions are no list")
	}
	for _, q := range list {
		p, err := readPart(q)
		if err != nil {
			return w, err
		}
		p.question = q.text("questionId")
		w.parts = append(w.parts, p)
	}
	return w, nil
}

func readPart(f fields) (p part, err error) {
	if p.blank, err = f.whole("blank"); err != nil {
		return p, err
	}
	if p.counts, err = readCounts(f, "counts"); err != nil {
		return p, err
	}
	if p.hasFirst = f.has("firstAnswers"); p.hasFirst {
		p.first, err = readCounts(f, "firstAnswers")
	}
	return p, err
}

func readCounts(f fields, name string) ([]counted, error) {
	list, ok := f.objects(name)
	if !ok {
		return nil, fault("form", "%s is no list", name)
	}
	out := make([]counted, 0, len(list))
	for _, o := range list {
		n, err := o.whole("count")
		if err != nil {
			return nil, err
		}
		out = append(out, counted{o.text("optionId"), o.text("over"), n})
	}
	return out, nil
}

// slots are what a question counts, in the order of ballot.QuestionNumbers.
func (q Question) slots() []counted {
	var out []counted
	for _, a := range q.Options {
		if q.Kind != ballot.Ranking {
			out = append(out, counted{option: a.ID})
			continue
		}
		for _, b := range q.Options {
			if a.ID != b.ID {
				out = append(out, counted{option: a.ID, over: b.ID})
			}
		}
	}
	return out
}

// align brings counts into the order of the question; each slot must be there
// exactly once.
func (q Question) align(in []counted) ([]int, error) {
	slots := q.slots()
	out := make([]int, len(slots))
	if len(in) != len(slots) {
		return nil, fault("options", "%d counts for %d options", len(in), len(slots))
	}
	seen := make([]bool, len(slots))
	for at, c := range in {
		slot := counted{option: c.option, over: c.over}
		i := at // mostly the order is the poll's own
		if slots[at] != slot {
			i = slices.Index(slots, slot)
		}
		if i < 0 || seen[i] {
			return nil, fault("options", "option %.40q is not in the poll, or counted twice", c.option)
		}
		seen[i], out[i] = true, c.n
	}
	return out, nil
}

// checkNumbers holds numbers against the questions and themselves, and gives
// them in the poll's order. A sum may lack first answers that a statement must
// have; a statement's must be there exactly when they may be told.
func (p *Poll) checkNumbers(w wireNumbers, sum bool) (n ballot.Numbers, err error) {
	if w.ballots > w.register {
		return n, fault("ballots-over-register", "%d ballots of %d people", w.ballots, w.register)
	}
	if w.changes > w.ballots {
		return n, fault("sum", "%d changed, %d voted", w.changes, w.ballots)
	}
	if w.several != p.Several {
		return n, fault("options", "numbers of another form than the poll's")
	}
	if !p.Several && w.parts[0].blank != 0 {
		return n, fault("sum", "a blank in a poll of one question")
	}
	if len(w.parts) != len(p.Questions) {
		return n, fault("options", "%d questions, the poll has %d", len(w.parts), len(p.Questions))
	}
	n = ballot.Numbers{Register: w.register, Ballots: w.ballots, Changes: w.changes, Questions: make([]ballot.QuestionNumbers, len(w.parts))}
	parts := make([]part, len(w.parts))
	for i, q := range p.Questions {
		at := slices.IndexFunc(w.parts, func(p part) bool { return p.question == q.ID })
		if at < 0 {
			return n, fault("options", "question %q is not answered", q.ID)
		}
		parts[i] = w.parts[at]
		n.Questions[i].Blank = parts[i].blank
		if n.Questions[i].Counts, err = q.align(parts[i].counts); err != nil {
			return n, err
		}
	}
	for i, q := range p.Questions {
		if err := q.checkSums(n.Questions[i].Counts, n.Questions[i].Blank, n.Ballots); err != nil {
			return n, err
		}
	}
	return n, p.checkFirst(&n, parts, sum)
}

func (q Question) checkSums(counts []int, blank, ballots int) error {
	answered := ballots - blank
	if answered < 0 {
		return fault("sum", "%d blanks of %d ballots", blank, ballots)
	}
	switch q.Kind {
	case ballot.Several:
		if most := slices.Max(counts); most > answered {
			return fault("sum", "an option has %d votes of %d ballots", most, answered)
		}
	case ballot.Ranking:
		for i, a := range q.slots() {
			j := slices.Index(q.slots(), counted{option: a.over, over: a.option})
			if counts[i]+counts[j] > answered {
				return fault("sum", "%s and %s were compared %d times on %d ballots", a.option, a.over, counts[i]+counts[j], answered)
			}
		}
	default:
		if total := total(counts); slices.Max(counts) > answered || total != answered {
			return fault("sum", "Σ counts + blank = %d, ballots = %d", total+blank, ballots)
		}
	}
	return nil
}

func (p *Poll) checkFirst(n *ballot.Numbers, parts []part, sum bool) error {
	for i, q := range p.Questions {
		if !parts[i].hasFirst {
			if !sum && n.ShowFirst(p.K) {
				return fault("first-answers", "they lack, although %d changed", n.Changes)
			}
			continue
		}
		if !n.ShowFirst(p.K) {
			return fault("first-answers", "they are told although only %d changed", n.Changes)
		}
		first, err := q.align(parts[i].first)
		if err != nil {
			return fault("first-answers", "%v", err)
		}
		if err := q.checkFirstSums(first, n.Ballots, p.Several); err != nil {
			return err
		}
		for j, c := range n.Questions[i].Counts {
			if d := first[j] - c; d > n.Changes || -d > n.Changes {
				return fault("first-answers", "%d differ, %d changed", max(d, -d), n.Changes)
			}
		}
		n.Questions[i].First = first
	}
	return nil
}

func (q Question) checkFirstSums(first []int, ballots int, several bool) error {
	if q.Kind == ballot.One || q.Kind == ballot.Scale {
		if total := total(first); total > ballots || !several && total != ballots {
			return fault("first-answers", "they add up to %d of %d ballots", total, ballots)
		}
		return nil
	}
	if q.checkSums(first, 0, ballots) != nil {
		return fault("first-answers", "more of them than ballots")
	}
	return nil
}

func total(counts []int) (sum int) {
	for _, c := range counts {
		sum += c
	}
	return sum
}

// plus adds numbers of one poll. First answers stand in a sum only when all
// have them. Neither a nor b changes.
func plus(a, b ballot.Numbers) ballot.Numbers {
	out := ballot.Numbers{Register: a.Register + b.Register, Ballots: a.Ballots + b.Ballots, Changes: a.Changes + b.Changes}
	if len(a.Questions) == 0 {
		out.Questions = clone(b).Questions
		return out
	}
	out.Questions = clone(a).Questions
	for i, q := range b.Questions {
		o := &out.Questions[i]
		o.Blank += q.Blank
		for j, c := range q.Counts {
			o.Counts[j] += c
		}
		if o.First == nil || q.First == nil {
			o.First = nil
			continue
		}
		for j, c := range q.First {
			o.First[j] += c
		}
	}
	return out
}

func clone(n ballot.Numbers) ballot.Numbers {
	n.Questions = slices.Clone(n.Questions)
	for i, q := range n.Questions {
		n.Questions[i].Counts, n.Questions[i].First = slices.Clone(q.Counts), slices.Clone(q.First)
	}
	return n
}

// same tells whether two sets of numbers say the same.
func same(a, b ballot.Numbers) bool {
	return a.Register == b.Register && a.Ballots == b.Ballots && a.Changes == b.Changes &&
		slices.EqualFunc(a.Questions, b.Questions, func(x, y ballot.QuestionNumbers) bool {
			return x.Blank == y.Blank && slices.Equal(x.Counts, y.Counts) &&
				(x.First == nil) == (y.First == nil) && slices.Equal(x.First, y.First)
		})
}

// moved is the least number of people who must have acted to get from one set
// of numbers to the other.
func moved(from, to ballot.Numbers) int {
	least := max(abs(to.Ballots-from.Ballots), abs(to.Changes-from.Changes))
	for i, q := range to.Questions {
		for j, c := range q.Counts {
			before := 0
			if i < len(from.Questions) {
				before = from.Questions[i].Counts[j]
			}
			least = max(least, abs(c-before))
		}
	}
	return least
}

func abs(n int) int { return max(n, -n) }

// wire writes numbers in the poll's form.
func (p *Poll) wire(n ballot.Numbers) map[string]any {
	out := map[string]any{"register": n.Register, "ballots": n.Ballots, "changes": n.Changes}
	if !p.Several {
		p.Questions[0].wire(out, n.Questions[0])
		return out
	}
	var list []any
	for i, q := range p.Questions {
		entry := map[string]any{"questionId": q.ID}
		q.wire(entry, n.Questions[i])
		list = append(list, entry)
	}
	out["questions"] = list
	return out
}

func (q Question) wire(out map[string]any, n ballot.QuestionNumbers) {
	out["blank"] = n.Blank
	out["counts"] = q.wireCounts(n.Counts)
	if n.First != nil {
		out["firstAnswers"] = q.wireCounts(n.First)
	}
}

func (q Question) wireCounts(counts []int) []any {
	out := []any{}
	for i, s := range q.slots() {
		entry := map[string]any{"optionId": s.option, "count": counts[i]}
		if s.over != "" {
			entry["over"] = s.over
		}
		out = append(out, entry)
	}
	return out
}

// tellable gives numbers as a statement may tell them: first answers only
// where nobody changed or at least k did.
func tellable(n ballot.Numbers, k int) ballot.Numbers {
	n = clone(n)
	for i := range n.Questions {
		if !n.ShowFirst(k) {
			n.Questions[i].First = nil
		}
	}
	return n
}

// readOpen reads votes of unverified accounts: ballots and counts alone.
func (p *Poll) readOpen(f fields) (n ballot.Numbers, err error) {
	if n.Ballots, err = f.whole("ballots"); err != nil {
		return n, err
	}
	n.Questions = make([]ballot.QuestionNumbers, len(p.Questions))
	for i, q := range p.Questions {
		from := f
		if p.Several {
			list, _ := f.objects("questions")
			at := slices.IndexFunc(list, func(f fields) bool { return f.text("questionId") == q.ID })
			if at < 0 {
				return n, fault("open", "question %q is not answered", q.ID)
			}
			from = list[at]
		}
		counts, err := readCounts(from, "counts")
		if err != nil {
			return n, err
		}
		if n.Questions[i].Counts, err = q.align(counts); err != nil {
			return n, fault("open", "%v", err)
		}
		// A guest of a poll with several questions may leave some blank.
		blank := 0
		if p.Several && (q.Kind == ballot.One || q.Kind == ballot.Scale) {
			if blank = n.Ballots - total(n.Questions[i].Counts); blank < 0 {
				return n, fault("open", "more votes than ballots")
			}
		}
		if err := q.checkSums(n.Questions[i].Counts, blank, n.Ballots); err != nil {
			return n, fault("open", "%v", err)
		}
	}
	return n, nil
}

func (p *Poll) wireOpen(n ballot.Numbers) map[string]any {
	out := map[string]any{"ballots": n.Ballots}
	if !p.Several {
		out["counts"] = p.Questions[0].wireCounts(n.Questions[0].Counts)
		return out
	}
	var list []any
	for i, q := range p.Questions {
		list = append(list, map[string]any{"questionId": q.ID, "counts": q.wireCounts(n.Questions[i].Counts)})
	}
	out["questions"] = list
	return out
}
