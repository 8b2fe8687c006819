package federation

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
)

// Routes adds what other servers ask for: discovery, actors, their boxes and
// lists. An actor's address shows people its page.
func (c *City) Routes(r chi.Router) {
	r.Get("/.well-known/webfinger", c.webfinger)
	r.Get("/.well-known/host-meta", c.hostMeta)
	r.Get("/.well-known/nodeinfo", c.nodeinfoLinks)
	r.Get("/nodeinfo/{version}", c.nodeinfo)
	r.Post("/inbox", c.receive)
	r.Get("/@{handle}", c.byHandle)
	r.Get("/activities/{id}", c.activity)
	c.lists(r)
	for pattern, uri := range map[string]func(*http.Request) string{
		"/actor":            func(*http.Request) string { return c.Base + "/actor" },
		"/news":             func(*http.Request) string { return c.Base + "/news" },
		"/users/{handle}":   func(r *http.Request) string { return c.Base + "/users/" + chi.URLParam(r, "handle") },
		"/spheres/{sphere}": func(r *http.Request) string { return c.Base + "/spheres/" + chi.URLParam(r, "sphere") },
	} {
		with := func(serve func(http.ResponseWriter, *http.Request, actors.Actor)) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				a, err := c.own(r.Context(), uri(r))
				if err != nil {
					c.fail(w, err)
					return
				}
				serve(w, r, a)
			}
		}
		r.Get(pattern, with(c.byID))
		r.Post(pattern+"/inbox", with(func(w http.ResponseWriter, r *http.Request, _ actors.Actor) { c.receive(w, r) }))
		r.Get(pattern+"/outbox", with(c.outbox))
		r.Get(pattern+"/followers", with(c.followers))
		r.Get(pattern+"/following", with(c.following))
		r.Get(pattern+syncPath, with(c.followersThere))
	}
}

// own finds an actor of ours that may be shown; for anything else it says not
// found, so that nobody learns more.
func (c *City) own(ctx context.Context, uri string) (actors.Actor, error) {
	a, err := c.Book.ByURI(ctx, c.DB.Read(), uri)
	if err == nil && (!a.Local || a.Suspended) {
		err = store.ErrNotFound
	}
	return a, err
}

// byHandle is /@handle: the page for people, the document for servers.
func (c *City) byHandle(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "Accept")
	if !WantsActivity(r) && c.Page != nil {
		c.Page.ServeHTTP(w, r)
		return
	}
	a, err := c.Book.ByHandle(r.Context(), c.DB.Read(), chi.URLParam(r, "handle"))
	if err == nil && (!a.Local || a.Suspended) {
		err = store.ErrNotFound
	}
	if err != nil {
		c.fail(w, err)
		return
	}
	c.serveActor(w, r, a)
}

// byID is an actor's id: the document for servers; people are led to the page.
func (c *City) byID(w http.ResponseWriter, r *http.Request, a actors.Actor) {
	w.Header().Add("Vary", "Accept")
	if !WantsActivity(r) && a.URL != "" && c.Page != nil {
		http.Redirect(w, r, a.URL, http.StatusSeeOther)
		return
	}
	c.serveActor(w, r, a)
}

func (c *City) serveActor(w http.ResponseWriter, r *http.Request, a actors.Actor) {
	if a.Deleted {
		raw, err := ap.Encode(map[string]any{"@context": ap.ActivityStreams, "id": a.URI, "type": "Tombstone", "formerType": a.Type})
		if err != nil {
			c.fail(w, err)
			return
		}
		writeActivity(w, http.StatusGone, raw)
		return
	}
	doc, err := c.Document(r.Context(), a)
	if errors.Is(err, errBusy) {
		w.Header().Set("Retry-After", "5")
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return
	}
	if err != nil {
		c.fail(w, err)
		return
	}
	raw, err := doc.Encode()
	if err != nil {
		c.fail(w, err)
		return
	}
	writeActivity(w, http.StatusOK, raw)
}

var errBusy = errors.New("federation: too many new keys at once")

// Document is the actor document of one of ours. Asking for it makes the
// actor's keys if it has none yet; strangers can have that done only so often.
func (c *City) Document(ctx context.Context, a actors.Actor) (*ap.Actor, error) {
	keys, err := c.Book.PublicKeys(ctx, c.DB.Read(), a.ID)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		if !c.making.Allow() {
			return nil, errBusy
		}
		if _, _, err := c.Book.RSA(ctx, a.ID); err != nil {
			return nil, err
		}
		if keys, err = c.Book.PublicKeys(ctx, c.DB.Read(), a.ID); err != nil {
			return nil, err
		}
	}
	return c.describe(ctx, a, keys)
}

// describe is Document where the keys are at hand. It asks nothing of the
// database, so it may be called inside a Write.
func (c *City) describe(ctx context.Context, a actors.Actor, keys []actors.PublicKey) (*ap.Actor, error) {
	person := a.Kind == actors.Resident || a.Kind == actors.Organisation || a.Kind == actors.Club
	doc := &ap.Actor{
		ID: a.URI, Type: a.Type, Handle: a.Handle, Name: a.Name, Summary: a.Summary, URL: a.URL,
		Inbox: a.Inbox, Outbox: a.Outbox, Followers: a.Followers, Following: a.URI + "/following",
		SharedInbox: a.SharedInbox, Icon: a.Icon, Image: a.Image, Published: store.Time(a.Published),
		// Whether a person's words may be found by search is theirs to say (FEP-5feb).
		Discoverable: true, Indexable: !person || a.Indexable, ByApproval: !a.Open,
		OnlyModeratorsPost: a.Kind == actors.Sphere, WebFinger: a.Handle + "@" + a.Host,
		MovedTo: a.MovedTo, AlsoKnownAs: a.AlsoKnownAs(), Implements: []string{rfc9421Spec},
	}
	for _, f := range a.Lines() {
		doc.Fields = append(doc.Fields, ap.Field{Name: f.Name, Value: f.Value})
	}
	if person && c.Pinned != nil {
		doc.Featured = a.URI + "/featured"
	}
	if a.Kind == actors.Sphere {
		doc.Moderators = a.URI + "/moderators"
	}
	for _, k := range keys {
		if k.Kind == actors.KeyRSA {
			doc.Keys = append(doc.Keys, ap.PublicKey{ID: k.URI, Owner: a.URI, PEM: k.Text})
		} else {
			doc.AssertionMethods = append(doc.AssertionMethods, ap.Multikey{ID: k.URI, Controller: a.URI, Text: k.Text})
		}
	}
	if a.Kind == actors.Instance {
		for _, m := range c.Methods {
			doc.AssertionMethods = append(doc.AssertionMethods, ap.Multikey{ID: m.ID, Controller: a.URI, Text: ap.EncodeMultikey(m.Public)})
		}
	}
	if c.Describe != nil {
		if err := c.Describe(ctx, a, doc); err != nil {
			return nil, err
		}
	}
	return doc, nil
}

// Negotiate serves the stored objects of ours under their own addresses to
// whoever asks for ActivityPub, and leaves all other requests to next, which
// has the page for people at the same address. What is not for everybody is
// served to those alone who sign and may have it; to others it is not there. In
// secure mode it guards whatever next serves of that type too.
func (c *City) Negotiate(next http.Handler) http.Handler {
	return c.secured(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead || !WantsActivity(r) {
			next.ServeHTTP(w, r)
			return
		}
		raw, status, err := c.object(r)
		switch {
		case errors.Is(err, store.ErrNotFound):
			next.ServeHTTP(w, r)
		case err != nil:
			c.fail(w, err)
		default:
			w.Header().Add("Vary", "Accept")
			if status == statusPrivate {
				w.Header().Set("Vary", "Accept, Signature")
				w.Header().Set("Cache-Control", "private, no-store")
				status = http.StatusOK
			}
			writeActivity(w, status, raw)
		}
	}))
}

// statusPrivate stands for 200 of what is not for everybody.
const statusPrivate = -1

// object finds the stored object that a request asks for, as far as the asker
// may have it.
func (c *City) object(r *http.Request) (raw []byte, status int, err error) {
	ctx, uri := r.Context(), c.Base+r.URL.EscapedPath()
	var deleted int64
	var public int
	err = c.DB.ReadBound().Row(ctx, []any{&raw, &deleted, &public}, `
		select raw, deleted, public from objects
		where uri = ? and not exists (select 1 from actors a where a.uri = objects.owner and a.suspended = 1)`, uri)
	switch {
	case err != nil:
		return nil, 0, err
	case public == 1 && deleted > 0:
		return raw, http.StatusGone, nil
	case public == 1:
		return raw, http.StatusOK, nil
	case deleted > 0 || c.MayRead == nil || r.Header.Get("Signature") == "":
		return nil, 0, store.ErrNotFound
	}
	reader, err := c.asker(r)
	if err != nil {
		return nil, 0, store.ErrNotFound
	}
	may, err := c.MayRead(ctx, uri, reader)
	if err == nil && !may {
		err = store.ErrNotFound
	}
	return raw, statusPrivate, err
}

// unsigned are the addresses that a server must read in order to sign: who we
// are, and what we speak.
func unsigned(path string) bool {
	return path == "/actor" || strings.HasPrefix(path, "/.well-known/") || strings.HasPrefix(path, "/nodeinfo/")
}

// asker is the actor of another server that signed a request of ours, whose
// server is not shut out.
func (c *City) asker(r *http.Request) (actors.Actor, error) {
	ctx := r.Context()
	cl, err := readClaim(r, nil, c.Base, c.DB.Now())
	if err != nil {
		return actors.Actor{}, err
	}
	if err := c.mayMeet(ctx, cl.KeyID); err != nil {
		return actors.Actor{}, err
	}
	if c.badKeys.full(actors.NetworkOf(r.RemoteAddr), c.DB.Now()) {
		return actors.Actor{}, tooMany
	}
	k, err := c.verify(ctx, cl)
	if err != nil {
		c.failed(r)
		return actors.Actor{}, err
	}
	var a actors.Actor
	if k.found != nil {
		a, err = c.keep(ctx, *k.found)
	} else {
		a, err = c.Book.ByURI(ctx, c.DB.Read(), k.owner)
	}
	if err == nil && (a.Suspended || a.Deleted) {
		err = fmt.Errorf("%s asks: %w", k.owner, store.ErrDenied)
	}
	return a, err
}

// activity serves a public activity of ours under its own id.
func (c *City) activity(w http.ResponseWriter, r *http.Request) {
	var raw []byte
	err := c.DB.ReadBound().Row(r.Context(), []any{&raw}, "select raw from activities where uri = ? and public = 1", c.Base+r.URL.EscapedPath())
	if err != nil {
		c.fail(w, err)
		return
	}
	writeActivity(w, http.StatusOK, raw)
}

func writeActivity(w http.ResponseWriter, status int, raw []byte) {
	w.Header().Set("Content-Type", ap.ContentType)
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(raw) // a reader who left needs no answer
}

// fail answers strangers without telling them more than the kind of failure.
func (c *City) fail(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	if errors.Is(err, store.ErrNotFound) {
		status = http.StatusNotFound
	} else if errors.Is(err, store.ErrUnavailable) {
		status = http.StatusServiceUnavailable
	}
	if status >= 500 {
		c.Log.Error("a server's question could not be answered", "err", err)
	}
	http.Error(w, http.StatusText(status), status)
}

// WantsActivity tells whether a request asks for ActivityPub rather than a
// page: one of the two types, with at least the weight that HTML has.
func WantsActivity(r *http.Request) bool {
	activity, html := 0.0, 0.0
	for _, header := range r.Header.Values("Accept") {
		for _, part := range strings.Split(header, ",") {
			kind, params, _ := strings.Cut(strings.TrimSpace(part), ";")
			weight := quality(params)
			switch strings.ToLower(strings.TrimSpace(kind)) {
			case "application/activity+json", "application/ld+json":
				activity = max(activity, weight)
			case "text/html", "application/xhtml+xml":
				html = max(html, weight)
			}
		}
	}
	return activity > 0 && activity >= html
}

func quality(params string) float64 {
	for _, p := range strings.Split(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(name, "q") {
			if q, err := strconv.ParseFloat(value, 64); err == nil {
				return q
			}
		}
	}
	return 1
}
