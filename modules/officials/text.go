package officials

import (
	"errors"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"viche/internal/locale"
	"viche/internal/markup"
	"viche/internal/store"
)

// The longest that each kind of text may be, in letters.
const (
	maxName   = 120
	maxLine   = 250
	maxValue  = 80
	maxText   = 3000
	maxReason = 500
	maxURL    = 500
)

// wrongs collects what is wrong with a command, field by field.
type wrongs struct{ list []error }

func (w *wrongs) add(field, key string, args ...any) {
	w.list = append(w.list, store.Invalid(field, key, args...))
}

func (w *wrongs) err() error { return errors.Join(w.list...) }

// line reads what was typed as one line.
func (w *wrongs) line(field, typed string, max int, needed bool) string {
	text := markup.Name(typed)
	w.measure(field, text, max, needed)
	return text
}

// text reads what was typed as paragraphs.
func (w *wrongs) text(field, typed string, max int, needed bool) string {
	text := strings.TrimSpace(strings.Map(func(r rune) rune {
		if r != '\n' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co) {
			return -1
		}
		return r
	}, norm.NFC.String(strings.ToValidUTF8(strings.ReplaceAll(typed, "\r\n", "\n"), "\uFFFD"))))
	w.measure(field, text, max, needed)
	return text
}

func (w *wrongs) measure(field, text string, max int, needed bool) {
	switch {
	case text == "" && needed:
		w.add(field, "officials.missing."+field)
	case utf8.RuneCountInString(text) > max:
		w.add(field, "officials.long", "Max", max)
	}
}

// reason is why a moderator does something; everybody reads it.
func (w *wrongs) reason(typed string) string { return w.text("reason", typed, maxReason, true) }

// The days that a register of today's offices can know.
var firstDay, lastDay = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)

const dayForm = "2006-01-02"

// day reads a day, as its beginning in Kyiv; zero where none is needed.
func (w *wrongs) day(field, typed string, needed bool) time.Time {
	typed = strings.TrimSpace(typed)
	if typed == "" {
		if needed {
			w.add(field, "officials.missing."+field)
		}
		return time.Time{}
	}
	at, err := time.ParseInLocation(dayForm, typed, locale.Kyiv())
	if err != nil {
		w.add(field, "officials.day.form")
		return time.Time{}
	}
	if at.Before(firstDay) || at.After(lastDay) {
		w.add(field, "officials.day.range")
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

// address reads the address of a source: of the web or none.
func (w *wrongs) address(field, typed string) string {
	typed = strings.TrimSpace(typed)
	if typed == "" {
		return ""
	}
	u, err := url.Parse(typed)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || len(typed) > maxURL {
		w.add(field, "officials.url")
		return ""
	}
	return u.String()
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
