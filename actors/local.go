package actors

import (
	"context"
	"errors"
	"fmt"

	"viche/internal/store"
)

// Local is a new actor of ours: a resident, an organisation or a club.
type Local struct {
	Kind    string // Resident, Organisation or Club
	Handle  string
	Name    string
	Summary string
}

// Create adds an actor of ours and returns it. A handle that is taken gives
// store.ErrExists, one that cannot be used store.ErrInvalid. Keys are made when
// first needed, not here.
func (b *Book) Create(ctx context.Context, tx *store.Tx, l Local) (Actor, error) {
	if !ValidHandle(l.Handle) {
		return Actor{}, store.Invalid("handle", "actors.handle.invalid", "handle", l.Handle)
	}
	a := b.draft(b.base+"/users/"+l.Handle, l.Kind, l.Handle)
	a.Name, a.Summary = l.Name, l.Summary
	a.Type = "Person"
	switch l.Kind {
	case Club:
		a.Type = "Group"
	case Organisation:
		a.Type = "Organization"
	}
	if err := b.insert(ctx, tx, &a); err != nil {
		return Actor{}, fmt.Errorf("create actor %s: %w", l.Handle, err)
	}
	return a, nil
}

// Rename changes what a local actor shows; the handle and the id stay.
func (b *Book) Rename(ctx context.Context, tx *store.Tx, id int64, name, summary, icon string) error {
	n, err := tx.Exec(ctx, "update actors set name = ?, summary = ?, icon = ? where id = ? and local = 1", name, summary, icon, id)
	if err == nil && n == 0 {
		err = store.ErrNotFound
	}
	return err
}

// Found makes sure that the instance's own actors exist: the instance itself,
// the city's news and the twenty spheres. It may run at every start; names
// follow the settings.
func (b *Book) Found(ctx context.Context, name string) error {
	err := b.db.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		instance := b.draft(b.base+"/actor", Instance, hostname(b.host))
		instance.Type, instance.Name, instance.URL = "Application", name, b.base+"/"
		news := b.draft(b.base+"/news", News, "city")
		news.Type, news.Name = "Organization", name
		all := []Actor{instance, news}
		for _, s := range Spheres {
			a := b.draft(b.base+"/spheres/"+s.Slug, Sphere, s.Slug)
			a.Type, a.Name = "Group", s.NameUK
			all = append(all, a)
		}
		for _, a := range all {
			err := b.insertNew(ctx, tx, a)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("found %s: %w", b.host, err)
	}
	instance, err := b.Own(ctx, b.db.Read(), Instance)
	if err != nil {
		return err
	}
	_, _, err = b.RSA(ctx, instance.ID)
	return err
}

// insertNew adds an own actor, or brings the name of the present one up to date.
func (b *Book) insertNew(ctx context.Context, tx *store.Tx, a Actor) error {
	present, err := b.ByURI(ctx, tx, a.URI)
	if errors.Is(err, store.ErrNotFound) {
		return b.insert(ctx, tx, &a)
	}
	if err != nil || present.Name == a.Name {
		return err
	}
	_, err = tx.Exec(ctx, "update actors set name = ? where id = ?", a.Name, present.ID)
	return err
}

func (b *Book) draft(uri, kind, handle string) Actor {
	return Actor{
		ID: store.NewID(), URI: uri, Kind: kind, Handle: handle, Host: b.host,
		URL: b.base + "/@" + handle, Inbox: uri + "/inbox", SharedInbox: b.base + "/inbox",
		Outbox: uri + "/outbox", Followers: uri + "/followers", Local: true, Open: true,
	}
}

func (b *Book) insert(ctx context.Context, tx *store.Tx, a *Actor) error {
	a.Published = store.Millis(tx.Now)
	_, err := tx.NewInsert().Model(a).Value("local", "?", store.Flag(a.Local)).Value("open", "?", store.Flag(a.Open)).
		Value("suspended", "?", store.Flag(a.Suspended)).Value("deleted", "?", store.Flag(a.Deleted)).
		Value("indexable", "?", store.Flag(a.Indexable)).Exec(ctx)
	return store.Kind(err)
}

// Suspend hides an actor and stops all traffic with it; Restore takes it back.
func (b *Book) Suspend(ctx context.Context, tx *store.Tx, id int64) error {
	_, err := tx.Exec(ctx, "update actors set suspended = 1 where id = ?", id)
	return err
}

// Restore ends a suspension.
func (b *Book) Restore(ctx context.Context, tx *store.Tx, id int64) error {
	_, err := tx.Exec(ctx, "update actors set suspended = 0 where id = ?", id)
	return err
}

// Forget turns an actor into a tombstone: what it said of itself, its keys and
// its follows go; the row stays so that the id can't be used again.
func (b *Book) Forget(ctx context.Context, tx *store.Tx, id int64) error {
	for _, q := range []string{
		"update actors set deleted = 1, name = '', summary = '', icon = '' where id = ?",
		"delete from actor_keys where actor = ?",
		"delete from follows where follower = ?",
		"delete from follows where followee = ?",
	} {
		if _, err := tx.Exec(ctx, q, id); err != nil {
			return fmt.Errorf("forget actor %d: %w", id, err)
		}
	}
	tx.AfterCommit(func() { b.opened.drop(id) })
	return nil
}
