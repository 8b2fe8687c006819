package federation

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"viche/actors"
	"viche/federation/ap"
	"viche/internal/store"
)

// keyLife is how long a stored key is believed without asking again.
const keyLife = 24 * time.Hour

// slowKey is how long a server may take to say nothing about a key before it is
// asked for no other one for a while.
const slowKey = 5 * time.Second

// A senderKey is a public key and whom it speaks for. found is set when the
// owner was fetched just now and still has to be stored.
type senderKey struct {
	public crypto.PublicKey
	owner  string
	found  *actors.RemoteActor
}

// verify finds the key of a claim and does the arithmetic. A key that does not
// fit may be an old one: it is fetched once more, at most every few minutes.
func (c *City) verify(ctx context.Context, cl *claim) (senderKey, error) {
	now := c.DB.Now()
	k, fresh, err := c.senderKey(ctx, cl.KeyID)
	if err != nil {
		return k, err
	}
	if err = cl.verify(k.public); err == nil || fresh {
		return k, err
	}
	if _, lately := c.renewed.get(cl.KeyID, now); lately {
		return k, err
	}
	c.renewed.put(cl.KeyID, true, now)
	if k, err = c.fetchKey(ctx, cl.KeyID); err != nil {
		return k, err
	}
	c.keys.forget(cl.KeyID)
	return k, cl.verify(k.public)
}

// senderKey gives a key from memory, from the database, or fresh from its
// owner's server. Memory holds only what the database holds: a fresh key goes
// there with its owner, in the transaction that lets the activity in.
func (c *City) senderKey(ctx context.Context, keyID string) (k senderKey, fresh bool, err error) {
	now := c.DB.Now()
	if k, ok := c.keys.get(keyID, now); ok {
		return k, false, nil
	}
	stored, owner, fetched, err := c.Book.KeyOwner(ctx, c.DB.Read(), keyID)
	if err == nil && !owner.Local && !owner.Deleted && now.Sub(store.Time(fetched)) < keyLife {
		public, err := decodeKey(stored)
		if err != nil {
			return k, false, err
		}
		k = senderKey{public: public, owner: owner.URI}
		c.keys.put(keyID, k, now)
		return k, false, nil
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return k, false, err
	}
	k, err = c.fetchKey(ctx, keyID)
	return k, true, err
}

// fetchKey asks for a key both ways: the key's document names its owner, and
// the owner's own document must name the key. Only then does it speak for it.
func (c *City) fetchKey(ctx context.Context, keyID string) (senderKey, error) {
	now := c.DB.Now()
	if !isAddress(keyID) || c.IsLocal(keyID) {
		return senderKey{}, fmt.Errorf("%w: key %.100q", ErrSignature, keyID)
	}
	if err, ok := c.missing.get("key "+keyID, now); ok {
		return senderKey{}, err
	}
	host := actors.HostOf(keyID)
	if err, ok := c.missing.get("keys of "+host, now); ok {
		return senderKey{}, err
	}
	began := time.Now()
	v, err, _ := c.flight.Do("key "+keyID, func() (any, error) {
		k, err := c.askKey(context.WithoutCancel(ctx), keyID)
		if err == nil && k.found != nil {
			c.believe(context.WithoutCancel(ctx), *k.found)
		}
		return k, err
	})
	if err != nil {
		c.missing.put("key "+keyID, err, now)
		if time.Since(began) > slowKey {
			// Else each made-up key of a server that hangs would hold a request up.
			c.missing.put("keys of "+host, err, now)
		}
		return senderKey{}, err
	}
	return v.(senderKey), nil
}

func (c *City) askKey(ctx context.Context, keyID string) (senderKey, error) {
	owner, err := c.keyOwner(ctx, keyID)
	if err != nil {
		return senderKey{}, err
	}
	if !actors.SameOrigin(owner.URI, keyID) {
		return senderKey{}, fmt.Errorf("%w: key and owner are of two servers", ErrSignature)
	}
	for _, k := range owner.Keys {
		if k.URI != keyID {
			continue
		}
		public, err := decodeKey(k)
		if err != nil {
			return senderKey{}, err
		}
		return senderKey{public: public, owner: owner.URI, found: &owner}, nil
	}
	return senderKey{}, fmt.Errorf("%w: the owner does not list key %s", ErrSignature, keyID)
}

// keyOwner follows a key id to its owner's own document. The id leads to that
// document itself, to a stub of it (GoToSocial), or to the key alone.
func (c *City) keyOwner(ctx context.Context, keyID string) (actors.RemoteActor, error) {
	if err := c.mayMeet(ctx, keyID); err != nil {
		return actors.RemoteActor{}, err
	}
	sign, err := c.instanceSigner(ctx)
	if err != nil {
		return actors.RemoteActor{}, err
	}
	raw, end, err := c.Client.document(ctx, keyID, sign)
	if err != nil {
		return actors.RemoteActor{}, err
	}
	if !actors.SameOrigin(end, keyID) {
		return actors.RemoteActor{}, fmt.Errorf("%w: key came from another server", ErrSignature)
	}
	m, err := readMembers(raw)
	if err != nil {
		return actors.RemoteActor{}, err
	}
	if m["inbox"] != nil && sameAddress(m.text("id"), end) && sameAddress(end, keyID) {
		return readActor(raw)
	}
	owner := ""
	if key, err := ap.ParsePublicKey(raw, keyID); err == nil {
		owner = key.Owner
	} else if m.kind() == "Multikey" && m.text("id") == keyID {
		owner = m.text("controller")
	}
	if owner == "" || !actors.SameOrigin(owner, keyID) {
		return actors.RemoteActor{}, fmt.Errorf("%w: no key under %s", ErrSignature, keyID)
	}
	if raw, err = c.Client.Document(ctx, owner, sign); err != nil {
		return actors.RemoteActor{}, err
	}
	found, err := readActor(raw)
	if err == nil && found.URI != owner {
		err = fmt.Errorf("%w: %s is not the owner's id", ErrSignature, owner)
	}
	return found, err
}

func decodeKey(k actors.PublicKey) (crypto.PublicKey, error) {
	if k.Kind == actors.KeyEd25519 {
		public, err := ap.DecodeMultikey(k.Text)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSignature, err)
		}
		return public, nil
	}
	block, _ := pem.Decode([]byte(k.Text))
	if block == nil {
		return nil, fmt.Errorf("%w: key is not PEM", ErrSignature)
	}
	var public crypto.PublicKey
	var err error
	if block.Type == "RSA PUBLIC KEY" {
		public, err = x509.ParsePKCS1PublicKey(block.Bytes)
	} else {
		public, err = x509.ParsePKIXPublicKey(block.Bytes)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: unreadable key", ErrSignature)
	}
	return public, checkKey(public)
}
