// Package standing gives residents their statuses (R1.4–R1.8): it turns the
// month for everybody at once, keeps what each one held and when, and shows the
// formula to all, and to each resident where they stand.
//
// The rules are in actors/standing, the facts come from the ballot box, which
// gives no answer and no poll; contributions come from the modules that residents
// write in, as functions. Public levels change at one moment, when a turn is
// done: no page can tell which poll moved whom.
package standing

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"iter"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"viche/actors"
	rules "viche/actors/standing"
	"viche/internal/ballot"
	"viche/internal/locale"
	"viche/internal/notify"
	"viche/internal/store"
	"viche/modules"
	"viche/web"
)

// Files are the pages and messages of this module.
//
//go:embed all:templates locales
var Files embed.FS

// Resident is what statuses know of somebody with an account.
type Resident struct {
	Account      int64
	Person       []byte    // nil: never verified
	Verified     time.Time // zero: not verified now
	District     string    // code of where the person votes
	Organisation bool
	Email, Lang  string
}

// Contribution is something that somebody proposed and that was found lawful.
type Contribution struct {
	Account int64
	Sphere  string // slug; may be empty
	At      time.Time
	ToPoll  bool // a proposal to a poll or a poll initiated; else an idea
}

// Options are what New needs; all must be given.
type Options struct {
	DB    *store.DB
	Box   *ballot.Box
	Book  *actors.Book
	Mail  *notify.Post
	Words *locale.Bundle
	Log   *slog.Logger

	Base      string // scheme://host
	Territory string // code of the instance's own
	Place     func(code, lang string) string
	K         int

	// Closed are polls that were counted and not noted yet.
	Closed func(ctx context.Context) ([]ballot.Noted, error)
	// Late says whether a poll that ended before an epoch is not counted yet.
	Late func(ctx context.Context, epoch time.Time) (bool, error)
	// Persons are the keys of all who were ever verified here.
	Persons func(ctx context.Context) iter.Seq2[[]byte, error]
	// Residents are all accounts of residents; Resident is one, also of an
	// organisation: store.ErrNotFound for an account that is gone.
	Residents func(ctx context.Context) iter.Seq2[Resident, error]
	Resident  func(ctx context.Context, account int64) (Resident, error)
	// Holder is the account of an actor of ours: store.ErrNotFound for one that is
	// gone, suspended, or nobody's.
	Holder func(ctx context.Context, actor int64) (account int64, err error)
	// Contributions are those of a span of time, of one account or (0) of all.
	Contributions func(ctx context.Context, from, until time.Time, account int64) ([]Contribution, error)
	// Fetch gets a document of another server.
	Fetch func(ctx context.Context, url string) ([]byte, error)
}

// Standing is the module of one instance. It is safe for many goroutines.
type Standing struct {
	Options
	zone    *time.Location
	turning sync.Mutex
	trying  sync.Mutex // one simulation at a time
	site    *web.Site
}

// New makes the module.
func New(o Options) *Standing { return &Standing{Options: o, zone: locale.Kyiv()} }

// Module is the manifest.
func (s *Standing) Module(site *web.Site) modules.Module {
	s.site = site
	return modules.Module{
		Name: "standing", Files: Files, Routes: s.routes,
		Periodic: []store.Periodic{
			{Name: "standing.note", Every: 10 * time.Second, Do: s.Note},
			{Name: "standing.turn", Every: time.Minute, Do: s.Turn},
			{Name: "standing.tell", Every: time.Minute, Do: s.Tell},
		},
	}
}

func (s *Standing) routes(r chi.Router) {
	r.Get("/standing", s.showFormula)
	r.Get("/standing/of/{handle}", s.serveCredential)
	r.Group(func(r chi.Router) {
		r.Use(s.site.SignedIn)
		// A check may ask another server, so it is not for everybody.
		r.Get("/standing/check", s.showCheck)
		r.Post("/standing/check", s.check)
		r.Get("/me/standing", s.showMine)
		r.Post("/me/standing", s.change)
		r.Get("/me/standing/credential", s.ownCredential)
	})
	r.Group(func(r chi.Router) {
		r.Use(s.site.SignedIn, s.site.Only(moderates))
		r.Get("/desk/standing", s.showDesk)
		r.Post("/desk/standing", s.decide)
	})
}

func moderates(v *web.Viewer) bool { return v.Watches("") }

// MonthOf is the epoch at or before a moment: the beginning of its month, Kyiv.
func (s *Standing) MonthOf(at time.Time) time.Time { return rules.MonthStart(at, s.zone) }

// epoch is the newest turn that is done; zero before the first.
func (s *Standing) epoch(ctx context.Context) (at time.Time, f rules.Formula, err error) {
	var ms int64
	var formula string
	err = s.DB.ReadBound().Row(ctx, []any{&ms, &formula}, "select epoch, formula from status_epochs where done_at > 0 order by epoch desc limit 1")
	if errors.Is(err, store.ErrNotFound) {
		f, err = s.formulaAt(ctx, s.MonthOf(s.DB.Now()))
		return time.Time{}, f, err
	}
	if err == nil {
		f, err = readFormula(formula)
	}
	return store.Time(ms).In(s.zone), f, err
}

// A Record is a status that somebody holds or held.
type Record struct {
	rules.Held
	Until time.Time // zero: still held
}

// held are the statuses above Registered that an account has in public.
func (s *Standing) held(ctx context.Context, account int64, epoch time.Time) (list []Record, err error) {
	at := store.Millis(epoch)
	return s.records(ctx, "account = ? and since <= ? and (until = 0 or until > ?) order by level desc, scope", account, at, at)
}

func (s *Standing) records(ctx context.Context, where string, args ...any) (list []Record, err error) {
	rows, err := s.DB.ReadBound().Query(ctx, "select level, scope, since, until, failing from standings where "+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read standings: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var r Record
		var since, until, failing int64
		if err := rows.Scan(&r.Level, &r.Scope, &since, &until, &failing); err != nil {
			return nil, fmt.Errorf("read standings: %w", err)
		}
		r.Since, r.Until, r.Failing = s.moment(since), s.moment(until), s.moment(failing)
		list = append(list, r)
	}
	return list, store.Kind(rows.Err())
}

// moment is a stored time in Kyiv; 0 is none.
func (s *Standing) moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return store.Time(ms).In(s.zone)
}

// Of is the highest status that an account has in public. A resident who is
// verified is Registered at once; all above changes only with the month.
func (s *Standing) Of(ctx context.Context, account int64) (rules.Status, error) {
	r, err := s.Resident(ctx, account)
	if err != nil || r.Organisation || r.Verified.IsZero() {
		return rules.Status{}, err
	}
	epoch, _, err := s.epoch(ctx)
	if err != nil {
		return rules.Status{}, err
	}
	list, err := s.held(ctx, account, epoch)
	if err != nil || len(list) == 0 {
		return rules.Status{Level: rules.Registered}, err
	}
	return list[0].Status, nil
}

// AtLeast says whether an account has a status of this level or a higher one, in
// whatever scope.
func (s *Standing) AtLeast(ctx context.Context, account int64, l rules.Level) (bool, error) {
	top, err := s.Of(ctx, account)
	return err == nil && top.Level >= l, err
}

// shown says whether somebody shows the status to others.
func (s *Standing) shown(ctx context.Context, account int64) (bool, error) {
	var n int
	err := s.DB.ReadBound().Row(ctx, []any{&n}, "select count(*) from status_shown where account = ?", account)
	return n > 0, err
}

// Badge is the part of a profile with the status of its holder, if the holder
// shows it; empty otherwise.
func (s *Standing) Badge(r *http.Request, account int64) (template.HTML, error) {
	ctx := r.Context()
	show, err := s.shown(ctx, account)
	if err != nil || !show {
		return "", err
	}
	top, err := s.Of(ctx, account)
	if err != nil || top.Level == rules.None {
		return "", err
	}
	return s.site.Part(r, "standing/formula", "standing-badge", s.name(s.site.Printer(r), top))
}

// name is a status of this territory in words.
func (s *Standing) name(words *locale.Printer, of rules.Status) string {
	return s.nameIn(words, of, s.Territory)
}

func (s *Standing) nameIn(words *locale.Printer, of rules.Status, territory string) string {
	key := "standing.level." + of.Level.String()
	switch {
	case of.Level < rules.Expert:
		return words.T(key)
	case of.Scope == rules.Everywhere:
		return words.T(key+".whole", "Place", s.Place(territory, words.Lang()))
	}
	return words.T(key+".sphere", "Sphere", words.T(sphereOf(of.Scope).Key))
}

func sphereOf(in rules.Scope) actors.SphereName { return actors.Spheres[in-1] }

// scopeOf is a sphere's scope by its slug; Everywhere for none.
func scopeOf(slug string) rules.Scope {
	for i, one := range actors.Spheres {
		if one.Slug == slug {
			return rules.Scope(i + 1)
		}
	}
	return rules.Everywhere
}
