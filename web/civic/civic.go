// Package civic is the API for programs that know what a poll is: it tells of
// polls, takes ballots, and gives results and the signed objects behind them.
// It lives under /api/viche/v1 and describes itself in openapi.json there.
//
// It decides nothing of its own. Whether somebody may vote or may see a number
// is asked of modules/polls, as the pages do; here are only the words of the
// API, who a token speaks for, and how often it may ask. A request for a ballot
// is never logged, whatever becomes of it, unless we fail.
package civic

import (
	"embed"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"viche/internal/locale"
	"viche/internal/union"
	"viche/modules/people"
	"viche/modules/polls"
)

// Files are the messages of the API's errors; hand them to locale.New.
//
//go:embed locales
var Files embed.FS

// Prefix is where the API lies.
const Prefix = "/api/viche/v1"

// Requests that somebody may make within Window.
const (
	DefaultLimit = 1200
	LeastLimit   = 300 // promised to every token, whatever the settings say
	Window       = 5 * time.Minute
)

//go:embed openapi.json
var openAPI []byte

// Options are what New needs.
type Options struct {
	Polls  *polls.Polls
	People *people.People
	Union  *union.Union // nil for an instance that is in no union
	Words  *locale.Bundle
	Log    *slog.Logger

	Limit int              // requests within Window; DefaultLimit if 0, never under LeastLimit
	Now   func() time.Time // for the limit; time.Now if nil
}

// API is the civic API of one instance. It is safe for many goroutines.
type API struct {
	Options
	limits *limits
}

// New makes the API.
func New(o Options) *API {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Limit == 0 {
		o.Limit = DefaultLimit
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Limit = max(o.Limit, LeastLimit)
	return &API{Options: o, limits: newLimits(o.Limit, o.Now)}
}

// Routes adds the API to a site's router.
func (a *API) Routes(r chi.Router) {
	r.Route(Prefix, func(r chi.Router) {
		r.Get("/openapi.json", describe)
		r.Group(func(r chi.Router) {
			r.Use(unkept, a.identify, a.limited)
			r.Group(func(r chi.Router) {
				r.Use(a.scope("read"))
				r.Get("/polls", a.list)
				r.Get("/polls/{id}", a.show)
				r.Get("/polls/{id}/results", a.results)
				r.Get("/polls/{id}/statements", a.statements)
				r.Get("/trust", a.newestTrust)
				r.Get("/trust/{version}", a.trustVersion)
				r.With(a.person).Get("/polls/{id}/ballot", a.ownBallot)
			})
		})
		r.With(unkept, a.identifyVoter, a.limited, a.bearer, a.scope("write")).Put("/polls/{id}/ballot", a.cast)
	})
}

// describe gives the description of this API, which is the same for everybody.
func describe(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	_, _ = w.Write(openAPI) // a reader who hangs up needs no answer
}

// unkept keeps answers out of every cache: they depend on who asks, and a poll
// may close between two requests.
func unkept(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Add("Vary", "Authorization, Cookie, Accept-Language")
		next.ServeHTTP(w, r)
	})
}
