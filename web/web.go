// Package web is the site that modules put their pages on: the router with
// everything that must hold for each request (security headers, sessions,
// protection against forged forms, language, error pages), the frame around a
// page, and the parts that pages are built of. It knows no module.
//
// A module's page is a file templates/NAME.html that defines two blocks:
//
//	{{define "title"}}{{.V.Poll.Title}}{{end}}
//	{{define "main"}}<h1>…</h1> … {{end}}
//
// It is shown by site.Render(w, r, 200, "polls/NAME", view): the view is .V,
// what the frame knows (viewer, language) is a Frame. Parts shared by the pages
// of one module lie in files whose names begin with "_" (embed the folder as
// "all:templates" then, since go:embed leaves such names out). The parts that
// web offers to everybody, and the functions usable in templates, are described
// at the top of templates/parts.html.
//
// Nothing here needs JavaScript, and the content security policy allows no
// inline script or style: a bar's length is an SVG attribute, not a style.
package web

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"viche/internal/locale"
	"viche/internal/store"
)

// Files holds the frame's own templates, messages and static files; hand it to
// locale.New together with those of the modules.
//
//go:embed templates locales static
var Files embed.FS

// Options say what is particular to one city's site.
type Options struct {
	Base         string // scheme://host, without a slash at the end
	InstanceName string // as the heading shows it: "Віче · Кам’янське"
	Territory    string // "Кам’янське"; never declined
	Operator     string // who moderates: "ГО «Сила Громади міста Кам’янське»"
	Source       string // address of the source code, as the AGPL demands
	Demo         bool   // shows the ribbon that people and numbers are invented
	Counting     Counting

	Locale *locale.Bundle
	Log    *slog.Logger
	DB     *store.DB // may be nil where nobody signs in

	// Modules bring the pages, the navigation and the home page.
	Modules []Pages
	Nav     []Link
	Home    http.HandlerFunc // a plain welcome if nil

	// LoadViewer turns a session's account into what pages know about a person.
	// It answers store.ErrNotFound when the account is gone, suspended, or its
	// credentials are of a later generation: the session ends then.
	LoadViewer func(ctx context.Context, accountID int64, generation int) (*Viewer, error)

	// Badge says what waits for somebody signed in; the heading of each page
	// shows it. Nil shows none.
	Badge func(ctx context.Context, v *Viewer) (Badge, error)
}

// A Badge leads to what waits for somebody. Key is that of the message that
// says so, with Count; Icon is one of the sprite.
type Badge struct {
	Href, Key, Icon string
	Count           int
}

// Counting are the numbers that the page on how votes are counted names; they
// are this city's settings, so that the page never says what does not hold. The
// zero value stands for the defaults.
type Counting struct {
	K        int           // no group with fewer voters is shown
	Step     int           // so many answers between two interim results
	Every    time.Duration // and so much time
	KeepDays int           // days after the close until answers become unreadable
}

// Pages are the templates of one module: Files has templates/*.html, and a page
// is called Name/file.
type Pages struct {
	Name  string
	Files fs.FS
}

// A Link of the navigation. Key is that of its message, Icon one of the sprite.
type Link struct {
	Path, Key, Icon string
}

// DefaultNav is the navigation of a site to which nobody gave another.
var DefaultNav = []Link{
	{"/polls", "web.nav.polls", "vote"},
	{"/ideas", "web.nav.ideas", "lightbulb"},
	{"/blogs", "web.nav.blogs", "message-circle"},
	{"/officials", "web.nav.officials", "user-check"},
	{"/primaries", "web.nav.primaries", "scale"},
	{"/spheres", "web.nav.spheres", "layout-grid"},
	{"/how-we-count", "web.nav.count", "calculator"},
	{"/search", "web.nav.search", "search"},
}

// A Site serves pages for one city. It is safe for many goroutines.
type Site struct {
	o      Options
	log    *slog.Logger
	now    func() time.Time
	secure bool // served over https: cookies are bound to it
	assets *assets
	pages  map[string]*source
	router chi.Router
}

// New looks over every template and fails on one that does not parse or that
// uses a message nobody wrote. A page is made ready when it is first asked for.
func New(o Options) (*Site, error) {
	base, err := url.Parse(o.Base)
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("web: base address %q: want scheme://host", o.Base)
	}
	if o.Locale == nil {
		return nil, errors.New("web: no messages given")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Nav == nil {
		o.Nav = DefaultNav
	}
	if o.Counting == (Counting{}) {
		o.Counting = Counting{K: 10, Step: 25, Every: 10 * time.Minute, KeepDays: 60}
	}
	s := &Site{o: o, log: o.Log, now: time.Now, secure: base.Scheme == "https"}
	if o.DB != nil {
		s.now = o.DB.Now
	}
	if s.assets, err = loadAssets(Files); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	if err := s.parse(); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	return s, nil
}

// Router returns the router that modules add their routes to. Every route gets
// a request id, recovery, headers, the viewer, the language, the check against
// forged forms and a limit on the body.
func (s *Site) Router() chi.Router {
	r := chi.NewRouter()
	s.router = r
	r.Use(
		s.begin,
		s.logged,
		s.recovered,
		s.headers,
		middleware.Compress(5, "text/html", "text/css", "text/plain", "text/csv", "text/calendar", "application/json",
			"application/activity+json", "application/ld+json", "application/jrd+json", "application/atom+xml", "image/svg+xml"),
		limited,
		s.sameSite,
		s.session,
		s.speaking,
		middleware.GetHead,
	)
	r.NotFound(s.lost)
	r.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) { s.Error(w, r, errMethod) })
	s.ownPages(r)
	return r
}

// lost forgives a slash too many at the end, which people type; the rest is the
// page that says so.
func (s *Site) lost(w http.ResponseWriter, r *http.Request) {
	shorter := strings.TrimRight(r.URL.Path, "/")
	if r.Method != http.MethodGet || shorter == "" || shorter == r.URL.Path {
		s.Error(w, r, store.ErrNotFound)
		return
	}
	if r.URL.RawQuery != "" {
		shorter += "?" + r.URL.RawQuery
	}
	http.Redirect(w, r, LocalPath(shorter), http.StatusMovedPermanently)
}

// Printer speaks the language of this request, for words that a handler puts
// together itself.
func (s *Site) Printer(r *http.Request) *locale.Printer { return s.o.Locale.For(visitOf(r).lang) }

// URL makes an absolute address of a path on this site.
func (s *Site) URL(path string) string { return s.o.Base + path }

// LocalPath returns path if it leads to this site, else "/": for addresses to
// return to, which anybody may have written.
func LocalPath(path string) string {
	u, err := url.Parse(path)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") ||
		strings.ContainsAny(path, "\\\r\n\t") {
		return "/"
	}
	return path
}

// Redirect303 sends the browser to a page of this site after a form.
func Redirect303(w http.ResponseWriter, r *http.Request, path string) {
	http.Redirect(w, r, LocalPath(path), http.StatusSeeOther)
}
