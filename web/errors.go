package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/go-chi/chi/v5"

	"viche/internal/store"
)

// ErrTooMany is for whoever counts requests: the error page of status 429.
var ErrTooMany = errors.New("too many requests")

var (
	errCrossSite = errors.New("the form comes from another site")
	errMethod    = errors.New("no such method here")
	errNobody    = errors.New("nobody is signed in")
)

// table says which status a kind of error has. The first match holds. Not
// found and not allowed look alike, so that nobody can find out what exists.
var table = []struct {
	kind   error
	status int
}{
	{store.ErrNotFound, http.StatusNotFound},
	{store.ErrDenied, http.StatusNotFound},
	{store.ErrExists, http.StatusConflict},
	{store.ErrInvalid, http.StatusUnprocessableEntity},
	{store.ErrIgnored, http.StatusAccepted},
	{store.ErrUnavailable, http.StatusServiceUnavailable},
	{ErrTooMany, http.StatusTooManyRequests},
	{errCrossSite, http.StatusForbidden},
	{errMethod, http.StatusMethodNotAllowed},
	{errNobody, http.StatusUnauthorized},
}

func statusOf(err error) int {
	var tooBig *http.MaxBytesError
	if errors.As(err, &tooBig) {
		return http.StatusRequestEntityTooLarge
	}
	for _, row := range table {
		if errors.Is(err, row.kind) {
			return row.status
		}
	}
	return http.StatusInternalServerError
}

// ErrorView is what an error page shows.
type ErrorView struct {
	Title, Text string
	Search      bool // a search exists to look for the lost page
}

// Error answers with the page (or the JSON) of an error. It logs our own
// faults, under the code that the page shows. A form that was filled in wrongly
// is rendered again by its handler and does not come here.
func (s *Site) Error(w http.ResponseWriter, r *http.Request, err error) {
	status := statusOf(err)
	switch {
	case r.Context().Err() != nil: // the reader has left; nothing is wrong with us
	case status == http.StatusInternalServerError:
		s.log.ErrorContext(r.Context(), "request failed", "request", RequestID(r), "route", routeOf(r), "error", err)
	case status == http.StatusServiceUnavailable:
		s.log.WarnContext(r.Context(), "request not served", "request", RequestID(r), "route", routeOf(r), "error", err)
	}
	p := s.Printer(r)
	key := "web.error." + strconv.Itoa(status)
	if !s.o.Locale.Has(key + ".title") {
		key = "web.error.500"
	}
	view := ErrorView{
		Title: p.T(key + ".title"),
		Text:  p.T(key+".text", "Code", RequestID(r)),
		Search: s.router != nil && status == http.StatusNotFound &&
			s.router.Match(chi.NewRouteContext(), http.MethodGet, "/search"),
	}
	w.Header().Set("Cache-Control", "no-store")
	if status == http.StatusTooManyRequests && w.Header().Get("Retry-After") == "" {
		w.Header().Set("Retry-After", "60")
	}
	if wantsJSON(r) {
		writeError(w, status, view.Title)
		return
	}
	s.Render(w, r, status, "web/error", view)
}

func writeError(w http.ResponseWriter, status int, title string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Add("Vary", "Accept")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": title}) // a reader who hangs up needs no answer
}
