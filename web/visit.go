package web

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

// A visit is what we know about one request beyond HTTP.
type visit struct {
	id      string
	lang    string
	viewer  *Viewer
	session []byte // key of the session row, nil without one
}

type visitKey struct{}

// visitOf works outside the router too, so that a handler can be tested alone.
func visitOf(r *http.Request) *visit {
	if v, ok := r.Context().Value(visitKey{}).(*visit); ok {
		return v
	}
	return &visit{lang: "uk"}
}

func withVisit(r *http.Request, v *visit) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
}

// RequestID is the code that an error page shows and the log carries.
func RequestID(r *http.Request) string { return visitOf(r).id }

// begin gives the request a code of our own: one from outside could be forged
// to confuse the log.
func (s *Site) begin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, withVisit(r, &visit{id: newCode(), lang: s.language(r, nil)}))
	})
}

// newCode is short enough to be read over a telephone: no 0, 1, 8 or 9.
func newCode() string {
	var b [5]byte
	_, _ = rand.Read(b[:]) // crypto/rand never fails since Go 1.24
	return base32.StdEncoding.EncodeToString(b[:])
}

// ballotRoute matches the addresses at which somebody votes, in a poll or another
// module's vote or in the question of a post, on the site and in both APIs. Nothing
// about a request there is written down.
var ballotRoute = regexp.MustCompile(`^/(polls|officials/rounds|primaries)/[^/]+/ballot(/|$)|^/blogs/[^/]+/vote(/|$)|^/ideas/[^/]+/rating(/|$)|^/api/.+/polls/[^/]+/(ballot|votes)(/|$)`)

// Ballot says whether a path is one at which somebody votes: whoever measures
// or logs requests leaves these out.
func Ballot(path string) bool { return ballotRoute.MatchString(path) }

// logged writes one line a request: the route's pattern, never the address,
// which may hold a sign-in link; never who, never from where.
func (s *Site) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if Ballot(r.URL.Path) || strings.HasPrefix(r.URL.Path, staticPrefix) {
			next.ServeHTTP(w, r)
			return
		}
		start := time.Now()
		answer := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		next.ServeHTTP(answer, r)
		s.log.LogAttrs(r.Context(), slog.LevelInfo, "request answered",
			slog.String("method", r.Method),
			slog.String("route", routeOf(r)),
			slog.Int("status", answer.Status()),
			slog.Duration("took", time.Since(start)),
			slog.String("request", RequestID(r)))
	})
}

func routeOf(r *http.Request) string {
	if c := chi.RouteContext(r.Context()); c != nil {
		return c.RoutePattern()
	}
	return ""
}

// recovered turns a panic into the error page with a code. What the panic says
// may hold what somebody typed, so of a ballot only its kind is logged.
func (s *Site) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if p == http.ErrAbortHandler { // net/http's own way to hang up
				panic(p)
			}
			err := fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			if Ballot(r.URL.Path) {
				err = fmt.Errorf("panic: %T", p)
			}
			s.Error(w, r, err)
		}()
		next.ServeHTTP(w, r)
	})
}

// policy allows what this site serves and nothing else. A handler that must
// allow more (a form that ends at a client app) sets the header itself.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"media-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func (s *Site) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()")
		if s.secure {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

const (
	bodyLimit   = 1 << 20
	uploadLimit = 12 << 20
)

// wholeBody is where the body lies that limited has capped.
type wholeBody struct{}

// slowUpload is how long somebody may take to send what Allow lets them.
const slowUpload = 10 * time.Minute

// Allow lets a request send up to limit bytes, where that is more than others
// may, and take longer. It must be called before anything of the body is read.
func Allow(w http.ResponseWriter, r *http.Request, limit int64) {
	if body, ok := r.Context().Value(wholeBody{}).(io.ReadCloser); ok {
		r.Body = http.MaxBytesReader(w, body, limit)
		// A writer without deadlines, as in tests, has no use for later ones.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(slowUpload))
	}
}

// limited caps what a request may send; pictures come as multipart forms.
func limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limit := int64(bodyLimit)
		if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
			limit = uploadLimit
		}
		body := r.Body
		r = r.WithContext(context.WithValue(r.Context(), wholeBody{}, body))
		r.Body = http.MaxBytesReader(w, body, limit)
		next.ServeHTTP(w, r)
	})
}

// cookieless requests act by a signature or a token of their own. The cookie is
// not even looked at, so that another site can gain nothing by sending them.
func cookieless(r *http.Request) bool {
	switch r.URL.Path {
	case "/oauth/token", "/oauth/revoke", "/api/v1/apps":
		return true
	}
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/inbox") || bearer(r)
}

func bearer(r *http.Request) bool {
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Bearer")
}

// sameSite refuses a form that another site's page sent in a person's name.
func (s *Site) sameSite(next http.Handler) http.Handler {
	check := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !cookieless(r) && check.Check(r) != nil {
			s.Error(w, r, errCrossSite)
			return
		}
		next.ServeHTTP(w, r)
	})
}
