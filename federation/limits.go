package federation

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"viche/actors"
	"viche/internal/store"
)

// Limits bound what one peer may ask of us. Zero means the usual number, a
// negative one no limit.
type Limits struct {
	PerAddress int // requests a minute to the inboxes from one address, an IPv6 one with its /64; 6,000
	PerHost    int // activities a minute signed by one server; 6,000
	NewHost    int // new followers an hour from one server, beyond as many as it had; 300
	BadKeys    int // failures a minute from one address before it has to wait; 600
}

func usual(n, usual int) int {
	if n == 0 {
		return usual
	}
	return n
}

// bucket counts what came within a minute.
type bucket struct {
	began time.Time
	count int
}

// meter counts by name, a minute at a time, with bounded memory.
type meter struct {
	*recent[*bucket]
	most int
}

func newMeter(most int) *meter { return &meter{newRecent[*bucket](16_384, 2*time.Minute), most} }

// over counts one more and says whether that is too many.
func (m *meter) over(name string, now time.Time) bool { return m.add(name, now, 1) }

// full says whether there are too many already.
func (m *meter) full(name string, now time.Time) bool { return m.add(name, now, 0) }

func (m *meter) add(name string, now time.Time, n int) bool {
	if m.most < 0 {
		return false
	}
	b, ok := m.get(name, now)
	m.mu.Lock()
	if ok && now.Sub(b.began) < time.Minute {
		b.count += n
		over := b.count > m.most || n == 0 && b.count >= m.most
		m.mu.Unlock()
		return over
	}
	m.mu.Unlock()
	if n > 0 {
		m.put(name, &bucket{now, n}, now)
	}
	return false
}

// tooMany is the answer to a peer that asks too much.
var tooMany = refusal{http.StatusTooManyRequests, errors.New("too many requests")}

// admitAddress lets a request to an inbox in before anything is read of it.
func (c *City) admitAddress(r *http.Request) error {
	if peer, now := actors.NetworkOf(r.RemoteAddr), c.DB.Now(); c.byAddress.over(peer, now) || c.badKeys.full(peer, now) {
		return tooMany
	}
	return nil
}

// admitHost lets an activity of a server in once it is known who signed it.
func (c *City) admitHost(keyID string) error {
	if c.byHost.over(actors.HostOf(keyID), c.DB.Now()) {
		return tooMany
	}
	return nil
}

// failed notes that an address sent what no key fits: fetching keys for it is
// work that strangers cause.
func (c *City) failed(r *http.Request) { c.badKeys.over(actors.NetworkOf(r.RemoteAddr), c.DB.Now()) }

// mayFollow bounds how quickly the followers from one server grow: some an hour,
// and as many more as it brought before. A thousand invented ones would have us
// send everything a thousand times, perhaps to somebody else.
func (c *City) mayFollow(ctx context.Context, tx *store.Tx, follower actors.Actor) error {
	most := usual(c.Limits.NewHost, 300)
	if most < 0 {
		return nil
	}
	var lately, before int
	hour := store.Millis(tx.Now.Add(-time.Hour))
	const count = "(select count(*) from (select 1 from follows f join actors a on a.id = f.follower where a.host = ? and a.local = 0 and f.created %s ? limit ?) as part)"
	err := tx.Row(ctx, []any{&lately, &before}, "select "+fmt.Sprintf(count, ">")+", "+fmt.Sprintf(count, "<="),
		follower.Host, hour, 2*most, follower.Host, hour, most)
	if err != nil {
		return err
	}
	if lately >= most+before {
		return fmt.Errorf("more than %d new followers an hour from %s: %w", most+before, follower.Host, store.ErrDenied)
	}
	return nil
}

// The reasons for which something is refused, as they are counted.
func reason(status int, err error) string {
	switch {
	case status == http.StatusTooManyRequests:
		return "rate"
	case status == http.StatusRequestEntityTooLarge:
		return "size"
	case status == http.StatusUnsupportedMediaType:
		return "type"
	case status == http.StatusBadRequest:
		return "form"
	case errors.Is(err, ErrSignature):
		return "signature"
	case errors.Is(err, store.ErrDenied):
		return "blocked"
	case errors.Is(err, ErrRefused), errors.Is(err, ErrGone):
		return "key"
	}
	return "unavailable"
}

// refused counts what was turned away at the door, or later by who sent it.
func (c *City) refused(reason string) {
	if c.Count != nil {
		c.Count("refused", reason)
	}
}
