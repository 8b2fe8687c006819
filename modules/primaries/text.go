package primaries

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
	"viche/web"
)

// The longest that each kind of text may be, in letters, and the most of a kind.
const (
	maxName          = 120
	maxLine          = 250
	maxText          = 3000
	maxReason        = 500
	maxURL           = 500
	maxQuestionnaire = 20
	maxEvidence      = 5
	maxPlans         = 5
	maxAsked         = 3 // questions of one resident in a contest
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
		w.add(field, "primaries.missing")
	case utf8.RuneCountInString(text) > max:
		w.add(field, "primaries.long", "Max", max)
	}
}

// address reads the address of evidence: of the web or none.
func (w *wrongs) address(field, typed string) string {
	typed = strings.TrimSpace(typed)
	if typed == "" {
		return ""
	}
	u, err := url.Parse(typed)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || len(typed) > maxURL {
		w.add(field, "primaries.url")
		return ""
	}
	return u.String()
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
