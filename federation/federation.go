// Package federation speaks ActivityPub for one instance. Like net/http it
// knows nothing of those who use it: modules hand it Handlers and call
// Publish. It hides signatures, keys, retries, and everything that strangers
// may try.
package federation

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
)

// ErrIgnored marks an activity that is sound but none of our business.
var ErrIgnored = store.ErrIgnored

// A Handler changes this instance because of one activity. It runs inside tx,
// at most once per activity, after signature, actor and origin were checked.
// It returns ErrIgnored, having written nothing, to leave the activity to the
// next Handler. An error of another kind of package store refuses the activity
// for good; any other error has it tried again later.
type Handler func(ctx context.Context, tx *store.Tx, a *ap.Activity) error

// On binds a Handler to one activity and object type, such as Create and Vote.
// Object "*" takes every object that no other Handler takes; {"Delete",
// "Object"} is told of each deletion, of actors too, whoever else is.
type On struct {
	Activity, Object string
	Do               Handler
	// Need fetches what Do will look for in the database. It runs before the
	// transaction and may use the network.
	Need func(ctx context.Context, a *ap.Activity) error
}

// Mux finds the Handlers for an activity.
type Mux map[[2]string][]On

// Add appends a Handler; several for one pair are asked in turn.
func (m Mux) Add(on On) {
	key := [2]string{on.Activity, on.Object}
	m[key] = append(m[key], on)
}

func (m Mux) find(a *ap.Activity) []On {
	if a.Type == "Delete" { // whatever its object is said to have been
		return m[[2]string{"Delete", "*"}]
	}
	kind := ""
	if a.Object != nil {
		kind = a.Object.Type
	}
	exact := m[[2]string{a.Type, kind}]
	return append(exact[:len(exact):len(exact)], m[[2]string{a.Type, "*"}]...)
}

// Handle runs the first Handler that takes a, or returns ErrIgnored.
func (m Mux) Handle(ctx context.Context, tx *store.Tx, a *ap.Activity) error {
	for _, on := range m.find(a) {
		if on.Do == nil {
			continue
		}
		if err := on.Do(ctx, tx, a); !errors.Is(err, ErrIgnored) {
			return err
		}
	}
	return ErrIgnored
}

// Options are what New needs. DB, Book, Client and Base must be there.
type Options struct {
	DB     *store.DB
	Book   *actors.Book
	Client *Client
	Base   string // scheme and host, such as https://kamianske.example
	Log    *slog.Logger

	Name        string // of the instance, for NodeInfo
	Description string
	Version     string
	// OpenRegistrations tells NodeInfo whether anybody may join.
	OpenRegistrations bool
	// Methods are further keys of the instance's actor, such as the one that
	// signs tallies.
	Methods []Method
	// Page answers people who open an actor's page, /@{handle}.
	Page http.Handler
	// Describe adds to an own actor's document: a picture, lines of a profile.
	Describe func(ctx context.Context, a actors.Actor, doc *ap.Actor) error
	// Usage gives the numbers of NodeInfo.
	Usage func(ctx context.Context) (Usage, error)

	// Secure has other servers sign whatever they ask for, but for what they need
	// to know in order to sign, and what Open names: documents that anybody must be
	// able to check.
	Secure bool
	Open   func(path string) bool
	// MayRead tells whether an actor of another server may have an object of ours
	// that is not for everybody.
	MayRead func(ctx context.Context, uri string, reader actors.Actor) (bool, error)
	// Followed is told in the same change that somebody follows one of ours, or
	// asks to; store.ErrDenied refuses it.
	Followed func(ctx context.Context, tx *store.Tx, followee, follower actors.Actor, accepted bool) error
	// Apart tells whether one of two blocks the other, so that no follow is moved
	// between them.
	Apart func(ctx context.Context, tx *store.Tx, one, other actors.Actor) (bool, error)
	// Pinned are the ids of what one of ours put on top of its page.
	Pinned func(ctx context.Context, actorID int64) ([]string, error)
	// Count is told of what is counted: a name and a label of a closed set.
	Count func(name, label string)
	// Limits bound what one peer may ask of us; the zero value means the usual
	// ones.
	Limits Limits
}

// Method is a key for proofs, listed in the actor's assertionMethod.
type Method struct {
	ID     string
	Public ed25519.PublicKey
}

// City is one instance's part in the network.
type City struct {
	Options
	mux Mux

	keys    *recent[senderKey] // keys that were true lately
	missing *recent[error]     // keys and actors that could not be had
	styles  *recent[string]    // how hosts want to be signed to

	byAddress, byHost, badKeys *meter
	renewed                    *recent[bool] // keys that were fetched again after a failure
	flight                     singleflight.Group
	fetches                    chan struct{} // bounds fetches that strangers cause
	making                     *rate.Limiter // of key pairs that strangers cause

	flow    inflow           // what arrives, on its way into the database
	heardOf *recent[bool]    // hosts that spoke lately
	letters *recent[*letter] // what is being sent, once for all its inboxes
	syncs   *recent[string]  // what we said about an actor's followers at a server
	// Actors whose followers here were compared lately.
	synchronised *recent[bool]
	signing      chan struct{} // bounds what signs at once, so that pages are answered meanwhile

	published                 chan struct{} // says that there is something to send
	sending                   atomic.Bool   // this process works the deliveries off
	wokenInbox, wokenDelivery atomic.Bool
}

// New makes the instance's part in the network. Its own actors must have been
// founded.
func New(o Options) *City {
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	c := &City{
		Options: o,
		mux:     Mux{},
		keys:    newRecent[senderKey](4096, 10*time.Minute),
		missing: newRecent[error](8192, 5*time.Minute),
		styles:  newRecent[string](8192, styleLife),

		byAddress: newMeter(usual(o.Limits.PerAddress, 6000)), byHost: newMeter(usual(o.Limits.PerHost, 6000)), badKeys: newMeter(usual(o.Limits.BadKeys, 600)),
		renewed: newRecent[bool](4096, 5*time.Minute),
		fetches: make(chan struct{}, 32),
		making:  rate.NewLimiter(2, 20),

		heardOf:      newRecent[bool](8192, time.Minute),
		letters:      newRecent[*letter](256, time.Minute),
		syncs:        newRecent[string](4096, time.Minute),
		synchronised: newRecent[bool](8192, syncEvery),
		signing:      make(chan struct{}, max(2, runtime.GOMAXPROCS(0))),
		published:    make(chan struct{}, 1),
	}
	for _, on := range c.builtin() {
		c.mux.Add(on)
	}
	return c
}

// Handle adds the modules' Handlers. Call it before the city runs.
func (c *City) Handle(on ...On) {
	for _, one := range on {
		c.mux.Add(one)
	}
}

// ActivityURI is a fresh id for an activity of ours.
func (c *City) ActivityURI() string {
	return c.Base + "/activities/" + strconv.FormatInt(store.NewID(), 10)
}

// IsLocal tells whether an id is one of ours.
func (c *City) IsLocal(uri string) bool { return actors.SameOrigin(uri, c.Base) }

// isPublic tells whether a document is addressed to everybody.
func isPublic(m members) bool {
	for _, to := range append(m.texts("to"), m.texts("cc")...) {
		if to == ap.Public || to == "as:Public" || to == "Public" {
			return true
		}
	}
	return false
}

// bare is an address without its fragment.
func bare(uri string) string {
	uri, _, _ = strings.Cut(uri, "#")
	return uri
}
