// Package polls asks residents: open a poll, vote, change the vote, close,
// result; in a city, in a region, in the whole country. A vote from a form, from
// the API and from another server's inbox meet in the same function. What
// anybody answered stays in internal/ballot; what cities tell each other is
// internal/union.
package polls

import (
	"context"
	"crypto/ed25519"
	"embed"
	"html/template"
	"iter"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"viche/actors"
	"viche/federation"
	"viche/internal/ballot"
	"viche/internal/store"
	"viche/internal/union"
	"viche/web"
)

// Files are the pages and messages of this module.
//
//go:embed all:templates locales
var Files embed.FS

// Level is the least level of verification that polls ask for: a person seen or
// a qualified signature, not an e-mail address.
const Level = 2

// A Resident is what polls know of somebody who is signed in.
type Resident struct {
	Person []byte // nil before verification
	Issued int    // credentials that staff have issued for the account
	Votes  bool   // false for an organisation
}

// Options are what New needs.
type Options struct {
	DB         *store.DB
	Box        *ballot.Box
	Book       *actors.Book
	Federation *federation.City
	Union      *union.Union // nil for an instance that is in no union
	Log        *slog.Logger

	Base        string // scheme and host
	Territory   string // the instance's own
	Coordinator bool
	Rules       ballot.Rules
	Spheres     []string      // slugs of the open ones
	Keep        time.Duration // how long after the close answers stay readable; 0: for ever

	Within   func(code, area string) bool
	Place    func(code, lang string) string // a territory's name
	Resident func(ctx context.Context, q store.Bound, account int64) (Resident, error)
	Lives    func(ctx context.Context, account int64) (territory string, ok bool, err error)
	Entitled func(ctx context.Context, idb bun.IDB, within func(string) bool, level int, at time.Time) iter.Seq2[[]byte, error]
	Author   func(ctx context.Context, account int64) (handle string, err error)

	// Posts is the part of a sphere's page with what its channel passed on; nil
	// shows none.
	Posts func(r *http.Request, sphere string) (template.HTML, error)
}

// Polls is the module of one instance. It is safe for many goroutines.
type Polls struct {
	Options
	site *web.Site

	self  actors.Actor // whom polls are attributed to
	proof struct {
		id  string
		key ed25519.PrivateKey
	}
	cores   sync.Map // poll id → *Poll: the frozen part, read once
	tried   sync.Map // poll id → time of the last pass over its box
	closing sync.Mutex
}

// New makes the module. The instance's own actors must have been founded.
func New(ctx context.Context, o Options) (*Polls, error) {
	p := &Polls{Options: o}
	var err error
	if p.self, err = o.Book.Own(ctx, o.DB.Read(), actors.Instance); err != nil {
		return nil, err
	}
	if p.proof.id, p.proof.key, err = o.Book.Ed25519(ctx, p.self.ID); err != nil {
		return nil, err
	}
	return p, nil
}

// Inbox is what the module answers of other servers' activities.
func (p *Polls) Inbox() []federation.On {
	return []federation.On{{Activity: "Create", Object: "Vote", Do: p.receiveVote}}
}

// Periodic is what comes round by the clock.
func (p *Polls) Periodic() []store.Periodic {
	return []store.Periodic{
		{Name: "polls.close", Every: 2 * time.Second, Do: p.CloseDue},
		{Name: "polls.forget", Every: time.Hour, Do: p.Forget},
		{Name: "polls.snapshot", Every: min(max(p.Rules.SnapshotEvery, time.Second), 30*time.Second), Do: p.Snapshots},
	}
}
