package people

import (
	"sync"
	"time"

	"viche/web"
)

// limits counts tries in windows of time, in memory: after a restart, or on a
// second process, somebody may try a few times more, which is fine for what
// it guards against.
type limits struct {
	now func() time.Time

	mu     sync.Mutex
	counts map[string]window
}

type window struct {
	n    int
	ends time.Time
}

// limit is how many tries are free in one window.
type limit struct {
	n   int
	per time.Duration
}

// An account is guarded as a pair with the address first, so that nobody can
// lock somebody out from elsewhere; addresses have wide limits because mobile
// networks share them.
var (
	signInPair    = limit{10, 15 * time.Minute}
	signInAccount = limit{100, time.Hour}
	signInAddress = limit{60, 15 * time.Minute}
	signUpAddress = limit{20, time.Hour}
	mailAccount   = limit{3, time.Hour}
	mailAddress   = limit{20, time.Hour}
)

func newLimits(now func() time.Time) *limits {
	return &limits{now: now, counts: make(map[string]window)}
}

// full says whether the key has used up its tries.
func (l *limits) full(key string, max limit) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.counts[key]
	return w.n >= max.n && l.now().Before(w.ends)
}

// add counts one try.
func (l *limits) add(key string, max limit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	w := l.counts[key]
	if !now.Before(w.ends) {
		w = window{ends: now.Add(max.per)}
	}
	w.n++
	l.counts[key] = w
	if len(l.counts) > 100_000 {
		l.prune(now)
	}
}

// take counts one try and says whether it was still free.
func (l *limits) take(key string, max limit) bool {
	if l.full(key, max) {
		return false
	}
	l.add(key, max)
	return true
}

// forget frees a key, after a success.
func (l *limits) forget(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.counts, key)
}

// prune keeps the memory bounded: first what has run out goes, then, in a flood,
// everything.
func (l *limits) prune(now time.Time) {
	for key, w := range l.counts {
		if !now.Before(w.ends) {
			delete(l.counts, key)
		}
	}
	if len(l.counts) > 90_000 {
		clear(l.counts)
	}
}

// tooMany is the error that the site shows as "wait a little".
var tooMany = web.ErrTooMany
