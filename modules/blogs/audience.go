package blogs

import (
	"context"
	"errors"
	"slices"

	"github.com/uptrace/bun"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
)

func isNotFound(err error) bool { return errors.Is(err, store.ErrNotFound) }

// Audience tells whether an actor may see a post; reader is nil for somebody
// whom we don't know. It is the one place where this is decided, for pages,
// clients and other servers alike. Whoever may not see it is told that it does
// not exist.
func (b *Blogs) Audience(ctx context.Context, idb bun.IDB, p *Post, reader *actors.Actor) (bool, error) {
	switch {
	case p.Deleted > 0:
		return false, nil
	case reader != nil && reader.ID == p.Author:
		return true, nil
	case p.Hidden:
		return false, nil
	}
	gone, err := exists(ctx, idb, "select 1 from actors where id = ? and suspended = 1", p.Author)
	if err != nil || gone {
		return false, err
	}
	if reader == nil {
		return p.Open(), nil
	}
	blocked, err := b.Shunned(ctx, idb, p.Author, *reader)
	if err != nil || blocked {
		return false, err
	}
	if p.Open() {
		return true, nil
	}
	named, err := exists(ctx, idb, "select 1 from post_mentions where actor = ? and post = ?", reader.ID, p.ID)
	if err != nil || named || p.Visibility == Direct {
		return named, err
	}
	return exists(ctx, idb, "select 1 from follows where follower = ? and followee = ? and state = 'accepted'", reader.ID, p.Author)
}

// MayRead is Audience for another server that asks for an object of ours by its
// id. Objects that are no posts are for nobody else to read.
func (b *Blogs) MayRead(ctx context.Context, uri string, reader actors.Actor) (bool, error) {
	p, err := b.ByURI(ctx, b.DB.Read(), uri)
	if isNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return b.Audience(ctx, b.DB.Read(), p, &reader)
}

// Shunned tells whether an actor has blocked another, or everybody of its host.
func (b *Blogs) Shunned(ctx context.Context, idb bun.IDB, by int64, other actors.Actor) (bool, error) {
	return exists(ctx, idb, "select 1 from shuns where actor = ? and kind = 'block' and (other = ? or other = 0 and host = ?)", by, other.ID, other.Host)
}

func exists(ctx context.Context, idb bun.IDB, query string, args ...any) (bool, error) {
	var one int
	err := row(ctx, idb, []any{&one}, query+" limit 1", args...)
	if isNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// addressed writes a visibility the way the network does: whom a post is to,
// and whom it is also for.
func addressed(author actors.Actor, visibility string, mentioned []actors.Actor) (to, cc []string) {
	named := make([]string, 0, len(mentioned))
	for _, a := range mentioned {
		if !slices.Contains(named, a.URI) {
			named = append(named, a.URI)
		}
	}
	switch visibility {
	case Public:
		return []string{ap.Public}, append([]string{author.Followers}, named...)
	case Unlisted:
		return []string{author.Followers}, append([]string{ap.Public}, named...)
	case Followers:
		return append([]string{author.Followers}, named...), nil
	}
	return named, nil
}

// visibilityOf reads it back from what another server addressed.
func visibilityOf(o *ap.Object, author actors.Actor) string {
	switch {
	case slices.Contains(o.To, ap.Public):
		return Public
	case slices.Contains(o.Cc, ap.Public):
		return Unlisted
	case author.Followers != "" && (slices.Contains(o.To, author.Followers) || slices.Contains(o.Cc, author.Followers)):
		return Followers
	}
	return Direct
}
