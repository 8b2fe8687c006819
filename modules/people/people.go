// Package people is about residents: how one joins, signs in, is verified in
// person, and what others see of them; and about organisations, which have an
// account and never vote.
//
// A People holds the commands and what others ask of it: who is signed in
// (LoadViewer, Authenticate), who may vote where (EntitledPersons). Module puts
// the pages on a site. The tax number of a person is seen by one function
// alone, is hashed there, and is neither stored, logged nor shown again.
package people

import (
	"context"
	"embed"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"runtime"
	"time"

	"github.com/go-chi/chi/v5"

	"viche/actors"
	"viche/actors/identity"
	"viche/internal/locale"
	"viche/internal/notify"
	"viche/internal/store"
	"viche/internal/territory"
	"viche/modules"
	"viche/web"
)

// Files are the pages and messages of this module; "all:" because go:embed
// leaves out names that begin with "_".
//
//go:embed all:templates locales
var Files embed.FS

// The kinds of account.
const (
	Resident     = "resident"
	Organisation = "organisation"
)

// How somebody gets in.
const (
	RegistrationOpen     = "open"
	RegistrationApproval = "approval" // a moderator lets each account in
	RegistrationClosed   = "closed"
)

// Options are what People needs; all but SecondModerator and Registration must
// be given.
type Options struct {
	DB          *store.DB
	Book        *actors.Book
	Territories *territory.Register
	Keys        identity.PersonKeys
	Post        *notify.Post
	Words       *locale.Bundle
	Log         *slog.Logger

	Base string // scheme://host
	Name string // of the instance, for letters
	Home string // the instance's own territory

	Registration    string // open if empty
	SecondModerator bool   // two people decide on a verification

	// Posts is the part of a profile with what somebody writes, and the buttons to
	// follow; nil shows none.
	Posts func(r *http.Request, actor actors.Actor) (template.HTML, error)
	// Status is the badge of an account's status on its profile; nil shows none.
	Status func(r *http.Request, account int64) (template.HTML, error)
	// Changed tells the network that a resident's profile did; nil does nothing.
	Changed func(ctx context.Context, tx *store.Tx, actorID int64) error
}

// People is the residents of one instance. Safe for many goroutines.
type People struct {
	Options
	limits  *limits
	hashing chan struct{} // one slot a processor: each hash takes 19 MiB
}

// New puts the parts together.
func New(o Options) *People {
	if o.Registration == "" {
		o.Registration = RegistrationOpen
	}
	return &People{
		Options: o,
		limits:  newLimits(o.DB.Now),
		hashing: make(chan struct{}, runtime.GOMAXPROCS(0)),
	}
}

// pages are the handlers: People and the site that they answer on.
type pages struct {
	*People
	site *web.Site
}

// Module is the manifest. The page of one resident, /@handle, is not among its
// routes, since spheres share that address: see Profile.
func (p *People) Module(site *web.Site) modules.Module {
	s := pages{p, site}
	return modules.Module{
		Name:     "people",
		Files:    Files,
		Routes:   s.routes,
		Jobs:     p.Post.Jobs,
		Periodic: []store.Periodic{{Name: "people.sweep", Every: time.Hour, Do: p.sweep}},
	}
}

func (s pages) routes(r chi.Router) {
	r.Get("/sign-up", s.showSignUp)
	r.Post("/sign-up", s.signUp)
	r.Get("/confirm", s.showConfirm)
	r.Post("/confirm", s.confirm)
	r.Get("/sign-in", s.showSignIn)
	r.Post("/sign-in", s.signIn)
	r.Post("/sign-out", s.signOut)
	r.Get("/password", s.showForgotten)
	r.Post("/password", s.forgotten)
	r.Get("/password/new", s.showReset)
	r.Post("/password/new", s.reset)

	r.Group(func(r chi.Router) {
		r.Use(s.site.SignedIn)
		r.Get("/me", s.me)
		r.Get("/me/profile", s.showEdit)
		r.Post("/me/profile", s.edit)
		r.Post("/me/password", s.changePassword)
		r.Get("/verify", s.showVerify)
		r.Post("/verify", s.verify)
		r.Post("/verify/withdraw", s.withdraw)
	})
	r.Group(func(r chi.Router) {
		r.Use(s.site.SignedIn, s.site.Only(may(web.Moderator)))
		r.Get("/desk/verifications", s.desk)
		r.Get("/desk/verifications/{id}", s.showRequest)
		r.Post("/desk/verifications/{id}", s.decide)
		r.Get("/desk/accounts", s.showAccounts)
		r.Post("/desk/accounts/{id}", s.approve)
	})
	r.Group(func(r chi.Router) {
		r.Use(s.site.SignedIn, s.site.Only(may(web.Operator)))
		r.Get("/desk/mail", s.mail)
	})
}

// may tells who holds the role for the whole instance; an operator may do what a
// moderator may.
func may(role string) func(*web.Viewer) bool {
	return func(v *web.Viewer) bool { return v.Has(role, "") || v.Has(web.Operator, "") }
}

// sweep removes what has run out: sign-ups nobody confirmed, used links, old
// letters.
func (p *People) sweep(ctx context.Context) error {
	err := p.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		now := store.Millis(tx.Now)
		if _, err := tx.Exec(ctx, `delete from signups where expires < ?`, now); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `delete from mail_tokens where expires < ?`, now)
		return err
	})
	if err != nil {
		return fmt.Errorf("sweep sign-ups: %w", err)
	}
	return p.Post.Sweep(ctx)
}

// write sends a letter in its reader's language.
func (p *People) write(ctx context.Context, tx *store.Tx, to, lang, key string, args ...any) error {
	words := p.Words.For(lang)
	args = append(args, "Instance", p.Name, "Base", p.Base)
	return p.Post.Send(ctx, tx, notify.Mail{
		To:      to,
		Subject: words.T(key+".subject", args...),
		Text:    words.T(key+".text", args...) + "\n\n-- \n" + words.T("people.mail.foot", args...) + "\n",
	})
}
