package blogs

import "testing"

func TestEmojiStandInWordsOnly(t *testing.T) {
	t.Parallel()
	e := emojis{post: 7, list: []Emoji{{Name: ":cat:", URL: "https://a.test/cat.png"}, {Name: `:<b>"x:`, URL: "https://a.test/x.png"}, {Name: "::"}}}
	cat := `<img class="emoji" src="/media/proxy/7/emoji-0?size=small" alt=":cat:" title=":cat:" width="20" height="20" loading="lazy" decoding="async">`
	for in, want := range map[string]string{
		`<p>A :cat: here</p>`:                            `<p>A ` + cat + ` here</p>`,
		`<p><a href="https://a.test/:cat:">x</a></p>`:    `<p><a href="https://a.test/:cat:">x</a></p>`,
		`<p><code>:cat:</code> :cat:</p>`:                `<p><code>:cat:</code> ` + cat + `</p>`,
		`<pre><code>:cat:</code>:cat:</pre><p>:cat:</p>`: `<pre><code>:cat:</code>:cat:</pre><p>` + cat + `</p>`,
		`<p>:dog: 12:30:45</p>`:                          `<p>:dog: 12:30:45</p>`,
	} {
		if got := e.in(in); got != want {
			t.Errorf("in(%s) = %s, want %s", in, got, want)
		}
	}
	if got, want := string(e.text(`<i>:cat:</i>`)), `&lt;i&gt;`+cat+`&lt;/i&gt;`; got != want {
		t.Errorf("text = %s, want %s", got, want)
	}
	if got, want := string(e.text(`:<b>"x:`)), `<img class="emoji" src="/media/proxy/7/emoji-1?size=small" alt=":&lt;b&gt;&#34;x:" title=":&lt;b&gt;&#34;x:" width="20" height="20" loading="lazy" decoding="async">`; got != want {
		t.Errorf("a name that is markup = %s, want %s", got, want)
	}
	if from, err := sourceOf(&Post{CardJSON: `{"emoji":[{"name":":cat:","url":"https://a.test/cat.png"}]}`}, "emoji-0"); err != nil || from != "https://a.test/cat.png" {
		t.Errorf("the picture of an emoji = %q, %v", from, err)
	}
	if _, err := sourceOf(&Post{}, "emoji-0"); err == nil {
		t.Error("an emoji that is not there has a picture")
	}
}
