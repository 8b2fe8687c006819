package polls

import (
	"html"
	"strings"

	"github.com/microcosm-cc/bluemonday"
)

// strip takes every tag out of what another server wrote.
var strip = bluemonday.StrictPolicy()

// plain gives the paragraphs of a poll's content as text, without the title that
// stands first and the sentence on counting that stands last.
func plain(content, title string) string {
	var out []string
	for par := range strings.SplitSeq(content, "</p>") {
		text := strings.TrimSpace(html.UnescapeString(strip.Sanitize(par)))
		if text != "" && text != title && !strings.HasPrefix(text, "Голоси підтверджених мешканців рахує") {
			out = append(out, text)
		}
	}
	return strings.Join(out, "\n")
}
