// Package blogs is what people say to each other: posts short and long, answers,
// likes, boosts, bookmarks, the timelines they are read in, and the notices that
// tell of them. A post from a form, from a client and from another server's
// inbox is kept in one table and shown by one template.
//
// Who may see a post is asked in one place (Audience), who may write one in
// another (MayWrite). Numbers under a post are counted when they are shown.
package blogs

import (
	"context"
	"embed"
	"log/slog"
	"time"

	"viche/actors"
	"viche/federation"
	"viche/internal/ballot"
	"viche/internal/media"
	"viche/internal/search"
	"viche/internal/store"
	"viche/web"
)

// Files are the pages and messages of this module.
//
//go:embed all:templates locales
var Files embed.FS

// Who may begin a conversation here; everybody verified may answer one.
const (
	WriteVerified = "verified" // residents seen by a moderator, and organisations
	WriteAnybody  = "anybody"  // every account
	WriteStaff    = "staff"    // moderators, operators, officers, organisations
)

// A Writer is what blogs know of somebody who is signed in.
type Writer struct {
	Account      int64
	Actor        actors.Actor
	Verified     bool
	Organisation bool
	Staff        bool
	Lang         string
}

// Options are what New needs.
type Options struct {
	DB         *store.DB
	Book       *actors.Book
	Federation *federation.City
	Media      *media.Store
	Box        *ballot.Box
	Rules      ballot.Rules
	Log        *slog.Logger

	Base    string // scheme and host
	Write   string // WriteVerified if empty
	Spheres []string

	// Writer finds who an account is; store.ErrNotFound for one that is gone.
	Writer func(ctx context.Context, account int64) (Writer, error)
	// Voices are the channels that an account may speak for: the city's news and
	// the spheres that it moderates. Nil means none.
	Voices func(ctx context.Context, account int64) ([]actors.Actor, error)
	// IsPoll tells whether an address is one of the civic polls, which have a
	// page and a way to vote of their own, and gives that page.
	IsPoll func(ctx context.Context, uri string) (page string, ok bool)
	// Changed tells the network that a resident's profile did; nil does nothing.
	Changed func(ctx context.Context, tx *store.Tx, actorID int64) error
	// Index has search find a post, or not find it any more; nil does nothing.
	Index func(ctx context.Context, tx *store.Tx, it search.Item) error
}

// Blogs is the module of one instance. It is safe for many goroutines.
type Blogs struct {
	Options
	site   *web.Site
	asking *asking
}

// New makes the module.
func New(o Options) *Blogs {
	if o.Write == "" {
		o.Write = WriteVerified
	}
	return &Blogs{Options: o}
}

// Periodic is what comes round by the clock.
func (b *Blogs) Periodic() []store.Periodic {
	return []store.Periodic{
		{Name: "blogs.due", Every: 20 * time.Second, Do: b.PublishDue},
		{Name: "blogs.ask", Every: 3 * time.Second, Do: b.askAll},
		{Name: "blogs.polls", Every: 10 * time.Second, Do: b.ClosePolls},
		{Name: "blogs.tidy", Every: 6 * time.Hour, Do: b.Tidy},
	}
}

func (b *Blogs) askAll(ctx context.Context) error {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		if n, err := b.Ask(ctx); err != nil || n == 0 {
			return err
		}
	}
	return nil
}

// MayWrite tells whether somebody may begin a conversation; answering one needs
// a verified account only.
func (b *Blogs) MayWrite(w Writer, answering bool) bool {
	switch {
	case w.Organisation, w.Staff, b.Write == WriteAnybody:
		return true
	case b.Write == WriteVerified, answering:
		return w.Verified
	}
	return false
}
