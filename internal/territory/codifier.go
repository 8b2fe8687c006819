package territory

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"viche/internal/store"
)

// Country is the code of the country: it stands above the codifier, which
// starts at the regions.
const Country = "UA"

// entry is one line of a codifier file.
type entry struct {
	line                   int
	code, parent, category string
	nameUK, nameEN         string
}

// levels orders the categories: a unit always lies in one of a smaller level.
// T, the urban-type settlement, stands in editions before 2024.
var levels = map[string]int{
	"N": 0, "O": 1, "K": 1, "P": 2, "H": 3, "M": 4, "T": 4, "X": 4, "C": 4, "B": 5,
}

// lookalikes are the Cyrillic letters that some editions have in place of the
// Latin ones of the category column.
var lookalikes = strings.NewReplacer(
	"О", "O", "К", "K", "Р", "P", "Н", "H", "М", "M", "Т", "T", "Х", "X", "С", "C", "В", "B")

var codeForm = regexp.MustCompile(`^UA[0-9]{17}$`)

// ValidCode reports whether code has the form of a KATOTTG code or is the
// country's. It says nothing about whether such a unit exists.
func ValidCode(code string) bool {
	return code == Country || codeForm.MatchString(code)
}

// readCodifier reads a whole codifier file, packed by gzip or not, and checks
// it: every fault names its line. The file is read to the end before anything
// is stored, since an orphan is known only then.
func readCodifier(r io.Reader) ([]entry, error) {
	lines, err := plainText(r)
	if err != nil {
		return nil, err
	}
	rows := csv.NewReader(lines)
	rows.Comma, err = delimiter(lines)
	if err != nil {
		return nil, err
	}
	rows.FieldsPerRecord = -1
	rows.LazyQuotes = true
	rows.ReuseRecord = true

	parse, err := findHeader(rows)
	if err != nil {
		return nil, err
	}
	var entries []entry
	for {
		record, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		line, _ := rows.FieldPos(0)
		if err != nil {
			return nil, fault(line, "%v", err)
		}
		if blank(record) {
			continue
		}
		e, err := parse(record)
		if err != nil {
			return nil, fault(line, "%v", err)
		}
		e.line = line
		entries = append(entries, e)
	}
	return entries, check(entries)
}

// plainText unpacks gzip and takes off the byte order mark.
func plainText(r io.Reader) (*bufio.Reader, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	magic, err := in.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, unreadable(err)
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		unpacked, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("unpack codifier: %v: %w", err, store.ErrInvalid)
		}
		in = bufio.NewReaderSize(unpacked, 64<<10)
	case bytes.HasPrefix(magic, []byte("PK\x03\x04")):
		return nil, fmt.Errorf("this is a spreadsheet or a zip archive: save its table as CSV (UTF-8) first: %w", store.ErrInvalid)
	}
	if mark, _ := in.Peek(3); bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
		if _, err := in.Discard(3); err != nil {
			return nil, unreadable(err)
		}
	}
	return in, nil
}

// delimiter looks at the first line only; the ministry's exports use ; and
// ours a comma.
func delimiter(in *bufio.Reader) (rune, error) {
	start, err := in.Peek(4 << 10)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return 0, unreadable(err)
	}
	if len(bytes.TrimSpace(start)) == 0 {
		return 0, fmt.Errorf("the file is empty: %w", store.ErrInvalid)
	}
	if bytes.Count(start, []byte(";")) > bytes.Count(start, []byte(",")) {
		return ';', nil
	}
	return ',', nil
}

type parser func(record []string) (entry, error)

// findHeader knows the two forms by their column titles. The ministry's
// published table may carry a title in some lines above its header.
func findHeader(rows *csv.Reader) (parser, error) {
	for range 10 {
		record, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			line, _ := rows.FieldPos(0)
			return nil, fault(line, "%v", err)
		}
		titles := make([]string, len(record))
		for i, title := range record {
			titles[i] = foldTitle(title)
		}
		if slices.Contains(titles, "code") && slices.Contains(titles, "parent") {
			return plainForm(titles)
		}
		if slices.ContainsFunc(titles, func(t string) bool { return strings.HasPrefix(t, "перший рівень") }) {
			return ministryForm(titles)
		}
	}
	return nil, fmt.Errorf(`no header in the first lines: wanted "code,parent,category,name_uk,name_en" or "Перший рівень;…;Категорія об’єкта;Назва об’єкта": %w`, store.ErrInvalid)
}

func foldTitle(title string) string {
	title = strings.ToLower(strings.Join(strings.Fields(title), " "))
	return foldApostrophes(title)
}

// plainForm reads code, parent, category, name_uk, name_en.
func plainForm(titles []string) (parser, error) {
	at := func(title string) int { return slices.Index(titles, title) }
	code, parent, category := at("code"), at("parent"), at("category")
	uk, en := at("name_uk"), at("name_en")
	if category < 0 || uk < 0 {
		return nil, fmt.Errorf("the header lacks category or name_uk: %w", store.ErrInvalid)
	}
	return func(record []string) (entry, error) {
		e := entry{
			code: field(record, code), parent: field(record, parent),
			category: lookalikes.Replace(field(record, category)),
			nameUK:   field(record, uk), nameEN: field(record, en),
		}
		return finish(e)
	}, nil
}

// ministryForm reads the levels: the last code in a row is the unit's own,
// the one before it its parent's.
func ministryForm(titles []string) (parser, error) {
	category := slices.IndexFunc(titles, func(t string) bool { return strings.HasPrefix(t, "категорія") })
	name := slices.IndexFunc(titles, func(t string) bool { return strings.HasPrefix(t, "назва") })
	var columns []int
	for i, title := range titles {
		if strings.HasSuffix(title, "рівень") || strings.Contains(title, "рівень ") {
			columns = append(columns, i)
		}
	}
	if category < 0 || name < 0 || len(columns) < 4 {
		return nil, fmt.Errorf("the header lacks a level, the category or the name: %w", store.ErrInvalid)
	}
	return func(record []string) (entry, error) {
		e := entry{category: lookalikes.Replace(field(record, category)), nameUK: field(record, name)}
		for _, column := range columns {
			if code := field(record, column); code != "" {
				e.parent, e.code = e.code, code
			}
		}
		return finish(e)
	}, nil
}

// finish checks what one line alone can tell and completes it.
func finish(e entry) (entry, error) {
	if !codeForm.MatchString(e.code) {
		return e, fmt.Errorf("code %q: wanted UA and 17 digits", e.code)
	}
	if e.parent != "" && !ValidCode(e.parent) {
		return e, fmt.Errorf("parent %q of %s: wanted UA and 17 digits", e.parent, e.code)
	}
	if level, known := levels[e.category]; !known || level == 0 {
		return e, fmt.Errorf("category %q of %s: wanted one of O K P H M T X C B", e.category, e.code)
	}
	if e.nameUK == "" || !utf8.ValidString(e.nameUK) {
		return e, fmt.Errorf("%s has no name in UTF-8", e.code)
	}
	if e.nameEN == "" {
		e.nameEN = Transliterate(e.nameUK)
	}
	if e.parent == "" {
		e.parent = Country
	}
	return e, nil
}

// check holds what only the whole file can tell: no code twice, no unit
// without its parent, none that lies in a smaller one.
func check(entries []entry) error {
	if len(entries) == 0 {
		return fmt.Errorf("the file has a header and no unit: %w", store.ErrInvalid)
	}
	byCode := make(map[string]*entry, len(entries))
	for i := range entries {
		e := &entries[i]
		if first, twice := byCode[e.code]; twice {
			return fault(e.line, "code %s stands already in line %d", e.code, first.line)
		}
		byCode[e.code] = e
	}
	for _, e := range entries {
		if e.parent == Country {
			if levels[e.category] != 1 {
				return fault(e.line, "%s is no region and has no parent", e.code)
			}
			continue
		}
		parent, known := byCode[e.parent]
		if !known {
			return fault(e.line, "parent %s of %s is not in the file", e.parent, e.code)
		}
		if levels[parent.category] >= levels[e.category] {
			return fault(e.line, "%s of category %s can't lie in %s of category %s", e.code, e.category, parent.code, parent.category)
		}
	}
	return nil
}

func fault(line int, format string, args ...any) error {
	return fmt.Errorf("line %d: %s: %w", line, fmt.Sprintf(format, args...), store.ErrInvalid)
}

// unreadable tells a damaged file from a disk that fails.
func unreadable(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) {
		return fmt.Errorf("the packed file is cut off or damaged: %w (%w)", store.ErrInvalid, err)
	}
	return fmt.Errorf("read codifier: %w", err)
}

func field(record []string, i int) string {
	if i < 0 || i >= len(record) {
		return ""
	}
	return strings.Join(strings.Fields(record[i]), " ")
}

func blank(record []string) bool {
	return !slices.ContainsFunc(record, func(s string) bool { return strings.TrimSpace(s) != "" })
}
