package c2s

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/go-fed/activity/pub"
	"github.com/go-fed/activity/streams"
	"github.com/go-fed/activity/streams/vocab"

	"viche/federation/ap"
)

// drive has go-fed's pub do what it does well with what a client posted: find
// the type, wrap what is no activity in a Create, attribute it, and copy the
// addressees between the two. The normalised activity comes back; nothing is
// stored or sent. newID gives ids that only pub needs: the command that follows
// gives the true ones.
func drive(ctx context.Context, me string, newID func() string, body []byte) (activity []byte, err error) {
	// Versions of the library panic on some documents ("duration":""). What a
	// client can cause is the client's fault.
	defer func() {
		if r := recover(); r != nil {
			activity, err = nil, malformed("", "the document cannot be read: %v", r)
		}
	}()
	actor, err := url.Parse(me)
	if err != nil {
		return nil, fmt.Errorf("own id: %w", err)
	}
	s := &social{actor: actor, newID: newID}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, me+"/outbox", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", ap.ContentType)
	var w answer
	handled, err := pub.NewSocialActor(alone{}, s, shelf{social: s}, s).PostOutbox(ctx, &w, r)
	var no *refusal
	switch {
	case errors.As(err, &no):
		return nil, err
	case err != nil:
		return nil, malformed("", "%v", err)
	case !handled || w.status != http.StatusCreated || s.yielded == nil:
		return nil, malformed("", "no activity or object that is known here")
	}
	return s.yielded, nil
}

// answer swallows what pub would tell the client.
type answer struct {
	header http.Header
	status int
}

func (w *answer) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}

func (w *answer) Write(p []byte) (int, error) { return len(p), nil }
func (w *answer) WriteHeader(status int)      { w.status = status }

// social is all that pub is given to work with, for one request: it remembers
// nothing but the activity that comes out.
type social struct {
	actor   *url.URL
	newID   func() string
	yielded []byte
}

func (s *social) yield(activity vocab.Type) error {
	m, err := streams.Serialize(activity)
	if err != nil {
		return err
	}
	s.yielded, err = json.Marshal(m)
	return err
}

// SocialCallbacks says what pub does about each type. Of its own effects we keep
// those of Create, Follow and Block, which need no database.
func (s *social) SocialCallbacks(context.Context) (pub.SocialWrappedCallbacks, []any, error) {
	return pub.SocialWrappedCallbacks{
			Create: func(_ context.Context, a vocab.ActivityStreamsCreate) error { return s.yield(a) },
			Follow: func(_ context.Context, a vocab.ActivityStreamsFollow) error { return s.yield(a) },
			Block:  func(_ context.Context, a vocab.ActivityStreamsBlock) error { return s.yield(a) },
		}, []any{
			func(_ context.Context, a vocab.ActivityStreamsUpdate) error { return s.yield(a) },
			func(_ context.Context, a vocab.ActivityStreamsDelete) error { return s.yield(a) },
			func(_ context.Context, a vocab.ActivityStreamsUndo) error { return s.yield(a) },
			func(_ context.Context, a vocab.ActivityStreamsLike) error { return s.yield(a) },
			func(_ context.Context, a vocab.ActivityStreamsAnnounce) error { return s.yield(a) },
			func(_ context.Context, a vocab.ActivityStreamsAdd) error { return s.yield(a) },
			func(_ context.Context, a vocab.ActivityStreamsRemove) error { return s.yield(a) },
			func(_ context.Context, a vocab.ActivityStreamsAccept) error { return s.yield(a) },
			func(_ context.Context, a vocab.ActivityStreamsReject) error { return s.yield(a) },
		}, nil
}

// DefaultCallback refuses every other type.
func (s *social) DefaultCallback(_ context.Context, a pub.Activity) error {
	return errUnsupported.about("type", "Type", a.GetTypeName())
}

// AuthenticatePostOutbox has been done before.
func (s *social) AuthenticatePostOutbox(ctx context.Context, _ http.ResponseWriter, _ *http.Request) (context.Context, bool, error) {
	return ctx, true, nil
}

// PostOutboxRequestBodyHook has nothing to add.
func (s *social) PostOutboxRequestBodyHook(ctx context.Context, _ *http.Request, _ vocab.Type) (context.Context, error) {
	return ctx, nil
}

// Now is of no use to what we have pub do.
func (s *social) Now() time.Time { return time.Time{} }

// alone is an actor who reads no box and reaches nobody. pub asks nothing of it
// in what we have it do; if it did, that would be a panic and so a refusal.
type alone struct{ pub.CommonBehavior }

// shelf stands where pub wants a database, and keeps nothing: what it would write
// is written by the command that follows. What is missing here is never asked for.
type shelf struct {
	pub.Database
	social *social
}

// NewID names the activity and its objects until a command does.
func (s shelf) NewID(context.Context, vocab.Type) (*url.URL, error) {
	return url.Parse(s.social.newID())
}

// ActorForOutbox is whose outbox it is.
func (s shelf) ActorForOutbox(context.Context, *url.URL) (*url.URL, error) {
	return s.social.actor, nil
}

// Lock has nothing to lock.
func (shelf) Lock(context.Context, *url.URL) error { return nil }

// Unlock has nothing to unlock.
func (shelf) Unlock(context.Context, *url.URL) error { return nil }

// Create keeps nothing.
func (shelf) Create(context.Context, vocab.Type) error { return nil }

// GetOutbox is always empty.
func (shelf) GetOutbox(context.Context, *url.URL) (vocab.ActivityStreamsOrderedCollectionPage, error) {
	return streams.NewActivityStreamsOrderedCollectionPage(), nil
}

// SetOutbox keeps nothing.
func (shelf) SetOutbox(context.Context, vocab.ActivityStreamsOrderedCollectionPage) error {
	return nil
}
