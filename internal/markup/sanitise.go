package markup

import (
	"html"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	xhtml "golang.org/x/net/html"
)

const (
	maxNoteHTML    = 256 << 10 // bytes of a note that are kept
	maxArticleHTML = 768 << 10
	maxDepth       = 24 // elements inside one another
)

// Sanitise makes HTML of anybody's safe to store and show: it keeps what the
// list of elements allows, balanced, and the text of all else; scripts and their
// like go with what they hold. Links lead to https, http or mailto, and one whose
// words name another host shows where it really leads. Sanitise(Sanitise(x)) is
// Sanitise(x). Pictures of articles keep the address they came with: pass the
// result to Images before it is shown.
func Sanitise(content string, article bool) string {
	limit := maxNoteHTML
	if article {
		limit = maxArticleHTML
	}
	return policies[kind(article)].Sanitize(tidy(content, article, limit))
}

// tidy writes content anew, element by element, into a form that every browser
// reads in one way: balanced, never deeper than maxDepth, no link in a link and
// no block in a paragraph. The policy then has the last word.
func tidy(content string, article bool, limit int) string {
	w := &writer{article: article, limit: limit}
	z := xhtml.NewTokenizer(strings.NewReader(cut(content, 2*limit)))
	z.SetMaxBuf(2*limit + 1)
	for !w.full {
		switch z.Next() {
		case xhtml.ErrorToken:
			return w.finish()
		case xhtml.TextToken:
			if w.skip == "" {
				w.text(string(z.Text()))
			}
		case xhtml.StartTagToken, xhtml.SelfClosingTagToken:
			name, more := z.TagName()
			w.start(string(name), z, more)
		case xhtml.EndTagToken:
			name, _ := z.TagName()
			w.end(string(name))
		}
	}
	return w.finish()
}

// How each element is treated; what is missing here is dropped, its text kept.
type role int

const (
	_        role = iota
	inline        // kept inside lines
	block         // kept; ends a paragraph
	heading       // kept in articles, a bold paragraph in notes
	division      // ends a paragraph and is not kept itself
	nothing       // dropped with all that it holds
	alone         // has no end tag
)

var roles = map[string]role{
	"a": inline, "span": inline, "del": inline, "code": inline, "em": inline, "strong": inline, "b": inline, "i": inline, "u": inline,
	"ruby": inline, "rt": inline, "rp": inline, "s": inline, "strike": inline,
	"p": block, "pre": block, "blockquote": block, "ul": block, "ol": block, "li": block, "figure": block, "figcaption": block,
	"h1": heading, "h2": heading, "h3": heading, "h4": heading, "h5": heading, "h6": heading,
	"br": alone, "img": alone, "hr": alone,
	"div": division, "section": division, "article": division, "header": division, "footer": division, "main": division, "aside": division,
	"nav": division, "center": division, "table": division, "tr": division, "dl": division, "dt": division, "dd": division,
	"details": division, "summary": division, "address": division, "fieldset": division, "form": division,
	"script": nothing, "style": nothing, "iframe": nothing, "noembed": nothing, "noframes": nothing, "noscript": nothing, "title": nothing,
	"textarea": nothing, "template": nothing, "svg": nothing, "math": nothing, "object": nothing, "applet": nothing, "select": nothing,
	"head": nothing, "xmp": nothing, "plaintext": nothing, "audio": nothing, "video": nothing, "canvas": nothing, "frameset": nothing,
}

// open is an element of the source that has not ended.
type open struct {
	name    string
	tags    []string // what is written for it, outermost first; none for what is not kept
	attrs   string   // of the first
	written bool
	unseen  bool // its text is hidden

	to    *url.URL // of a link
	at    int      // where its text begins
	seen  []byte   // the text that is seen
	image bool
}

type writer struct {
	article bool
	limit   int
	out     []byte
	stack   []open
	depth   int // tags written or waiting
	full    bool
	skip    string // the element that is being left out
	skipped int    // how often it is open
}

func (w *writer) start(name string, z *xhtml.Tokenizer, more bool) {
	if w.skip != "" {
		if name == w.skip {
			w.skipped++
		}
		return
	}
	r := roles[name]
	var attrs map[string]string
	if r == inline || r == alone || r == block {
		attrs = attributes(z, more)
	}
	switch r {
	case nothing:
		w.skip, w.skipped = name, 1
	case division:
		w.endParagraph()
		w.push(open{name: name})
	case heading:
		w.endParagraph()
		switch {
		case !w.article && w.has("strong"):
			w.push(open{name: name, tags: []string{"p"}})
		case !w.article:
			w.push(open{name: name, tags: []string{"p", "strong"}})
		case name == "h1":
			w.push(open{name: name, tags: []string{"h2"}})
		default:
			w.push(open{name: name, tags: []string{name}})
		}
	case block:
		w.startBlock(name, attrs)
	case alone:
		w.single(name, attrs)
	case inline:
		w.startInline(name, attrs)
	}
}

func (w *writer) startBlock(name string, attrs map[string]string) {
	if name == "li" && !w.startItem() || (name == "figure" || name == "figcaption") && !w.article {
		w.endParagraph()
		w.push(open{name: name, tags: []string{"p"}})
		return
	}
	if name == "li" {
		w.push(open{name: name, tags: []string{name}, attrs: number(attrs, "value")})
		w.flush() // an empty item still counts
		return
	}
	w.endParagraph()
	o := open{name: name, tags: []string{name}}
	switch name {
	case "p":
		o.attrs = class(attrs["class"], quoteClasses)
	case "ol":
		o.attrs = number(attrs, "start")
		if _, ok := attrs["reversed"]; ok {
			o.attrs += ` reversed=""`
		}
	}
	w.push(o)
}

// startItem ends the item before, and tells whether there is a list to be in.
func (w *writer) startItem() bool {
	for i := len(w.stack) - 1; i >= 0; i-- {
		switch o := w.stack[i]; {
		case len(o.tags) == 0:
		case o.tags[0] == "li":
			w.pop(i)
			return true
		case o.tags[0] == "ul", o.tags[0] == "ol":
			w.pop(i + 1)
			return true
		case roles[o.tags[0]] == block && o.tags[0] != "p":
			return false
		}
	}
	return false
}

func (w *writer) startInline(name string, attrs map[string]string) {
	w.paragraph()
	o := open{name: name, tags: []string{name}}
	switch name {
	case "a":
		if i := w.find("a"); i >= 0 {
			w.pop(i)
		}
		if o.to = target(attrs["href"]); o.to == nil {
			o.tags = nil
			break
		}
		o.attrs = ` href="` + html.EscapeString(o.to.String()) + `"` + class(attrs["class"], linkClasses) + ` rel="` + rel(attrs) + `"`
	case "span":
		linked := w.find("a") >= 0
		allowed := spanClasses
		if linked {
			allowed = linkClasses
		}
		o.attrs = class(attrs["class"], allowed)
		o.unseen = linked && strings.Contains(o.attrs, "invisible")
		if o.attrs == "" && !linked {
			o.tags = nil
		}
	case "s", "strike":
		o.tags = []string{"del"}
	case "rt", "rp":
		ruby := w.find("ruby")
		if ruby < 0 {
			o.tags = nil
			break
		}
		w.pop(ruby + 1)
	}
	if len(o.tags) > 0 && name != "span" && w.has(o.tags[0]) {
		o.tags = nil // bold within bold says nothing
	}
	w.push(o)
}

// single writes an element that has no end.
func (w *writer) single(name string, attrs map[string]string) {
	switch {
	case name == "br":
		w.paragraph()
		w.flush()
		w.write("<br>")
		w.see("\n")
	case name == "hr" && w.article:
		w.endParagraph()
		w.flush()
		w.write("<hr>")
	case name == "hr":
		w.endParagraph()
	case name == "img":
		to := target(attrs["src"])
		if !w.article || to == nil || to.Scheme == "mailto" {
			if alt := strings.TrimSpace(attrs["alt"]); alt != "" {
				w.text(alt)
			}
			return
		}
		w.paragraph()
		w.flush()
		w.write(`<img src="` + html.EscapeString(to.String()) + `" alt="` + html.EscapeString(plain(attrs["alt"])) + `">`)
		if i := w.find("a"); i >= 0 {
			w.stack[i].image = true
		}
	}
}

func (w *writer) end(name string) {
	if w.skip != "" {
		if name == w.skip {
			if w.skipped--; w.skipped == 0 {
				w.skip = ""
			}
		}
		return
	}
	switch roles[name] {
	case alone:
		if name == "br" {
			w.single(name, nil)
		}
		return
	case division:
		w.endParagraph()
	}
	for i := len(w.stack) - 1; i >= 0; i-- {
		if w.stack[i].name == name {
			w.pop(i)
			return
		}
	}
}

// text writes text. White space alone opens no element, so that empty ones go.
func (w *writer) text(s string) {
	s = plain(s)
	if s == "" {
		return
	}
	if strings.TrimSpace(s) != "" || w.has("pre") {
		w.paragraph()
		w.flush()
	}
	w.see(s)
	w.write(html.EscapeString(w.fitting(s)))
}

// fitting is as much of s as there is room for.
func (w *writer) fitting(s string) string {
	room := w.limit - len(w.out)
	if 6*len(s) <= room {
		return s
	}
	for i, r := range s {
		n := utf8.RuneLen(r)
		if strings.ContainsRune(`<>&'"`, r) {
			n = len(html.EscapeString(string(r)))
		}
		if room -= n; room < 0 {
			w.full = true
			return s[:i]
		}
	}
	return s
}

// see adds to the text that readers of a link see.
func (w *writer) see(s string) {
	const enough = 2000
	link := w.find("a")
	if link < 0 {
		return
	}
	for _, o := range w.stack[link:] {
		if o.unseen {
			return
		}
	}
	if l := &w.stack[link]; len(l.seen) < enough {
		l.seen = append(l.seen, cut(s, enough)...)
	}
}

func (w *writer) write(s string) {
	if len(w.out)+len(s) > w.limit {
		w.full = true
		return
	}
	w.out = append(w.out, s...)
}

// push opens an element, unless that goes too deep.
func (w *writer) push(o open) {
	if w.depth+len(o.tags) > maxDepth || len(w.stack) >= 4*maxDepth {
		return
	}
	w.depth += len(o.tags)
	w.stack = append(w.stack, o)
}

// flush writes the start tags that waited for something to hold.
func (w *writer) flush() {
	for i := range w.stack {
		o := &w.stack[i]
		if o.written || len(o.tags) == 0 {
			continue
		}
		tag := "<" + o.tags[0] + o.attrs + ">"
		for _, more := range o.tags[1:] {
			tag += "<" + more + ">"
		}
		if w.full || len(w.out)+len(tag) > w.limit {
			w.full = true
			return
		}
		w.out = append(w.out, tag...)
		o.written, o.at = true, len(w.out)
	}
}

// pop ends the elements from the i-th on.
func (w *writer) pop(i int) {
	for len(w.stack) > i {
		o := w.stack[len(w.stack)-1]
		w.stack = w.stack[:len(w.stack)-1]
		w.depth -= len(o.tags)
		if !o.written {
			continue
		}
		if o.to != nil {
			w.honest(o)
		}
		for t := len(o.tags) - 1; t >= 0; t-- {
			w.out = append(w.out, "</"+o.tags[t]+">"...)
		}
	}
}

// honest puts the true host in place of link text that claims another.
func (w *writer) honest(o open) {
	if o.image && len(o.seen) == 0 {
		return
	}
	instead, lies := truth(o.to, string(o.seen))
	if !lies {
		return
	}
	w.out = w.out[:o.at]
	w.out = append(w.out, html.EscapeString(w.fitting(instead))...)
}

func (w *writer) finish() string {
	w.pop(0)
	return string(w.out)
}

// endParagraph ends the paragraph or heading that is open, with all in it.
func (w *writer) endParagraph() {
	for i, o := range w.stack {
		if len(o.tags) > 0 && (o.tags[0] == "p" || roles[o.tags[0]] == heading) {
			w.pop(i)
			return
		}
	}
}

// paragraph opens one where words stand in a division.
func (w *writer) paragraph() {
	for i := len(w.stack) - 1; i >= 0; i-- {
		o := w.stack[i]
		if len(o.tags) > 0 {
			return
		}
		if roles[o.name] == division {
			w.push(open{name: "p", tags: []string{"p"}})
			return
		}
	}
}

// find is the place of the innermost open element that is written as name.
func (w *writer) find(name string) int {
	for i := len(w.stack) - 1; i >= 0; i-- {
		if len(w.stack[i].tags) > 0 && w.stack[i].tags[0] == name {
			return i
		}
	}
	return -1
}

// has tells whether a tag is open, as the second of two as well.
func (w *writer) has(tag string) bool {
	for _, o := range w.stack {
		for _, t := range o.tags {
			if t == tag {
				return true
			}
		}
	}
	return false
}

// attributes reads the attributes of a tag; of two alike the first counts, as
// in browsers.
func attributes(z *xhtml.Tokenizer, more bool) map[string]string {
	var out map[string]string
	for more {
		var key, value []byte
		key, value, more = z.TagAttr()
		switch k := string(key); k {
		case "href", "class", "rel", "src", "alt", "start", "reversed", "value":
			if out == nil {
				out = map[string]string{}
			}
			if _, twice := out[k]; !twice {
				out[k] = string(value)
			}
		}
	}
	return out
}

// plain leaves out of text what no text needs: control characters, and those
// that turn its direction round.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		if unicode.Is(unicode.Cc, r) || overriding(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// number keeps a small whole number.
func number(attrs map[string]string, key string) string {
	n, err := strconv.Atoi(strings.TrimSpace(attrs[key]))
	if err != nil || n < -99999 || n > 99999 {
		return ""
	}
	return " " + key + `="` + strconv.Itoa(n) + `"`
}

const (
	quoteClasses = " quote-inline "
	spanClasses  = " h-card quote-inline "
	linkClasses  = " mention hashtag ellipsis invisible h-card u-url quote-inline "
)

// class keeps the classes that mean something across servers.
func class(value, allowed string) string {
	var kept []string
	for _, c := range strings.Fields(cut(value, 1000)) {
		if strings.Contains(allowed, " "+c+" ") && !strings.Contains(" "+strings.Join(kept, " ")+" ", " "+c+" ") {
			kept = append(kept, c)
		}
	}
	if len(kept) == 0 {
		return ""
	}
	return ` class="` + strings.Join(kept, " ") + `"`
}

func rel(attrs map[string]string) string {
	for _, r := range strings.Fields(strings.ToLower(cut(attrs["rel"], 1000))) {
		if r == "tag" {
			return "tag nofollow noopener ugc"
		}
	}
	return "nofollow noopener ugc"
}
