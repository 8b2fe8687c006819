package polls

import (
	"slices"
	"strings"

	"viche/internal/ballot"
	"viche/internal/locale"
	"viche/internal/method"
	"viche/web"
)

// part is what came of one question of a poll that is not a simple one.
type part struct {
	ID        string
	Heading   string
	Condition string // of whom it was asked
	TooFew    string // in place of numbers
	Answered  string // how many answered it
	Lead      string
	Median    string
	Bars      *web.Bars
	First     *firstAnswers
	Ranking   *rankingView
}

// rankingView is the order that a ranking gives, with what it is made of.
type rankingView struct {
	Places     []string
	Hard       string
	Options    []string
	Pairs      []countsRow
	RoundNames []string
	Rounds     []countsRow
	Winner     string // of the instant runoff, in words
}

// countsRow is a row of a table; a number below zero is no number.
type countsRow struct {
	Label  string
	Counts []int
}

// answered is how many ballots hold an answer to a question.
func answered(n ballot.Numbers, i int) int { return n.Ballots - n.Questions[i].Blank }

// shows says whether the numbers of one question may be shown where those of
// the poll are: who answered it is a group of its own (R4.7), and where a branch
// led few to it their answers would stand there alone.
func (p *Poll) shows(n ballot.Numbers, i int) bool {
	if len(p.Questions) == 1 {
		return true
	}
	group := ballot.Numbers{Ballots: answered(n, i), Questions: []ballot.QuestionNumbers{{Counts: n.Questions[i].Counts}}}
	return group.Showable(p.K)
}

// firstShown says the same of what was answered to a question at first. Of a
// branch nothing is known of how many were led there then.
func (p *Poll) firstShown(n ballot.Numbers, i int) bool {
	q, have := p.Questions[i], n.Questions[i]
	if q.Kind == ballot.Ranking || !n.ShowFirst(p.K) || len(have.First) != len(have.Counts) || !p.shows(n, i) {
		return false
	}
	total := 0
	for _, c := range have.First {
		total += c
	}
	return len(p.Questions) == 1 || q.When == nil && total >= p.K
}

// parts are the results question by question. The runoff of a ranking is known
// once the count is final.
func parts(words *locale.Printer, poll *Poll, n ballot.Numbers, answer ballot.Answer, final bool) (out []part) {
	for i, q := range poll.Questions {
		v := part{ID: "result-" + field(i), Heading: q.full(poll), Condition: poll.condition(words, q)}
		if !poll.shows(n, i) {
			v.TooFew = words.T("polls.part.few", "Count", poll.K)
			out = append(out, v)
			continue
		}
		have := n.Questions[i]
		if len(poll.Questions) > 1 {
			v.Answered = words.T("polls.part.answered", "Count", answered(n, i), "All", words.Number(n.Ballots))
		}
		if q.Kind == ballot.Ranking {
			v.Ranking = q.ranking(words, have, final)
			out = append(out, v)
			continue
		}
		var own []string
		if i < len(answer) {
			own = answer[i]
		}
		v.Bars = q.bars(words, have, answered(n, i), own, v.Heading)
		if q.Kind == ballot.Scale {
			v.Median = q.median(words, have.Counts)
		} else {
			v.Lead = leadOf(words, q.Options, have.Counts, answered(n, i))
		}
		if n.Changes > 0 && poll.firstShown(n, i) {
			v.First = firstOf(words, q, n.Changes, have)
		}
		out = append(out, v)
	}
	return out
}

func (q Question) bars(words *locale.Printer, n ballot.QuestionNumbers, base int, own []string, heading string) *web.Bars {
	rows := make([]web.Bar, len(q.Options))
	for o, option := range q.Options {
		rows[o] = web.Bar{Label: option.Text, Count: n.Counts[o], Mine: slices.Contains(own, option.ID)}
	}
	b := web.NewBars(words.T("polls.bars.caption", "What", heading), words.T("polls.bars.option"), base, rows...)
	b.Note = words.T("polls.part.note")
	if q.Kind == ballot.Several {
		b.Note = words.T("polls.bars.note.several")
	}
	if q.Kind == ballot.Scale {
		for i := range b.Rows {
			b.Rows[i].Leads = false // the step with most answers is no winner
		}
	}
	return &b
}

// middle is the median of a scale: the step at which half of those who chose one
// is reached; two where they fall apart just in the middle, none where nobody
// chose one.
func (q Question) middle(counts []int) (low, high int) {
	total := 0
	for o, option := range q.Options {
		if option.ID != HardID {
			total += counts[o]
		}
	}
	sum := 0
	low, high = -1, -1
	for o, option := range q.Options {
		if option.ID == HardID || counts[o] == 0 {
			continue
		}
		sum += counts[o]
		if low < 0 && 2*sum >= total {
			low = o
		}
		if high < 0 && 2*sum > total {
			high = o
		}
	}
	return low, high
}

func (q Question) median(words *locale.Printer, counts []int) string {
	low, high := q.middle(counts)
	switch {
	case low < 0:
		return ""
	case low == high:
		return words.T("polls.part.median", "Option", q.Options[low].Text)
	}
	return words.T("polls.part.median.between", "Low", q.Options[low].Text, "High", q.Options[high].Text)
}

// order is a ranking without "hard to say": the options by index, how often each
// was put above each other, and the places by Schulze's method.
func (q Question) order(n ballot.QuestionNumbers) (options []int, pairs []int, places [][]int) {
	for o, option := range q.Options {
		if option.ID != HardID {
			options = append(options, o)
		}
	}
	for _, a := range options {
		for _, b := range options {
			if a != b {
				pairs = append(pairs, n.Counts[ballot.Pair(len(q.Options), a, b)])
			}
		}
	}
	return options, pairs, method.Schulze(len(options), pairs).Places
}

// saidHard is how many could not rank. "Hard to say" is chosen alone, so whoever
// did put it above every option.
func (q Question) saidHard(n ballot.QuestionNumbers) (count int, ok bool) {
	at := q.option(HardID)
	if at < 0 || len(q.Options) < 2 {
		return 0, false
	}
	other := 0
	if at == 0 {
		other = 1
	}
	return n.Counts[ballot.Pair(len(q.Options), at, other)], true
}

func (q Question) ranking(words *locale.Printer, n ballot.QuestionNumbers, final bool) *rankingView {
	options, pairs, places := q.order(n)
	v := &rankingView{}
	for _, place := range places {
		var texts []string
		for _, o := range place {
			texts = append(texts, q.Options[options[o]].Text)
		}
		text := strings.Join(texts, " · ")
		if len(texts) > 1 {
			text = words.T("polls.rank.tie", "Options", text)
		}
		v.Places = append(v.Places, text)
	}
	if count, ok := q.saidHard(n); ok {
		v.Hard = words.T("polls.rank.hard", "Count", count)
	}
	for a, o := range options {
		v.Options = append(v.Options, q.Options[o].Text)
		row := countsRow{Label: q.Options[o].Text}
		for b := range options {
			count := -1
			if a != b {
				count = pairs[ballot.Pair(len(options), a, b)]
			}
			row.Counts = append(row.Counts, count)
		}
		v.Pairs = append(v.Pairs, row)
	}
	if final {
		q.runoff(words, v, options, n.Runoff)
	}
	return v
}

// runoff adds the rounds of the instant-runoff count. Ballots that say "hard to
// say" count for nobody else, so its going out moves nothing and its rounds are
// left out.
func (q Question) runoff(words *locale.Printer, v *rankingView, options []int, counted [][]int) {
	rounds := q.rounds(options, counted)
	if len(rounds) == 0 {
		return
	}
	for i := range rounds {
		v.RoundNames = append(v.RoundNames, words.T("polls.rank.round", "N", i+1))
	}
	for a, o := range options {
		row := countsRow{Label: q.Options[o].Text}
		for _, round := range rounds {
			row.Counts = append(row.Counts, round[a])
		}
		v.Rounds = append(v.Rounds, row)
	}
	last := rounds[len(rounds)-1]
	most := slices.Max(last)
	winner := slices.Index(last, most)
	switch {
	case most <= 0:
		v.Winner = words.T("polls.rank.runoff.none")
	case slices.Contains(last[winner+1:], most):
		v.Winner = words.T("polls.rank.runoff.tie")
	default:
		v.Winner = words.T("polls.rank.runoff.winner", "Option", q.Options[options[winner]].Text)
	}
}

// rounds are those of the options alone.
func (q Question) rounds(options []int, counted [][]int) (out [][]int) {
	for _, all := range counted {
		round := make([]int, len(options))
		in := 0
		for a, o := range options {
			if round[a] = all[o]; all[o] != method.Out {
				in++
			}
		}
		if in == 0 || len(out) > 0 && slices.Equal(out[len(out)-1], round) {
			continue
		}
		out = append(out, round)
	}
	return out
}

// inShort says in a line a question what most answered, for this city's part.
func inShort(words *locale.Printer, poll *Poll, n ballot.Numbers) (out []string) {
	for i, q := range poll.Questions {
		text := words.T("polls.part.few", "Count", poll.K)
		if have := n.Questions[i]; poll.shows(n, i) {
			switch q.Kind {
			case ballot.Ranking:
				text = words.T("polls.rank.first", "Options", q.ranking(words, have, false).Places[0])
			case ballot.Scale:
				text = q.median(words, have.Counts)
			default:
				text = leadOf(words, q.Options, have.Counts, answered(n, i))
			}
		}
		out = append(out, q.full(poll)+" – "+text)
	}
	return out
}
