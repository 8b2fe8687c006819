package standing

import "fmt"

// Formula is the numbers of the rules: an instance's settings, shown publicly.
// Shares are in per cent and mean "strictly more than".
type Formula struct {
	Window      int `json:"window"`      // months looked at
	MinPolls    int `json:"minPolls"`    // so that nobody rises by 1 of 1
	Responsible int `json:"responsible"` // share of the polls one could vote in
	Expert      int `json:"expert"`
	Leader      int `json:"leader"`
	Changed     int `json:"changed"` // what a changed ballot counts towards expert and leader, in per cent of a ballot
	Monthly     int `json:"monthly"` // proposals (for an expert, or ideas) in each full month
	Grace       int `json:"grace"`   // months before a loss shows
}

// Default is the formula of R1.5.
func Default() Formula {
	return Formula{Window: 12, MinPolls: 3, Responsible: 50, Expert: 75, Leader: 90, Changed: 50, Monthly: 1, Grace: 1}
}

// MaxWindow bounds the window, and with it how long counters are kept.
const MaxWindow = 24

// Kept is how many months of counters are of use: the longest window, and a
// year of frozen months in between.
const Kept = MaxWindow + 12

// Fault is what is wrong with one number of a formula.
type Fault struct {
	Field       string // as in JSON
	Value       int
	Least, Most int
}

// Error names the field and what is accepted.
func (e *Fault) Error() string {
	return fmt.Sprintf("%s is %d, want %d to %d", e.Field, e.Value, e.Least, e.Most)
}

// Check names the numbers that make no rule: shares of 100 % and more, which
// nobody could exceed, levels out of order, months out of bounds.
func (f Formula) Check() (faults []*Fault) {
	for _, n := range []Fault{
		{"window", f.Window, 1, MaxWindow},
		{"minPolls", f.MinPolls, 1, 100},
		{"responsible", f.Responsible, 0, 99},
		{"expert", f.Expert, min(max(f.Responsible, 0), 99), 99},
		{"leader", f.Leader, min(max(f.Expert, 0), 99), 99},
		{"changed", f.Changed, 0, 100},
		{"monthly", f.Monthly, 0, 10},
		{"grace", f.Grace, 1, 12},
	} {
		if n.Value < n.Least || n.Value > n.Most {
			faults = append(faults, &n)
		}
	}
	return faults
}
