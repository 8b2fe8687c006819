package federation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/riverqueue/river"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
)

// Followers synchronisation (FEP-8fcf): with what goes to followers alone, a
// server says which of them it believes to be at the other one. Where the other
// side knows better, follows that one of the two has forgotten are ended.

const (
	syncHeader = "Collection-Synchronization"
	syncPath   = "/followers_synchronization"
	mostSynced = 5000      // followers of one actor at one server
	syncEvery  = time.Hour // for one actor
)

// followersDigest is the exclusive or of the hashes of ids, in hexadecimal.
func followersDigest(uris []string) string {
	var all [sha256.Size]byte
	for _, uri := range uris {
		sum := sha256.Sum256([]byte(uri))
		for i := range all {
			all[i] ^= sum[i]
		}
	}
	return hex.EncodeToString(all[:])
}

// syncLine is the header's value for an actor of ours and a server.
func (c *City) syncLine(ctx context.Context, from actors.Actor, origin string) (string, error) {
	uris, err := c.Book.FollowersAt(ctx, c.DB.Read(), from.ID, origin, mostSynced)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(`collectionId="%s", url="%s", digest="%s"`, from.Followers, from.URI+syncPath, followersDigest(uris)), nil
}

// syncTo gives the header for a letter to followers alone, or nothing. It is the
// same for all deliveries to one server within a minute.
func (c *City) syncTo(ctx context.Context, l *letter, inbox string) string {
	origin, err := actors.Origin(inbox)
	if l.followers == "" || err != nil {
		return ""
	}
	key, now := l.followers+" "+origin, c.DB.Now()
	if line, ok := c.syncs.get(key, now); ok {
		return line
	}
	from, err := c.Book.ByID(ctx, c.DB.Read(), l.from)
	line := ""
	if err == nil {
		line, err = c.syncLine(ctx, from, origin)
	}
	if err != nil { // the letter goes without
		c.Log.Warn("followers at a server could not be summed up", "peer", origin, "err", err)
		return ""
	}
	c.syncs.put(key, line, now)
	return line
}

// toFollowers is the followers collection that a letter is for, if it is for
// that of its actor and not for everybody.
func toFollowers(raw []byte) string {
	m, err := readMembers(raw)
	if err != nil || isPublic(m) {
		return ""
	}
	for _, to := range append(m.texts("to"), m.texts("cc")...) {
		if strings.HasSuffix(to, "/followers") && strings.TrimSuffix(to, "/followers") == m.text("actor") {
			return to
		}
	}
	return ""
}

// followersThere answers a server with those followers of an actor of ours that
// are its own; nobody else's are told.
func (c *City) followersThere(w http.ResponseWriter, r *http.Request, a actors.Actor) {
	w.Header().Add("Vary", "Accept, Signature")
	asker, err := c.asker(r)
	if err != nil {
		c.refused("unsigned")
		http.Error(w, http.StatusText(http.StatusUnauthorized), http.StatusUnauthorized)
		return
	}
	origin, err := actors.Origin(asker.URI)
	if err != nil {
		c.fail(w, err)
		return
	}
	uris, err := c.Book.FollowersAt(r.Context(), c.DB.Read(), a.ID, origin, mostSynced)
	if err != nil {
		c.fail(w, err)
		return
	}
	raw, err := ap.Encode(map[string]any{
		"@context": ap.ActivityStreams, "id": a.URI + syncPath, "type": "OrderedCollection",
		"totalItems": len(uris), "orderedItems": append([]string{}, uris...),
	})
	if err != nil {
		c.fail(w, err)
		return
	}
	w.Header().Set("Cache-Control", "private, no-store")
	writeActivity(w, http.StatusOK, raw)
}

// A syncWish is the job of comparing those of ours who follow an actor with the
// list that the actor's server has.
type syncWish struct {
	Actor string `json:"actor"`
	URL   string `json:"url"`
}

// Kind names the job in the queue.
func (syncWish) Kind() string { return "federation.synchronise" }

// readSync reads the header. What it names must lie at the server of the actor,
// under the collection that the actor's own document names.
func readSync(header string, actor actors.Actor) (wish syncWish, digest string, good bool) {
	wish.Actor = actor.URI
	collection := ""
	for _, part := range strings.Split(header, ",") {
		name, value, found := strings.Cut(strings.TrimSpace(part), "=")
		value, quoted := strings.CutPrefix(value, `"`)
		value, closed := strings.CutSuffix(value, `"`)
		if !found || !quoted || !closed {
			return wish, "", false
		}
		switch name {
		case "collectionId":
			collection = value
		case "url":
			wish.URL = value
		case "digest":
			digest = strings.ToLower(value)
		}
	}
	good = collection != "" && collection == actor.Followers &&
		isAddress(wish.URL) && actors.SameOrigin(wish.URL, actor.URI) && len(digest) == 2*sha256.Size
	return wish, digest, good
}

// synced looks at the header of a delivery that was taken. Where the other side
// counts other followers than are here, a job asks for its list; once an actor
// and hour. Nothing that goes wrong here is the delivery's fault.
func (c *City) synced(r *http.Request, uri string) {
	headers := r.Header.Values(syncHeader)
	if len(headers) != 1 || len(headers[0]) > 3*maxID {
		return
	}
	if _, lately := c.synchronised.get(uri, c.DB.Now()); lately {
		return
	}
	ctx := r.Context()
	actor, err := c.Book.ByURI(ctx, c.DB.Read(), uri)
	if err != nil || actor.Local {
		return // whom we don't know, nobody here follows
	}
	wish, digest, good := readSync(headers[0], actor)
	if !good {
		c.refused("synchronization")
		return
	}
	ours, err := c.Book.FollowersAt(ctx, c.DB.Read(), actor.ID, c.Base, mostSynced)
	if err != nil || followersDigest(ours) == digest {
		return
	}
	c.synchronised.put(uri, true, c.DB.Now())
	err = c.DB.Write(context.WithoutCancel(ctx), func(ctx context.Context, tx *store.Tx) error {
		return tx.Enqueue(ctx, wish, &river.InsertOpts{MaxAttempts: 3})
	})
	if err != nil {
		c.Log.Warn("followers will not be compared", "peer", actor.Host, "err", err)
	}
}

// synchronise ends follows of ours that the other side does not know of, and
// tells it to end those that we don't know of.
func (c *City) synchronise(ctx context.Context, s syncWish) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	raw, err := c.Fetch(ctx, s.URL)
	if err != nil {
		return err
	}
	all, err := wholeList(raw)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, uri := range all {
		if c.IsLocal(uri) {
			there[uri] = true
		}
	}
	return c.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error { return c.agree(ctx, tx, s.Actor, there) })
}

// wholeList reads a collection of ids that stands in one document, as Mastodon
// gives it, without a number and however long. One in pages, or of which
// anything cannot be read, is refused: whoever is missing from a part would stop
// following.
func wholeList(raw []byte) ([]string, error) {
	m, err := readMembers(raw)
	if err != nil {
		return nil, err
	}
	name := "orderedItems"
	if m[name] == nil {
		name = "items"
	}
	all := m.texts(name)
	if m[name] == nil || m["first"] != nil || m["next"] != nil || m["prev"] != nil || len(all) != len(m.list(name)) {
		return nil, fmt.Errorf("%w: not a whole list of followers", ErrRefused)
	}
	var total int
	if m["totalItems"] != nil && (json.Unmarshal(m["totalItems"], &total) != nil || total != len(all)) {
		return nil, fmt.Errorf("%w: only a part of the followers", ErrRefused)
	}
	return all, nil
}

func (c *City) agree(ctx context.Context, tx *store.Tx, uri string, there map[string]bool) error {
	actor, err := c.Book.ByURI(ctx, tx, uri)
	if err != nil {
		return err
	}
	ours, err := c.Book.FollowersAt(ctx, tx, actor.ID, c.Base, mostSynced)
	if err != nil {
		return err
	}
	for _, one := range ours {
		if there[one] {
			delete(there, one)
			continue
		}
		who, err := c.Book.ByURI(ctx, tx, one)
		if err != nil {
			return err
		}
		if _, err := c.Book.Unfollow(ctx, tx, who.ID, actor.ID); err != nil {
			return err
		}
	}
	// Those that are left are followers only over there.
	for one := range there {
		if err := c.disown(ctx, tx, one, actor); err != nil {
			return err
		}
	}
	return nil
}

// disown tells a server that one of ours does not follow an actor of it.
func (c *City) disown(ctx context.Context, tx *store.Tx, uri string, actor actors.Actor) error {
	who, err := c.Book.ByURI(ctx, tx, uri)
	if errors.Is(err, store.ErrNotFound) || err == nil && (who.Deleted || who.Suspended) {
		return nil // nobody of ours whom we could speak for
	}
	if err != nil {
		return err
	}
	if _, err := c.Book.Following(ctx, tx, who.ID, actor.ID); err == nil {
		return nil // a wish that was granted a moment ago
	}
	e := ap.Envelope{ID: c.ActivityURI(), Actor: who.URI, To: []string{actor.URI}}
	raw, err := ap.Encode(e.Object("Undo", map[string]any{"id": c.ActivityURI(), "type": "Follow", "actor": who.URI, "object": actor.URI}))
	if err != nil {
		return err
	}
	return c.Publish(ctx, tx, who, raw, Audience{Actors: []string{actor.URI}})
}
