package federation

import "testing"

func TestTemplateTakesTheAddressUnderEachOfItsNames(t *testing.T) {
	t.Parallel()
	const object = "https://lviv.example/blogs/1?a=b&c=d"
	const escaped = "https%3A%2F%2Flviv.example%2Fblogs%2F1%3Fa%3Db%26c%3Dd"
	for template, want := range map[string]string{
		"https://mastodon.example/authorize_interaction?uri={uri}":          "https://mastodon.example/authorize_interaction?uri=" + escaped,
		"https://a.example/intents?object={object}&then={on-success}&x={y}": "https://a.example/intents?object=" + escaped + "&then=&x=",
		"https://a.example/{target}":                                        "https://a.example/" + escaped,
		"https://a.example/plain":                                           "https://a.example/plain",
		"https://a.example/{uri":                                            "",
	} {
		if got := fill(template, object); got != want {
			t.Errorf("fill(%q) = %q, want %q", template, got, want)
		}
	}
}
