package markup_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"viche/internal/markup"
)

// people are whom the tests can name.
func people(handle string) (href, label string, ok bool) {
	switch strings.ToLower(handle) {
	case "olena":
		return "https://lviv.example/@olena", "@olena", true
	case "ivan@kyiv.example":
		return "https://kyiv.example/@ivan", "ivan", true
	case "petro@localhost:8420":
		return "http://localhost:8420/@petro", "petro", true
	}
	return "", "", false
}

func write(text string, article bool) string {
	return markup.HTML(text, markup.Options{
		Article: article, Mention: people,
		Tag: func(tag string) string { return "https://lviv.example/tags/" + tag },
	})
}

const (
	rel   = ` rel="nofollow noopener ugc"`
	olena = `<span class="h-card"><a href="https://lviv.example/@olena" class="u-url mention"` + rel + `>@<span>olena</span></a></span>`
	ivan  = `<span class="h-card"><a href="https://kyiv.example/@ivan" class="u-url mention"` + rel + `>@<span>ivan</span></a></span>`
	petro = `<span class="h-card"><a href="http://localhost:8420/@petro" class="u-url mention"` + rel + `>@<span>petro</span></a></span>`
)

func hashtag(name, href string) string {
	return `<a href="https://lviv.example/tags/` + href + `" class="mention hashtag" rel="tag nofollow noopener ugc">#<span>` + name + `</span></a>`
}

func TestWhatIsTypedBecomesHTML(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, in, want string }{
		{"paragraphs", "Перший.\n\nДругий.", "<p>Перший.</p>\n<p>Другий.</p>"},
		{"line breaks stay", "рядок\nрядок", "<p>рядок<br>\nрядок</p>"},
		{"emphasis", "*так* і **дуже** і _так_", "<p><em>так</em> і <strong>дуже</strong> і <em>так</em></p>"},
		{"no emphasis inside words", "snake_case_name", "<p>snake_case_name</p>"},
		{"list", "- один\n- два", "<ul><li>один</li>\n<li>два</li>\n</ul>"},
		{"numbers", "3. три\n4. чотири", "<ol start=\"3\"><li>три</li>\n<li>чотири</li>\n</ol>"},
		{"quote", "> слово\n\nвідповідь", "<blockquote><p>слово</p>\n</blockquote>\n<p>відповідь</p>"},
		{"no heading in a note", "# Заголовок", "<p># Заголовок</p>"},
		{"no heading by underlining", "Рядок\n---", "<p>Рядок<br>\n---</p>"},
		{"no code by indentation", "    рядок\n    <b>", "<p>рядок<br>\n&lt;b&gt;</p>"},
		{"fenced code", "```\n<b>@olena</b>\n```", "<pre><code>&lt;b&gt;@olena&lt;/b&gt;\n</code></pre>"},
		{"tags are shown as typed", "<b>жирно</b> <script>alert(1)</script>", "<p>&lt;b&gt;жирно&lt;/b&gt; &lt;script&gt;alert(1)&lt;/script&gt;</p>"},
		{"link", "[сайт](https://kyiv.example/)", `<p><a href="https://kyiv.example/"` + rel + `>сайт</a></p>`},
		{"script link", "[сайт](javascript:alert(1))", "<p>сайт</p>"},
		{"address", "див. https://kyiv.example/a.", `<p>див. <a href="https://kyiv.example/a"` + rel + `><span class="invisible">https://</span>kyiv.example/a</a>.</p>`},
		{"address in brackets", "(https://uk.wikipedia.org/wiki/A_(b))", `<p>(<a href="https://uk.wikipedia.org/wiki/A_(b)"` + rel + `><span class="invisible">https://</span>uk.wikipedia.org/wiki/A_(b)</a>)</p>`},
		{"address in quotes", `"https://kyiv.example/#a"`, `<p>&#34;<a href="https://kyiv.example/#a"` + rel + `><span class="invisible">https://</span>kyiv.example/#a</a>&#34;</p>`},
		{"address with marks of emphasis", "https://kyiv.example/a_b_c*d*", `<p><a href="https://kyiv.example/a_b_c*d"` + rel + `><span class="invisible">https://</span>kyiv.example/a_b_c*d</a>*</p>`},
		{"address of a Ukrainian domain", "https://приклад.укр/шлях", `<p><a href="https://xn--80aikifvh.xn--j1amh/%D1%88%D0%BB%D1%8F%D1%85"` + rel + `><span class="invisible">https://</span>приклад.укр/шлях</a></p>`},
		{"address without a scheme", "www.kyiv.example", `<p><a href="https://www.kyiv.example"` + rel + `>www.kyiv.example</a></p>`},
		{"long address", "https://kyiv.example/rishennia/2026/11/25/pro-remont", `<p><a href="https://kyiv.example/rishennia/2026/11/25/pro-remont"` + rel + `><span class="invisible">https://</span><span class="ellipsis">kyiv.example/rishennia/2026/11</span><span class="invisible">/25/pro-remont</span></a></p>`},
		{"mention", "Вітаю, @olena!", "<p>Вітаю, " + olena + "!</p>"},
		{"mention abroad", "@ivan@kyiv.example.", "<p>" + ivan + ".</p>"},
		{"mention with a port", "@petro@localhost:8420", "<p>" + petro + "</p>"},
		{"mention of nobody", "@nobody і @olena", "<p>@nobody і " + olena + "</p>"},
		{"no mention in an address of mail", "olena@olena.example", "<p>olena@olena.example</p>"},
		{"no mention in code", "`@olena`", "<p><code>@olena</code></p>"},
		{"no mention in a link", "[@olena](https://kyiv.example/)", `<p><a href="https://kyiv.example/"` + rel + `>@olena</a></p>`},
		{"mention beside a bracket", "[@olena, дивіться", "<p>[" + olena + ", дивіться</p>"},
		{"hashtag", "#Вода", "<p>" + hashtag("Вода", "%D0%B2%D0%BE%D0%B4%D0%B0") + "</p>"},
		{"hashtag with an apostrophe", "#сім'я, #здоров’я", "<p>" + hashtag("сім&#39;я", "%D1%81%D1%96%D0%BC%CA%BC%D1%8F") + ", " + hashtag("здоров’я", "%D0%B7%D0%B4%D0%BE%D1%80%D0%BE%D0%B2%CA%BC%D1%8F") + "</p>"},
		{"no hashtag of digits", "#1 і #2026", "<p>#1 і #2026</p>"},
		{"no hashtag in a word", "C#так a#b", "<p>C#так a#b</p>"},
		{"no picture in a note", "![двір](https://kyiv.example/a.jpg)", "<p>двір</p>"},
		{"empty", " \n ", ""},
	} {
		if got := write(c.in, false); got != c.want {
			t.Errorf("%s:\nHTML(%q)\n got %s\nwant %s", c.name, c.in, got, c.want)
		}
	}
}

func TestArticlesHaveHeadingsAndPictures(t *testing.T) {
	t.Parallel()
	in := "# Звіт\n\n## Вода\n\n![двір](https://kyiv.example/a.jpg)\n\n---\n\nкінець"
	want := "<h2>Звіт</h2>\n<h2>Вода</h2>\n<p><img src=\"https://kyiv.example/a.jpg\" alt=\"двір\"></p>\n<hr>\n<p>кінець</p>"
	got := write(in, true)
	if got != want {
		t.Errorf("HTML(%q)\n got %s\nwant %s", in, got, want)
	}
	shown := markup.Images(got, func(src string) string { return "/media/x?of=" + src })
	if want := `<img src="/media/x?of=https://kyiv.example/a.jpg" alt="двір" loading="lazy" decoding="async">`; !strings.Contains(shown, want) {
		t.Errorf("Images = %s, want in it %s", shown, want)
	}
	if gone := markup.Images(got, func(string) string { return "" }); strings.Contains(gone, "<img") || !strings.Contains(gone, "двір") {
		t.Errorf("Images without a copy = %s, want the description alone", gone)
	}
}

func TestMentionsAndTagsAreThoseThatAreLinked(t *testing.T) {
	t.Parallel()
	text := "@olena @Olena @ivan@kyiv.example `@code` [@link](https://kyiv.example) ivan@kyiv.example @olena_ @іван @a@b\n" +
		"#Вода #вода #сім'я #сімʼя #dog's #a1 #_ # #1 https://kyiv.example/#ні `#code`"
	if got, want := markup.Mentions(text), []string{"olena", "ivan@kyiv.example", "olena_", "a"}; !slices.Equal(got, want) {
		t.Errorf("Mentions = %q, want %q", got, want)
	}
	if got, want := markup.Tags(text), []string{"Вода", "сім'я", "dog", "a1"}; !slices.Equal(got, want) {
		t.Errorf("Tags = %q, want %q", got, want)
	}
	if got, want := markup.Fold("#Сім'Я"), "сімʼя"; got != want {
		t.Errorf("Fold = %q, want %q", got, want)
	}
}

// TestNoTextIsSlow holds every shape that is known to make parsers of Markdown
// or HTML slow, at the greatest length that is taken, to a second or so.
func TestNoTextIsSlow(t *testing.T) {
	t.Parallel()
	const size = 100_000
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	for name, in := range map[string]string{
		"quotes": fill(">"), "quotes apart": fill("> "), "lists": fill("- "), "numbers": fill("1. "), "stars": fill("*"), "stars and words": fill("*a "),
		"both emphases": fill("*a _b "), "emphasis in emphasis": fill("*a **b "), "underscores": fill("_a"), "brackets": fill("["), "brackets closed": fill("[a]"),
		"pictures": fill("!["), "links in links": fill("[a]("), "links never ended": fill("[](<"), "code": fill("`a``b```c"), "ticks": fill("` `` "),
		"escapes": fill(`\`), "tags": fill("<"), "addresses": fill("http://a"), "addresses with brackets": fill("https://a.ua/()"), "mentions": fill("@a"), "mentions apart": fill("@a "),
		"hashes": fill("#"), "hashtags": fill("#а "), "apostrophes": fill("#а'"), "entities": fill("&amp"), "lines": fill("\n"), "fences": fill("```\n"), "steps": steps(),
		"quotes in steps": fill("> - "), "www": fill("www."), "angle": fill("<a@"), "html": fill("<b>"),
	} {
		began := time.Now()
		write(in, true)
		markup.Mentions(in)
		markup.Tags(in)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s: HTML, Mentions and Tags of %d bytes took %v", name, len(in), took)
		} else if testing.Verbose() && took > 100*time.Millisecond {
			t.Logf("%s: %v", name, took)
		}
		began = time.Now()
		markup.Sanitise(in, true)
		markup.Text(in, 200)
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%s: Sanitise and Text of %d bytes took %v", name, len(in), took)
		}
	}
}

// steps is a list that goes one deeper with every line.
func steps() string {
	var b strings.Builder
	for i := range 300 {
		b.WriteString(strings.Repeat("  ", i) + "- a\n")
	}
	return b.String()
}
