package markup

import (
	"regexp"

	"github.com/microcosm-cc/bluemonday"
)

type kind bool

// policies are the lists of what may be in a post: [kind(false)] of notes,
// [kind(true)] of articles. Nothing changes them after they are made.
var policies = map[kind]*bluemonday.Policy{false: policy(false), true: policy(true)}

var (
	classes = regexp.MustCompile(`^(?:mention|hashtag|ellipsis|invisible|h-card|u-url|quote-inline)(?: (?:mention|hashtag|ellipsis|invisible|h-card|u-url|quote-inline))*$`)
	rels    = regexp.MustCompile(`^(?:tag )?nofollow noopener ugc$`)
	numbers = regexp.MustCompile(`^-?[0-9]{1,5}$`)
	empty   = regexp.MustCompile(`^$`)
)

func policy(article bool) *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "del", "pre", "code", "em", "strong", "b", "i", "u", "ul", "ol", "li", "blockquote", "ruby", "rt", "rp")
	p.AllowNoAttrs().OnElements("span")
	p.AllowAttrs("class").Matching(classes).OnElements("span", "a", "p")
	p.AllowAttrs("href").OnElements("a")
	p.AllowAttrs("rel").Matching(rels).OnElements("a")
	p.AllowAttrs("start").Matching(numbers).OnElements("ol")
	p.AllowAttrs("reversed").Matching(empty).OnElements("ol")
	p.AllowAttrs("value").Matching(numbers).OnElements("li")
	p.AllowURLSchemes("https", "http", "mailto")
	p.RequireParseableURLs(true)
	p.AllowRelativeURLs(false)
	if article {
		p.AllowElements("h2", "h3", "h4", "h5", "h6", "hr", "figure", "figcaption")
		p.AllowAttrs("src").OnElements("img")
		p.AllowAttrs("alt").OnElements("img")
	}
	return p
}
