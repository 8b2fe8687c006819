package c2s

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"viche/federation"
	"viche/federation/ap"
	"viche/internal/store"
	"viche/modules/blogs"
	"viche/web"
)

// problem is an answer that is an error. Reason is a word for programs, Error a
// sentence for people in their language, Field what was wrong in the request.
type problem struct {
	Error  string `json:"error"`
	Reason string `json:"reason,omitempty"`
	Field  string `json:"field,omitempty"`
}

// A refusal is an error of ours with its answer; its words are c2s.reason.REASON.
type refusal struct {
	status        int
	reason, field string
	args          []any
}

func (e *refusal) Error() string { return fmt.Sprintf("refused: %s %s %v", e.reason, e.field, e.args) }

// about is the same refusal of a member of the request.
func (e refusal) about(field string, args ...any) *refusal {
	e.field, e.args = field, append([]any{"Field", field}, args...)
	return &e
}

var (
	errNobody      = &refusal{status: http.StatusUnauthorized, reason: "sign-in"}
	errToken       = &refusal{status: http.StatusUnauthorized, reason: "token"}
	errScope       = &refusal{status: http.StatusForbidden, reason: "scope"}
	errOthers      = &refusal{status: http.StatusForbidden, reason: "others"}
	errTooMany     = &refusal{status: http.StatusTooManyRequests, reason: "too-many"}
	errMediaType   = &refusal{status: http.StatusUnsupportedMediaType, reason: "media-type"}
	errForm        = &refusal{status: http.StatusBadRequest, reason: "form"}
	errUnsupported = &refusal{status: http.StatusUnprocessableEntity, reason: "unsupported"}
	errCivic       = &refusal{status: http.StatusUnprocessableEntity, reason: "civic-poll", field: "inReplyTo"}
	errMissing     = &refusal{status: http.StatusNotFound, reason: "missing"}
	errAddress     = &refusal{status: http.StatusUnprocessableEntity, reason: "address"}
	errUnreachable = &refusal{status: http.StatusBadGateway, reason: "unreachable"}
)

// malformed is errForm with what is wrong, for the one who writes the client.
func malformed(field, format string, args ...any) *refusal {
	return errForm.about(field, "Detail", fmt.Sprintf(format, args...))
}

// fail answers with an error. Only faults of ours are logged.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := a.Words.For(web.LanguageOf(r))
	var no *refusal
	var fault ap.Fault
	var field *store.FieldError
	var tooBig *http.MaxBytesError
	say := func(status int, reason, field string, args ...any) {
		write(w, status, problem{Error: p.T("c2s.reason."+reason, args...), Reason: reason, Field: field})
	}
	switch {
	case errors.As(err, &no):
		if no.status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Bearer realm="viche"`)
		}
		say(no.status, no.reason, no.field, no.args...)
	case errors.As(err, &tooBig):
		say(http.StatusRequestEntityTooLarge, "large", "", "Count", int(tooBig.Limit))
	case errors.As(err, &fault):
		say(http.StatusBadRequest, "form", "", "Detail", fault.Detail)
	case errors.As(err, &field):
		key := field.Key
		if !a.Words.Has(key) {
			key = "c2s.field"
		}
		write(w, http.StatusUnprocessableEntity, problem{Error: p.T(key, append([]any{"Field", field.Field}, field.Args...)...), Reason: "field", Field: field.Field})
	case errors.Is(err, blogs.ErrAnswered):
		say(http.StatusConflict, "answered", "")
	case errors.Is(err, store.ErrNotFound), errors.Is(err, federation.ErrGone):
		say(http.StatusNotFound, "missing", "")
	case errors.Is(err, store.ErrDenied):
		say(http.StatusForbidden, "denied", "")
	case errors.Is(err, federation.ErrRefused):
		say(http.StatusUnprocessableEntity, "address", "")
	case errors.Is(err, store.ErrInvalid), errors.Is(err, store.ErrExists), errors.Is(err, store.ErrIgnored):
		say(http.StatusUnprocessableEntity, "unsupported", "", "Type", "")
	case errors.Is(err, store.ErrUnavailable):
		w.Header().Set("Retry-After", "60")
		say(http.StatusServiceUnavailable, "unavailable", "")
	default:
		if r.Context().Err() == nil {
			a.Log.ErrorContext(r.Context(), "a client's request failed", "request", web.RequestID(r), "err", err)
		}
		say(http.StatusInternalServerError, "broken", "", "Code", web.RequestID(r))
	}
}

// fetched gives the error of a fetch from another server: what is known keeps
// its kind, anything else is that server's silence and no fault of ours.
func fetched(err error, field string) error {
	if err == nil {
		return nil
	}
	for _, kind := range []error{store.ErrNotFound, federation.ErrGone} {
		if errors.Is(err, kind) {
			return errMissing.about(field)
		}
	}
	for _, kind := range []error{store.ErrDenied, store.ErrInvalid, federation.ErrRefused, store.ErrIgnored} {
		if errors.Is(err, kind) {
			return errAddress.about(field)
		}
	}
	if errors.Is(err, store.ErrUnavailable) {
		return err
	}
	return errUnreachable.about(field)
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // a reader who hangs up needs no answer
}
