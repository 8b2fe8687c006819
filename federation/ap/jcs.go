package ap

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/gowebpki/jcs"
)

const (
	// maxDepth is how deep a document may nest. Nothing honest comes near.
	maxDepth = 32
	// maxWhole is the greatest whole number that every JSON reader keeps.
	maxWhole = 1<<53 - 1
)

// Canonical gives the JCS form (RFC 8785) of a document that it has read
// strictly: a name twice, a lone surrogate, broken UTF-8 or anything else that
// two readers could read differently is ErrJSON; any number that is not
// written as plain digits of a whole number up to 2^53-1 is ErrNumber.
func Canonical(raw []byte) ([]byte, error) {
	doc, err := ReadDocument(raw)
	if err != nil {
		return nil, err
	}
	return doc.Canonical(), nil
}

// Digest gives "sha-256:" and the hexadecimal SHA-256 of the JCS form of the
// whole document, its proof included.
func Digest(raw []byte) (string, error) {
	doc, err := ReadDocument(raw)
	if err != nil {
		return "", err
	}
	return doc.Digest(), nil
}

func digestOf(canonical []byte) string {
	sum := sha256.Sum256(canonical)
	return "sha-256:" + hex.EncodeToString(sum[:])
}

type kind byte

const (
	null kind = iota
	boolean
	number
	text
	list
	object
)

// node is one value of a document. An object's names stand in JCS order beside
// its values; the order in which they came means nothing in JSON.
type node struct {
	kind  kind
	text  string // decoded text, or a number or boolean as it was written
	names []string
	items []node
	// from and to are where it stood in the bytes read; 0, 0 if we made it.
	from, to int
}

// get gives the member of an object, or nil.
func (n *node) get(name string) *node {
	if n == nil || n.kind != object {
		return nil
	}
	i := sort.Search(len(n.names), func(i int) bool { return compareUTF16(n.names[i], name) >= 0 })
	if i == len(n.names) || n.names[i] != name {
		return nil
	}
	return &n.items[i]
}

// str gives the text of a member, or "" where it lacks or is no text.
func (n *node) str(name string) string {
	if m := n.get(name); m != nil && m.kind == text {
		return m.text
	}
	return ""
}

// set gives an object a member, replacing the old one, and keeps the order.
func (n *node) set(name string, value node) {
	i := sort.Search(len(n.names), func(i int) bool { return compareUTF16(n.names[i], name) >= 0 })
	if i < len(n.names) && n.names[i] == name {
		n.items[i] = value
		return
	}
	n.names = slices.Insert(n.names, i, name)
	n.items = slices.Insert(n.items, i, value)
}

// without gives a copy of an object that lacks some members. Values are
// shared, so neither may be changed below the top.
func (n *node) without(names ...string) node {
	out := node{kind: object, names: make([]string, 0, len(n.names)+1), items: make([]node, 0, len(n.items)+1)}
	for i, name := range n.names {
		if !slices.Contains(names, name) {
			out.names = append(out.names, name)
			out.items = append(out.items, n.items[i])
		}
	}
	return out
}

// equal tells whether two values have the same JCS form.
func (n *node) equal(o *node) bool {
	if n.kind != o.kind || n.text != o.text || len(n.items) != len(o.items) {
		return false
	}
	if !slices.Equal(n.names, o.names) {
		return false
	}
	for i := range n.items {
		if !n.items[i].equal(&o.items[i]) {
			return false
		}
	}
	return true
}

// compareUTF16 orders as JCS wants it, by UTF-16 units. Valid UTF-8 already
// sorts so, but for one case: above U+FFFF a letter is written with surrogates
// (D800…), which come before U+E000…U+FFFF.
func compareUTF16(a, b string) int {
	n := min(len(a), len(b))
	for i := 0; i < n; i++ {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		if x >= 0xee && y >= 0xee && (x >= 0xf0) != (y >= 0xf0) {
			x, y = y, x
		}
		if x < y {
			return -1
		}
		return 1
	}
	return len(a) - len(b)
}

// append writes the JCS form.
func (n *node) append(out []byte) []byte {
	switch n.kind {
	case null:
		return append(out, "null"...)
	case boolean:
		return append(out, n.text...)
	case number:
		return append(out, canonicalNumber(n.text)...)
	case text:
		return appendText(out, n.text)
	case list:
		out = append(out, '[')
		for i := range n.items {
			if i > 0 {
				out = append(out, ',')
			}
			out = n.items[i].append(out)
		}
		return append(out, ']')
	default:
		out = append(out, '{')
		for i := range n.items {
			if i > 0 {
				out = append(out, ',')
			}
			out = appendText(out, n.names[i])
			out = append(out, ':')
			out = n.items[i].append(out)
		}
		return append(out, '}')
	}
}

// canonicalNumber leaves our own numbers as they are. Others are met only
// where a stranger's document is read without the rule for numbers.
func canonicalNumber(literal string) string {
	if whole(literal) {
		return literal
	}
	f, err := strconv.ParseFloat(literal, 64)
	if err != nil {
		return literal
	}
	out, err := jcs.NumberToJSON(f)
	if err != nil {
		return literal
	}
	return out
}

const hexDigits = "0123456789abcdef"

func appendText(out []byte, s string) []byte {
	out = append(out, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		out = append(out, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			out = append(out, '\\', c)
		case '\b':
			out = append(out, '\\', 'b')
		case '\t':
			out = append(out, '\\', 't')
		case '\n':
			out = append(out, '\\', 'n')
		case '\f':
			out = append(out, '\\', 'f')
		case '\r':
			out = append(out, '\\', 'r')
		default:
			out = append(out, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	out = append(out, s[from:]...)
	return append(out, '"')
}

// whole tells whether a number is written as plain digits and at most 2^53-1.
func whole(literal string) bool {
	if literal == "" || len(literal) > 16 {
		return false
	}
	var n int64
	for i := 0; i < len(literal); i++ {
		if literal[i] < '0' || literal[i] > '9' {
			return false
		}
		n = n*10 + int64(literal[i]-'0')
	}
	return n <= maxWhole
}

// reader reads JSON so strictly that no two readers can differ about it.
type reader struct {
	in  string
	pos int
	// odd is the first number that breaks the rule for numbers, "" if none.
	// It does not stop the reading, as broken JSON is the graver fault.
	odd string
	// nodes counts the values read; limit is how many may be, 0 for any.
	nodes, limit int
}

// readJSON reads a whole document. Its second result is the first number that
// whole refuses, "" where there is none.
func readJSON(raw []byte) (node, string, error) {
	return readLimited(raw, 0)
}

func readLimited(raw []byte, limit int) (node, string, error) {
	r := &reader{in: string(raw), limit: limit}
	r.space()
	root, err := r.value(1)
	if err != nil {
		return node{}, "", err
	}
	r.space()
	if r.pos != len(r.in) {
		return node{}, "", r.fault("something follows the document")
	}
	return root, r.odd, nil
}

func (r *reader) fault(format string, args ...any) error {
	return Fault{Code: ErrJSON.Code, Detail: fmt.Sprintf(format, args...) + " at byte " + strconv.Itoa(r.pos)}
}

func (r *reader) space() {
	for r.pos < len(r.in) {
		switch r.in[r.pos] {
		case ' ', '\t', '\n', '\r':
			r.pos++
		default:
			return
		}
	}
}

func (r *reader) value(depth int) (node, error) {
	from := r.pos
	if r.nodes++; r.limit > 0 && r.nodes > r.limit {
		return node{}, r.fault("more than %d values", r.limit)
	}
	n, err := r.bare(depth)
	n.from, n.to = from, r.pos
	return n, err
}

func (r *reader) bare(depth int) (node, error) {
	if r.pos == len(r.in) {
		return node{}, r.fault("the document ends too early")
	}
	switch c := r.in[r.pos]; {
	case c == '{':
		return r.object(depth)
	case c == '[':
		return r.list(depth)
	case c == '"':
		s, err := r.text()
		return node{kind: text, text: s}, err
	case c == '-' || '0' <= c && c <= '9':
		return r.number()
	case r.word("true"):
		return node{kind: boolean, text: "true"}, nil
	case r.word("false"):
		return node{kind: boolean, text: "false"}, nil
	case r.word("null"):
		return node{kind: null}, nil
	default:
		return node{}, r.fault("unexpected %q", c)
	}
}

func (r *reader) word(w string) bool {
	if !strings.HasPrefix(r.in[r.pos:], w) {
		return false
	}
	r.pos += len(w)
	return true
}

func (r *reader) object(depth int) (node, error) {
	if depth > maxDepth {
		return node{}, r.fault("nested deeper than %d", maxDepth)
	}
	n := node{kind: object}
	r.pos++
	r.space()
	if r.take('}') {
		return n, nil
	}
	for {
		if r.pos == len(r.in) || r.in[r.pos] != '"' {
			return node{}, r.fault("a name is missing")
		}
		name, err := r.text()
		if err != nil {
			return node{}, err
		}
		r.space()
		if !r.take(':') {
			return node{}, r.fault("a colon is missing")
		}
		r.space()
		v, err := r.value(depth + 1)
		if err != nil {
			return node{}, err
		}
		n.names = append(n.names, name)
		n.items = append(n.items, v)
		r.space()
		if r.take('}') {
			break
		}
		if !r.take(',') {
			return node{}, r.fault("a comma or brace is missing")
		}
		r.space()
	}
	if !slices.IsSortedFunc(n.names, compareUTF16) {
		sort.Stable((*byName)(&n))
	}
	for i := 1; i < len(n.names); i++ {
		if n.names[i] == n.names[i-1] {
			return node{}, r.fault("the name %.40q stands twice", n.names[i])
		}
	}
	return n, nil
}

// byName sorts the members of an object.
type byName node

func (n *byName) Len() int           { return len(n.names) }
func (n *byName) Less(i, j int) bool { return compareUTF16(n.names[i], n.names[j]) < 0 }
func (n *byName) Swap(i, j int) {
	n.names[i], n.names[j] = n.names[j], n.names[i]
	n.items[i], n.items[j] = n.items[j], n.items[i]
}

func (r *reader) list(depth int) (node, error) {
	if depth > maxDepth {
		return node{}, r.fault("nested deeper than %d", maxDepth)
	}
	n := node{kind: list}
	r.pos++
	r.space()
	if r.take(']') {
		return n, nil
	}
	for {
		v, err := r.value(depth + 1)
		if err != nil {
			return node{}, err
		}
		n.items = append(n.items, v)
		r.space()
		if r.take(']') {
			return n, nil
		}
		if !r.take(',') {
			return node{}, r.fault("a comma or bracket is missing")
		}
		r.space()
	}
}

func (r *reader) take(c byte) bool {
	if r.pos < len(r.in) && r.in[r.pos] == c {
		r.pos++
		return true
	}
	return false
}

func (r *reader) number() (node, error) {
	start := r.pos
	r.take('-')
	if !r.take('0') && r.digits() == 0 {
		return node{}, r.fault("a number without digits")
	}
	if r.take('.') && r.digits() == 0 {
		return node{}, r.fault("a number without digits")
	}
	if r.take('e') || r.take('E') {
		if !r.take('+') {
			r.take('-')
		}
		if r.digits() == 0 {
			return node{}, r.fault("a number without digits")
		}
	}
	literal := r.in[start:r.pos]
	if r.odd == "" && !whole(literal) {
		r.odd = literal
	}
	return node{kind: number, text: literal}, nil
}

func (r *reader) digits() int {
	start := r.pos
	for r.pos < len(r.in) && '0' <= r.in[r.pos] && r.in[r.pos] <= '9' {
		r.pos++
	}
	return r.pos - start
}

// text reads a string. Without escapes it is a piece of the input, uncopied.
func (r *reader) text() (string, error) {
	r.pos++
	start := r.pos
	ascii := true
	for r.pos < len(r.in) {
		switch c := r.in[r.pos]; {
		case c == '"':
			s := r.in[start:r.pos]
			if !ascii && !utf8.ValidString(s) {
				return "", r.fault("text that is not UTF-8")
			}
			r.pos++
			return s, nil
		case c == '\\':
			return r.escaped(start)
		case c < 0x20:
			return "", r.fault("a control character in a text")
		case c >= utf8.RuneSelf:
			ascii = false
		}
		r.pos++
	}
	return "", r.fault("a text without end")
}

// escaped goes on with a string from its first backslash.
func (r *reader) escaped(start int) (string, error) {
	out := append(make([]byte, 0, r.pos-start+32), r.in[start:r.pos]...)
	for r.pos < len(r.in) {
		c := r.in[r.pos]
		switch {
		case c == '"':
			r.pos++
			if !utf8.Valid(out) {
				return "", r.fault("text that is not UTF-8")
			}
			return string(out), nil
		case c < 0x20:
			return "", r.fault("a control character in a text")
		case c != '\\':
			out = append(out, c)
			r.pos++
			continue
		}
		r.pos++
		if r.pos == len(r.in) {
			break
		}
		c = r.in[r.pos]
		r.pos++
		if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
			out = append(out, "\"\\/\b\f\n\r\t"[i])
			continue
		}
		if c != 'u' {
			return "", r.fault("an unknown escape")
		}
		letter, err := r.unicode()
		if err != nil {
			return "", err
		}
		out = utf8.AppendRune(out, letter)
	}
	return "", r.fault("a text without end")
}

// unicode reads the digits after \u, and the second half of a pair.
func (r *reader) unicode() (rune, error) {
	first, err := r.hex4()
	if err != nil {
		return 0, err
	}
	if !utf16.IsSurrogate(first) {
		return first, nil
	}
	if !r.word(`\u`) {
		return 0, r.fault("a lone surrogate")
	}
	second, err := r.hex4()
	if err != nil {
		return 0, err
	}
	letter := utf16.DecodeRune(first, second)
	if letter == utf8.RuneError {
		return 0, r.fault("a lone surrogate")
	}
	return letter, nil
}

func (r *reader) hex4() (rune, error) {
	if len(r.in)-r.pos < 4 {
		return 0, r.fault("an escape without end")
	}
	v, err := strconv.ParseUint(r.in[r.pos:r.pos+4], 16, 16)
	if err != nil {
		return 0, r.fault("an escape that is no number")
	}
	r.pos += 4
	return rune(v), nil
}
