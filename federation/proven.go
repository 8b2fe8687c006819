package federation

import (
	"context"
	"crypto/ed25519"
	"errors"

	"viche/actors"
	"viche/federation/ap"
)

// proven tells whether an activity that somebody else delivers is its actor's own
// word all the same: it carries an object proof (FEP-8b32) by a key that the
// actor itself lists (FEP-521a). Whoever forwards it needs no trust then. It
// gives the actor as fetched, if it had to be.
func (c *City) proven(ctx context.Context, body []byte, e envelope) (*actors.RemoteActor, error) {
	notTheirs := errors.Join(ErrSignature, errors.New("the key is not the actor's, and no proof is"))
	method, _, err := ap.ProofMethod(body)
	if err != nil || !actors.SameOrigin(method, e.actor) {
		return nil, notTheirs
	}
	if err := c.mayMeet(ctx, method); err != nil {
		return nil, err
	}
	k, _, err := c.senderKey(ctx, method)
	if err != nil {
		return nil, err
	}
	public, ok := k.public.(ed25519.PublicKey)
	if !ok || k.owner != e.actor || ap.VerifyForeignProof(body, public) != nil {
		return nil, notTheirs
	}
	return k.found, nil
}
