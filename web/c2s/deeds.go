package c2s

import (
	"context"
	"errors"
	"fmt"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
	"viche/modules/blogs"
)

// post finds the post that an activity is about, at its own server if need be.
// Whether it may be seen, the command asks.
func (a *API) post(ctx context.Context, o *ap.Object, field string) (*blogs.Post, error) {
	if o == nil || o.ID == "" {
		return nil, malformed(field, "the id of a post is wanted")
	}
	p, err := a.Blogs.Fetch(ctx, o.ID)
	return p, fetched(err, field)
}

// somebody finds the actor that an activity is about.
func (a *API) somebody(ctx context.Context, uri, field string) (actors.Actor, error) {
	if uri == "" {
		return actors.Actor{}, malformed(field, "the id of an actor is wanted")
	}
	who, err := a.Federation.Actor(ctx, uri)
	if err == nil && (who.Deleted || who.Suspended) {
		err = store.ErrNotFound
	}
	return who, fetched(err, field)
}

func (a *API) like(ctx context.Context, p *posting) (string, error) {
	target, err := a.post(ctx, p.object, "object")
	if err != nil {
		return "", err
	}
	me := p.writer.Actor
	if err := a.Blogs.Like(ctx, me, target.ID); err != nil {
		return "", err
	}
	return a.done(ctx, me, "Like", target.ID)
}

func (a *API) announce(ctx context.Context, p *posting) (string, error) {
	target, err := a.post(ctx, p.object, "object")
	if err != nil {
		return "", err
	}
	me := p.writer.Actor
	if err := a.Blogs.Boost(ctx, me, target.ID); err != nil {
		return "", err
	}
	return a.done(ctx, me, "Announce", target.ID)
}

func (a *API) follow(ctx context.Context, p *posting) (string, error) {
	target, err := a.somebody(ctx, p.object.ID, "object")
	if err != nil {
		return "", err
	}
	me := p.writer.Actor
	if err := a.Blogs.Follow(ctx, me, target); err != nil {
		return "", err
	}
	return a.done(ctx, me, "Follow", target.ID)
}

func (a *API) block(ctx context.Context, p *posting) (string, error) {
	target, err := a.somebody(ctx, p.object.ID, "object")
	if err != nil {
		return "", err
	}
	me := p.writer.Actor
	if err := a.Blogs.Block(ctx, me, target); err != nil {
		return "", err
	}
	return a.done(ctx, me, "Block", target.ID)
}

func (a *API) done(ctx context.Context, me actors.Actor, kind string, of int64) (string, error) {
	d, err := a.Blogs.Done(ctx, me.ID, kind, of)
	return d.URI, err
}

// undo takes back what the own actor did: named by the activity's id, or given as
// its type and object. Taking back what was not done is refused, for the client
// believes something that is not so.
func (a *API) undo(ctx context.Context, p *posting) (string, error) {
	me := p.writer.Actor
	if p.object.Actor != "" && p.object.Actor != me.URI {
		return "", errOthers.about("object.actor")
	}
	deed, err := a.Blogs.Did(ctx, me.ID, p.object.ID)
	if errors.Is(err, store.ErrNotFound) {
		deed, err = a.deedOf(ctx, me, p.object)
	}
	if errors.Is(err, store.ErrNotFound) {
		return "", errMissing.about("object")
	}
	if err != nil {
		return "", err
	}
	switch deed.Kind {
	case "Like":
		return "", a.Blogs.Unlike(ctx, me, deed.Of)
	case "Announce":
		return "", a.Blogs.Unboost(ctx, me, deed.Of)
	}
	target, err := a.Book.ByID(ctx, a.DB.Read(), deed.Of)
	if err != nil {
		return "", err
	}
	if deed.Kind == "Follow" {
		return "", a.Blogs.Unfollow(ctx, me, target)
	}
	return "", a.Blogs.Unblock(ctx, me, target)
}

// deedOf finds a deed by what it was about, among what is known here.
func (a *API) deedOf(ctx context.Context, me actors.Actor, o *ap.Object) (blogs.Deed, error) {
	if o.Object == nil || o.Object.ID == "" {
		return blogs.Deed{}, fmt.Errorf("undo: %w", store.ErrNotFound)
	}
	var of int64
	switch o.Type {
	case "Like", "Announce":
		target, err := a.Blogs.ByURI(ctx, a.DB.Read(), o.Object.ID)
		if err != nil {
			return blogs.Deed{}, err
		}
		of = target.ID
	case "Follow", "Block":
		target, err := a.Book.ByURI(ctx, a.DB.Read(), o.Object.ID)
		if err != nil {
			return blogs.Deed{}, err
		}
		of = target.ID
	default:
		return blogs.Deed{}, errUnsupported.about("object.type", "Type", o.Type)
	}
	return a.Blogs.Done(ctx, me.ID, o.Type, of)
}

// answerFollow accepts or rejects somebody's wish to follow; a Reject also ends a
// follow that was accepted.
func (a *API) answerFollow(ctx context.Context, p *posting) (string, error) {
	me := p.writer.Actor
	f, err := a.Book.FollowByURI(ctx, a.DB.Read(), p.object.ID)
	if errors.Is(err, store.ErrNotFound) && p.object.Type == "Follow" && p.object.Actor != "" {
		var from actors.Actor
		if from, err = a.Book.ByURI(ctx, a.DB.Read(), p.object.Actor); err == nil {
			f, err = a.Book.Following(ctx, a.DB.Read(), from.ID, me.ID)
		}
	}
	if errors.Is(err, store.ErrNotFound) || err == nil && f.Followee != me.ID {
		return "", errMissing.about("object")
	}
	if err != nil {
		return "", err
	}
	follower, err := a.Book.ByID(ctx, a.DB.Read(), f.Follower)
	if err != nil {
		return "", err
	}
	return "", a.Blogs.AnswerFollow(ctx, me, follower, p.activity.Type == "Accept")
}

// pin puts an own post on top of one's page, or takes it down: the only
// collection that a client may change is its actor's featured one.
func (a *API) pin(ctx context.Context, p *posting) (string, error) {
	me := p.writer.Actor
	if p.activity.Target != me.URI+"/featured" {
		return "", errUnsupported.about("target", "Type", p.activity.Type)
	}
	target, err := a.post(ctx, p.object, "object")
	if err != nil {
		return "", err
	}
	if p.activity.Type == "Add" {
		return "", a.Blogs.Pin(ctx, me, target.ID)
	}
	return "", a.Blogs.Unpin(ctx, me, target.ID)
}

func (a *API) delete(ctx context.Context, p *posting) (string, error) {
	target, err := a.ownPost(ctx, p)
	if err != nil {
		return "", err
	}
	return "", a.Blogs.Delete(ctx, p.writer.Actor, target.ID)
}

// ownPost is the post of one's own that an Update or a Delete is about. Another's
// is another's, whether or not it may be seen.
func (a *API) ownPost(ctx context.Context, p *posting) (*blogs.Post, error) {
	target, err := a.Blogs.ByURI(ctx, a.DB.Read(), p.object.ID)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && target.Author == p.writer.Actor.ID && target.Deleted > 0:
		return nil, errMissing.about("object")
	case err != nil:
		return nil, err
	case target.Author != p.writer.Actor.ID:
		return nil, errOthers.about("object")
	}
	return target, nil
}
