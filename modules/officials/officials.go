// Package officials is the register of those who hold public offices, and what
// is known of their work in two layers that are never blended: indicators from
// documents, which a moderator enters with their source, and the grades that
// residents of the office's territory give once a quarter.
//
// An office is not a person: a Holder has Terms in Offices, and of one seat no
// two terms overlap. Indicators, grades and replies belong to a term. A round of
// grades is a vote that the functions of Options open, take and count; this
// package never sees an answer but its owner's, and no number that those
// functions do not give out.
package officials

import (
	"context"
	"embed"
	"log/slog"
	"time"

	"github.com/go-chi/chi/v5"

	"viche/internal/ballot"
	"viche/internal/store"
	"viche/internal/territory"
	"viche/modules"
	"viche/web"
)

// Files are the pages and messages of this module.
//
//go:embed all:templates locales
var Files embed.FS

// A Vote is what a round asks residents.
type Vote struct {
	Title, Body string
	Sphere      string
	Territory   string
	Level       int // of verification
	OpensAt     time.Time
	ClosesAt    time.Time
	Questions   []Question
	By          string // handle of who opens it
}

// A Question is one criterion; it is answered by one of its options.
type Question struct {
	ID, Text string
	Options  []Option
}

// An Option is one grade.
type Option struct{ ID, Text string }

// A Stand is how a viewer stands to a vote.
type Stand struct {
	CanVote bool
	Reason  string // why not, in the words of the API
	Voted   bool
	Hidden  bool          // voted, but this credential may not read the answer
	Answer  ballot.Answer // the own one, if it may be read
	Changes int
}

// A Totals is what a viewer may see of a vote.
type Totals struct {
	ballot.Numbers
	Seen   bool // false: nothing may be shown
	Closed bool // no more answers are taken
}

// An Account is one of ours that may speak for an official.
type Account struct {
	ID       int64
	Handle   string
	Verified bool
}

// Options are what New needs.
type Options struct {
	DB          *store.DB
	Territories *territory.Register
	Log         *slog.Logger

	Base        string // scheme and host
	Name        string // of the instance, for feeds
	Territory   string // the instance's own
	Coordinator bool
	Spheres     []string // slugs of the open ones

	// The vote of a round. OpenVote opens it inside a change and gives its id; the
	// errors of CastAnswer are those of the polls.
	OpenVote   func(ctx context.Context, tx *store.Tx, v Vote) (id string, err error)
	CastAnswer func(ctx context.Context, v *web.Viewer, id string, a ballot.Answer) (ballot.Receipt, error)
	StandOf    func(ctx context.Context, id string, v *web.Viewer) (Stand, error)
	TotalsOf   func(ctx context.Context, id string, v *web.Viewer) (Totals, error)

	// Tell publishes a post of the sphere's channel, or of the city's where
	// sphere is "". The same mark is published once.
	Tell func(ctx context.Context, sphere, text, mark string) error
	// ByHandle and ByID find accounts; store.ErrNotFound for one that is gone.
	ByHandle func(ctx context.Context, handle string) (Account, error)
	ByID     func(ctx context.Context, id int64) (Account, error)
}

// Officials is the module of one instance. It is safe for many goroutines.
type Officials struct{ Options }

// New makes the module.
func New(o Options) *Officials { return &Officials{o} }

// pages are the handlers: Officials and the site that they answer on.
type pages struct {
	*Officials
	site *web.Site
}

// Module is the manifest.
func (o *Officials) Module(site *web.Site) modules.Module {
	return modules.Module{Name: "officials", Files: Files, Routes: pages{o, site}.routes, Periodic: o.Periodic()}
}

// Periodic is what comes round by the clock.
func (o *Officials) Periodic() []store.Periodic {
	return []store.Periodic{{Name: "officials.tell", Every: time.Minute, Do: o.TellDue}}
}

func (s pages) routes(r chi.Router) {
	r.Get("/officials", s.showList)
	r.Get("/officials/feed.atom", s.feed)
	r.Get("/officials/indicators.csv", s.csv)
	r.Get("/officials/compare", s.compare)
	r.Get("/officials/offices/{office}", s.showOffice)
	r.Get("/officials/{term}", s.showCard)
	r.Get("/officials/{term}/card.json", s.cardJSON)
	r.Get("/officials/{term}/indicators.csv", s.csv)
	r.Get("/officials/rounds/{round}", s.showRound)
	r.Post("/officials/rounds/{round}/ballot", s.grade)
	r.Get("/officials/rounds/{round}/ballot", s.backToRound) // whoever comes back from signing in
	r.Group(func(r chi.Router) {
		r.Use(s.site.SignedIn)
		r.Get("/officials/{term}/reply", s.showReply)
		r.Post("/officials/{term}/reply", s.reply)
	})
	r.Group(func(r chi.Router) {
		r.Use(s.site.SignedIn, s.site.Only((*web.Viewer).WatchesAny))
		r.Get("/desk/officials", s.desk)
		r.Get("/desk/officials/new", s.showNew)
		r.Post("/desk/officials/new", s.create)
		r.Get("/desk/officials/offices/{office}", s.deskOffice)
		r.Post("/desk/officials/offices/{office}", s.changeOffice)
		r.Get("/desk/officials/terms/{term}", s.deskTerm)
		r.Post("/desk/officials/terms/{term}", s.changeTerm)
		r.Get("/desk/officials/corrections/{reply}", s.deskCorrection)
		r.Post("/desk/officials/corrections/{reply}", s.decide)
	})
}
