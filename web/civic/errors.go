package civic

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"viche/internal/ballot"
	"viche/internal/store"
	"viche/modules/polls"
	"viche/web"
)

// problem is an answer that is an error. Reason is a word for programs, Error a
// sentence for people in their language, Field what was wrong in the request.
type problem struct {
	Error  string `json:"error"`
	Reason string `json:"reason,omitempty"`
	Field  string `json:"field,omitempty"`
}

// The reasons that are not those of polls.Denied.
const (
	reasonToken     = "token"
	reasonScope     = "scope"
	reasonVoteFirst = "vote-first"
	reasonClose     = "after-close"
	reasonClosed    = "closed"
	reasonTooMany   = "too-many"
	reasonNotVoted  = "not-voted"
	reasonReset     = "credential-newer"
	reasonDestroyed = "key-destroyed"
)

var (
	errNobody    = &polls.Denied{Reason: polls.SignIn}
	errMalformed = errors.New("the body is not JSON")
)

// noAnswer says why there is no own answer to give.
type noAnswer struct{ reason string }

func (e noAnswer) Error() string { return "own answer: " + e.reason }

// fail answers with an error. What the caller could not have done better is
// logged; nothing else is.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := a.Words.For(web.LanguageOf(r))
	say := func(status int, reason, key string, args ...any) {
		write(w, status, problem{Error: p.T(key, args...), Reason: reason})
	}
	var denied *polls.Denied
	var field *store.FieldError
	var tooBig *http.MaxBytesError
	var gone noAnswer
	switch {
	case errors.As(err, &denied) && denied.Reason == polls.SignIn, errors.Is(err, errToken):
		reason := polls.SignIn
		w.Header().Set("WWW-Authenticate", `Bearer realm="viche"`)
		if denied == nil {
			reason = reasonToken
			w.Header().Set("WWW-Authenticate", `Bearer realm="viche", error="invalid_token"`)
		}
		say(http.StatusUnauthorized, reason, "civic.reason."+reason)
	case denied != nil:
		say(http.StatusForbidden, denied.Reason, "civic.reason."+denied.Reason)
	case errors.Is(err, errScope):
		say(http.StatusForbidden, reasonScope, "civic.reason.scope")
	case errors.Is(err, polls.ErrVoteFirst):
		say(http.StatusForbidden, reasonVoteFirst, "civic.reason.vote-first")
	case errors.Is(err, errAfterClose):
		say(http.StatusForbidden, reasonClose, "civic.reason.after-close")
	case errors.Is(err, polls.ErrClosed):
		say(http.StatusConflict, reasonClosed, "civic.reason.closed")
	case errors.As(err, &field):
		write(w, http.StatusUnprocessableEntity, problem{Error: a.wrong(p.T, field), Field: field.Field})
	case errors.Is(err, errMalformed):
		write(w, http.StatusBadRequest, problem{Error: p.T("civic.body.malformed"), Field: "body"})
	case errors.As(err, &tooBig):
		write(w, http.StatusRequestEntityTooLarge, problem{Error: p.T("civic.body.large", "Count", int(tooBig.Limit)), Field: "body"})
	case errors.As(err, &gone):
		say(http.StatusNotFound, gone.reason, "civic.reason."+gone.reason)
	case errors.Is(err, web.ErrTooMany):
		say(http.StatusTooManyRequests, reasonTooMany, "civic.reason.too-many")
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrDenied):
		say(http.StatusNotFound, "", "civic.missing")
	case errors.Is(err, store.ErrUnavailable):
		a.note(r, "a request to the API was not served", err)
		w.Header().Set("Retry-After", "60")
		say(http.StatusServiceUnavailable, "", "civic.unavailable")
	default:
		a.note(r, "a request to the API failed", err)
		say(http.StatusInternalServerError, "", "civic.broken", "Code", web.RequestID(r))
	}
}

// note logs a fault of ours, unless the reader has left. The code of a request
// that brought a ballot is left out: it would tell who cast it when.
func (a *API) note(r *http.Request, what string, err error) {
	switch {
	case r.Context().Err() != nil:
	case web.Ballot(r.URL.Path):
		a.Log.Error(what, "err", err)
	default:
		a.Log.Error(what, "request", web.RequestID(r), "err", err)
	}
}

// wrong says what was wrong with a field and what is accepted. The ballot box
// speaks of what a person marked; a program is told in its own terms.
func (a *API) wrong(t func(string, ...any) string, e *store.FieldError) string {
	key := e.Key
	if name, ours := strings.CutPrefix(key, "ballot."); ours {
		key = "civic.choices." + name
	}
	if !a.Words.Has(key) {
		key = "civic.field"
	}
	return t(key, append([]any{"Field", e.Field}, e.Args...)...)
}

// errAfterClose says that not even a voter sees totals before the close.
var errAfterClose = errors.New("the totals open after the close")

// hidden says why somebody does not see a poll's totals.
func hidden(poll *polls.Poll, err error) error {
	if errors.Is(err, polls.ErrVoteFirst) && poll.Policy == ballot.AfterClose {
		return errAfterClose
	}
	return err
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // a reader who hangs up needs no answer
}
