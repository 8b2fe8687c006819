// Package ideas is what residents want done in their city: a problem, what to do
// about it, what it costs. A moderator checks that an idea is lawful, neighbours
// support it or say why not, the authorities answer in public, and every step
// stands on the idea's page with its date, person and reason.
//
// How many support an idea is open; who does is not: a support is one row under
// a keyed hash of the person. How useful and how feasible somebody finds it is
// an answer like any other and lies in internal/ballot alone.
package ideas

import (
	"context"
	"embed"
	"iter"
	"log/slog"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"viche/internal/ballot"
	"viche/internal/keys"
	"viche/internal/media"
	"viche/internal/store"
	"viche/internal/territory"
	"viche/web"
)

// Files are the pages and messages of this module.
//
//go:embed all:templates locales
var Files embed.FS

// Level is the least level of verification of whoever supports and rates.
const Level = 2

// A Resident is what ideas know of somebody who is signed in.
type Resident struct {
	Person []byte // nil before verification
	Issued int    // credentials that staff have issued for the account
	Votes  bool   // false for an organisation
}

// A Post is what the fediverse is told of an idea.
type Post struct {
	Account int64 // in whose name
	Idea    int64
	Title   string
	Text    string
	Sphere  string // the channel that passes it on
}

// Echo is what the fediverse made of an idea: open support, which counts nobody
// in.
type Echo struct {
	Path           string // page of the post
	URI            string
	Likes, Answers int
}

// A Neighbour is another city where an idea may be taken up.
type Neighbour struct{ Name, Base string }

// Options are what New needs.
type Options struct {
	DB          *store.DB
	Box         *ballot.Box
	Keys        *keys.File
	Media       *media.Store
	Territories *territory.Register
	Log         *slog.Logger

	Base        string // scheme and host
	Name        string // of the instance
	Territory   string // the instance's own
	Coordinator bool   // ideas live in cities
	Rules       ballot.Rules
	Keep        time.Duration // how long after the end ratings stay readable; 0: for ever
	Spheres     []string      // slugs of the open ones

	Resident func(ctx context.Context, q store.Bound, account int64) (Resident, error)
	Lives    func(ctx context.Context, account int64) (territory string, ok bool, err error)
	Entitled func(ctx context.Context, idb bun.IDB, within func(string) bool, level int, at time.Time) iter.Seq2[[]byte, error]
	Author   func(ctx context.Context, account int64) (handle string, err error)

	// Publish tells the fediverse, once however often it is called for an idea.
	// store.ErrDenied: whoever it is may not write here, so nobody is told.
	Publish func(ctx context.Context, p Post) (post int64, err error)
	// Echo finds what came back to a post; store.ErrNotFound once it is gone.
	Echo func(ctx context.Context, post int64) (Echo, error)
	// Neighbours are the other cities of the union.
	Neighbours func(ctx context.Context, lang string) ([]Neighbour, error)
}

// Ideas is the module of one instance. It is safe for many goroutines.
type Ideas struct {
	Options
	site    *web.Site
	tried   sync.Map // idea → time of the last pass over its box
	closing sync.Mutex
}

// New makes the module.
func New(o Options) *Ideas { return &Ideas{Options: o} }

// Periodic is what comes round by the clock.
func (d *Ideas) Periodic() []store.Periodic {
	return []store.Periodic{
		{Name: "ideas.close", Every: 10 * time.Second, Do: d.CloseDue},
		{Name: "ideas.snapshot", Every: min(max(d.Rules.SnapshotEvery, time.Second), 30*time.Second), Do: d.Snapshots},
		{Name: "ideas.publish", Every: 20 * time.Second, Do: d.PublishDue},
		{Name: "ideas.forget", Every: time.Hour, Do: d.Forget},
		{Name: "ideas.tidy", Every: 6 * time.Hour, Do: d.Tidy},
	}
}

// URL is the page of an idea.
func (d *Ideas) URL(one *Idea) string { return d.Base + one.Path() }
