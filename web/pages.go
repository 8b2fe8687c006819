package web

import (
	"net/http"

	"github.com/go-chi/chi/v5"
)

// ownPages are those that belong to no module.
func (s *Site) ownPages(r chi.Router) {
	r.Get(staticPrefix+"*", s.static)
	r.Head(staticPrefix+"*", s.static)
	r.Get("/", s.home)
	r.Get("/how-we-count", s.howWeCount)
	r.Get("/charter", s.plain("web/charter"))
	r.Get("/favicon.ico", s.favicon)
	r.Get("/robots.txt", robots)
}

func (s *Site) home(w http.ResponseWriter, r *http.Request) {
	if s.o.Home != nil {
		s.o.Home(w, r)
		return
	}
	s.Render(w, r, http.StatusOK, "web/home", nil)
}

// CountingView is what the page on counting names in numbers.
type CountingView struct{ K, Step, Minutes, KeepDays int }

func (s *Site) howWeCount(w http.ResponseWriter, r *http.Request) {
	c := s.o.Counting
	s.Render(w, r, http.StatusOK, "web/how-we-count", CountingView{c.K, c.Step, int(c.Every.Minutes()), c.KeepDays})
}

// plain shows a page that is the same for everybody.
func (s *Site) plain(page string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { s.Render(w, r, http.StatusOK, page, nil) }
}

func (s *Site) favicon(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=86400")
	http.Redirect(w, r, s.assets.urls["favicon.svg"], http.StatusFound)
}

func robots(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=86400")
	_, _ = w.Write([]byte("User-agent: *\nDisallow: /sign-in\nDisallow: /search\n")) // a reader who hangs up needs no answer
}
