package city

import (
	"context"
	"fmt"
	"path/filepath"

	"viche/actors"
	"viche/internal/ballot"
	"viche/internal/media"
	"viche/internal/store"
	"viche/modules/blogs"
	"viche/modules/people"
)

// openBlogs makes what residents say to each other.
func (c *City) openBlogs() (err error) {
	if c.Media, err = media.Open(filepath.Join(c.Config.Data, "media")); err != nil {
		return err
	}
	c.Blogs = blogs.New(blogs.Options{
		DB: c.DB, Book: c.Book, Federation: c.Federation, Media: c.Media, Box: c.Box, Log: c.Log,
		Rules: ballot.Rules{K: c.Config.K, Step: c.Config.Step, SnapshotEvery: c.Config.SnapshotEvery},
		Base:  c.Config.Base(), Write: c.Config.Blogs, Spheres: c.Config.Spheres,
		Writer: c.writer, Voices: c.voices, IsPoll: c.isPoll, Changed: c.Federation.Changed, Index: c.index,
	})
	c.Federation.Handle(c.Blogs.Inbox()...)
	return nil
}

// writer says who an account is to those who read what it writes.
func (c *City) writer(ctx context.Context, account int64) (blogs.Writer, error) {
	w := blogs.Writer{Account: account}
	var actor int64
	var kind string
	var person []byte
	var staff int
	err := c.DB.ReadBound().Row(ctx, []any{&actor, &kind, &w.Lang, &person, &staff}, `
		select a.actor, a.kind, a.lang, p.person_key, (select count(*) from roles r where r.account = a.id)
		from accounts a left join persons p on p.account = a.id
		where a.id = ? and a.deleted_at is null and a.suspended_at is null`, account)
	if err != nil {
		return w, err
	}
	w.Verified, w.Organisation, w.Staff = person != nil, kind == people.Organisation, staff > 0
	w.Actor, err = c.Book.ByID(ctx, c.DB.Read(), actor)
	if err == nil && (w.Actor.Suspended || w.Actor.Deleted) {
		err = store.ErrNotFound
	}
	return w, err
}

// voices are the channels that an account speaks for: whoever has a role for the
// whole city speaks for that and every sphere, others for their sphere.
func (c *City) voices(ctx context.Context, account int64) (list []actors.Actor, err error) {
	err = c.DB.Read().NewRaw(`
		select * from actors a
		where a.local = 1 and a.deleted = 0 and a.kind in ('news', 'sphere') and exists (
			select 1 from roles r where r.account = ? and (r.scope = '' or a.kind = 'sphere' and r.scope = a.handle))
		order by case when a.kind = 'news' then 0 else 1 end, a.id`, account).Scan(ctx, &list)
	if err != nil {
		return nil, fmt.Errorf("channels of an account: %w", store.Kind(err))
	}
	return list, nil
}

// isPoll tells whether an address is that of a civic poll, and where its page is.
func (c *City) isPoll(ctx context.Context, uri string) (string, bool) {
	var id string
	if err := c.DB.ReadBound().Row(ctx, []any{&id}, "select poll_id from polls where uri = ?", uri); err != nil {
		return "", false
	}
	return "/polls/" + id, true
}

// mayRead asks whose a stored object is that not everybody may read.
func (c *City) mayRead(ctx context.Context, uri string, reader actors.Actor) (bool, error) {
	return c.Blogs.MayRead(ctx, uri, reader)
}

// apart asks whether one of two blocks the other.
func (c *City) apart(ctx context.Context, tx *store.Tx, one, other actors.Actor) (bool, error) {
	return c.Blogs.Apart(ctx, tx, one, other)
}

// pinned are the posts that a resident put on top of the page.
func (c *City) pinned(ctx context.Context, actor int64) ([]string, error) {
	list, err := c.Blogs.Pinned(ctx, actor)
	uris := make([]string, len(list))
	for i, p := range list {
		uris[i] = p.URI
	}
	return uris, err
}

// followed tells a resident who follows, or asks to, and refuses whom the
// resident blocks.
func (c *City) followed(ctx context.Context, tx *store.Tx, followee, follower actors.Actor, accepted bool) error {
	return c.Blogs.FollowedBy(ctx, tx, followee, follower, accepted)
}
