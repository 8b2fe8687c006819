package markup

import (
	"html"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
	"golang.org/x/text/unicode/norm"
)

// Mentions lists the handles that a text names, each once, in order: "name" or
// "name@host" as typed, without the @ before. Code and links name nobody.
func Mentions(markdown string) []string {
	var out []string
	seen := map[string]bool{}
	each(markdown, func(n ast.Node) {
		if m, ok := n.(*mention); ok && !seen[strings.ToLower(m.handle)] {
			seen[strings.ToLower(m.handle)] = true
			out = append(out, m.handle)
		}
	})
	return out
}

// Tags lists the hashtags of a text, each once, in order, as first typed and
// without the #. Two spellings that Fold makes equal are one tag.
func Tags(markdown string) []string {
	var out []string
	seen := map[string]bool{}
	each(markdown, func(n ast.Node) {
		if t, ok := n.(*tag); ok && !seen[Fold(t.name)] {
			seen[Fold(t.name)] = true
			out = append(out, t.name)
		}
	})
	return out
}

// Fold gives the form in which a hashtag is compared, stored and addressed:
// lower case, composed, every apostrophe the letter ʼ (U+02BC), which other
// servers take for a part of the word too.
func Fold(tag string) string {
	tag = strings.TrimPrefix(strings.TrimSpace(tag), "#")
	return strings.ToLower(norm.NFKC.String(strings.Map(func(r rune) rune {
		if apostrophe(r) {
			return 'ʼ'
		}
		return r
	}, tag)))
}

func each(markdown string, do func(ast.Node)) {
	doc := written(false).Parse(text.NewReader(bounded(markdown)))
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			do(n)
		}
		return ast.WalkContinue, nil
	})
}

var (
	kindMention = ast.NewNodeKind("Mention")
	kindTag     = ast.NewNodeKind("Hashtag")
)

type mention struct {
	ast.BaseInline
	handle string
}

func (*mention) Kind() ast.NodeKind              { return kindMention }
func (m *mention) Dump(source []byte, level int) { ast.DumpHelper(m, source, level, nil, nil) }

type tag struct {
	ast.BaseInline
	name string
}

func (*tag) Kind() ast.NodeKind              { return kindTag }
func (t *tag) Dump(source []byte, level int) { ast.DumpHelper(t, source, level, nil, nil) }

var handle = regexp.MustCompile(`^@([A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9_])?)(?:@([\pL\pN](?:[\pL\pN.-]{0,251}[\pL\pN])?(?::[0-9]{1,5})?))?`)

type mentionParser struct{}

func (mentionParser) Trigger() []byte { return []byte{'@'} }

func (mentionParser) Parse(_ ast.Node, block text.Reader, _ parser.Context) ast.Node {
	if before := block.PrecendingCharacter(); wordy(before) || strings.ContainsRune("@/.-+=", before) {
		return nil
	}
	line, _ := block.PeekLine()
	m := handle.FindSubmatch(line)
	if m == nil {
		return nil
	}
	name, host := string(m[1]), string(m[2])
	size := len(m[0])
	if host != "" && !strings.ContainsAny(host, ".:") {
		host, size = "", 1+len(name)
	}
	if after, _ := utf8.DecodeRune(line[size:]); wordy(after) {
		return nil
	}
	if host != "" {
		name += "@" + host
	}
	block.Advance(size)
	return &mention{handle: name}
}

type tagParser struct{}

func (tagParser) Trigger() []byte { return []byte{'#'} }

func (tagParser) Parse(_ ast.Node, block text.Reader, _ parser.Context) ast.Node {
	if before := block.PrecendingCharacter(); wordy(before) || strings.ContainsRune("#&/=?.-", before) {
		return nil
	}
	line, _ := block.PeekLine()
	size := tagLength(line[1:])
	if size == 0 {
		return nil
	}
	block.Advance(1 + size)
	return &tag{name: string(line[1 : 1+size])}
}

// tagLength is how many bytes of s are one tag's name: letters, digits and
// underscores with at least one letter, and apostrophes between Cyrillic letters.
func tagLength(s []byte) int {
	const maxRunes = 100
	var last rune
	letter := false
	i := 0
	for runes := 0; i < len(s); runes++ {
		r, n := utf8.DecodeRune(s[i:])
		if !wordy(r) {
			next, _ := utf8.DecodeRune(s[i+n:])
			if !apostrophe(r) || !unicode.Is(unicode.Cyrillic, last) || !unicode.Is(unicode.Cyrillic, next) {
				break
			}
		}
		if runes == maxRunes {
			return 0
		}
		letter = letter || unicode.IsLetter(r)
		last = r
		i += n
	}
	if !letter {
		return 0
	}
	return i
}

func apostrophe(r rune) bool { return strings.ContainsRune("'’ʼ‘ʹ′", r) }

// wordy tells whether a character belongs to a word.
func wordy(r rune) bool {
	return r != utf8.RuneError && (r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.M, r))
}

// addressParser finds bare addresses, of hosts in any alphabet, where a word
// begins.
type addressParser struct{}

var address = regexp.MustCompile(`^(?i:https?://|www\.)[\pL\pN][^\s<>"«»“”„` + "`" + `]*`)

// Trigger names the characters that may stand before; a space means any white
// space, and the start of a line.
func (addressParser) Trigger() []byte { return []byte(" *_~([\"':;,-/") }

func (addressParser) Parse(parent ast.Node, block text.Reader, _ parser.Context) ast.Node {
	const longest = 2000
	line, segment := block.PeekLine()
	before := 0
	if c := line[0]; c != 'h' && c != 'H' && c != 'w' && c != 'W' {
		before = 1
	} else if wordy(block.PrecendingCharacter()) {
		return nil
	}
	found := address.Find(line[before:min(len(line), longest)])
	size := len(trimAddress(found))
	if size == 0 || bytesAddress(found[:size]) == nil {
		return nil
	}
	start := segment.Start + before
	if before > 0 {
		ast.MergeOrAppendTextSegment(parent, segment.WithStop(start))
	}
	link := ast.NewAutoLink(ast.AutoLinkURL, ast.NewTextSegment(text.NewSegment(start, start+size)))
	block.Advance(before + size)
	return link
}

// trimAddress takes the punctuation of the sentence off an address's end, and a
// bracket that was opened before it.
func trimAddress(s []byte) []byte {
	open := strings.Count(string(s), "(") - strings.Count(string(s), ")")
	for len(s) > 0 {
		r, n := utf8.DecodeLastRune(s)
		switch {
		case strings.ContainsRune("?!.,:;*_~'’…|]", r):
		case r == ')' && open < 0:
			open++
		default:
			return s
		}
		s = s[:len(s)-n]
	}
	return s
}

// bytesAddress parses a bare address, "www." meaning https.
func bytesAddress(s []byte) *url.URL {
	raw := string(s)
	if len(raw) > 3 && strings.EqualFold(raw[:4], "www.") {
		raw = "https://" + raw
	}
	return target(raw)
}

// social renders what goldmark does not know: mentions, hashtags, and addresses
// in the form that hides their middle.
type social struct{ Options }

func (s *social) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(kindMention, s.mention)
	r.Register(kindTag, s.tag)
	r.Register(ast.KindAutoLink, s.address)
	r.Register(ast.KindCodeBlock, s.indented)
}

// indented renders lines that stand far in as the text that they are.
func (s *social) indented(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	var lines []string
	for _, line := range n.Lines().Sliced(0, n.Lines().Len()) {
		lines = append(lines, html.EscapeString(strings.TrimSpace(string(line.Value(source)))))
	}
	_, err := w.WriteString("<p>" + strings.Join(lines, "<br>\n") + "</p>\n")
	return ast.WalkSkipChildren, err
}

func (s *social) mention(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	typed := n.(*mention).handle
	if s.Mention != nil {
		if href, label, ok := s.Mention(typed); ok {
			_, err := w.WriteString(`<span class="h-card"><a href="` + html.EscapeString(href) + `" class="u-url mention">@<span>` +
				html.EscapeString(strings.TrimPrefix(label, "@")) + `</span></a></span>`)
			return ast.WalkContinue, err
		}
	}
	_, err := w.WriteString("@" + html.EscapeString(typed))
	return ast.WalkContinue, err
}

func (s *social) tag(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	typed := n.(*tag).name
	if s.Tag == nil {
		_, err := w.WriteString("#" + html.EscapeString(typed))
		return ast.WalkContinue, err
	}
	_, err := w.WriteString(`<a href="` + html.EscapeString(s.Tag(Fold(typed))) + `" class="mention hashtag" rel="tag">#<span>` +
		html.EscapeString(typed) + `</span></a>`)
	return ast.WalkContinue, err
}

func (s *social) address(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	link := n.(*ast.AutoLink)
	label := string(link.Label(source))
	if link.AutoLinkType == ast.AutoLinkEmail {
		_, err := w.WriteString(`<a href="mailto:` + html.EscapeString(label) + `">` + html.EscapeString(label) + `</a>`)
		return ast.WalkSkipChildren, err
	}
	u := bytesAddress([]byte(label))
	if u == nil {
		_, err := w.WriteString(html.EscapeString(label))
		return ast.WalkSkipChildren, err
	}
	_, err := w.WriteString(`<a href="` + html.EscapeString(u.String()) + `">` + shown(label) + `</a>`)
	return ast.WalkSkipChildren, err
}

// shown hides the scheme and the far end of a long address from sight, never
// any of its host, and from nobody who copies it.
func shown(label string) string {
	scheme, rest := "", label
	if i := strings.Index(label, "://"); i >= 0 {
		scheme, rest = label[:i+3], label[i+3:]
	}
	host := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		host = rest[:i]
	}
	if scheme != "" {
		scheme = `<span class="invisible">` + html.EscapeString(scheme) + `</span>`
	}
	kept := max(maxLinkShown, utf8.RuneCountInString(host))
	if utf8.RuneCountInString(rest) <= kept+3 {
		return scheme + html.EscapeString(rest)
	}
	runes := []rune(rest)
	return scheme + `<span class="ellipsis">` +
		html.EscapeString(string(runes[:kept])) + `</span><span class="invisible">` + html.EscapeString(string(runes[kept:])) + `</span>`
}
