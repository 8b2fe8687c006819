// Package c2s is the half of ActivityPub that clients speak to their own server:
// whoever has an account here posts activities to the own outbox, reads the own
// inbox, fetches what lies elsewhere through us and uploads pictures, each time
// with a bearer token.
//
// It decides nothing of its own. The bytes of a client are held to the limits
// that strangers' are held to (ap.Parse), go-fed's pub finds out what kind of
// activity they are and wraps what is none in a Create, and then one command of
// modules/blogs does it, the same that the pages call. pub stores and delivers
// nothing. A ballot in a civic poll is not taken here, and no vote is ever shown.
package c2s

import (
	"embed"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/httprate"

	"viche/actors"
	"viche/federation"
	"viche/federation/ap"
	"viche/internal/locale"
	"viche/internal/store"
	"viche/modules/blogs"
	"viche/modules/people"
)

// Files are the messages of the errors; hand them to locale.New.
//
//go:embed locales
var Files embed.FS

// Where the two endpoints lie that belong to no actor.
const (
	proxyPath  = "/proxyUrl"
	uploadPath = "/uploadMedia"
)

// Requests that somebody may make within Window.
const (
	DefaultLimit = 1200
	ProxyLimit   = 600 // of these, to other servers through us; twice the promise, for windows overlap
	LeastLimit   = 600 // 300 are promised to every token, whatever the settings say, however they lie
	Window       = 5 * time.Minute
)

// Options are what New needs; all but Log and Limit must be there.
type Options struct {
	DB         *store.DB
	Book       *actors.Book
	Federation *federation.City
	People     *people.People
	Blogs      *blogs.Blogs
	Words      *locale.Bundle
	Log        *slog.Logger

	Base  string // scheme and host
	Limit int    // requests within Window; DefaultLimit if 0, never under LeastLimit
}

// API is the client-to-server API of one instance. It is safe for many
// goroutines.
type API struct{ Options }

// New makes the API.
func New(o Options) *API {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Limit == 0 {
		o.Limit = DefaultLimit
	}
	o.Limit = max(o.Limit, LeastLimit)
	return &API{Options: o}
}

// Routes adds the API to a site's router.
func (a *API) Routes(r chi.Router) {
	r.Group(func(r chi.Router) {
		r.Use(unkept, a.identify, a.limited(a.Limit))
		r.With(a.scope("write"), a.own).Post("/users/{handle}/outbox", a.outbox)
		r.With(a.scope("read"), a.own).Get("/users/{handle}/inbox", a.inbox)
		r.With(a.scope("read"), a.limited(ProxyLimit)).Post(proxyPath, a.proxy)
		r.With(a.scope("write")).Post(uploadPath, a.upload)
	})
}

// Describe tells in the document of a resident where the endpoints are.
func Describe(base string, a actors.Actor, doc *ap.Actor) {
	if a.Kind == actors.Resident {
		doc.ProxyURL, doc.UploadMedia = base+proxyPath, base+uploadPath
	}
}

// limited turns away whoever asks too often. What is given is promised for every
// window, however the requests lie in it.
func (a *API) limited(most int) func(http.Handler) http.Handler {
	return httprate.LimitBy(most, Window,
		func(r *http.Request) (string, error) { return keyOf(r), nil },
		// What is left is not told: the same question has the same answer.
		httprate.WithResponseHeaders(httprate.ResponseHeaders{RetryAfter: "Retry-After"}),
		httprate.WithLimitHandler(func(w http.ResponseWriter, r *http.Request) { a.fail(w, r, errTooMany) }))
}

// unkept keeps answers out of every cache: they depend on who asks.
func unkept(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Add("Vary", "Authorization, Accept-Language")
		next.ServeHTTP(w, r)
	})
}
