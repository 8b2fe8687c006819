// Package standing holds the rules by which a resident earns a status (R1.4,
// R1.5): pure functions over counters, without a database and without a clock.
// What it is given never holds an answer: how many polls somebody could take
// part in and did, how often the answer was changed, what was proposed in which
// month, and for each scope one bit on agreement.
//
// Time goes by calendar months. An epoch is the first moment of a month in Kyiv;
// a status is judged by the months before it, for everybody at once.
package standing

import (
	"slices"
	"time"
)

// Level is a status without its scope, the higher the greater.
type Level int

// The levels (R1.4). A guest and an organisation have none.
const (
	None        Level = iota
	Registered        // зареєстрований мешканець: verified
	Responsible       // відповідальний мешканець
	Expert            // експерт за напрямом, or city-wide місцевий експерт
	Leader            // лідер суспільної думки
)

var names = [...]string{"none", "registered", "responsible", "expert", "leader"}

// String is the level's name on the wire and in message keys.
func (l Level) String() string {
	if l < None || l > Leader {
		return names[None]
	}
	return names[l]
}

// LevelOf is the level of that name; None for a name of no level.
func LevelOf(name string) Level { return Level(max(slices.Index(names[:], name), 0)) }

// Scope says in what a status was earned: Everywhere, or the number of a sphere
// in the order of R2, from 1.
type Scope int

// Everywhere is the territory as a whole, all spheres together.
const Everywhere Scope = 0

// Scopes is how many there are.
const Scopes = 21

// Status is a level and what it was earned in. Registered and Responsible are
// earned Everywhere only.
type Status struct {
	Level Level
	Scope Scope
}

// Polls counts the polls of a span that somebody was on the register of, those
// answered among them, and those whose answer was changed among these.
type Polls struct{ Could, Took, Changed int }

func (p Polls) plus(o Polls) Polls {
	return Polls{p.Could + o.Could, p.Took + o.Took, p.Changed + o.Changed}
}

// Month is what one person did in one calendar month.
type Month struct {
	Start     time.Time // its first moment, Kyiv time
	Frozen    bool      // left out: illness, service, displacement
	Polls     [Scopes]Polls
	Proposals [Scopes]int // to a poll, or a poll initiated; found lawful
	Ideas     [Scopes]int
}

// Propose notes a contribution in a sphere (Everywhere for one in none): to a
// poll, or an idea. It counts for its sphere and for the whole.
func (m *Month) Propose(in Scope, toPoll bool) {
	list := &m.Ideas
	if toPoll {
		list = &m.Proposals
	}
	list[Everywhere]++
	if in != Everywhere {
		list[in]++
	}
}

// Person is all that the rules look at.
type Person struct {
	Verified     time.Time // zero: not verified
	Organisation bool
	Months       []Month      // oldest first, one after the other; the last ends at the epoch
	Agrees       [Scopes]bool // more than half of the own answers matched the majority's
}

// MonthStart is the first moment of the calendar month that t lies in.
func MonthStart(t time.Time, zone *time.Location) time.Time {
	t = t.In(zone)
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, zone)
}

// MonthsBefore are the n empty months that end at an epoch, oldest first.
func MonthsBefore(epoch time.Time, n int) []Month {
	months := make([]Month, n)
	for i := range months {
		months[i].Start = epoch.AddDate(0, i-n, 0)
	}
	return months
}

// window says of each month whether the formula looks at it: the newest ones
// that are not frozen, as many as the window is long.
func (f Formula) window(months []Month) []bool {
	in, left := make([]bool, len(months)), f.Window
	for i := len(months) - 1; i >= 0 && left > 0; i-- {
		if !months[i].Frozen {
			in[i] = true
			left--
		}
	}
	return in
}

// Progress is where somebody stands in one scope: what the page «Чому такий
// статус» shows.
type Progress struct {
	Polls     Polls
	Full      int // full calendar months since verification, within the window
	Proposed  int // those of them with enough proposals to polls
	Suggested int // those of them with enough proposals or ideas
	Agrees    bool
}

// Look adds up a person's window in one scope.
func (f Formula) Look(p Person, in Scope) Progress {
	got := Progress{Agrees: p.Agrees[in]}
	for i, counts := range f.window(p.Months) {
		if !counts {
			continue
		}
		m := &p.Months[i]
		got.Polls = got.Polls.plus(m.Polls[in])
		if m.Start.Before(p.Verified) {
			continue // not a full month of this person's
		}
		got.Full++
		if m.Proposals[in] >= f.Monthly {
			got.Proposed++
		}
		if m.Proposals[in]+m.Ideas[in] >= f.Monthly {
			got.Suggested++
		}
	}
	return got
}

// Requirements say of each rule of a level whether it is met.
type Requirements struct {
	Enough        bool // polls to judge by
	Share         bool // of them taken part in
	Contributions bool // in each full month; true where the level asks for none
	Agreement     bool // with the majority; true where the level asks for none
}

// Met says whether all are.
func (r Requirements) Met() bool { return r.Enough && r.Share && r.Contributions && r.Agreement }

// Require holds somebody's progress against the rules of a level. That Expert
// and Leader must be responsible overall is for Meets to see.
func (f Formula) Require(l Level, at Progress) Requirements {
	r := Requirements{Enough: at.Polls.Could >= f.MinPolls, Contributions: true, Agreement: true}
	whole := at.Polls.Took - at.Polls.Changed
	weighed := 100*whole + f.Changed*at.Polls.Changed
	switch l {
	case Responsible:
		r.Share = 100*at.Polls.Took > f.Responsible*at.Polls.Could
	case Expert:
		r.Share = weighed > f.Expert*at.Polls.Could
		r.Contributions = at.Full > 0 && at.Suggested == at.Full
	case Leader:
		r.Share = weighed > f.Leader*at.Polls.Could
		r.Contributions = at.Full > 0 && at.Proposed == at.Full
		r.Agreement = at.Agrees
	default:
		r.Share = true
	}
	return r
}

// Missing is in how many further polls, one after the other, somebody has to take
// part until the share of a level is reached; -1 if a thousand do not do.
func (f Formula) Missing(l Level, at Progress) int {
	for more := range 1001 {
		if r := f.Require(l, at); r.Enough && r.Share {
			return more
		}
		at.Polls.Could++
		at.Polls.Took++
	}
	return -1
}

// Meets are the statuses whose rules a person meets, the highest first, the whole
// territory before spheres. Nobody unverified and no organisation meets any.
func (f Formula) Meets(p Person) (all []Status) {
	if p.Organisation || p.Verified.IsZero() {
		return nil
	}
	if f.Require(Responsible, f.Look(p, Everywhere)).Met() {
		for in := Everywhere; in < Scopes; in++ {
			at := f.Look(p, in)
			for _, l := range []Level{Expert, Leader} {
				if f.Require(l, at).Met() {
					all = append(all, Status{l, in})
				}
			}
		}
		all = append(all, Status{Responsible, Everywhere})
	}
	all = append(all, Status{Registered, Everywhere})
	slices.SortStableFunc(all, compare)
	return all
}

func compare(a, b Status) int {
	if a.Level != b.Level {
		return int(b.Level - a.Level)
	}
	return int(a.Scope - b.Scope)
}

// Highest is the status to show of several: the highest level, of the whole
// territory before a sphere's. The zero Status is none.
func Highest(all []Status) (top Status) {
	for i, s := range all {
		if i == 0 || compare(s, top) < 0 {
			top = s
		}
	}
	return top
}

// Held is a status that somebody has.
type Held struct {
	Status
	Since   time.Time // the epoch at which it was earned
	Failing time.Time // the first epoch at which its rules were not met; zero while they are
}

// Ends is the epoch at which a held status goes if its rules stay unmet; zero
// while they are met.
func (f Formula) Ends(h Held) time.Time {
	if h.Failing.IsZero() {
		return time.Time{}
	}
	return h.Failing.AddDate(0, f.Grace, 0)
}

// Step goes from one epoch to the next: what is met is held; what is not is held
// still through the grace, and lost after it. While somebody is frozen nothing
// changes, neither way. Taking the same step twice is taking it once.
func (f Formula) Step(held []Held, meets []Status, frozen bool, epoch time.Time) (next, lost []Held) {
	if frozen {
		return slices.Clone(held), nil
	}
	for _, h := range held {
		switch {
		case slices.Contains(meets, h.Status):
			h.Failing = time.Time{}
		case h.Failing.IsZero():
			h.Failing = epoch
		}
		if ends := f.Ends(h); !ends.IsZero() && !epoch.Before(ends) {
			lost = append(lost, h)
			continue
		}
		next = append(next, h)
	}
	for _, s := range meets {
		if !slices.ContainsFunc(held, func(h Held) bool { return h.Status == s }) {
			next = append(next, Held{Status: s, Since: epoch})
		}
	}
	slices.SortStableFunc(next, func(a, b Held) int { return compare(a.Status, b.Status) })
	return next, lost
}
