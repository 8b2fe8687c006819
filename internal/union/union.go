// Package union joins cities into one vote. The coordinator keeps the trust
// list, opens cross-city polls, invites the members, checks their statements
// and publishes results; a city accepts invitations, signs its counts and
// holds the results against them. Modules that vote nationally call it and
// never see a signature, a sequence or another city's fault.
//
// It trusts nobody who delivers: every object carries its own proof, and what
// comes twice, late or in another order does no harm. It never touches an
// answer, only numbers. The rules themselves are pure functions (chain.go,
// poll.go, tally.go, published.go, sum.go); the rest stores and sends.
package union

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"viche/federation/ap"
	"viche/internal/ballot"
	"viche/internal/keys"
	"viche/internal/store"
)

// Options are what New needs. DB, Keys, Base, Within, Oblast and Send must be
// there; a city also needs CoordinatorActor, Fetch, Opened and Closed.
type Options struct {
	DB   *store.DB
	Keys *keys.File
	Base string // scheme and host of this instance
	Log  *slog.Logger

	// Coordinator says that this instance is the coordinator.
	Coordinator bool
	// CoordinatorActor is whose polls a city holds; empty: none.
	CoordinatorActor string
	// CoordinatorKey is the coordinator's key in Multikey form. Empty: the key
	// of the first trust list that is read is trusted from then on.
	CoordinatorKey string

	Within func(code, area string) bool
	Oblast func(code string) string

	K          int           // smallest group shown in polls opened here; 10
	Step       int           // least ballots between two interim numbers; 25
	TallyEvery time.Duration // least time between two interim statements; 1h
	RenewEvery time.Duration // least time between two results; 10m
	// Grace is how long after the close the first result waits for cities that
	// have not stated yet; 1m.
	Grace time.Duration
	// ResendAfter is when an unanswered invitation or statement goes again for
	// the first time; 1m. Later it takes longer each time.
	ResendAfter time.Duration

	// Send delivers an activity of the instance's actor by a job.
	Send func(ctx context.Context, tx *store.Tx, raw []byte, to ...string) error
	// Fetch gets an object of another server. store.ErrNotFound says that
	// there is none.
	Fetch func(ctx context.Context, url string) ([]byte, error)
	// Opened makes an invited poll known to this city and freezes its register,
	// whose size it gives.
	Opened func(ctx context.Context, tx *store.Tx, p *Poll) (register int, err error)
	// Closed ends a poll before its time.
	Closed func(ctx context.Context, tx *store.Tx, pollID string, at time.Time, reason string) error
	// Result says that a newer result was stored. On the coordinator it was
	// made here.
	Result func(ctx context.Context, tx *store.Tx, pollID string, r ResultView) error
	// OpenHere counts the open votes at the coordinator itself.
	OpenHere func(ctx context.Context, tx *store.Tx, pollID string) (ballot.Numbers, error)
}

// Union is one instance's part in the union of cities. It is safe for use by
// many goroutines.
type Union struct {
	Options
	pinned ed25519.PublicKey
	key    ed25519.PrivateKey
	keyID  string

	mu      sync.Mutex
	chain   *chain           // as last read; never changed, only replaced
	polls   map[string]*Poll // by URI and core digest
	memo    map[string]memoed
	results map[string]*published // see readVersion
}

// New makes an instance's part in the union.
func New(o Options) (*Union, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	for _, d := range []struct {
		at *time.Duration
		is time.Duration
	}{{&o.TallyEvery, time.Hour}, {&o.RenewEvery, 10 * time.Minute}, {&o.Grace, time.Minute}, {&o.ResendAfter, time.Minute}} {
		if *d.at == 0 {
			*d.at = d.is
		}
	}
	if o.K == 0 {
		o.K = 10
	}
	if o.Step == 0 {
		o.Step = 25
	}
	u := &Union{Options: o, polls: map[string]*Poll{}, memo: map[string]memoed{}, results: map[string]*published{}}
	if o.CoordinatorKey != "" {
		key, err := ap.DecodeMultikey(o.CoordinatorKey)
		if err != nil {
			return nil, fmt.Errorf("the coordinator's key: %w", err)
		}
		u.pinned = key
	}
	if o.Coordinator {
		u.CoordinatorActor = u.Actor()
	}
	name, key := o.Keys.Tally()
	u.key, u.keyID = key, u.Actor()+"#"+name
	return u, nil
}

// Actor is the id of this instance's actor.
func (u *Union) Actor() string { return u.Base + "/actor" }

// KeyID is the id of the key that this instance signs statements or, as the
// coordinator, everything with.
func (u *Union) KeyID() string { return u.keyID }

// Public is the public half of that key.
func (u *Union) Public() ed25519.PublicKey { return u.key.Public().(ed25519.PublicKey) }

func (u *Union) sign(obj map[string]any, at time.Time) ([]byte, error) {
	return ap.Sign(obj, u.key, u.keyID, at)
}

// refuse gives a fault the kind that stops a sender from trying again.
func refuse(err error) error {
	if ap.FaultCode(err) == "" || errors.Is(err, store.ErrInvalid) {
		return err
	}
	return fmt.Errorf("%w: %w", store.ErrInvalid, err)
}

// envelope wraps a signed object for delivery. Each has an id of its own, so
// that an object sent again is looked at again. What is attributed to an actor
// is created; an activity that goes again is offered.
func (u *Union) envelope(object []byte, kind string, tx *store.Tx, to ...string) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // the object's bytes go as they are
	err := enc.Encode(map[string]any{
		"@context": ap.ActivityStreams, "id": fmt.Sprintf("%s/activities/%d", u.Base, store.NewID()), "type": kind, "actor": u.Actor(),
		"to": to, "published": ap.FormatTime(tx.Now), "object": json.RawMessage(object),
	})
	return bytes.TrimSpace(b.Bytes()), err
}

// deliver sends a signed object inside an envelope.
func (u *Union) deliver(ctx context.Context, tx *store.Tx, kind string, object []byte, to ...string) error {
	if len(to) == 0 {
		return nil
	}
	raw, err := u.envelope(object, kind, tx, to...)
	if err != nil {
		return err
	}
	return u.Send(ctx, tx, raw, to...)
}

// trust reads the chain of trust lists, from memory where nothing is newer.
func (u *Union) trust(ctx context.Context, q store.Bound) (*chain, error) {
	var oldest, newest int
	var digest string
	err := q.Row(ctx, []any{&newest, &digest, &oldest}, `
		select version, digest, (select min(version) from trust_lists)
		from trust_lists order by version desc limit 1`)
	if errors.Is(err, store.ErrNotFound) {
		return &chain{pinned: u.pinned}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("trust lists: %w", err)
	}
	u.mu.Lock()
	known := u.chain
	u.mu.Unlock()
	if known != nil && known.newest().Version == newest && known.newest().Digest == digest && known.lists[0].Version == oldest {
		return known, nil
	}
	rows, err := q.Query(ctx, "select raw from trust_lists order by version")
	if err != nil {
		return nil, fmt.Errorf("trust lists: %w", err)
	}
	defer rows.Close()
	c := &chain{pinned: u.pinned}
	for rows.Next() {
		var raw []byte
		if err := rows.Scan(&raw); err != nil {
			return nil, fmt.Errorf("trust lists: %w", err)
		}
		l, err := readList(raw)
		if err != nil {
			return nil, fmt.Errorf("stored trust list: %w", err)
		}
		c.lists = append(c.lists, l) // checked when it was stored
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("trust lists: %w", err)
	}
	u.mu.Lock()
	u.chain = c
	u.mu.Unlock()
	return c, nil
}

// storeList keeps a list that a chain has taken.
func (u *Union) storeList(ctx context.Context, tx *store.Tx, l *TrustList) error {
	_, err := tx.Exec(ctx, "insert into trust_lists (version, uri, digest, raw, stored) values (?, ?, ?, ?, ?) on conflict do nothing",
		l.Version, l.URI, l.Digest, l.Raw, store.Millis(tx.Now))
	if err != nil {
		return fmt.Errorf("store trust list: %w", err)
	}
	return nil
}

// row is a poll with what changes about it.
type row struct {
	pollState
	early, accepted bool
	register        int
	reason, resumed string
	hindered        string
	settled         bool
	nextTry         time.Time
}

// load finds a poll by pollId or URI; ErrNotFound if there is none.
func (u *Union) load(ctx context.Context, q store.Bound, id string) (*row, error) {
	column := "poll"
	if strings.Contains(id, "/") {
		column = "uri"
	}
	var uri, digest string
	var ends, next int64
	r := &row{}
	err := q.Row(ctx, []any{&uri, &digest, &ends, &r.early, &r.accepted, &r.register, &r.reason, &r.resumed, &r.hindered, &r.settled, &next}, `
		select uri, digest, ends, early is not null, accept is not null, register, reason, resumed, hindered, settled = 1, next_try
		from union_polls where `+column+" = ?", id)
	if err != nil {
		return nil, err
	}
	r.close, r.nextTry = store.Time(ends), store.Time(next)
	key := uri + " " + digest
	u.mu.Lock()
	r.Poll = u.polls[key]
	u.mu.Unlock()
	if r.Poll != nil {
		return r, nil
	}
	var raw []byte
	if err := q.Row(ctx, []any{&raw}, "select raw from union_polls where uri = ?", uri); err != nil {
		return nil, err
	}
	if r.Poll, err = readPoll(raw); err != nil {
		return nil, fmt.Errorf("stored poll %s: %w", uri, err)
	}
	u.mu.Lock()
	if len(u.polls) > 1000 {
		clear(u.polls)
	}
	u.polls[key] = r.Poll
	u.mu.Unlock()
	return r, nil
}

// state is the poll for a checker, or nil where it is not known.
func (r *row) state() *pollState {
	if r == nil {
		return nil
	}
	return &r.pollState
}

// find is load where an unknown poll is nil.
func (u *Union) find(ctx context.Context, q store.Bound, id string) (*row, error) {
	r, err := u.load(ctx, q, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return r, err
}

// storePoll keeps a poll that was opened here or to which this city was
// invited.
func (u *Union) storePoll(ctx context.Context, tx *store.Tx, p *Poll, register int, accept []byte) error {
	resumed, err := restored(ctx, tx.Bound)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		insert into union_polls (poll, uri, digest, list, raw, latest, opens, ends, due, reason, register, accept, resumed, settled, hindered, next_try)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?, ?, ?, 0, '', 0)`,
		p.PollID, p.URI, p.Digest, p.list.Version, p.Raw, p.Raw, store.Millis(p.OpensAt), store.Millis(p.EndTime), store.Millis(p.TalliesDue),
		register, accept, resumed)
	if err != nil {
		return fmt.Errorf("store poll: %w", err)
	}
	return nil
}

// restored is when this instance was restored from a back-up, or "".
func restored(ctx context.Context, q store.Bound) (when string, err error) {
	err = q.Row(ctx, []any{&when}, "select value from facts where name = 'restored'")
	if errors.Is(err, store.ErrNotFound) {
		return "", nil
	}
	return when, err
}

// backoff is when something unanswered goes again.
func (u *Union) backoff(now time.Time, tries int) int64 {
	wait := u.ResendAfter << min(tries, 5)
	return store.Millis(now.Add(min(wait, 6*time.Hour)))
}

// invitedTo are the members that a poll is for, in the list's order.
func (u *Union) invitedTo(l *TrustList, p *Poll) (out []Member) {
	for _, m := range l.Members {
		if m.Status == Active && u.Within(m.Territory, p.Territory) {
			out = append(out, m)
		}
	}
	return out
}

func seconds(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// latest is the later of two times.
func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
