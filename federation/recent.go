package federation

import (
	"sync"
	"time"
)

// recent remembers values for a while, at most so many: when it is full the
// oldest go first, so that strangers can't fill our memory.
type recent[V any] struct {
	mu    sync.Mutex
	limit int
	keep  time.Duration
	at    map[string]entry[V]
	order []string // by age; may name what has gone since
}

type entry[V any] struct {
	value V
	until time.Time
}

func newRecent[V any](limit int, keep time.Duration) *recent[V] {
	return &recent[V]{limit: limit, keep: keep, at: map[string]entry[V]{}}
}

func (r *recent[V]) get(key string, now time.Time) (V, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.at[key]
	if !ok || !now.Before(e.until) {
		var none V
		return none, false
	}
	return e.value, true
}

func (r *recent[V]) put(key string, value V, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.at[key]; !ok {
		r.order = append(r.order, key)
	}
	r.at[key] = entry[V]{value, now.Add(r.keep)}
	for len(r.order) > r.limit {
		delete(r.at, r.order[0])
		r.order = r.order[1:]
	}
}

// forget drops a key's value; its place in the order goes with time.
func (r *recent[V]) forget(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e, ok := r.at[key]; ok {
		e.until = time.Time{}
		r.at[key] = e
	}
}
