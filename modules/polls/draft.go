package polls

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"viche/internal/ballot"
	"viche/internal/store"
)

// The ways of asking that a draft knows. A matrix is several scales under one
// title; a number is put into one of the intervals that were laid down.
const (
	AskOne     = "one"
	AskSeveral = "several"
	AskRanking = "ranking"
	AskScale5  = "scale5"  // 1–5
	AskScale10 = "scale10" // 0–10
	AskMatrix  = "matrix"  // rows of 1–5
	AskNumber  = "number"
)

var askKinds = []string{AskOne, AskSeveral, AskRanking, AskScale5, AskScale10, AskMatrix, AskNumber}

// Limits of a draft's questions.
const (
	MaxQuestions = 20
	maxRanked    = 12 // options that somebody puts in order
	maxBounds    = 12
	maxEnd       = 60 // letters at an end of a scale
	maxNumber    = 1_000_000_000
)

// DraftQuestion is one question of a draft.
type DraftQuestion struct {
	Text      string
	Kind      string
	Options   []string // rows of a matrix; a scale and a number have none
	Max       int      // of several: most that may be chosen; 0: all
	Low, High string   // what the ends of a scale mean
	Bounds    []int    // where the intervals of a number begin
	Hard      bool     // with "hard to say"
	When      string   // "2:Так": only of those who answered so to the second question; empty: of all
}

// hardToSay stands in polls, which are asked in Ukrainian, whoever types.
const hardToSay = "Важко відповісти"

// scale says whether somebody picks a step.
func (q DraftQuestion) scale() bool {
	return q.Kind == AskScale5 || q.Kind == AskScale10 || q.Kind == AskMatrix
}

// tidy cleans what people type, and drops what the kind has no use for.
func (q *DraftQuestion) tidy() {
	q.Text, q.Low, q.High, q.When = clean(q.Text), clean(q.Low), clean(q.High), strings.TrimSpace(q.When)
	for i := range q.Options {
		q.Options[i] = clean(q.Options[i])
	}
	q.Options = slices.DeleteFunc(q.Options, func(o string) bool { return o == "" })
	if q.Kind == AskScale5 || q.Kind == AskScale10 || q.Kind == AskNumber {
		q.Options = nil
	}
	if !q.scale() {
		q.Low, q.High = "", ""
	}
	if q.Kind != AskNumber {
		q.Bounds = nil
	}
	if q.Kind != AskSeveral {
		q.Max = 0
	}
	if q.Kind == AskOne || q.Kind == AskSeveral || q.Kind == AskRanking {
		// Who types the words out means the same.
		had := len(q.Options)
		q.Options = slices.DeleteFunc(q.Options, func(o string) bool { return strings.EqualFold(o, hardToSay) })
		q.Hard = q.Hard || len(q.Options) < had
	}
}

// fold makes a draft of one plain question what it always was: options that are
// numbered in the order they were typed in.
func (d *Draft) fold() {
	if len(d.Questions) != 1 {
		return
	}
	q := d.Questions[0]
	if (q.Kind == AskOne || q.Kind == AskSeveral) && q.Max == 0 && q.When == "" && (q.Text == "" || clean(q.Text) == clean(d.Title)) {
		d.Options, d.Multiple, d.Questions = slices.Clone(q.Options), q.Kind == AskSeveral, nil
		has := slices.ContainsFunc(d.Options, func(o string) bool { return strings.EqualFold(clean(o), hardToSay) })
		given := slices.ContainsFunc(d.Options, func(o string) bool { return clean(o) != "" })
		if q.Hard && given && !has {
			d.Options = append(d.Options, hardToSay)
		}
	}
}

// named is how the form calls a part of a draft's question; the first one's
// names are those of a poll of one question.
func named(part string, i int) string {
	if i == 0 {
		return part
	}
	return part + "-" + strconv.Itoa(i+1)
}

// checkQuestions names everything that is wrong with the questions of a draft.
func (d *Draft) checkQuestions(bad func(field, key string, args ...any)) {
	if len(d.Questions) > MaxQuestions {
		bad("title", "polls.draft.questions", "Max", MaxQuestions)
		return
	}
	for i, q := range d.Questions {
		wrong := func(part, key string, args ...any) { bad(named(part, i), key, args...) }
		switch n := utf8.RuneCountInString(q.Text); {
		case n == 0 && i > 0:
			wrong("text", "polls.draft.title.missing")
		case n > MaxTitle:
			wrong("text", "polls.draft.title.long", "Max", MaxTitle)
		}
		q.check(wrong)
		d.checkWhen(i, wrong)
		if d.Scope != string(City) && (q.Max > 0 || q.When != "") {
			wrong("kind", "polls.draft.across")
		}
	}
	if n := len(d.build()); n > mostQuestions {
		bad("title", "polls.draft.questions", "Max", mostQuestions)
	}
}

func (q DraftQuestion) check(wrong func(part, key string, args ...any)) {
	if !slices.Contains(askKinds, q.Kind) {
		wrong("kind", "polls.draft.kind.unknown")
		return
	}
	most := MaxOptions
	if q.Kind == AskRanking {
		most = maxRanked
	}
	switch lists := q.Kind == AskOne || q.Kind == AskSeveral || q.Kind == AskRanking || q.Kind == AskMatrix; {
	case lists && len(q.Options) < 2:
		wrong("options", "polls.draft.options.few")
	case lists:
		checkOptions(q.Options, most, func(_, key string, args ...any) { wrong("options", key, args...) })
	}
	if q.Max < 0 || q.Max == 1 || q.Max > len(q.Options) && q.Kind == AskSeveral && len(q.Options) > 0 {
		wrong("max", "polls.draft.max", "Max", len(q.Options))
	}
	for part, text := range map[string]string{"low": q.Low, "high": q.High} {
		if utf8.RuneCountInString(text) > maxEnd {
			wrong(part, "polls.draft.end.long", "Max", maxEnd)
		}
	}
	if q.Kind == AskNumber && !goodBounds(q.Bounds) {
		wrong("bounds", "polls.draft.bounds", "Max", maxBounds)
	}
}

// goodBounds says whether numbers grow and stay in what a form takes.
func goodBounds(bounds []int) bool {
	if len(bounds) == 0 || len(bounds) > maxBounds {
		return false
	}
	for i, b := range bounds {
		if b < -maxNumber || b > maxNumber || i > 0 && b <= bounds[i-1] {
			return false
		}
	}
	return true
}

// checkOptions holds the options of a question against what may be asked.
func checkOptions(options []string, most int, bad func(field, key string, args ...any)) {
	if len(options) > most {
		bad("options", "polls.draft.options.many", "Max", most)
	}
	seen := map[string]bool{}
	for _, o := range options {
		if utf8.RuneCountInString(o) > MaxOption {
			bad("options", "polls.draft.options.long", "Option", o, "Max", MaxOption)
		}
		if seen[strings.ToLower(o)] {
			bad("options", "polls.draft.options.twice", "Option", o)
		}
		seen[strings.ToLower(o)] = true
	}
}

// condition splits a condition into the number of the question it hangs on, from
// zero, and the option's words.
func condition(when string) (question int, option string, ok bool) {
	number, option, found := strings.Cut(when, ":")
	n, err := strconv.Atoi(number)
	return n - 1, option, found && err == nil && n > 0
}

// checkWhen holds a condition against the questions before it: so there can be
// no circle.
func (d *Draft) checkWhen(i int, wrong func(part, key string, args ...any)) {
	q := d.Questions[i]
	if q.When == "" {
		return
	}
	on, option, ok := condition(q.When)
	switch {
	case !ok || on >= i:
		wrong("when", "polls.draft.when.back")
	case !slices.Contains(d.Questions[on].answers(), option):
		wrong("when", "polls.draft.when.option")
	}
}

// answers are the words of what may be answered and hung on: nothing of a matrix
// or a ranking.
func (q DraftQuestion) answers() (out []string) {
	if q.Kind == AskMatrix || q.Kind == AskRanking || !slices.Contains(askKinds, q.Kind) {
		return nil
	}
	for _, o := range q.build().Options {
		out = append(out, o.Text)
	}
	return out
}

// build turns a draft's questions into those of a poll. One that is not checked
// yet gives something that the preview can show.
func (d *Draft) build() (out []Question) {
	if len(d.Questions) == 0 {
		q := DraftQuestion{Kind: AskOne, Options: d.Options}
		if d.Multiple {
			q.Kind = AskSeveral
		}
		d = &Draft{Title: d.Title, Questions: []DraftQuestion{q}}
	}
	ids := make([]string, len(d.Questions)) // of what a condition may name
	for i, q := range d.Questions {
		built := q.build()
		if q.When != "" {
			if on, option, ok := condition(q.When); ok && on < i && ids[on] != "" {
				at := slices.IndexFunc(out, func(q Question) bool { return q.ID == ids[on] })
				if o := slices.IndexFunc(out[at].Options, func(o Option) bool { return o.Text == option }); o >= 0 {
					built.When = &When{Question: ids[on], Option: out[at].Options[o].ID}
				}
			}
		}
		if q.Kind != AskMatrix {
			built.ID = fmt.Sprintf("q%d", len(out)+1)
			built.Text = q.Text
			if built.Text == d.Title {
				built.Text = "" // the poll's own
			}
			ids[i] = built.ID
			out = append(out, built)
			continue
		}
		for _, row := range q.Options {
			one := built
			one.ID, one.Text, one.Group = fmt.Sprintf("q%d", len(out)+1), row, q.Text
			if one.Group == "" {
				one.Group = d.Title
			}
			out = append(out, one)
		}
	}
	return out
}

// build is the question of a poll without its id, words and condition.
func (q DraftQuestion) build() Question {
	out := Question{Kind: ballot.One, Max: q.Max, Bounds: q.Bounds}
	add := func(text string) {
		out.Options = append(out.Options, Option{fmt.Sprintf("o%d", len(out.Options)+1), text})
	}
	switch q.Kind {
	case AskSeveral:
		out.Kind = ballot.Several
	case AskRanking:
		out.Kind = ballot.Ranking
	case AskScale5, AskScale10, AskMatrix, AskNumber:
		out.Kind = ballot.Scale
	}
	switch {
	case q.scale():
		from, to := 1, 5
		if q.Kind == AskScale10 {
			from, to = 0, 10
		}
		for step := from; step <= to; step++ {
			end := map[int]string{from: q.Low, to: q.High}[step]
			if end != "" {
				end = " – " + end
			}
			add(strconv.Itoa(step) + end)
		}
	case q.Kind == AskNumber:
		for i := range len(q.Bounds) + 1 {
			add(interval(q.Bounds, i))
		}
	default:
		for _, o := range q.Options {
			add(o)
		}
	}
	if q.Hard {
		out.Options = append(out.Options, Option{HardID, hardToSay})
	}
	return out
}

// interval is the i-th of the intervals that bounds lay down, in words.
func interval(bounds []int, i int) string {
	switch {
	case len(bounds) == 0:
		return ""
	case i == 0:
		return fmt.Sprintf("менше ніж %d", bounds[0])
	case i == len(bounds):
		return fmt.Sprintf("%d і більше", bounds[i-1])
	case bounds[i]-1 == bounds[i-1]:
		return strconv.Itoa(bounds[i-1])
	}
	return fmt.Sprintf("%d–%d", bounds[i-1], bounds[i]-1)
}

// intervalOf is the interval in which a number lies.
func (q Question) intervalOf(n int) string {
	at := 0
	for at < len(q.Bounds) && q.Bounds[at] <= n {
		at++
	}
	return q.Options[at].ID
}

// numberOf is a number that lies in an interval, to fill in a form with.
func (q Question) numberOf(id string) string {
	at := q.option(id)
	switch {
	case at < 0 || id == HardID:
		return ""
	case at == 0:
		return strconv.Itoa(q.Bounds[0] - 1)
	}
	return strconv.Itoa(q.Bounds[at-1])
}

// readNumber reads a number as people type it: with spaces, and with a fraction
// after a comma, which is cut off.
func readNumber(text string) (int, error) {
	text = strings.NewReplacer(" ", "", "\u00a0", "", "\u202f", "", "−", "-", ",", ".").Replace(strings.TrimSpace(text))
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != f || f < -maxNumber || f > maxNumber || len(text) > 20 {
		return 0, store.Invalid("number", "polls.answer.number")
	}
	n := int(f)
	if f < float64(n) {
		n-- // towards below, so that −0,5 is less than nothing
	}
	return n, nil
}
