package network

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"viche/federation"
	"viche/internal/store"
	"viche/web"
)

// mostHosts is how many hosts the page lists.
const mostHosts = 200

// Retry sends at once what waits for a host.
func (s pages) retry(ctx context.Context, host string, by *web.Viewer) error {
	return s.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := s.Federation.Retry(ctx, tx, host); err != nil {
			return err
		}
		return tx.Act(ctx, "@"+by.Handle, "host retried", host, "")
	})
}

// park stops sending to a host until it is retried.
func (s pages) park(ctx context.Context, host string, by *web.Viewer) error {
	return s.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		if err := s.Federation.Park(ctx, tx, host); err != nil {
			return err
		}
		return tx.Act(ctx, "@"+by.Handle, "host parked", host, "")
	})
}

type queueView struct {
	Errors  web.FormErrors
	Numbers []number
	Hosts   []hostView
	More    bool
}

// number is one line of the page's head.
type number struct{ Term, Text, Href string }

type hostView struct {
	Host, Error   string
	Waiting       int
	Oldest, Until time.Time
	OldestKnown   bool
	Badge, Kind   string // "" where all is well
	UntilKnown    bool
	CanPark       bool
}

func (s pages) queue(w http.ResponseWriter, r *http.Request) {
	s.render(w, r, http.StatusOK, web.FormErrors{})
}

func (s pages) render(w http.ResponseWriter, r *http.Request, status int, wrong web.FormErrors) {
	stats, err := s.Federation.Stats(r.Context())
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	list, err := s.Federation.Queue(r.Context(), mostHosts+1)
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	view := queueView{Errors: wrong, Numbers: s.numbers(r, stats)}
	if view.More = len(list) > mostHosts; view.More {
		list = list[:mostHosts]
	}
	for _, q := range list {
		view.Hosts = append(view.Hosts, s.host(r, q))
	}
	s.site.Render(w, r, status, "network/queue", view)
}

func (s pages) numbers(r *http.Request, n federation.Stats) []number {
	words := s.site.Printer(r)
	lines := []number{
		{Term: words.T("network.waiting"), Text: words.Number(n.Waiting)},
		{Term: words.T("network.late"), Text: s.long(r, n.Oldest)},
		{Term: words.T("network.resting"), Text: words.Number(n.Resting)},
		{Term: words.T("network.parked"), Text: words.Number(n.Parked)},
		{Term: words.T("network.inbox"), Text: words.Number(n.Inbox)},
		{Term: words.T("network.inbox.late"), Text: s.long(r, n.InboxOldest)},
	}
	if n.InboxDead > 0 {
		lines = append(lines, number{Term: words.T("network.inbox.dead"), Text: words.Number(n.InboxDead)})
	}
	return lines
}

// long is a stretch of time in words.
func (s pages) long(r *http.Request, d time.Duration) string {
	words := s.site.Printer(r)
	switch {
	case d < time.Second:
		return words.T("network.none")
	case d < 2*time.Minute:
		return words.T("network.seconds", "Count", int(d/time.Second))
	case d < 2*time.Hour:
		return words.T("network.minutes", "Count", int(d/time.Minute))
	case d < 48*time.Hour:
		return words.T("network.hours", "Count", int(d/time.Hour))
	}
	return words.T("network.days", "Count", int(d/(24*time.Hour)))
}

func (s pages) host(r *http.Request, q federation.HostQueue) hostView {
	words := s.site.Printer(r)
	v := hostView{
		Host: q.Host, Waiting: q.Waiting, Oldest: q.Oldest, OldestKnown: !q.Oldest.IsZero(),
		Until: q.Rests, UntilKnown: !q.Rests.IsZero(), CanPark: !q.ByHand,
	}
	switch {
	case q.ByHand:
		v.Badge, v.Kind = words.T("network.state.byhand"), "quiet"
	case q.Parked:
		v.Badge, v.Kind = words.T("network.state.parked"), "danger"
	case q.Failures > 0:
		v.Badge, v.Kind = words.T("network.state.failing", "Count", q.Failures), "warning"
	}
	if q.Failures > 0 || q.Parked {
		v.Error = q.LastError
	}
	return v
}

func (s pages) decide(w http.ResponseWriter, r *http.Request) {
	host := strings.TrimSpace(r.PostFormValue("host"))
	var err error
	done := ""
	switch r.PostFormValue("do") {
	case "retry":
		done, err = "network.retried", s.retry(r.Context(), host, web.ViewerOf(r))
	case "park":
		done, err = "network.parked.done", s.park(r.Context(), host, web.ViewerOf(r))
	default:
		err = fmt.Errorf("no such decision: %w", store.ErrNotFound)
	}
	var wrong web.FormErrors
	if wrong.Take(err) {
		s.render(w, r, http.StatusUnprocessableEntity, wrong)
		return
	}
	if err != nil {
		s.site.Error(w, r, err)
		return
	}
	s.site.Flash(w, done, "Host", host)
	web.Redirect303(w, r, "/desk/federation")
}
