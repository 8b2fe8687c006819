package federation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
)

// An envelope is the little of an activity that decides whether it is let in.
type envelope struct {
	id, kind, actor, object string
	proof                   bool // there is one; whether it holds is another question
}

// refusal is an answer to a sender: 4xx where trying again is of no use, 5xx
// where it may be.
type refusal struct {
	status int
	err    error
}

func (r refusal) Error() string { return r.err.Error() }
func (r refusal) Unwrap() error { return r.err }

// receive is POST on any inbox: it lets an activity in or turns it away. 202
// means that it is safely stored, and mostly that it is done too.
func (c *City) receive(w http.ResponseWriter, r *http.Request) {
	err := c.accept(w, r)
	if err == nil {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	status := http.StatusServiceUnavailable
	var no refusal
	switch {
	case errors.As(err, &no):
		status = no.status
	case errors.Is(err, ErrSignature), errors.Is(err, ErrRefused), errors.Is(err, ErrGone):
		status = http.StatusUnauthorized
	}
	if errors.Is(err, store.ErrDenied) {
		status = http.StatusForbidden
	}
	if status >= 500 || status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "60")
	}
	c.refused(reason(status, err))
	c.Log.Info("activity turned away", "status", status, "peer", r.RemoteAddr, "err", err)
	http.Error(w, http.StatusText(status), status)
}

func (c *City) accept(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	if err := c.admitAddress(r); err != nil {
		return err
	}
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	if !IsActivityType(r.Header.Get("Content-Type")) {
		return refusal{http.StatusUnsupportedMediaType, fmt.Errorf("content type %q", r.Header.Get("Content-Type"))}
	}
	e, err := readEnvelope(body)
	if err != nil {
		return refusal{http.StatusBadRequest, err}
	}
	found, err := c.authenticate(ctx, r, body, e)
	if errors.Is(err, errNothingToDo) {
		return nil
	}
	if err != nil {
		return err
	}
	if !actors.SameOrigin(e.id, e.actor) {
		return refusal{http.StatusBadRequest, errors.New("the activity's id is of another server than its actor")}
	}
	a, err := ap.Parse(body)
	if err != nil {
		return refusal{http.StatusBadRequest, err}
	}
	err = c.flow.through(c, &incoming{
		envelope: e, body: body, seen: seenKey(e, body), activity: a, found: found, ready: c.ready(ctx, a),
	})
	if err == nil {
		c.synced(r, e.actor)
	}
	return err
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > maxBody {
		return nil, refusal{http.StatusRequestEntityTooLarge, fmt.Errorf("%d bytes", r.ContentLength)}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var long *http.MaxBytesError
	if errors.As(err, &long) {
		return nil, refusal{http.StatusRequestEntityTooLarge, err}
	}
	if err != nil {
		return nil, refusal{http.StatusBadRequest, err}
	}
	return body, nil
}

func readEnvelope(body []byte) (e envelope, err error) {
	m, err := readMembers(body)
	if err != nil {
		return e, err
	}
	e = envelope{id: m.text("id"), kind: m.kind(), actor: m.ref("actor"), object: m.ref("object"), proof: m["proof"] != nil}
	if !isAddress(e.id) || !isAddress(e.actor) || e.kind == "" {
		return e, errors.New("id, type or actor is missing or unusable")
	}
	return e, nil
}

// errNothingToDo answers 202 without a trace.
var errNothingToDo = errors.New("nothing to do")

// authenticate makes sure that the actor itself sent this. It returns the
// actor as fetched, if it had to be.
func (c *City) authenticate(ctx context.Context, r *http.Request, body []byte, e envelope) (*actors.RemoteActor, error) {
	farewell := e.kind == "Delete" && e.object == e.actor
	if farewell {
		// Whole servers tell everybody about everyone who leaves; the keys of
		// those can't be had any more.
		known, err := c.Book.ByURI(ctx, c.DB.Read(), e.actor)
		if errors.Is(err, store.ErrNotFound) || err == nil && known.Deleted {
			return nil, errNothingToDo
		}
		if err != nil {
			return nil, err
		}
	}
	cl, err := readClaim(r, body, c.Base, c.DB.Now())
	if err != nil {
		return nil, err
	}
	if !actors.SameOrigin(cl.KeyID, e.actor) && !e.proof {
		return nil, fmt.Errorf("%w: the key is not the actor's", ErrSignature)
	}
	if err := c.mayMeet(ctx, cl.KeyID); err != nil {
		return nil, err
	}
	if err := c.admitHost(cl.KeyID); err != nil {
		return nil, err
	}
	k, err := c.verify(ctx, cl)
	if err != nil {
		c.failed(r)
		if farewell && c.isGone(ctx, e.actor) {
			return nil, nil
		}
		return nil, err
	}
	if k.owner == e.actor {
		return k.found, nil
	}
	if !e.proof {
		return nil, fmt.Errorf("%w: the key is not the actor's", ErrSignature)
	}
	return c.proven(ctx, body, e)
}

// isGone asks the actor's own server whether the actor was deleted.
func (c *City) isGone(ctx context.Context, uri string) bool {
	_, err := c.fetchActor(ctx, uri)
	return errors.Is(err, ErrGone)
}

// seenKey names an activity by sender and id. GoToSocial sends every Update of
// a poll under one id, and snac likes and boosts a post under one id again and
// again, each time after an Undo: these count as seen only with the same bytes.
func seenKey(e envelope, body []byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n", e.actor, e.id)
	switch e.kind {
	case "Update", "Like", "EmojiReact", "Announce":
		h.Write(body)
	}
	return hex.EncodeToString(h.Sum(nil))
}
