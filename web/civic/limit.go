package civic

import (
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"viche/actors"
	"viche/web"
)

// limits counts the requests of each token or address, in memory. A bucket
// holds a whole window's requests and fills up evenly, so nobody who stays under
// the limit in every window is ever turned away.
type limits struct {
	limit int
	now   func() time.Time

	mu      sync.Mutex
	buckets map[string]*rate.Limiter
}

// mostBuckets bounds the memory to some ten megabytes.
const mostBuckets = 50_000

func newLimits(limit int, now func() time.Time) *limits {
	return &limits{limit: limit, now: now, buckets: make(map[string]*rate.Limiter)}
}

// take counts one request; when it is one too many it says how long to wait.
func (l *limits) take(key string) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	perSecond := rate.Limit(float64(l.limit) / Window.Seconds())
	b := l.buckets[key]
	if b == nil {
		if len(l.buckets) >= mostBuckets {
			l.prune(now)
		}
		b = rate.NewLimiter(perSecond, l.limit)
		l.buckets[key] = b
	}
	if b.AllowN(now, 1) {
		return 0, true
	}
	lacking := 1 - b.TokensAt(now)
	return time.Duration(lacking / float64(perSecond) * float64(time.Second)), false
}

// prune forgets who has been quiet for a window. Where a flood of addresses
// leaves too many still, it forgets any, so that the next call has room.
func (l *limits) prune(now time.Time) {
	for key, b := range l.buckets {
		if b.TokensAt(now) >= float64(l.limit) {
			delete(l.buckets, key)
		}
	}
	for key := range l.buckets {
		if len(l.buckets) <= mostBuckets*3/4 {
			return
		}
		delete(l.buckets, key)
	}
}

// limited turns away whoever asks too often.
func (a *API) limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := callerOf(r).token
		if key == "" {
			key = actors.NetworkOf(r.RemoteAddr)
		}
		wait, ok := a.limits.take(key)
		if !ok {
			w.Header().Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(wait.Seconds())))))
			a.fail(w, r, web.ErrTooMany)
			return
		}
		next.ServeHTTP(w, r)
	})
}
