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
func (p *Polls) outcome(words *locale.Printer, poll *Poll, r Results, own []string) *outcome {
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
	o.Lead, o.Turnout = leadWords(words, poll, r.Total), turnoutWords(words, r.Total)
	o.Bars = bars(words, poll, r.Total, own, o.Heading)
	o.First = first(words, poll, r.Total)
	if r.Closed {
		if r.Guests != nil && r.Guests.Showable(poll.K) {
			o.Guests = guestBars(words, poll, *r.Guests)
		} else {
			o.NoGuest = true
		}
	}
	if r.Across {
		o.Across = p.across(words, poll, r, own)
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
func leaders(n ballot.Numbers) (index []int, most int) {
	most = slices.Max(n.Questions[0].Counts)
	for i, c := range n.Questions[0].Counts {
		if c == most && most > 0 {
			index = append(index, i)
		}
	}
	return index, most
}

// leadWords says in a sentence what most people answered.
func leadWords(words *locale.Printer, poll *Poll, n ballot.Numbers) string {
	index, most := leaders(n)
	options := poll.Options()
	share := words.Percent(most, n.Ballots)
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
	f := &firstAnswers{Text: words.T("polls.first.text", "Count", n.Changes)}
	for i, o := range poll.Options() {
		f.Rows = append(f.Rows, firstRow{o.Text, q.First[i], q.Counts[i]})
	}
	return f
}
