package polls

import (
	"net/url"
	"slices"
	"strconv"

	"viche/internal/ballot"
	"viche/internal/locale"
	"viche/web"
)

// How a poll that is not a simple one is asked on its page, without JavaScript:
// what each field is called, how its answer is read, and how an answer is filled
// in again. Names go by position, since ids may be another city's.

// askedView is one question in the form.
type askedView struct {
	Name      string // of its field, and of the anchor to it
	Number    string // "Question 2 of 5"
	Text      string
	Hint      string
	Condition string // of whom it is asked, if not of everybody
	Kind      string // radio, checkbox, rank, number
	Group     string // title of the matrix that begins with this row
	Row       bool   // it is a row of a matrix
	Options   []web.Choice
	Ranks     []rankField
	Value     string      // of a number
	Hard      *web.Choice // beside a ranking and a number
}

// rankField is the place of one option in a ranking.
type rankField struct {
	Name, Label string
	Places      []web.Choice
}

// asking is how a question is answered on a page.
func (q Question) asking() string {
	switch {
	case len(q.Bounds) > 0:
		return "number"
	case q.Kind == ballot.Ranking:
		return "rank"
	case q.Kind == ballot.Several:
		return "checkbox"
	}
	return "radio"
}

// choices are the options that are put in order or stand in an interval: all but
// "hard to say".
func (q Question) choices() []Option {
	return slices.DeleteFunc(slices.Clone(q.Options), func(o Option) bool { return o.ID == HardID })
}

func rankName(i, o int) string { return field(i) + "-" + strconv.Itoa(o+1) }

func hardName(i int) string { return field(i) + "-hard" }

// questions prepares the form of a poll, with what was typed filled in.
func (p *Poll) questions(words *locale.Printer, typed url.Values) (out []askedView) {
	for i, q := range p.Questions {
		v := askedView{Name: field(i), Kind: q.asking(), Text: q.Text, Hint: q.hint(words), Condition: p.condition(words, q)}
		if v.Text == "" {
			v.Text = p.Title
		}
		if len(p.Questions) > 1 {
			v.Number = words.T("polls.ask.number", "N", i+1, "M", len(p.Questions))
		}
		if q.Group != "" {
			v.Row = true
			if i == 0 || p.Questions[i-1].Group != q.Group {
				v.Group = q.Group
			}
		}
		switch v.Kind {
		case "rank":
			for o, option := range q.choices() {
				f := rankField{Name: rankName(i, o), Label: option.Text}
				for place := range q.choices() {
					n := strconv.Itoa(place + 1)
					f.Places = append(f.Places, web.Choice{Value: n, Label: n, Checked: typed.Get(f.Name) == n})
				}
				v.Ranks = append(v.Ranks, f)
			}
		case "number":
			v.Value = typed.Get(v.Name)
		default:
			for _, o := range q.Options {
				v.Options = append(v.Options, web.Choice{Value: o.ID, Label: o.Text, Checked: slices.Contains(typed[v.Name], o.ID)})
			}
		}
		if o := q.option(HardID); o >= 0 && v.Options == nil {
			v.Hard = &web.Choice{Value: HardID, Label: q.Options[o].Text, Checked: typed.Get(hardName(i)) != ""}
		}
		out = append(out, v)
	}
	return out
}

// hint says how a question is answered.
func (q Question) hint(words *locale.Printer) string {
	switch kind := q.asking(); {
	case kind == "number":
		return words.T("polls.ask.number.hint")
	case kind == "rank":
		return words.T("polls.ask.rank.hint", "Count", len(q.choices()))
	case kind == "checkbox" && q.Max > 0:
		return words.T("polls.ask.max", "Count", q.Max)
	case kind == "checkbox":
		return words.T("polls.form.several")
	case q.Kind == ballot.Scale:
		return words.T("polls.ask.scale.hint")
	}
	return words.T("polls.form.one")
}

// condition says of whom a question is asked; nothing if of everybody.
func (p *Poll) condition(words *locale.Printer, q Question) string {
	if q.When == nil {
		return ""
	}
	on := p.question(q.When.Question)
	if on < 0 || p.Questions[on].option(q.When.Option) < 0 {
		return ""
	}
	return words.T("polls.ask.when", "N", on+1, "Option", p.Questions[on].Options[p.Questions[on].option(q.When.Option)].Text)
}

// read turns a form into an answer. What was answered to a question that the
// other answers do not open is left out: the page shows every question, and who
// changed an earlier answer need not clear the later ones.
func (p *Poll) read(typed url.Values, wrong *web.FormErrors) ballot.Answer {
	if p.Simple() {
		return ballot.Answer{typed["choices"]}
	}
	a := make(ballot.Answer, len(p.Questions))
	for i, q := range p.Questions {
		name := field(i)
		var errs web.FormErrors
		switch q.asking() {
		case "rank":
			a[i] = q.readRanks(i, typed, &errs)
		case "number":
			a[i] = q.readInterval(i, typed, &errs)
		default:
			a[i] = typed[name]
		}
		if !p.asks(a)[i] {
			a[i] = nil
			continue
		}
		for _, e := range errs.List() {
			wrong.Add(e.Field, e.Key, e.Args...)
		}
	}
	return a
}

// readRanks reads the places of a ranking. They begin with the first and go on
// without a gap or a repeat; who leaves options out ranks them below.
func (q Question) readRanks(i int, typed url.Values, wrong *web.FormErrors) []string {
	options := q.choices()
	at := make([]string, len(options)) // by place
	most := 0
	for o, option := range options {
		text := typed.Get(rankName(i, o))
		if text == "" {
			continue
		}
		place, err := strconv.Atoi(text)
		if err != nil || place < 1 || place > len(options) {
			wrong.Add(field(i), "polls.answer.place", "Max", len(options))
			return nil
		}
		if at[place-1] != "" {
			wrong.Add(field(i), "polls.answer.place-twice", "Place", place)
			return nil
		}
		at[place-1], most = option.ID, max(most, place)
	}
	hard := typed.Get(hardName(i)) != "" && q.option(HardID) >= 0
	for place, id := range at[:most] {
		if id == "" {
			wrong.Add(field(i), "polls.answer.place-gap", "Place", place+1)
			return nil
		}
	}
	switch {
	case hard && most > 0:
		wrong.Add(field(i), "polls.answer.hard-alone")
		return nil
	case hard:
		return []string{HardID}
	}
	return at[:most]
}

// readInterval puts a number into its interval: nothing else of it is kept.
func (q Question) readInterval(i int, typed url.Values, wrong *web.FormErrors) []string {
	text := typed.Get(field(i))
	hard := typed.Get(hardName(i)) != "" && q.option(HardID) >= 0
	switch {
	case hard && text != "":
		wrong.Add(field(i), "polls.answer.hard-alone")
		return nil
	case hard:
		return []string{HardID}
	case text == "":
		return nil
	}
	n, err := readNumber(text)
	if err != nil {
		wrong.Add(field(i), "polls.answer.number")
		return nil
	}
	return []string{q.intervalOf(n)}
}

// fill is what somebody would have typed to give an answer.
func (p *Poll) fill(a ballot.Answer) url.Values {
	typed := url.Values{}
	if p.Simple() {
		if len(a) > 0 {
			typed["choices"] = a[0]
		}
		return typed
	}
	for i, q := range p.Questions {
		if i >= len(a) || len(a[i]) == 0 {
			continue
		}
		kind := q.asking()
		switch {
		case kind != "radio" && kind != "checkbox" && a[i][0] == HardID:
			typed.Set(hardName(i), HardID)
		case kind == "rank":
			for place, id := range a[i] {
				o := slices.IndexFunc(q.choices(), func(o Option) bool { return o.ID == id })
				typed.Set(rankName(i, o), strconv.Itoa(place+1))
			}
		case kind == "number":
			typed.Set(field(i), q.numberOf(a[i][0]))
		default:
			typed[field(i)] = a[i]
		}
	}
	return typed
}

// answers are the words of an answer to a question, for who gave it.
func (q Question) answers(words *locale.Printer, ids []string) (out []string) {
	for place, id := range ids {
		o := q.option(id)
		if o < 0 {
			continue
		}
		text := q.Options[o].Text
		if q.Kind == ballot.Ranking && id != HardID {
			text = words.T("polls.ask.place", "Place", place+1, "Option", text)
		}
		out = append(out, text)
	}
	return out
}

// formErrors takes errors of an answer, so that each stands at a field that the
// form has.
func (p *Poll) formErrors(wrong *web.FormErrors, err error) bool {
	var all web.FormErrors
	if !all.TakeAll(err) {
		return false
	}
	for _, e := range all.List() {
		if e.Field == "choices" && !p.Simple() {
			e.Field = field(0)
		}
		wrong.Add(e.Field, e.Key, e.Args...)
	}
	return true
}
