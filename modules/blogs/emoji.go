package blogs

import (
	"context"
	"fmt"
	"html"
	"html/template"
	"strings"

	"github.com/uptrace/bun"
	xhtml "golang.org/x/net/html"

	"viche/internal/store"
)

// reactedView is a reaction other than a like, with how many chose it.
type reactedView struct {
	Emoji string
	Count int
}

// shownReactions are how many kinds stand under one post.
const shownReactions = 12

// reactedTo counts the reactions to several posts, the commonest first.
func (b *Blogs) reactedTo(ctx context.Context, ids []int64) (map[int64][]reactedView, error) {
	var rows []struct {
		Post  int64  `bun:"post"`
		Emoji string `bun:"emoji"`
		N     int    `bun:"n"`
	}
	err := b.DB.Read().NewRaw(`
		select post, emoji, count(*) as n
		from reactions
		where post in (?) and emoji <> ''
		group by post, emoji
		order by post, n desc, emoji`, bun.List(ids)).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("reactions: %w", store.Kind(err))
	}
	found := map[int64][]reactedView{}
	for _, r := range rows {
		if len(found[r.Post]) < shownReactions {
			found[r.Post] = append(found[r.Post], reactedView{r.Emoji, r.N})
		}
	}
	return found, nil
}

// emojis are the pictures that stand for words like :heart: in one post.
type emojis struct {
	post int64
	list []Emoji
}

// in puts the pictures into clean HTML: into its words only, never into what is
// quoted as code. Each is our own copy.
func (e emojis) in(content string) string {
	if len(e.list) == 0 || !strings.Contains(content, ":") {
		return content
	}
	var out strings.Builder
	code := 0
	z := xhtml.NewTokenizer(strings.NewReader(content))
	for {
		kind := z.Next()
		if kind == xhtml.ErrorToken {
			return out.String()
		}
		raw := string(z.Raw()) // reading the tag changes what it points at
		switch kind {
		case xhtml.StartTagToken, xhtml.EndTagToken:
			if name, _ := z.TagName(); string(name) == "code" || string(name) == "pre" {
				if code++; kind == xhtml.EndTagToken {
					code -= 2
				}
			}
		case xhtml.TextToken:
			if code <= 0 {
				raw = e.replace(raw)
			}
		}
		out.WriteString(raw)
	}
}

// text is plain text with the pictures.
func (e emojis) text(plain string) template.HTML {
	return template.HTML(e.replace(html.EscapeString(plain))) // escaped here
}

// replace expects escaped text, and goes through it once: what was put in is not
// looked at again.
func (e emojis) replace(text string) string {
	if len(e.list) == 0 {
		return text
	}
	pairs := make([]string, 0, 2*len(e.list))
	for i, one := range e.list {
		name := html.EscapeString(":" + strings.Trim(one.Name, ":") + ":")
		if len(name) > 2 {
			pairs = append(pairs, name, fmt.Sprintf(`<img class="emoji" src="/media/proxy/%d/emoji-%d?size=small" alt="%s" title="%s" width="20" height="20" loading="lazy" decoding="async">`,
				e.post, i, name, name))
		}
	}
	return strings.NewReplacer(pairs...).Replace(text)
}
