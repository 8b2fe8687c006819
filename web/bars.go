package web

import "strconv"

// Bars is a chart of counts, drawn by the part "bars" with the same numbers in
// a table beneath. The rows stay in the order given, which is that of the
// options; the longest possible bar is the whole base, so no bar is cut.
type Bars struct {
	Caption string // what is counted, among whom, and whether it is final
	Column  string // heading of the first column: «Варіант відповіді»
	Rows    []Bar
	Base    int    // what a percentage is of: ballots, as a rule
	Note    string // says what the base is
}

// A Bar is one row. Leads marks the option that is ahead, in words as well.
type Bar struct {
	Label string
	Count int
	Leads bool
	Mine  bool // the reader's own answer
}

// Width is the length of a bar as an SVG attribute, of 100.
func (b Bars) Width(count int) string {
	if b.Base <= 0 || count <= 0 {
		return "0"
	}
	return strconv.FormatFloat(min(100, 100*float64(count)/float64(b.Base)), 'f', 2, 64)
}

// NewBars builds a chart and marks the row with most votes; where several have
// as many, none leads.
func NewBars(caption, column string, base int, rows ...Bar) Bars {
	most, leader := 0, -1
	for i, row := range rows {
		switch {
		case row.Count > most:
			most, leader = row.Count, i
		case row.Count == most:
			leader = -1
		}
	}
	if leader >= 0 {
		rows[leader].Leads = true
	}
	return Bars{Caption: caption, Column: column, Base: base, Rows: rows}
}
