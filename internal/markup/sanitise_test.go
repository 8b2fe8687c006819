package markup_test

import (
	"fmt"
	"strings"
	"testing"

	"viche/internal/markup"
)

// link is how a link looks that was kept.
func link(href, words string) string { return `<a href="` + href + `"` + rel + `>` + words + `</a>` }

func TestSanitiseNotes(t *testing.T) {
	t.Parallel()
	const evil = "https://evil.example/"
	for _, c := range []struct{ in, want string }{
		// What stays.
		{"<p>слово</p>", "<p>слово</p>"},
		{"слово<br>слово", "слово<br>слово"},
		{"a<br/>b</br>c", "a<br>b<br>c"},
		{`<p class="quote-inline">RE</p>`, `<p class="quote-inline">RE</p>`},
		{`<ol start="3" reversed><li value="7">a</li></ol>`, `<ol start="3" reversed=""><li value="7">a</li></ol>`},
		{"<ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp></ruby>", "<ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp></ruby>"},
		{"<pre><code>a &lt; b\n  c</code></pre>", "<pre><code>a &lt; b\n  c</code></pre>"},
		{`<span class="h-card"><a href="https://x.example/@a" class="u-url mention">@<span>a</span></a></span>`,
			`<span class="h-card"><a href="https://x.example/@a" class="u-url mention"` + rel + `>@<span>a</span></a></span>`},
		{`<a href="https://x.example/tags/a" class="mention hashtag" rel="tag">#<span>a</span></a>`,
			`<a href="https://x.example/tags/a" class="mention hashtag" rel="tag nofollow noopener ugc">#<span>a</span></a>`},
		{`<a href="https://x.example/abc"><span class="invisible">https://</span><span class="ellipsis">x.example/a</span><span class="invisible">bc</span></a>`,
			link("https://x.example/abc", `<span class="invisible">https://</span><span class="ellipsis">x.example/a</span><span class="invisible">bc</span>`)},
		{`<a href="mailto:a@x.example">лист</a>`, link("mailto:a@x.example", "лист")},

		// Scripts and what runs them.
		{"<script>alert(1)</script>a", "a"},
		{"<scr<script>ipt>alert(1)</script>", "ipt&gt;alert(1)"},
		{"<SCRIPT SRC=//evil.example/x.js></SCRIPT>a", "a"},
		{"<script/x>alert(1)</script>a", "a"},
		{"a<script>alert(1)", "a"},
		{`<img src=x onerror=alert(1)>`, ""},
		{`<img src="https://evil.example/p.gif" alt="котик">`, "котик"},
		{`<p onclick="alert(1)" style="position:fixed">a</p>`, "<p>a</p>"},
		{`<p onclick=alert(1)//<p>a</p>`, "<p>a</p>"},
		{"<svg><script>alert(1)</script></svg>a", "a"},
		{"<svg/onload=alert(1)>a</svg>b", "b"},
		{`<svg><a xlink:href="javascript:alert(1)"><text>a</text></a></svg>b`, "b"},
		{"<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\"></math>a", "a"},
		{"<math><mi//xlink:href=\"data:x,<script>alert(4)</script>\"></math>a", "a"},
		{"<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\"></noscript>a", "&#34;&gt;a"},
		{"<style>@import 'https://evil.example'</style>a", "a"},
		{`<link rel=stylesheet href="https://evil.example">a`, "a"},
		{`<meta http-equiv=refresh content="0;url=https://evil.example">a`, "a"},
		{`<base href="https://evil.example/">a`, "a"},
		{`<iframe src="https://evil.example"></iframe>a`, "a"},
		{`<object data="x"><embed src="y"></object>a`, "a"},
		{`<form action="https://evil.example"><input name=password><button>ok</button></form>`, "<p>ok</p>"},
		{"<textarea><img src=x onerror=alert(1)></textarea>a", "a"},
		{"<title><b>x</title>a", "a"},
		{"<template><script>alert(1)</script></template>a", "a"},
		{"<xmp><b>x</xmp>a", "a"},
		{"a<plaintext><b>x", "a"},
		{"<!--<img src=\"--><img src=x onerror=alert(1)>\">a", "&#34;&gt;a"},
		{"<![CDATA[<script>alert(1)</script>]]>a", "alert(1)]]&gt;a"},
		{"<?xml version=1?><!doctype html>a", "a"},
		{"<video src=x onerror=alert(1)>a</video>b", "b"},
		{"<details open ontoggle=alert(1)>a</details>", "<p>a</p>"},
		{"<b\x00onclick=alert(1)>a</b>", "a"},
		{"<p/onclick=alert(1)>a", "<p>a</p>"},
		{"&lt;script&gt;alert(1)&lt;/script&gt;", "&lt;script&gt;alert(1)&lt;/script&gt;"},
		{"a\x00b\x1bc\x7f", "abc"},
		{"a\xffb", "a\uFFFDb"},

		// Where links lead.
		{`<a href="javascript:alert(1)">a</a>`, "a"},
		{`<a href="JaVaScRiPt:alert(1)">a</a>`, "a"},
		{"<a href=\" \x01javascript:alert(1)\">a</a>", "a"},
		{"<a href=\"java\nscript:alert(1)\">a</a>", "a"},
		{`<a href="&#106;avascript&colon;alert(1)">a</a>`, "a"},
		{`<a href="data:text/html,<script>alert(1)</script>">a</a>`, "a"},
		{`<a href="vbscript:x">a</a>`, "a"}, {`<a href="file:///etc/passwd">a</a>`, "a"}, {`<a href="blob:https://x/y">a</a>`, "a"},
		{`<a href="//evil.example/">a</a>`, "a"}, {`<a href="/settings/delete">a</a>`, "a"}, {`<a href="https:evil.example">a</a>`, "a"},
		{`<a href="https:\\evil.example">a</a>`, "a"}, {`<a href="https://">a</a>`, "a"}, {`<a href>a</a>`, "a"},
		{`<a href="https://x.example\@evil.example/">a</a>`, "a"},
		{`<a href="https://x.example:80a/">a</a>`, "a"},
		{`<a href="mailto:">a</a>`, "a"},
		{`<a href="https://lviv.example@evil.example/">a</a>`, link(evil, "a")},
		{`<a href="https://EVIL.example./">a</a>`, link(evil, "a")},
		{`<a href="https://evil.example/" target="_top" rel="opener" download>a</a>`, link(evil, "a")},
		{`<a href="https://evil.example/" href="javascript:alert(1)">a</a>`, link(evil, "a")},
		{`<a href="https://evil.example/?a=%22onclick=alert(1)&quot;">a</a>`, link("https://evil.example/?a=%22onclick=alert(1)&#34;", "a")},
		{`<a href="https://evil.example/"><a href="https://x.example/">a</a></a>`, link("https://x.example/", "a")},

		// What links say (CVE-2023-36462).
		{`<a href="https://evil.example/">https://lviv.example/</a>`, link(evil, "evil.example")},
		{`<a href="https://evil.example/">lviv.ua</a>`, link(evil, "evil.example")},
		{`<a href="https://evil.example/">www.lviv.example</a>`, link(evil, "evil.example")},
		{`<a href="https://evil.example/">Тут: https://lviv.example</a>`, link(evil, "evil.example")},
		{`<a href="https://evil.example/">https://evil.example@lviv.example/</a>`, link(evil, "evil.example")},
		{`<a href="https://evil.example/">https://lviv.example\@evil.example</a>`, link(evil, "evil.example")},
		{`<a href="https://evil.example/">https<b>://lviv</b>.example</a>`, link(evil, "evil.example")},
		{"<a href=\"https://evil.example/\">https\u200b://lviv.example</a>", link(evil, "evil.example")},
		{"<a href=\"https://evil.example/\">https:\u2215\u2215lviv.example</a>", link(evil, "evil.example")},
		{"<a href=\"https://evil.example/\">lviv\uFF0Eua</a>", link(evil, "evil.example")},
		{`<a href="https://evil.example/">lviv.ua<span class="invisible">.evil.example</span></a>`, link(evil, "evil.example")},
		{`<a href="https://evil.example/"><span class="invisible">https://evil.example/</span>https://lviv.example</a>`, link(evil, "evil.example")},
		{`<a href="https://evil.example/"><span class="invisible">натисніть</span></a>`, link(evil, "evil.example")},
		{"<a href=\"https://evil.example/\">\u200b\u2060</a>", link(evil, "evil.example")},
		{"<a href=\"https://evil.example/\">\u202eelpmaxe.viv//:sptth</a>", link(evil, "elpmaxe.viv//:sptth")},
		{`<a href="https://evil.example/">olena@lviv.ua</a>`, link(evil, "evil.example")},
		{`<a href="mailto:a@evil.example">olena@lviv.example</a>`, link("mailto:a@evil.example", "a@evil.example")},
		{`<a href="https://рaypal.com/">https://paypal.com</a>`, link("https://xn--aypal-uye.com/", "xn--aypal-uye.com")},
		{`<a href="https://приклад.укр/">https://інший.укр</a>`, link("https://xn--80aikifvh.xn--j1amh/", "приклад.укр")},
		{`<a href="https://www.evil.example/a">evil.example/a</a>`, link("https://www.evil.example/a", "evil.example/a")},
		{`<a href="https://nodejs.org/">Node.js</a>`, link("https://nodejs.org/", "Node.js")},
		{`<a href="https://evil.example/" class="mention">@olena@lviv.example</a>`, `<a href="https://evil.example/" class="mention"` + rel + `>@olena@lviv.example</a>`},

		// Classes, and what hides.
		{`<span class="our-admin-badge">a</span>`, "a"},
		{`<p class="callout danger">a</p>`, "<p>a</p>"},
		{`<span class="invisible">непомітно</span>`, "непомітно"},
		{`<a href="https://evil.example/" class="button mention">a</a>`, `<a href="https://evil.example/" class="mention"` + rel + `>a</a>`},
		{`<div id="main" class="errors">a</div>`, "<p>a</p>"},
		{"a\u202eb", "ab"},

		// Structure.
		{"<h1>Назва</h1><p>a</p>", "<p><strong>Назва</strong></p><p>a</p>"},
		{"<b><h2>a</h2></b>", "<b><p><strong>a</strong></p></b>"},
		{"<strong><h2>a</h2></strong>", "<strong><p>a</p></strong>"},
		{"<div>a</div><div>b</div>", "<p>a</p><p>b</p>"},
		{"<p>a<p>b", "<p>a</p><p>b</p>"},
		{"</div></p></blockquote>a", "a"},
		{"<blockquote>a", "<blockquote>a</blockquote>"},
		{"<b>a<i>b</b>c</i>", "<b>a<i>b</i></b>c"},
		{"<li>a<li>b", "<p>a</p><p>b</p>"},
		{"<ul><li>a<li>b</ul>", "<ul><li>a</li><li>b</li></ul>"},
		{"<table><tr><td>a</td></tr><tr><td>b</td></tr></table>", "<p>a</p><p>b</p>"},
		{"<p></p><p><b></b></p><p>a</p>", "<p>a</p>"},
		{"<b><b><b>a</b></b></b>", "<b>a</b>"},
		{"<hr>a<figure>b</figure>", "a<p>b</p>"},
		{"<ol start=\"99999999999\"><li value=\"x\">a</li></ol>", "<ol><li>a</li></ol>"},
	} {
		got := markup.Sanitise(c.in, false)
		if got != c.want {
			t.Errorf("Sanitise(%q)\n got %s\nwant %s", c.in, got, c.want)
		}
		if again := markup.Sanitise(got, false); again != got {
			t.Errorf("Sanitise(%q) twice\n got %s\nwant %s", c.in, again, got)
		}
	}
}

func TestSanitiseArticles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"<h1>a</h1><h3>b</h3>", "<h2>a</h2><h3>b</h3>"},
		{`<figure><img src="https://x.example/a.png" alt="a&quot;b" onload=x width=5><figcaption>c</figcaption></figure>`,
			`<figure><img src="https://x.example/a.png" alt="a&#34;b"><figcaption>c</figcaption></figure>`},
		{`<img src="data:image/svg+xml,<svg onload=alert(1)>">`, ""},
		{`<img src="javascript:alert(1)" alt="a">`, "a"},
		{`<img src="/media/x" alt="">`, ""},
		{`<a href="https://evil.example/"><img src="https://x.example/a.png"></a>`, `<a href="https://evil.example/"` + rel + `><img src="https://x.example/a.png" alt=""></a>`},
		{"a<hr>b", "a<hr>b"},
		{`<img srcset="https://evil.example/x 2x">`, ""},
		{"<h2>a<script>b</script></h2>", "<h2>a</h2>"},
	} {
		if got := markup.Sanitise(c.in, true); got != c.want {
			t.Errorf("Sanitise(%q) of an article\n got %s\nwant %s", c.in, got, c.want)
		}
	}
}

func TestDeepAndLargePostsAreCut(t *testing.T) {
	t.Parallel()
	const many = 15_000
	deep := markup.Sanitise(strings.Repeat("<blockquote>", many)+"a"+strings.Repeat("</blockquote>", many), false)
	if n := strings.Count(deep, "<blockquote>"); n == 0 || n > 24 || n != strings.Count(deep, "</blockquote>") {
		t.Errorf("%d quotes in one another are %d after, %d of them ended", many, n, strings.Count(deep, "</blockquote>"))
	}
	for _, part := range []string{"слово ", "<p>a", "<b>", "&amp;", "<a href=https://x.example/>a</a>", "<i>&lt;"} {
		got := markup.Sanitise(strings.Repeat(part, (1<<20)/len(part)), false)
		if len(got) > 257<<10 {
			t.Errorf("1 MB of %q is %d bytes after", part, len(got))
		}
		if again := markup.Sanitise(got, false); again != got {
			t.Errorf("1 MB of %q changes when sanitised again, from %d to %d bytes", part, len(got), len(again))
		}
	}
	if got := markup.Sanitise("<p "+strings.Repeat("a=b ", many)+">x</p>", false); got != "<p>x</p>" {
		t.Errorf("an element of %d attributes is %.60q", many, got)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		max  int
		want string
	}{
		{"<p>один</p><p>два<br>три</p>", 0, "один два три"},
		{"<p>a &lt;b&gt; &amp; c</p>", 0, "a <b> & c"},
		{"<script>x</script>a<style>y</style>", 0, "a"},
		{`<a href="https://x.example/a"><span class="invisible">https://</span>x.example/a</a>`, 0, "x.example/a"},
		{"<p>перше друге третє</p>", 14, "перше друге…"},
		{"<p>перше друге</p>", 11, "перше друге"},
		{"дужедовгеслово", 5, "дуже…"},
		{`<img alt="двір" src="x">після`, 0, "двірпісля"},
		{"a\u202eb\x00", 0, "ab"},
	} {
		if got := markup.Text(c.in, c.max); got != c.want {
			t.Errorf("Text(%q, %d) = %q, want %q", c.in, c.max, got, c.want)
		}
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int{
		"": 0, "<p>a</p>": 1, "<p>a</p>\n<p>b<br>c</p>": 3, "<p>" + strings.Repeat("а", 41) + "</p>": 3,
		"<ul><li>a</li><li>b</li></ul>": 2,
	} {
		if got := markup.Lines(in, 20); got != want {
			t.Errorf("Lines(%q, 20) = %d, want %d", in, got, want)
		}
	}
}

func TestName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"Олена Коваль", "Олена Коваль"},
		{"  a \t\n b  ", "a b"},
		{"\u202eadmin", "admin"},
		{"a\u2066b\u2069\u200f", "ab"},
		{"ad\u200bmin\u2060\ufeff\u00ad", "admin"},
		{"\u3164\u2800", ""},
		{"a\u0301\u0302\u0303\u0304\u0305\u0306", "á\u0302\u0303"},
		{"и\u0306", "й"},
		{"За\u0301мок", "За\u0301мок"},
		{"Кіт 👩\u200d💻 ❤\ufe0f", "Кіт 👩\u200d💻 ❤\ufe0f"},
		{"a\u200db", "ab"},
		{"a\ufe0fb", "ab"},
		{"می\u200cخواهم", "می\u200cخواهم"},
		{"a\U000E0041b\ue000", "ab"},
		{"a\u0000b\u001b[31m", "ab[31m"},
		{"<b>a</b>", "<b>a</b>"},
		{"a\u2028b", "a b"},
	} {
		got := markup.Name(c.in)
		if got != c.want {
			t.Errorf("Name(%+q) = %+q, want %+q", c.in, got, c.want)
		}
		if again := markup.Name(got); again != got {
			t.Errorf("Name(%+q) twice = %+q, want %+q", c.in, again, got)
		}
	}
	if got := len([]rune(markup.Name(strings.Repeat("а", 50_000)))); got != 2000 {
		t.Errorf("a name of 50,000 characters has %d after, want 2000", got)
	}
}

func BenchmarkSanitise(b *testing.B) {
	note := fmt.Sprintf(`<p><span class="h-card"><a href="https://x.example/@a" class="u-url mention">@<span>a</span></a></span> %s</p><p><a href="https://x.example/tags/b" class="mention hashtag" rel="tag">#<span>b</span></a></p>`, strings.Repeat("слово ", 60))
	b.SetBytes(int64(len(note)))
	b.ReportAllocs()
	for b.Loop() {
		markup.Sanitise(note, false)
	}
}

func BenchmarkHTML(b *testing.B) {
	text := strings.Repeat("Слово *за* словом, @olena і #вода: https://lviv.example/a.\n\n", 10)
	b.ReportAllocs()
	for b.Loop() {
		write(text, false)
	}
}
