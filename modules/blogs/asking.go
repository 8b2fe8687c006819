package blogs

import (
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"viche/actors"
	"viche/web"
)

// asking counts how often people have us ask other servers, in memory. A person
// signed in is counted by their account, others by their address.
type asking struct {
	now func() time.Time

	mu      sync.Mutex
	buckets map[string]*rate.Limiter
}

// Thirty questions at once, and one more every ten seconds; strangers a third.
const (
	askingBurst = 30
	askingEvery = 10 * time.Second
	mostAskers  = 20_000
)

func newAsking(now func() time.Time) *asking {
	return &asking{now: now, buckets: make(map[string]*rate.Limiter)}
}

// may counts one question and says whether it may be asked.
func (a *asking) may(r *http.Request) bool {
	key, burst := "address "+actors.NetworkOf(r.RemoteAddr), askingBurst/3
	if v := web.ViewerOf(r); v != nil {
		key, burst = "account "+strconv.FormatInt(v.AccountID, 10), askingBurst
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	b := a.buckets[key]
	if b == nil {
		if len(a.buckets) >= mostAskers {
			clear(a.buckets) // a flood; everybody begins anew
		}
		b = rate.NewLimiter(rate.Every(askingEvery), burst)
		a.buckets[key] = b
	}
	return b.AllowN(a.now(), 1)
}

func queryOf(text string) string { return url.QueryEscape(text) }
