// Package markup turns what people write into HTML, and what servers send into
// HTML that is safe to show. It hides Markdown, the fediverse's conventions for
// mentions and hashtags, and the list of what a post may contain; local and
// remote posts pass the same one.
//
// Whatever comes in, the work is bounded: size, depth and nesting are cut before
// anything is parsed, so nobody can make a post that is slow to read.
package markup

import (
	"bytes"
	"html"
	"strings"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	gmhtml "github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// Options say how HTML renders what a person wrote.
type Options struct {
	Article bool // headings, rules and pictures are kept

	// Mention finds whom a handle ("name" or "name@host", as typed) names: the
	// address of their page and what to show after the @. Whoever is not found
	// stays plain text, as everybody does where Mention is nil.
	Mention func(handle string) (href, label string, ok bool)
	// Tag gives the address of a hashtag's page; it gets the tag folded. Where it
	// is nil, hashtags stay plain text.
	Tag func(tag string) string
}

const (
	maxSource    = 400 << 10 // bytes; four times the longest article that may be written
	maxQuoting   = 8         // quotes and lists inside one another, on one line
	maxBrackets  = 500       // opening brackets in a paragraph; what follows are round ones
	maxLinks     = 100       // links with a text of their own in a paragraph
	maxLinkShown = 30        // characters of a bare address that are shown
)

// HTML renders what a person wrote: Markdown that feels like plain text. Line
// breaks stay, addresses become links, and a tag typed by hand is shown as it
// was typed. The result is sanitised.
func HTML(markdown string, o Options) string {
	src := bounded(markdown)
	doc := written(o.Article).Parse(text.NewReader(src))
	var out bytes.Buffer
	nodes := renderer.NewRenderer(renderer.WithNodeRenderers(
		util.Prioritized(&social{o}, 1),
		util.Prioritized(gmhtml.NewRenderer(gmhtml.WithHardWraps()), 1000),
	))
	if err := nodes.Render(&out, src, doc); err != nil {
		// Only a writer that fails can fail here, and a buffer does not.
		return "<p>" + html.EscapeString(string(src)) + "</p>"
	}
	return strings.TrimSpace(Sanitise(out.String(), o.Article))
}

// written is the parser of what people type. Left out of Markdown on purpose:
// raw HTML, headings by underlining, link definitions; in notes headings and
// rules too. What stands far in is text, not code: see social.indented.
func written(article bool) parser.Parser {
	blocks := []util.PrioritizedValue{
		util.Prioritized(parser.NewListParser(), 300),
		util.Prioritized(parser.NewListItemParser(), 400),
		util.Prioritized(parser.NewCodeBlockParser(), 500),
		util.Prioritized(parser.NewFencedCodeBlockParser(), 700),
		util.Prioritized(parser.NewBlockquoteParser(), 800),
		util.Prioritized(parser.NewParagraphParser(), 1000),
	}
	if article {
		blocks = append(blocks,
			util.Prioritized(parser.NewThematicBreakParser(), 200),
			util.Prioritized(parser.NewATXHeadingParser(), 600))
	}
	return parser.NewParser(
		parser.WithBlockParsers(blocks...),
		parser.WithInlineParsers(
			util.Prioritized(parser.NewCodeSpanParser(), 100),
			util.Prioritized(parser.NewLinkParser(), 200),
			util.Prioritized(parser.NewAutoLinkParser(), 300),
			util.Prioritized(parser.NewEmphasisParser(), 500),
			util.Prioritized(addressParser{}, 600),
			util.Prioritized(mentionParser{}, 610),
			util.Prioritized(tagParser{}, 620),
		),
		parser.WithASTTransformers(util.Prioritized(unnested{}, 100)),
	)
}

// bounded cuts a source to its limits before it is parsed.
func bounded(markdown string) []byte {
	markdown = strings.ToValidUTF8(cut(markdown, maxSource), "\uFFFD")
	markdown = strings.ReplaceAll(markdown, "\r\n", "\n")
	lines := strings.SplitAfter(markdown, "\n")
	var out strings.Builder
	out.Grow(len(markdown))
	brackets, links := 0, 0 // in this paragraph
	for _, line := range lines {
		head, rest := containers(line)
		if strings.TrimSpace(rest) == "" {
			brackets, links = 0, 0
		}
		out.WriteString(head)
		for i := range len(rest) {
			switch c := rest[i]; {
			case c == '[' && brackets == maxBrackets:
				out.WriteByte('(')
			case c == '(' && i > 0 && rest[i-1] == ']' && links == maxLinks:
				out.WriteString(" (")
			default:
				if c == '[' {
					brackets++
				}
				if c == '(' && i > 0 && rest[i-1] == ']' {
					links++
				}
				out.WriteByte(c)
			}
		}
	}
	return []byte(out.String())
}

// containers splits a line behind the markers of quotes and lists that open it,
// and leaves out those that go too deep.
func containers(line string) (head, rest string) {
	i, depth := 0, 0
	for i < len(line) {
		n := strings.IndexFunc(line[i:], func(r rune) bool { return r != ' ' && r != '\t' })
		if n < 0 {
			break
		}
		size := marker(line[i+n:])
		if size == 0 {
			break
		}
		if i += n + size; depth < maxQuoting {
			head = line[:i]
		}
		depth++
	}
	if depth == 0 {
		return indented(line)
	}
	return head, line[i:]
}

// indented bounds how far a line stands in, and with it how deep lists go.
func indented(line string) (head, rest string) {
	n := strings.IndexFunc(line, func(r rune) bool { return r != ' ' && r != '\t' })
	if n <= 4*maxQuoting {
		return "", line
	}
	return line[:4*maxQuoting], line[n:]
}

// marker is the length of a quote's or list item's marker at the start of s.
func marker(s string) int {
	switch {
	case s == "":
		return 0
	case s[0] == '>':
		return 1
	case strings.IndexByte("-+*", s[0]) >= 0:
		if len(s) > 1 && (s[1] == ' ' || s[1] == '\t') {
			return 2
		}
		return 0
	}
	digits := 0
	for digits < len(s) && digits < 10 && s[digits] >= '0' && s[digits] <= '9' {
		digits++
	}
	if digits > 0 && digits+1 < len(s) && (s[digits] == '.' || s[digits] == ')') && s[digits+1] == ' ' {
		return digits + 2
	}
	return 0
}

// cut shortens s to at most max bytes, between characters.
func cut(s string, max int) string {
	if len(s) <= max {
		return s
	}
	for max > 0 && !utf8.RuneStart(s[max]) {
		max--
	}
	return s[:max]
}

// unnested takes mentions, tags and bare addresses out of links, where they
// would be links in links.
type unnested struct{}

func (unnested) Transform(doc *ast.Document, reader text.Reader, _ parser.Context) {
	var inside []ast.Node
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n.Kind() {
		case kindMention, kindTag, ast.KindAutoLink:
			if entering && inLink(n) {
				inside = append(inside, n)
			}
			return ast.WalkSkipChildren, nil
		}
		return ast.WalkContinue, nil
	})
	for _, n := range inside {
		var plain ast.Node
		switch n := n.(type) {
		case *mention:
			plain = ast.NewString([]byte("@" + n.handle))
		case *tag:
			plain = ast.NewString([]byte("#" + n.name))
		case *ast.AutoLink:
			plain = ast.NewString(n.Label(reader.Source()))
		}
		n.Parent().ReplaceChild(n.Parent(), n, plain)
	}
}

func inLink(n ast.Node) bool {
	for p := n.Parent(); p != nil; p = p.Parent() {
		if k := p.Kind(); k == ast.KindLink || k == ast.KindImage {
			return true
		}
	}
	return false
}
