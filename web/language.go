package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"

	"viche/internal/locale"
)

// speaking settles the language: ?lang= (kept in a cookie from then on), the
// cookie, the person's own setting, Accept-Language, Ukrainian.
func (s *Site) speaking(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := visitOf(r)
		v.lang = s.language(r, v.viewer)
		if lang := asked(r); lang != "" && !strings.HasPrefix(r.URL.Path, "/api/") {
			s.setCookie(w, "lang", lang, 365*24*time.Hour)
		}
		next.ServeHTTP(w, r)
	})
}

// LanguageOf is the language settled for this request, for handlers that have
// no site at hand.
func LanguageOf(r *http.Request) string { return visitOf(r).lang }

func asked(r *http.Request) string {
	if lang := r.URL.Query().Get("lang"); slices.Contains(locale.Languages, lang) {
		return lang
	}
	return ""
}

func (s *Site) language(r *http.Request, v *Viewer) string {
	if lang := asked(r); lang != "" {
		return lang
	}
	if lang, ok := s.cookie(r, "lang"); ok && slices.Contains(locale.Languages, lang) {
		return lang
	}
	if v != nil && slices.Contains(locale.Languages, v.Lang) {
		return v.Lang
	}
	tags, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil { // a header nobody can read says nothing
		return locale.Languages[0]
	}
	for _, tag := range tags {
		base, _ := tag.Base()
		if slices.Contains(locale.Languages, base.String()) {
			return base.String()
		}
	}
	return locale.Languages[0]
}

// inLanguage is the address of this page in another language. A page that
// answers a form has no address of its own; home serves then.
func inLanguage(r *http.Request, lang string) string {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return "/?lang=" + lang
	}
	query := r.URL.Query()
	query.Set("lang", lang)
	return (&url.URL{Path: r.URL.Path, RawQuery: query.Encode()}).String()
}
