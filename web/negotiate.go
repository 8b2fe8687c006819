package web

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// Kind is a form that one address can be served in.
type Kind int

// The three readers of an address: people, the fediverse, programs.
const (
	HTML Kind = iota
	ActivityPub
	JSON
)

// Negotiate says what the client asks for. Who has no preference gets HTML.
// The answer to a negotiated address carries "Vary: Accept"; Render sets it,
// whoever writes JSON does so itself.
func Negotiate(r *http.Request) Kind {
	best, weight := HTML, 0.0
	for _, part := range strings.Split(strings.Join(r.Header.Values("Accept"), ","), ",") {
		name, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		kind, known := kinds[name]
		if !known {
			continue
		}
		q := 1.0
		if text, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(text, 64); err != nil {
				continue
			}
		}
		if q > weight {
			best, weight = kind, q
		}
	}
	return best
}

var kinds = map[string]Kind{
	"text/html":                 HTML,
	"application/xhtml+xml":     HTML,
	"*/*":                       HTML,
	"application/activity+json": ActivityPub,
	"application/ld+json":       ActivityPub,
	"application/json":          JSON,
}

// wantsJSON says whether an error is read by a program.
func wantsJSON(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, "/api/") || strings.HasPrefix(r.URL.Path, "/.well-known/") ||
		cookieless(r) || Negotiate(r) != HTML
}
