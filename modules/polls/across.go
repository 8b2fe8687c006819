package polls

import (
	"strings"

	"viche/internal/ballot"
	"viche/internal/locale"
	"viche/internal/union"
	"viche/web"
)

// acrossView is what the result of many cities is made of.
type acrossView struct {
	Here        *web.Bars // this city's share
	HereTurnout string
	HereParts   []string // in place of Here, of a poll that is not a simple one
	Own         *callout // whether this city's signed total stands in the result
	Missing     *callout
	Rows        []cityRow
	Excluded    []excludedCity
	Notes       []string
	Reason      string // of a version that somebody decided on
}

// cityRow is one city, or several small ones together.
type cityRow struct {
	Name, Host string
	Lead       string
	Ballots    int
	Register   int
	Mine       bool
}

type excludedCity struct{ Host, Reason string }

func (p *Polls) across(words *locale.Printer, poll *Poll, r Results, own []string) *acrossView {
	a := &acrossView{}
	if r.Here != nil {
		if poll.Simple() {
			a.Here = bars(words, poll, *r.Here, own, words.T("polls.across.here"))
		} else {
			a.HereParts = inShort(words, poll, *r.Here)
		}
		a.HereTurnout = turnoutWords(words, *r.Here)
	}
	if r.Result == nil {
		return a
	}
	result := *r.Result
	for _, m := range result.Members {
		a.Rows = append(a.Rows, cityRow{
			Name: p.place(m.Territory, words.Lang()), Host: m.Host(), Lead: shortLead(words, poll, m.Numbers),
			Ballots: m.Numbers.Ballots, Register: m.Numbers.Register, Mine: m.Actor == p.self.URI,
		})
	}
	for _, l := range result.Lines {
		a.Rows = append(a.Rows, cityRow{
			Name: words.T("polls.across.line", "Territory", p.place(l.Territory, words.Lang()), "Count", l.Cities),
			Lead: shortLead(words, poll, l.Numbers), Ballots: l.Numbers.Ballots, Register: l.Numbers.Register,
		})
	}
	for _, e := range result.Excluded {
		a.Excluded = append(a.Excluded, excludedCity{e.Host(), e.Reason})
	}
	if r.Closed {
		a.Missing = missing(words, result)
	}
	a.Own = ownTotal(words, result.Own)
	a.Notes = notes(words, result.Notes)
	a.Reason = result.Reason
	return a
}

// shortLead names the option with most votes and its share, for a table.
func shortLead(words *locale.Printer, poll *Poll, n ballot.Numbers) string {
	if !poll.Simple() {
		return "–"
	}
	index, most := leaders(n.Questions[0].Counts)
	var names []string
	for _, i := range index {
		names = append(names, poll.Options()[i].Text)
	}
	if len(names) == 0 {
		return "–"
	}
	return strings.Join(names, " · ") + " – " + words.Percent(most, n.Ballots)
}

// missing says who is still counting. A city may be missing and yet stand in
// the result with its last interim total, so names are counted once.
func missing(words *locale.Printer, r union.ResultView) *callout {
	if len(r.Missing) == 0 {
		return nil
	}
	all := map[string]bool{}
	for _, m := range r.Members {
		all[m.Actor] = true
	}
	var hosts []string
	for _, m := range r.Missing {
		all[m.Actor] = true
		hosts = append(hosts, m.Host())
	}
	for _, e := range r.Excluded {
		all[e.Actor] = true
	}
	total := len(all)
	for _, l := range r.Lines {
		total += l.Cities
	}
	key := "polls.across.missing.text"
	if r.Stage == union.Final {
		key = "polls.across.missing.due"
	}
	return &callout{
		Kind:  "warning",
		Title: words.T("polls.across.missing.title", "N", total-len(r.Missing), "M", total),
		Text:  words.T(key, "List", strings.Join(hosts, ", ")),
	}
}

// ownTotal says in public whether the result holds what this city has signed.
func ownTotal(words *locale.Printer, own union.Own) *callout {
	switch own {
	case union.OwnStands:
		return &callout{Kind: "success", Title: words.T("polls.across.own.stands.title"), Text: words.T("polls.across.own.stands.text")}
	case union.OwnDiffers:
		return &callout{Kind: "danger", Title: words.T("polls.across.own.differs.title"), Text: words.T("polls.across.own.differs.text")}
	}
	return nil
}

// notes tell in words what numbers must not tell.
func notes(words *locale.Printer, list []union.Note) (out []string) {
	for _, n := range list {
		key := "polls.across.note." + n.Kind
		if n.Host == "" && n.Kind != "few" {
			key += ".hidden"
			out = append(out, words.T(key))
			continue
		}
		out = append(out, words.T(key, "Host", n.Host))
	}
	return out
}
