// Package typed reads what people type into forms: text without what nobody
// sees, measured, and addresses of the web. What is wrong is collected field by
// field, in the words of the module that asked.
package typed

import (
	"errors"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"viche/internal/markup"
	"viche/internal/store"
)

// maxURL is how long an address may be, in bytes.
const maxURL = 500

// Words are the keys of the messages that a module has for what is wrong.
type Words struct {
	Missing func(field string) string // the field is needed and stands empty
	Long    string                    // with Max, in letters
	URL     string                    // no address of the web
}

// Wrongs collects what is wrong with a command. Words must be set.
type Wrongs struct {
	Words
	list []error
}

// Add notes that a field is wrong, and why.
func (w *Wrongs) Add(field, key string, args ...any) {
	w.list = append(w.list, store.Invalid(field, key, args...))
}

// Err is all that is wrong: *store.FieldError, joined; nil for nothing.
func (w *Wrongs) Err() error { return errors.Join(w.list...) }

// Line reads what was typed as one line.
func (w *Wrongs) Line(field, typed string, max int, needed bool) string {
	text := markup.Name(typed)
	w.measure(field, text, max, needed)
	return text
}

// Text reads what was typed as paragraphs.
func (w *Wrongs) Text(field, typed string, max int, needed bool) string {
	text := strings.TrimSpace(strings.Map(func(r rune) rune {
		if r != '\n' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co) {
			return -1
		}
		return r
	}, norm.NFC.String(strings.ToValidUTF8(strings.ReplaceAll(typed, "\r\n", "\n"), "\uFFFD"))))
	w.measure(field, text, max, needed)
	return text
}

func (w *Wrongs) measure(field, text string, max int, needed bool) {
	switch {
	case text == "" && needed:
		w.Add(field, w.Missing(field))
	case utf8.RuneCountInString(text) > max:
		w.Add(field, w.Long, "Max", max)
	}
}

// Address reads an address of the web, or none.
func (w *Wrongs) Address(field, typed string) string {
	typed = strings.TrimSpace(typed)
	if typed == "" {
		return ""
	}
	u, err := url.Parse(typed)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || len(typed) > maxURL {
		w.Add(field, w.URL)
		return ""
	}
	return u.String()
}
