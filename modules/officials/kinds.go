package officials

import (
	"slices"

	"viche/internal/territory"
)

// Level is how wide an office reaches, the widest first.
type Level int

// The levels.
const (
	State Level = iota + 1
	Oblast
	Raion
	Community
	District
)

var levelNames = map[Level]string{State: "state", Oblast: "oblast", Raion: "raion", Community: "community", District: "district"}

func (l Level) String() string { return levelNames[l] }

// levelOf is the level of that name, 0 for none.
func levelOf(name string) Level {
	for l, known := range levelNames {
		if known == name {
			return l
		}
	}
	return 0
}

// fits says whether an office of a level may lie in a unit of the codifier. A
// member of parliament may be of a region's list; a starosta looks after
// villages.
func (l Level) fits(u territory.Unit) bool {
	if u.Closed {
		return false
	}
	switch l {
	case State:
		return u.Code == territory.Country || u.Category == "O" || u.Category == "K"
	case Oblast:
		return u.Category == "O" || u.Category == "K"
	case Raion:
		return u.Category == "P"
	case Community:
		return slices.Contains([]string{"H", "K", "M", "T", "X", "C"}, u.Category)
	case District:
		return slices.Contains([]string{"B", "M", "K"}, u.Category)
	}
	return false
}

// A Kind is a kind of office: its place in the state, whether people elect its
// holder, and by which indicators its work is usually shown. Its name is the
// message officials.kind.SLUG.
type Kind struct {
	Slug       string
	Level      Level
	Elected    bool
	Indicators []string
}

var (
	ofCouncillors = []string{"attendance", "votes", "requests", "reception", "declaration", "report", "promises"}
	ofHeads       = []string{"answers", "petitions", "budget", "reception", "declaration", "report", "promises"}
	ofDepartments = []string{"answers", "budget", "procurement", "declaration", "report"}
	ofChairs      = []string{"attendance", "votes", "answers", "declaration", "report", "promises"}
)

// Kinds are all of them, by level.
var Kinds = []Kind{
	{"president", State, true, []string{"petitions", "answers", "declaration", "report", "promises"}},
	{"mp", State, true, ofCouncillors},
	{"committee-chair", State, true, ofChairs},
	{"minister", State, false, ofDepartments},
	{"oblast-chair", Oblast, true, ofChairs},
	{"oblast-councillor", Oblast, true, ofCouncillors},
	{"oblast-head", Oblast, false, ofHeads},
	{"raion-chair", Raion, true, ofChairs},
	{"raion-councillor", Raion, true, ofCouncillors},
	{"raion-head", Raion, false, ofHeads},
	{"community-head", Community, true, ofHeads},
	{"council-secretary", Community, true, ofChairs},
	{"councillor", Community, true, ofCouncillors},
	{"military-head", Community, false, ofHeads},
	{"deputy-head", Community, false, ofDepartments},
	{"department-head", Community, false, ofDepartments},
	{"starosta", Community, false, []string{"answers", "reception", "declaration", "report"}},
	{"district-head", District, false, ofDepartments},
	{"district-councillor", District, true, ofCouncillors},
}

// kindOf finds a kind of office.
func kindOf(slug string) (Kind, bool) {
	i := slices.IndexFunc(Kinds, func(k Kind) bool { return k.Slug == slug })
	if i < 0 {
		return Kind{}, false
	}
	return Kinds[i], true
}

// IndicatorKinds are what documents may tell of somebody's work; "other" has a
// name of its own. Name and definition are the messages
// officials.indicator.KIND and officials.indicator.KIND.definition.
var IndicatorKinds = []string{
	"attendance", "votes", "requests", "answers", "petitions", "reception", "declaration", "report", "promises", "budget", "procurement", "other",
}

// Criteria are what residents grade, the overall impression last, in the order
// of the questions of a round. Each is the message officials.criterion.ID.
var Criteria = []string{"results", "response", "openness", "integrity", "competence", "respect", Overall}

// Overall is the criterion from which headline and comparisons are taken.
const Overall = "overall"

// Grades are the six worded grades, the best first; NoExperience is the option
// beside them, which is not counted among grades. Votes are asked in Ukrainian,
// whoever reads them; pages show officials.grade.ID.
var Grades = []string{"g1", "g2", "g3", "g4", "g5", "g6"}

// NoExperience is the option of whoever cannot judge.
const NoExperience = "none"

// good is how many of the grades are «добре» and better.
const good = 3
