package civic

import (
	"bytes"
	"errors"
	"net/http"
	"strconv"

	"github.com/go-chi/chi/v5"

	"viche/internal/store"
	"viche/web"
)

// What a checker of results reads here goes out byte by byte as it was signed.

// statements answers GET /polls/ID/statements: the cities' signed counts. There
// are none before the close, and none of a poll that one city holds alone.
func (a *API) statements(w http.ResponseWriter, r *http.Request) {
	poll, err := a.poll(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	var list [][]byte
	if a.Union != nil && !poll.Accepts(a.Polls.DB.Now()) {
		list, err = a.Union.Statements(r.Context(), poll.PollID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			a.fail(w, r, err)
			return
		}
	}
	var out bytes.Buffer
	out.WriteString(`{"items":[`)
	out.Write(bytes.Join(list, []byte(",\n")))
	out.WriteString("]}\n")
	send(w, "application/json; charset=utf-8", out.Bytes())
}

// newestTrust answers GET /trust.
func (a *API) newestTrust(w http.ResponseWriter, r *http.Request) { a.trust(w, r, 0) }

// trustVersion answers GET /trust/VERSION.
func (a *API) trustVersion(w http.ResponseWriter, r *http.Request) {
	version, err := strconv.Atoi(chi.URLParam(r, "version"))
	if err != nil || version < 1 {
		a.fail(w, r, store.ErrNotFound)
		return
	}
	a.trust(w, r, version)
}

func (a *API) trust(w http.ResponseWriter, r *http.Request, version int) {
	if a.Union == nil {
		a.fail(w, r, store.ErrNotFound)
		return
	}
	list, err := a.Union.TrustList(r.Context(), version)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	form := "application/json; charset=utf-8"
	if web.Negotiate(r) == web.ActivityPub {
		form = "application/activity+json; charset=utf-8"
	}
	w.Header().Add("Vary", "Accept")
	send(w, form, list.Raw)
}

func send(w http.ResponseWriter, form string, body []byte) {
	w.Header().Set("Content-Type", form)
	_, _ = w.Write(body) // a reader who hangs up needs no answer
}
