// Package moderation is what happens when somebody complains: the queue of
// reports, the decision with its rule and its reason, what the people concerned
// are told, and the log in which everybody reads it without names.
//
// It knows posts and accounts by the functions it is handed alone. Whoever
// reported stays unknown to moderators and to the reported: a resident is "a
// resident", somebody of another server is that server.
package moderation

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"

	"github.com/go-chi/chi/v5"
	"github.com/uptrace/bun"

	"viche/actors"
	"viche/federation"
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

// Post is what moderation has to know of a post.
type Post struct {
	Author  int64
	Path    string // its page here
	Local   bool
	Hidden  bool
	Marked  bool // a moderator's warning stands before it
	Deleted bool
}

// Account is the holder of an actor of ours.
type Account struct {
	Email, Lang string
	Staff       bool // moderates or operates
}

// Options are what New needs; all must be given.
type Options struct {
	DB         *store.DB
	Book       *actors.Book
	Federation *federation.City
	Mail       *notify.Post
	Words      *locale.Bundle
	Log        *slog.Logger

	Base string // scheme://host
	Name string // of the instance, for letters

	// PostOf finds a post; store.ErrNotFound for one that is not here.
	PostOf func(ctx context.Context, idb bun.IDB, id int64) (Post, error)
	// These change a post and say whether that changed anything.
	Hide, Unhide, Unmark func(ctx context.Context, tx *store.Tx, post int64) (bool, error)
	Mark                 func(ctx context.Context, tx *store.Tx, post int64, warning string) (bool, error)
	// AccountOf finds who holds an actor of ours, suspended or not;
	// store.ErrNotFound for channels and for accounts that are gone.
	AccountOf func(ctx context.Context, idb bun.IDB, actor int64) (Account, error)
	// Suspend prepares the suspension of an actor, or its end, outside of a
	// change, and gives what is to be done inside one.
	Suspend func(ctx context.Context, a actors.Actor, suspended bool) (func(context.Context, *store.Tx) error, error)
}

// Moderation is the module of one instance. It is safe for many goroutines.
type Moderation struct{ Options }

// New makes the module.
func New(o Options) *Moderation { return &Moderation{o} }

// pages are the handlers: Moderation and the site that they answer on.
type pages struct {
	*Moderation
	site *web.Site
}

// Module is the manifest.
func (m *Moderation) Module(site *web.Site) modules.Module {
	return modules.Module{Name: "moderation", Files: Files, Routes: pages{m, site}.routes}
}

func (s pages) routes(r chi.Router) {
	r.Get("/moderation", s.showLog)
	r.Group(func(r chi.Router) {
		r.Use(s.site.SignedIn, s.site.Only(decides))
		r.Get("/desk/reports", s.showQueue)
		r.Get("/desk/reports/{id}", s.showReport)
		r.Post("/desk/reports/{id}", s.decide)
		r.Get("/desk/decisions/{id}", s.showMeasure)
		r.Post("/desk/decisions/{id}", s.lift)
	})
}

// decides tells who moderates the whole instance. About one of them an operator
// decides.
func decides(v *web.Viewer) bool { return v.Watches("") }

// mayDecide holds a decision about an actor to who may take it: a moderator,
// never about themselves, and about other staff an operator alone.
func (m *Moderation) mayDecide(ctx context.Context, idb bun.IDB, v *web.Viewer, about actors.Actor) error {
	if !decides(v) {
		return fmt.Errorf("not a moderator: %w", store.ErrDenied)
	}
	if v.ActorID == about.ID {
		return fmt.Errorf("nobody decides about themselves: %w", store.ErrDenied)
	}
	if v.Has(web.Operator, "") || !about.Local {
		return nil
	}
	a, err := m.AccountOf(ctx, idb, about.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil && a.Staff {
		err = fmt.Errorf("about staff an operator decides: %w", errStaff)
	}
	return err
}

// errStaff is for the moderator who would decide about another one.
var errStaff = fmt.Errorf("another moderator is concerned: %w", store.ErrDenied)
