package officials

import (
	"strings"
	"time"

	"viche/internal/locale"
	"viche/internal/typed"
)

// The longest that each kind of text may be, in letters.
const (
	maxName   = 120
	maxLine   = 250
	maxValue  = 80
	maxText   = 3000
	maxReason = 500
)

// wrongs collects what is wrong with a command, field by field.
type wrongs struct{ *typed.Wrongs }

func newWrongs() wrongs {
	return wrongs{&typed.Wrongs{Words: typed.Words{
		Missing: func(field string) string { return "officials.missing." + field }, Long: "officials.long", URL: "officials.url",
	}}}
}

// reason is why a moderator does something; everybody reads it.
func (w wrongs) reason(typed string) string { return w.Text("reason", typed, maxReason, true) }

// The days that a register of today's offices can know.
var firstDay, lastDay = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)

const dayForm = "2006-01-02"

// day reads a day, as its beginning in Kyiv; zero where none is needed.
func (w wrongs) day(field, typed string, needed bool) time.Time {
	typed = strings.TrimSpace(typed)
	if typed == "" {
		if needed {
			w.Add(field, "officials.missing."+field)
		}
		return time.Time{}
	}
	at, err := time.ParseInLocation(dayForm, typed, locale.Kyiv())
	if err != nil {
		w.Add(field, "officials.day.form")
		return time.Time{}
	}
	if at.Before(firstDay) || at.After(lastDay) {
		w.Add(field, "officials.day.range")
		return time.Time{}
	}
	return at
}

// after is the day after one, also where the clock is moved that night.
func after(day time.Time) time.Time {
	if day.IsZero() {
		return day
	}
	return day.In(locale.Kyiv()).AddDate(0, 0, 1)
}

// before is the last day that a stored end stands for.
func before(end time.Time) time.Time { return end.In(locale.Kyiv()).AddDate(0, 0, -1) }

// typedDay is a stored day the way it is typed.
func typedDay(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.In(locale.Kyiv()).Format(dayForm)
}

// workdays is a moment so many working days later. Holidays count as working
// days, as they do under martial law.
func workdays(from time.Time, days int) time.Time {
	at := from.In(locale.Kyiv())
	for days > 0 {
		at = at.AddDate(0, 0, 1)
		if d := at.Weekday(); d != time.Saturday && d != time.Sunday {
			days--
		}
	}
	return at
}
