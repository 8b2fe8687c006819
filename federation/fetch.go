package federation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
)

// Fetch gets a document from the server that its id names, signed by the
// instance. What comes back is that server's own word: its id is uri or the id
// that uri leads to, and its origin answers for it.
func (c *City) Fetch(ctx context.Context, uri string) ([]byte, error) {
	if c.IsLocal(uri) {
		return nil, fmt.Errorf("%w: %s is our own", ErrRefused, uri)
	}
	if err := mayGoOut(ctx); err != nil {
		return nil, err
	}
	if err := c.mayMeet(ctx, uri); err != nil {
		return nil, err
	}
	select {
	case c.fetches <- struct{}{}:
		defer func() { <-c.fetches }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	sign, err := c.instanceSigner(ctx)
	if err != nil {
		return nil, err
	}
	return c.Client.Document(ctx, uri, sign)
}

// Object fetches and reads a Note, a Question or the like.
func (c *City) Object(ctx context.Context, uri string) (*ap.Object, error) {
	raw, err := c.Fetch(ctx, uri)
	if err != nil {
		return nil, err
	}
	o, err := ap.ParseObject(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if o.AttributedTo != "" && !actors.SameOrigin(o.ID, o.AttributedTo) {
		return nil, fmt.Errorf("%w: %s is said to be by somebody of another server", ErrRefused, o.ID)
	}
	return o, nil
}

// Actor gives an actor by its id: the one we know, or else fetched and stored.
// It writes, so it must not be called inside a Write.
func (c *City) Actor(ctx context.Context, uri string) (actors.Actor, error) {
	a, err := c.Book.ByURI(ctx, c.DB.Read(), uri)
	if err == nil || !errors.Is(err, store.ErrNotFound) || c.IsLocal(uri) {
		return a, err
	}
	return c.Renew(ctx, uri)
}

// Renew fetches an actor again, whether we know it or not. A failure is
// remembered for a few minutes, so that nobody can have us ask and ask.
func (c *City) Renew(ctx context.Context, uri string) (actors.Actor, error) {
	found, err := c.fetchActor(ctx, uri)
	if err != nil {
		return actors.Actor{}, err
	}
	return c.keep(ctx, found)
}

func (c *City) keep(ctx context.Context, r actors.RemoteActor) (a actors.Actor, err error) {
	err = c.DB.Write(ctx, func(ctx context.Context, tx *store.Tx) error {
		a, err = c.Book.Upsert(ctx, tx, r)
		return err
	})
	return a, err
}

func (c *City) fetchActor(ctx context.Context, uri string) (actors.RemoteActor, error) {
	if err := mayGoOut(ctx); err != nil {
		return actors.RemoteActor{}, err
	}
	if err, ok := c.missing.get(uri, c.DB.Now()); ok {
		return actors.RemoteActor{}, err
	}
	v, err, _ := c.flight.Do("actor "+uri, func() (any, error) {
		raw, err := c.Fetch(context.WithoutCancel(ctx), uri)
		if err != nil {
			return nil, err
		}
		return readActor(raw)
	})
	if err != nil {
		c.missing.put(uri, err, c.DB.Now())
		return actors.RemoteActor{}, err
	}
	found := v.(actors.RemoteActor)
	c.believe(ctx, found)
	return found, nil
}

// rfc9421Spec is how a server says that it reads such signatures (FEP-844e).
const rfc9421Spec = "https://datatracker.ietf.org/doc/html/rfc9421"

// believe takes a server at its word about the signatures that it reads, which
// saves the first knock.
func (c *City) believe(ctx context.Context, r actors.RemoteActor) {
	host := actors.HostOf(r.URI)
	if slices.Contains(r.Implements, rfc9421Spec) && c.style(ctx, host) != rfc9421Style {
		c.learn(ctx, host, rfc9421Style)
	}
}

// readActor turns an actor document that its own server gave into a row.
func readActor(raw []byte) (r actors.RemoteActor, err error) {
	a, err := ap.ParseActor(raw)
	if err != nil {
		return r, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	r = actors.RemoteActor{
		URI: a.ID, Type: a.Type, Handle: a.Handle, Name: a.Name, Summary: a.Summary, URL: a.URL, Icon: a.Icon,
		Inbox: a.Inbox, SharedInbox: a.SharedInbox, Outbox: a.Outbox, Followers: a.Followers,
		Featured: a.Featured, Image: a.Image, MovedTo: a.MovedTo, Aliases: a.AlsoKnownAs, Implements: a.Implements,
		Open: !a.ByApproval, Indexable: a.Indexable, Published: store.Millis(a.Published),
	}
	for _, f := range a.Fields {
		r.Fields = append(r.Fields, actors.Field{Name: f.Name, Value: f.Value})
	}
	for _, k := range a.Keys {
		if actors.SameOrigin(k.ID, a.ID) {
			r.Keys = append(r.Keys, actors.PublicKey{URI: k.ID, Kind: actors.KeyRSA, Text: k.PEM})
		}
	}
	for _, k := range a.AssertionMethods {
		if _, err := ap.DecodeMultikey(k.Text); err == nil && actors.SameOrigin(k.ID, a.ID) {
			r.Keys = append(r.Keys, actors.PublicKey{URI: k.ID, Kind: actors.KeyEd25519, Text: k.Text})
		}
	}
	return r, nil
}

// mayMeet refuses addresses of servers that are shut out.
func (c *City) mayMeet(ctx context.Context, uri string) error {
	blocked, err := c.Book.Blocked(ctx, c.DB.Read(), actors.HostOf(uri))
	if err != nil {
		return err
	}
	if blocked {
		return fmt.Errorf("%w: %s is blocked: %w", ErrRefused, actors.HostOf(uri), store.ErrDenied)
	}
	return nil
}

// Lookup finds an actor by a handle such as @olena@lviv.example, or by an
// address, asking its server if need be. The handle counts only if the actor's
// own server agrees.
func (c *City) Lookup(ctx context.Context, who string) (actors.Actor, error) {
	who = strings.TrimSpace(who)
	if strings.HasPrefix(who, "https://") || strings.HasPrefix(who, "http://") {
		return c.Actor(ctx, who)
	}
	known, err := c.Book.ByHandle(ctx, c.DB.Read(), who)
	if err == nil || !errors.Is(err, store.ErrNotFound) {
		return known, err
	}
	name, host, ok := splitHandle(who)
	if !ok {
		return actors.Actor{}, err
	}
	uri, _, err := c.finger(ctx, name, host)
	if err != nil {
		return actors.Actor{}, err
	}
	a, err := c.Actor(ctx, uri)
	if err != nil {
		return a, err
	}
	if actors.HostOf(uri) == actors.HostOf(c.Client.Scheme()+"://"+host) {
		if !strings.EqualFold(a.Handle, name) {
			return actors.Actor{}, fmt.Errorf("%w: %s calls itself %s", ErrRefused, who, a.Handle)
		}
		return a, nil
	}
	// The handle's host pointed elsewhere: ask there who the actor is. Only if
	// that server calls it by the very handle, both mean the same.
	back, subject, err := c.finger(ctx, a.Handle, a.Host)
	if err != nil || back != uri || !strings.EqualFold(subject, "acct:"+name+"@"+host) {
		return actors.Actor{}, fmt.Errorf("%w: %s does not know %s", ErrRefused, a.Host, who)
	}
	return a, nil
}

// finger asks a host for the id behind a handle, and what it calls the account
// itself.
func (c *City) finger(ctx context.Context, name, host string) (uri, subject string, err error) {
	raw, err := c.webFingerOf(ctx, name, host)
	if err != nil {
		return "", "", err
	}
	if uri, subject = readJRD(raw); uri == "" {
		return "", "", fmt.Errorf("@%s@%s: %w", name, host, store.ErrNotFound)
	}
	return uri, subject, nil
}

// webFingerOf is what a host says of an account of its own (WebFinger).
func (c *City) webFingerOf(ctx context.Context, name, host string) ([]byte, error) {
	at := c.Client.Scheme() + "://" + host
	if err := c.mayMeet(ctx, at); err != nil {
		return nil, err
	}
	answer, err := c.Client.Get(ctx, at+"/.well-known/webfinger?resource="+url.QueryEscape("acct:"+name+"@"+host), "application/jrd+json, application/json", nil)
	if err == nil && answer.Status != 200 {
		err = fmt.Errorf("@%s@%s: %w", name, host, store.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return answer.Body, nil
}

// splitHandle reads @olena@lviv.example, with or without the @ in front; ok is
// false for what is no handle of a server.
func splitHandle(handle string) (name, host string, ok bool) {
	name, host, _ = strings.Cut(strings.TrimPrefix(handle, "@"), "@")
	return name, host, name != "" && host != "" && !strings.ContainsAny(host, "/?#@ ")
}

// readJRD finds the id, and what the account is called, in a WebFinger answer;
// nothing where it has no usable id.
func readJRD(raw []byte) (uri, subject string) {
	var jrd struct {
		Subject string
		Links   []struct{ Rel, Type, Href string }
	}
	if json.Unmarshal(raw, &jrd) != nil {
		return "", ""
	}
	for _, l := range jrd.Links {
		if l.Rel == "self" && IsActivityType(l.Type) && isAddress(l.Href) {
			return l.Href, jrd.Subject
		}
	}
	return "", ""
}
