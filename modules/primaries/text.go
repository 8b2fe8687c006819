package primaries

import (
	"strings"
	"time"

	"viche/internal/locale"
	"viche/internal/typed"
	"viche/web"
)

// The longest that each kind of text may be, in letters, and the most of a kind.
const (
	maxName          = 120
	maxLine          = 250
	maxText          = 3000
	maxReason        = 500
	maxQuestionnaire = 20
	maxEvidence      = 5
	maxPlans         = 5
	maxAsked         = 3 // questions of one resident in a contest
)

func newWrongs() *typed.Wrongs {
	return &typed.Wrongs{Words: typed.Words{
		Missing: func(string) string { return "primaries.missing" }, Long: "primaries.long", URL: "primaries.url",
	}}
}

const (
	hour     = time.Hour
	timeForm = "2006-01-02T15:04"
)

// readTime reads a day and hour as they are in Kyiv.
func readTime(wrong *web.FormErrors, field, typed string) time.Time {
	at, err := time.ParseInLocation(timeForm, strings.Replace(strings.TrimSpace(typed), " ", "T", 1), locale.Kyiv())
	if err != nil {
		wrong.Add(field, "primaries.time")
	}
	return at
}

// typedTime is a moment the way it is typed.
func typedTime(at time.Time) string { return at.In(locale.Kyiv()).Format(timeForm) }
