package polls

import (
	"slices"

	"viche/internal/ballot"
	"viche/internal/locale"
	"viche/internal/union"
	"viche/web"
)

// outcome is what a poll has brought so far, as this viewer may see it.
type outcome struct {
	Callout *callout // in place of numbers: too few, or still counting
	Heading string
	Lead    string // who leads, in words
	Turnout string
	Bars    *web.Bars
	Parts   []part // in place of Lead, Bars and First, of a poll that is not a simple one
	First   *firstAnswers
	Next    string // when the final result comes
	Guests  *web.Bars
	NoGuest bool // there are none, or too few to tell
	Across  *acrossView
}

// firstAnswers hold what everybody had answered at first beside what stands.
type firstAnswers struct {
	Text string
	Rows []firstRow
}

type firstRow struct {
	Label      string
	First, Now int
}

// outcome prepares results that came through ResultsFor.
func (p *Polls) outcome(words *locale.Printer, poll *Poll, r Results, answer ballot.Answer) *outcome {
	o := &outcome{Heading: words.T("polls.outcome.heading." + p.stage(r))}
	if !r.Closed {
		o.Next = words.T("polls.outcome.next", "Date", words.DateTime(poll.ClosesAt))
	}
	switch {
	case r.Waiting && r.Across:
		o.Callout = &callout{Kind: "info", Title: words.T("polls.waiting.title"), Text: words.T("polls.waiting.across")}
		return o
	case r.Waiting:
		o.Callout = &callout{Kind: "info", Title: words.T("polls.waiting.title"), Text: words.T("polls.waiting.text")}
		return o
	case r.TooFew && r.Closed:
		o.Callout = &callout{Kind: "info", Title: words.T("polls.few.closed.title"), Text: words.T("polls.few.closed.text", "Count", poll.K)}
		return o
	case r.TooFew:
		o.Callout = &callout{Kind: "info", Title: words.T("polls.few.title"), Text: words.T("polls.few.text", "K", poll.K),
			Href: "#share", Action: words.T("polls.few.share")}
		return o
	}
	if !r.Closed {
		o.Heading = words.T("polls.outcome.heading.interim", "When", words.DateTime(r.TakenAt))
	}
	o.Turnout = turnoutWords(words, r.Total)
	if poll.Simple() {
		own := answer[:min(1, len(answer))]
		o.Lead = leadWords(words, poll, r.Total)
		o.Bars = bars(words, poll, r.Total, slices.Concat(own...), o.Heading)
		o.First = first(words, poll, r.Total)
	} else {
		o.Parts = parts(words, poll, r.Total, answer, r.Final)
	}
	if r.Closed && poll.Simple() {
		if r.Guests != nil && r.Guests.Showable(poll.K) {
			o.Guests = guestBars(words, poll, *r.Guests)
		} else {
			o.NoGuest = true
		}
	}
	if r.Across {
		o.Across = p.across(words, poll, r, slices.Concat(answer[:min(1, len(answer))]...))
	}
	return o
}

// stage names what the numbers are: interim, preliminary or final.
func (p *Polls) stage(r Results) string {
	switch {
	case !r.Closed:
		return "running"
	case r.Result != nil && r.Result.Stage == union.Preliminary:
		return "preliminary"
	}
	return "final"
}

func bars(words *locale.Printer, poll *Poll, n ballot.Numbers, own []string, caption string) *web.Bars {
	rows := make([]web.Bar, len(poll.Options()))
	for i, o := range poll.Options() {
		rows[i] = web.Bar{Label: o.Text, Count: n.Questions[0].Counts[i], Mine: slices.Contains(own, o.ID)}
	}
	b := web.NewBars(words.T("polls.bars.caption", "What", caption), words.T("polls.bars.option"), n.Ballots, rows...)
	b.Note = words.T("polls.bars.note")
	if poll.Multiple() {
		b.Note = words.T("polls.bars.note.several")
	}
	return &b
}

func guestBars(words *locale.Printer, poll *Poll, n ballot.Numbers) *web.Bars {
	b := bars(words, poll, n, nil, "")
	b.Caption = words.T("polls.guests.caption", "Count", n.Ballots)
	for i := range b.Rows {
		b.Rows[i].Leads = false // nothing is won among guests
	}
	return b
}

// leaders are the options with most votes, in the poll's order.
func leaders(counts []int) (index []int, most int) {
	most = slices.Max(counts)
	for i, c := range counts {
		if c == most && most > 0 {
			index = append(index, i)
		}
	}
	return index, most
}

// leadWords says in a sentence what most people answered; nothing of a poll that
// is not a simple one.
func leadWords(words *locale.Printer, poll *Poll, n ballot.Numbers) string {
	if !poll.Simple() {
		return ""
	}
	return leadOf(words, poll.Options(), n.Questions[0].Counts, n.Ballots)
}

func leadOf(words *locale.Printer, options []Option, counts []int, base int) string {
	index, most := leaders(counts)
	share := words.Percent(most, base)
	switch len(index) {
	case 0:
		return ""
	case 1:
		return words.T("polls.outcome.leads", "Option", options[index[0]].Text, "Share", share)
	}
	text := ""
	for i, at := range index {
		if i > 0 {
			text += ", "
		}
		text += words.T("polls.quoted", "Text", options[at].Text)
	}
	return words.T("polls.outcome.tie", "Options", text, "Share", share)
}

func turnoutWords(words *locale.Printer, n ballot.Numbers) string {
	return words.T("polls.turnout", "Ballots", n.Ballots, "Register", n.Register, "Share", words.Percent(n.Ballots, n.Register))
}

// first is nil where first answers may not be told, or are not known.
func first(words *locale.Printer, poll *Poll, n ballot.Numbers) *firstAnswers {
	q := n.Questions[0]
	switch {
	case !n.ShowFirst(poll.K):
		return nil
	case n.Changes == 0:
		return &firstAnswers{Text: words.T("polls.first.none")}
	case len(q.First) != len(q.Counts):
		return nil
	}
	return firstOf(words, poll.Questions[0], n.Changes, q)
}

func firstOf(words *locale.Printer, q Question, changes int, n ballot.QuestionNumbers) *firstAnswers {
	f := &firstAnswers{Text: words.T("polls.first.text", "Count", changes)}
	for i, o := range q.Options {
		f.Rows = append(f.Rows, firstRow{o.Text, n.First[i], n.Counts[i]})
	}
	return f
}
