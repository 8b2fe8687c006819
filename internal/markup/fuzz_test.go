package markup_test

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"viche/internal/markup"
)

var inNotes = []string{"a", "b", "blockquote", "br", "code", "del", "em", "i", "li", "ol", "p", "pre", "rp", "rt", "ruby", "span", "strong", "u", "ul"}

var inArticles = append([]string{"figcaption", "figure", "h2", "h3", "h4", "h5", "h6", "hr", "img"}, inNotes...)

// FuzzSanitise holds what Sanitise promises against anything: whatever a browser
// builds of the result consists of what is listed, leads to addresses that may be
// followed, and is the same when sanitised again.
func FuzzSanitise(f *testing.F) {
	for _, seed := range []string{
		"<p>слово</p>", `<a href="https://x.example/">https://y.example</a>`, "<svg><style><img src=x onerror=alert(1)>", "<ul><li>a<p>b<li>c</ul>",
		"<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>", "<h1><a href=mailto:a@b><b><div>x", "<pre>\n\n<code>a", "<ruby>a<rt>b<rp>c",
		`<a href="https://a.example"><span class="invisible">x</span></a><img src=https://b.example/ alt=c>`, "<b><table><tr><td><li><dl>x</b>y", "&lt;&#0;&#x202e;",
	} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, in string, article bool) {
		got := markup.Sanitise(in, article)
		if again := markup.Sanitise(got, article); again != got {
			t.Fatalf("Sanitise(%q) = %q, and sanitised again %q", in, got, again)
		}
		// A browser reads it in a body, deeper than any limit of ours goes.
		nodes, err := html.ParseFragment(strings.NewReader(got), &html.Node{Type: html.ElementNode, Data: "body", DataAtom: atom.Body})
		if err != nil {
			t.Fatalf("Sanitise(%q) = %q: %v", in, got, err)
		}
		for _, n := range nodes {
			check(t, in, n, article, 0)
		}
		markup.Text(in, 100)
		markup.Images(got, func(string) string { return "/media/x" })
		written := markup.HTML(in, markup.Options{Article: article, Mention: people, Tag: func(tag string) string { return "https://x.example/tags/" + tag }})
		if again := markup.Sanitise(written, article); again != written {
			t.Fatalf("HTML(%q) = %q, and sanitised %q", in, written, again)
		}
		if name := markup.Name(in); markup.Name(name) != name {
			t.Fatalf("Name(%q) = %q, and of that %q", in, name, markup.Name(name))
		}
	})
}

func check(t *testing.T, in string, n *html.Node, article bool, depth int) {
	t.Helper()
	if depth > 40 {
		t.Fatalf("Sanitise(%q) is deeper than 40", in)
	}
	if n.Type != html.TextNode {
		allowed := inNotes
		if article {
			allowed = inArticles
		}
		if n.Type != html.ElementNode || n.Namespace != "" || !slices.Contains(allowed, n.Data) {
			t.Fatalf("Sanitise(%q) has <%s>", in, n.Data)
		}
		attributes(t, in, n)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		check(t, in, c, article, depth+1)
	}
}

func attributes(t *testing.T, in string, n *html.Node) {
	t.Helper()
	rel := ""
	for _, a := range n.Attr {
		switch n.Data + " " + a.Key {
		case "a href", "img src":
			if !strings.HasPrefix(a.Val, "https://") && !strings.HasPrefix(a.Val, "http://") && !(strings.HasPrefix(a.Val, "mailto:") && n.Data == "a") {
				t.Fatalf("Sanitise(%q) leads to %q", in, a.Val)
			}
		case "a class", "span class", "p class":
			for _, c := range strings.Split(a.Val, " ") {
				if !slices.Contains([]string{"mention", "hashtag", "ellipsis", "invisible", "h-card", "u-url", "quote-inline"}, c) {
					t.Fatalf("Sanitise(%q) has the class %q", in, c)
				}
			}
		case "a rel":
			rel = a.Val
		case "img alt", "ol start", "ol reversed", "li value":
		default:
			t.Fatalf("Sanitise(%q) has %s in <%s>", in, a.Key, n.Data)
		}
	}
	if n.Data == "a" && !strings.HasSuffix(rel, "nofollow noopener ugc") {
		t.Fatalf("Sanitise(%q) has a link with rel=%q", in, rel)
	}
}
