package markup

import (
	"html"
	"strings"
	"unicode"
	"unicode/utf8"

	xhtml "golang.org/x/net/html"
)

// Text gives the words of a post on one line, at most max characters of them
// (all if max is 0), cut between words and ended by an ellipsis if there is more.
// It is text, not HTML: whoever shows it must escape it.
func Text(content string, max int) string {
	var out strings.Builder
	enough := 0
	if max > 0 {
		enough = 8*max + 64 // bytes that surely hold them and the next
	}
	read(content, func(s string, ends bool) bool {
		if ends {
			out.WriteByte(' ')
		}
		out.WriteString(s)
		return enough == 0 || out.Len() < enough
	})
	return excerpt(strings.Join(strings.Fields(plain(out.String())), " "), max)
}

// Lines guesses how many lines a post takes where width characters go on one,
// for pages that fold what is long.
func Lines(content string, width int) int {
	width = max(width, 1)
	lines, current := 0, 0
	take := func() {
		if current > 0 {
			lines += (current + width - 1) / width
		}
		current = 0
	}
	read(content, func(s string, ends bool) bool {
		if ends {
			take()
		}
		current += utf8.RuneCountInString(strings.TrimSpace(s))
		return true
	})
	take()
	return lines
}

// read hands over the text that readers of a post see, piece by piece; ends says
// that a line ended before the piece. It goes on while do wants more.
func read(content string, do func(s string, ends bool) bool) {
	z := xhtml.NewTokenizer(strings.NewReader(cut(content, 2*maxArticleHTML)))
	var skip string
	var spans []bool // of those open, which are hidden
	hidden := 0
	for {
		switch z.Next() {
		case xhtml.ErrorToken:
			return
		case xhtml.TextToken:
			if skip == "" && hidden == 0 && !do(string(z.Text()), false) {
				return
			}
		case xhtml.StartTagToken, xhtml.SelfClosingTagToken:
			raw, more := z.TagName()
			switch name := string(raw); {
			case skip != "":
			case roles[name] == nothing:
				skip = name
			case name == "img":
				if alt := attributes(z, more)["alt"]; alt != "" && !do(alt, true) {
					return
				}
			case name == "span":
				class := " " + attributes(z, more)["class"] + " "
				unseen := strings.Contains(class, " invisible ")
				if len(spans) < 1000 {
					spans = append(spans, unseen)
					if unseen {
						hidden++
					}
				}
			case roles[name] != inline && roles[name] != 0:
				if !do("", true) {
					return
				}
			}
		case xhtml.EndTagToken:
			raw, _ := z.TagName()
			switch name := string(raw); {
			case skip != "":
				if name == skip {
					skip = ""
				}
			case name == "span" && len(spans) > 0:
				if spans[len(spans)-1] {
					hidden--
				}
				spans = spans[:len(spans)-1]
			case roles[name] != inline && roles[name] != 0:
				if !do("", true) {
					return
				}
			}
		}
	}
}

// excerpt cuts a line to max characters, between words where one ends near.
func excerpt(s string, max int) string {
	if max <= 0 || utf8.RuneCountInString(s) <= max {
		return s
	}
	runes := []rune(s)[:max-1]
	for i := len(runes) - 1; i > max*2/3; i-- {
		if unicode.IsSpace(runes[i]) {
			runes = runes[:i]
			break
		}
	}
	return strings.TrimRightFunc(string(runes), func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(",;:-–—", r) }) + "…"
}

// Images gives every picture of a sanitised article the address that rewrite
// returns for its own, which is our copy of it; one for which rewrite returns ""
// leaves its description behind. It changes nothing else.
func Images(content string, rewrite func(src string) string) string {
	if !strings.Contains(content, "<img") {
		return content
	}
	var out strings.Builder
	z := xhtml.NewTokenizer(strings.NewReader(content))
	for {
		t := z.Next()
		if t == xhtml.ErrorToken {
			return out.String()
		}
		raw := string(z.Raw()) // reading the tag changes what it points at
		if t == xhtml.StartTagToken || t == xhtml.SelfClosingTagToken {
			if name, more := z.TagName(); string(name) == "img" {
				attrs := attributes(z, more)
				if src := rewrite(attrs["src"]); src != "" {
					out.WriteString(`<img src="` + html.EscapeString(src) + `" alt="` + html.EscapeString(attrs["alt"]) + `" loading="lazy" decoding="async">`)
				} else {
					out.WriteString(html.EscapeString(attrs["alt"]))
				}
				continue
			}
		}
		out.WriteString(raw)
	}
}
