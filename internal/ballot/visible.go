package ballot

import "time"

// Policy says when the totals of a poll open.
type Policy string

// The two policies; the names are those on the wire (resultsPolicy).
const (
	AfterVote  Policy = "afterVote"  // to whoever has voted; to all after the close
	AfterClose Policy = "afterClose" // to all after the close; never before
)

// Sight is what decides whether somebody sees totals.
type Sight struct {
	Policy Policy
	Closes time.Time // the close as it stands: the planned one, or the early one
	Voted  bool      // the viewer's ballot lies in the box
}

// Visible is the one place that decides whether a viewer may see totals of a
// poll, turnout included (R4.2). Whatever shows, sends, stores or exports a
// number asks it; for an audience that cannot be asked whether it has voted,
// Voted is false.
func Visible(s Sight, now time.Time) bool {
	if !now.Before(s.Closes) {
		return true
	}
	return s.Policy == AfterVote && s.Voted
}
