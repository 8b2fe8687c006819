// Package primaries has residents assess people who would take a public office:
// their professional capacity, competence by competence, before the state ever
// asks anybody. It elects nobody and appoints nobody.
//
// A contest is an office in a territory with a calendar: it is announced, people
// are proposed and agree, they show their programmes and answer questions,
// residents grade them, and the result is shown after the close and never
// before. A round of grades is a vote that the functions of Options open, take
// and count; this package never sees an answer but its owner's.
package primaries

import (
	"context"
	"embed"
	"time"

	"viche/internal/ballot"
	"viche/internal/locale"
	"viche/internal/store"
	"viche/modules"
	"viche/web"
)

// Files are the pages and messages of this module.
//
//go:embed all:templates locales
var Files embed.FS

// A Vote is what a round asks residents. Its totals open after the close alone.
type Vote struct {
	Title, Body       string
	Sphere, Territory string
	ClosesAt          time.Time
	Questions         []Question
	By                string // for the log
}

// A Question asks for one grade of one participant.
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
}

// A Person is an account of ours.
type Person struct {
	Account      int64
	Handle, Name string
	Resident     bool // verified, and lives here
}

// Options are what New needs.
type Options struct {
	DB    *store.DB
	Words *locale.Bundle

	Base        string // scheme and host
	Territory   string // the instance's own
	Coordinator bool   // has no residents, so no contests
	Spheres     []string

	Within func(code, area string) bool
	Place  func(code, lang string) string // a territory's name, "" for none
	Reach  func() []string                // the instance's own territory and those it lies in, the widest first

	// OpenVote opens a round inside a change of ours and gives its id.
	OpenVote func(ctx context.Context, tx *store.Tx, v Vote) (id string, err error)
	// CastAnswer's errors: store.ErrDenied, store.ErrExists once it is over,
	// *store.FieldError for a field qN of the N-th question.
	CastAnswer func(ctx context.Context, v *web.Viewer, id string, a ballot.Answer) (ballot.Receipt, error)
	StandOf    func(ctx context.Context, id string, v *web.Viewer) (Stand, error)
	// NumbersOf gives the totals; seen is false where nothing may be shown.
	NumbersOf func(ctx context.Context, id string, v *web.Viewer) (n ballot.Numbers, seen, closed bool, err error)

	// ByHandle and ByID find people; store.ErrNotFound for an account that is gone.
	ByHandle func(ctx context.Context, handle string) (Person, error)
	ByID     func(ctx context.Context, account int64) (Person, error)
}

// Primaries is the module of one instance. It is safe for many goroutines.
type Primaries struct{ Options }

// New makes the module.
func New(o Options) *Primaries { return &Primaries{o} }

// pages are the handlers: Primaries and the site that they answer on.
type pages struct {
	*Primaries
	site *web.Site
}

// Module is the manifest.
func (p *Primaries) Module(site *web.Site) modules.Module {
	return modules.Module{Name: "primaries", Files: Files, Routes: pages{p, site}.routes, Periodic: p.Periodic()}
}

// Periodic is what comes round by the clock.
func (p *Primaries) Periodic() []store.Periodic {
	return []store.Periodic{{Name: "primaries.open", Every: 10 * time.Second, Do: p.OpenDue}}
}

// Competences are what a contest may have assessed besides the overall
// impression. Each is the message primaries.competence.ID.
var Competences = []string{"budget", "negotiation", "remit", "record", "integrity", "openness"}

// Overall is the grade from which the headline is taken; every participant is
// asked about for it, last.
const Overall = "overall"

// Grades are the six worded grades, the best first; NoView is the option of
// whoever cannot judge, which is no grade. Each is the message primaries.grade.ID.
var Grades = []string{"g1", "g2", "g3", "g4", "g5", "g6"}

// NoView is chosen by whoever cannot judge.
const NoView = "none"

// good is the lowest grade, as an index, that counts as "good and better".
const good = 2

// mostQuestions is how many questions a vote may have, so how many participants
// a contest: each is asked about once a competence and once overall.
const mostQuestions = 60

// Checks are what a participant confirms. Each is the message primaries.check.ID.
var Checks = []string{"adult", "citizen", "record", "truth"}
