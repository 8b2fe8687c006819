package civic

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"viche/actors"
	"viche/internal/store"
	"viche/modules/polls"
	"viche/web"
)

// item is a poll as the API shows it.
type item struct {
	ID        string           `json:"id"`
	URL       string           `json:"url"`
	Object    string           `json:"object"`
	Title     string           `json:"title"`
	Body      string           `json:"body"`
	Options   []polls.Option   `json:"options"`
	Multiple  bool             `json:"multiple"`
	Questions []polls.Question `json:"questions,omitempty"` // of a poll that is not one question with choices; else null
	OpensAt   string           `json:"opensAt"`
	ClosesAt  string           `json:"closesAt"`
	State     polls.State      `json:"state"`
	Scope     polls.Scope      `json:"scope"`
	Territory string           `json:"territory"`
	Sphere    string           `json:"sphere"`
	Results   string           `json:"results"` // when totals open: afterVote, afterClose
	CanVote   bool             `json:"canVote"`
	Reason    *string          `json:"reason"` // why not; null where canVote
	Voted     bool             `json:"voted"`
}

type page struct {
	Items []item  `json:"items"`
	Next  *string `json:"next"` // for "after"; null at the end
}

// list answers GET /polls.
func (a *API) list(w http.ResponseWriter, r *http.Request) {
	filter, err := filterOf(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	found, more, err := a.Polls.List(r.Context(), filter)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	answer := page{Items: []item{}}
	if more {
		next := strconv.FormatInt(found[len(found)-1].ID, 10)
		answer.Next = &next
	}
	// A poll whose time has just run out is closed before its row says so.
	if slices.Equal(filter.States, []polls.State{polls.Open}) {
		found = slices.DeleteFunc(found, func(p *polls.Poll) bool { return a.state(p) != polls.Open })
	}
	if answer.Items, err = a.items(r.Context(), found, web.ViewerOf(r)); err != nil {
		a.fail(w, r, err)
		return
	}
	write(w, http.StatusOK, answer)
}

// show answers GET /polls/ID.
func (a *API) show(w http.ResponseWriter, r *http.Request) {
	poll, err := a.poll(r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	one, err := a.items(r.Context(), []*polls.Poll{poll}, web.ViewerOf(r))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	write(w, http.StatusOK, one[0])
}

// poll finds the poll of a request. One that gathers support or waits to be
// checked is not there, nor is a vote of another module, just like one that never
// was.
func (a *API) poll(r *http.Request) (*polls.Poll, error) {
	poll, err := a.Polls.Load(r.Context(), a.Polls.DB.Read(), chi.URLParam(r, "id"))
	if err != nil {
		return nil, err
	}
	if poll.Module != "" || poll.State != polls.Open && poll.State != polls.Closed {
		return nil, store.ErrNotFound
	}
	return poll, nil
}

func (a *API) items(ctx context.Context, list []*polls.Poll, v *web.Viewer) ([]item, error) {
	out := make([]item, 0, len(list))
	var account int64
	if v != nil {
		account = v.AccountID
	}
	voted, err := a.Polls.Voted(ctx, list, account)
	if err != nil {
		return nil, err
	}
	for _, p := range list {
		i := item{
			ID: p.PollID, URL: a.Polls.URL(p), Object: p.URI, Title: p.Title, Body: p.Body, Options: p.Options(), Multiple: p.Multiple(),
			OpensAt: moment(p.OpensAt), ClosesAt: moment(p.Closes()), State: a.state(p), Scope: p.Scope, Territory: p.Territory,
			Sphere: p.Sphere, Results: string(p.Policy), Voted: voted[p.ID],
		}
		if !p.Simple() {
			i.Questions = p.Asked()
		}
		reason := reasonClosed
		if i.State == polls.Open {
			stand, err := a.Polls.Stand(ctx, p, v)
			if err != nil {
				return nil, err
			}
			i.CanVote, reason = stand.CanVote, stand.Reason
		}
		if !i.CanVote {
			i.Reason = &reason
		}
		out = append(out, i)
	}
	return out, nil
}

// state goes by the clock: a poll ends on time, not when its row is next written.
func (a *API) state(p *polls.Poll) polls.State {
	if p.State == polls.Open && a.Polls.DB.Now().Before(p.Closes()) {
		return polls.Open
	}
	return polls.Closed
}

// moment writes a time in seconds: polls open and close at whole ones, and finer
// times of counts are nobody's business.
func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// The accepted values of the list's filters.
var (
	states = []string{string(polls.Open), string(polls.Closed)}
	scopes = []string{string(polls.City), string(polls.Region), string(polls.National)}
)

const (
	defaultItems = 20
	mostItems    = 100
)

// filterOf reads the filters of a list. An empty one filters nothing.
func filterOf(r *http.Request) (f polls.Filter, err error) {
	spheres := make([]string, len(actors.Spheres))
	for i, s := range actors.Spheres {
		spheres[i] = s.Slug
	}
	query := r.URL.Query()
	for _, known := range []struct {
		name string
		of   []string
	}{{"state", states}, {"scope", scopes}, {"sphere", spheres}} {
		if value := query.Get(known.name); value != "" && !slices.Contains(known.of, value) {
			return f, store.Invalid(known.name, "civic.filter.unknown", "Accepted", strings.Join(known.of, ", "))
		}
	}
	if state := query.Get("state"); state != "" {
		f.States = []polls.State{polls.State(state)}
	}
	f.Scope, f.Sphere, f.Limit = polls.Scope(query.Get("scope")), query.Get("sphere"), defaultItems
	if text := query.Get("limit"); text != "" {
		if f.Limit, err = strconv.Atoi(text); err != nil || f.Limit < 1 || f.Limit > mostItems {
			return f, store.Invalid("limit", "civic.filter.limit", "Max", mostItems)
		}
	}
	if text := query.Get("after"); text != "" {
		if f.After, err = strconv.ParseInt(text, 10, 64); err != nil || f.After < 1 {
			return f, store.Invalid("after", "civic.filter.after")
		}
	}
	return f, nil
}
