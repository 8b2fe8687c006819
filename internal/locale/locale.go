// Package locale speaks to residents in their language. It hides message
// files, plural forms, and how a number, a date or a share is written in
// Ukrainian and in English.
//
// A module keeps its words in locales/uk.json and locales/en.json, as flat
// keys of the form module.page.thing:
//
//	"polls.show.title": "Опитування",
//	"polls.votes": {"one": "{{.Count}} голос", "few": "{{.Count}} голоси",
//	                "many": "{{.Count}} голосів", "other": "{{.Count}} голосу"}
//
// New refuses files in which a key or a variable is missing in one language,
// a plural form is missing, or a key stands twice: such mistakes show at boot
// and in every test, never to a resident.
package locale

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	_ "time/tzdata" // Kyiv time must be known on a machine without zone files.

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

//go:embed locales/*.json
var own embed.FS

// Languages are those of the interface, the first being the one for a person
// of whom nothing is known.
var Languages = []string{"uk", "en"}

// forms are the plural forms that CLDR knows for each language.
var forms = map[string][]string{
	"uk": {"one", "few", "many", "other"},
	"en": {"one", "other"},
}

// A Bundle holds all messages in all languages. It is made once at start and
// is safe for use by many goroutines.
type Bundle struct {
	printers map[string]*Printer
	keys     []string
}

// Kyiv is the zone in which times are shown and typed. Its table is in the
// program, so a failure is a mistake of ours that shows at the first start.
func Kyiv() *time.Location {
	zone, err := time.LoadLocation("Europe/Kyiv")
	if err != nil {
		panic("locale: the time zone of Kyiv: " + err.Error())
	}
	return zone
}

// New reads locales/uk.json and locales/en.json of every file system given,
// and its own words for times. A file system without a locales folder adds
// nothing.
func New(fsys ...fs.FS) (*Bundle, error) {
	words := catalogue{}
	for _, f := range append([]fs.FS{own}, fsys...) {
		if err := words.read(f); err != nil {
			return nil, err
		}
	}
	if err := words.check(); err != nil {
		return nil, err
	}
	return words.bundle(Kyiv())
}

// For returns the printer of a language; an unknown language gets the first.
func (b *Bundle) For(lang string) *Printer {
	if p, ok := b.printers[lang]; ok {
		return p
	}
	return b.printers[Languages[0]]
}

// Keys returns every message key, sorted.
func (b *Bundle) Keys() []string { return slices.Clone(b.keys) }

// Has says whether a key is known (and then it is known in every language).
func (b *Bundle) Has(key string) bool {
	_, found := slices.BinarySearch(b.keys, key)
	return found
}

// catalogue holds the messages as read: language → key → message.
type catalogue map[string]map[string]*i18n.Message

func (c catalogue) read(f fs.FS) error {
	for _, lang := range Languages {
		path := "locales/" + lang + ".json"
		raw, err := fs.ReadFile(f, path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read messages: %w", err)
		}
		if twice, err := repeatedKey(raw); err != nil {
			return fmt.Errorf("read messages %s: %w", path, err)
		} else if twice != "" {
			return fmt.Errorf("read messages %s: key %q stands twice in one file", path, twice)
		}
		file, err := i18n.ParseMessageFileBytes(raw, lang+".json", nil)
		if err != nil {
			return fmt.Errorf("read messages %s: %w", path, err)
		}
		if c[lang] == nil {
			c[lang] = map[string]*i18n.Message{}
		}
		for _, m := range file.Messages {
			if _, ok := c[lang][m.ID]; ok {
				return fmt.Errorf("read messages %s: key %q stands in two files", path, m.ID)
			}
			c[lang][m.ID] = m
		}
	}
	return nil
}

// check reports everything that is wrong at once, so that a person who adds
// messages repairs them in one go.
func (c catalogue) check() error {
	var wrong []error
	for _, key := range c.everyKey() {
		var variables []string
		for i, lang := range Languages {
			m := c[lang][key]
			if m == nil {
				wrong = append(wrong, fmt.Errorf("message %q is missing in %s", key, lang))
				continue
			}
			if isPlural(m) {
				for _, form := range forms[lang] {
					if formOf(m, form) == "" {
						wrong = append(wrong, fmt.Errorf("message %q lacks the plural form %q in %s", key, form, lang))
					}
				}
			}
			if m.Other == "" {
				wrong = append(wrong, fmt.Errorf("message %q is empty in %s", key, lang))
			}
			names := variablesOf(m)
			if i > 0 && c[Languages[0]][key] != nil && !slices.Equal(names, variables) {
				wrong = append(wrong, fmt.Errorf("message %q uses %v in %s, but %v in %s", key, names, lang, variables, Languages[0]))
			}
			variables = names
		}
	}
	return errors.Join(wrong...)
}

func (c catalogue) everyKey() []string {
	all := map[string]bool{}
	for _, messages := range c {
		for key := range messages {
			all[key] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func (c catalogue) bundle(zone *time.Location) (*Bundle, error) {
	words := i18n.NewBundle(language.Ukrainian)
	b := &Bundle{printers: map[string]*Printer{}, keys: c.everyKey()}
	for _, lang := range Languages {
		tag := language.MustParse(lang)
		plural := map[string]bool{}
		for _, key := range b.keys {
			if err := words.AddMessages(tag, c[lang][key]); err != nil {
				return nil, fmt.Errorf("add message %q in %s: %w", key, lang, err)
			}
			plural[key] = isPlural(c[lang][key])
		}
		b.printers[lang] = &Printer{lang: lang, plural: plural, zone: zone}
	}
	for lang, p := range b.printers {
		p.words = i18n.NewLocalizer(words, lang)
	}
	return b, nil
}

func isPlural(m *i18n.Message) bool { return m.One != "" || m.Few != "" || m.Many != "" }

func formOf(m *i18n.Message, form string) string {
	return map[string]string{"one": m.One, "few": m.Few, "many": m.Many, "other": m.Other}[form]
}

var variable = regexp.MustCompile(`\{\{[^}]*?\.([A-Z]\w*)[^}]*\}\}`)

// variablesOf lists what a message wants to be told, over all its plural
// forms. Count is left out: a singular may well say "one" in words.
func variablesOf(m *i18n.Message) []string {
	names := map[string]bool{}
	for _, text := range []string{m.One, m.Few, m.Many, m.Other} {
		for _, found := range variable.FindAllStringSubmatch(text, -1) {
			names[found[1]] = true
		}
	}
	delete(names, "Count")
	return slices.Sorted(maps.Keys(names))
}

// repeatedKey finds a top-level key that stands twice: encoding/json would
// keep the last one and say nothing.
func repeatedKey(raw []byte) (string, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil {
		return "", err
	} else if t != json.Delim('{') {
		return "", errors.New("not a JSON object")
	}
	seen := map[string]bool{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return "", err
		}
		key := strings.TrimSpace(fmt.Sprint(t))
		if seen[key] {
			return key, nil
		}
		seen[key] = true
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return "", err
		}
	}
	return "", nil
}
