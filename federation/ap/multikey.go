package ap

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"

	"filippo.io/edwards25519"
	"github.com/mr-tron/base58"
)

// Multicodec prefixes of the two halves of an Ed25519 key (varints of 0xed
// and 0x1300).
var (
	publicPrefix = []byte{0xed, 0x01}
	secretPrefix = []byte{0x80, 0x26}
)

// EncodeMultikey writes a public key as publicKeyMultibase ("z6Mk…").
func EncodeMultikey(key ed25519.PublicKey) string {
	return multibase(publicPrefix, key)
}

// DecodeMultikey reads a publicKeyMultibase. It refuses keys that are no
// canonical point or of small order: signatures under those prove nothing.
func DecodeMultikey(text string) (ed25519.PublicKey, error) {
	key, err := unmultibase(publicPrefix, text)
	if err != nil {
		return nil, fmt.Errorf("multikey: %w", err)
	}
	if err := soundKey(key); err != nil {
		return nil, fmt.Errorf("multikey: %w", err)
	}
	return key, nil
}

// EncodeSecretMultikey writes a private key as secretKeyMultibase ("z3u2…").
// It is for key files and tests; nothing of ours sends it anywhere.
func EncodeSecretMultikey(key ed25519.PrivateKey) string {
	return multibase(secretPrefix, key.Seed())
}

// DecodeSecretMultikey reads a secretKeyMultibase.
func DecodeSecretMultikey(text string) (ed25519.PrivateKey, error) {
	seed, err := unmultibase(secretPrefix, text)
	if err != nil {
		// The text is a secret: it never enters the error.
		return nil, fmt.Errorf("secret multikey: %w", err)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

func multibase(prefix, key []byte) string {
	return "z" + base58.Encode(append(bytes.Clone(prefix), key...))
}

func unmultibase(prefix []byte, text string) ([]byte, error) {
	// A key of 34 bytes has at most 47 digits; base58 is quadratic, so a
	// stranger's long text is refused before it costs anything.
	if len(text) < 2 || len(text) > 64 || text[0] != 'z' {
		return nil, errors.New("not base58btc of an Ed25519 key")
	}
	raw, err := base58.Decode(text[1:])
	if err != nil {
		return nil, errors.New("not base58btc")
	}
	key, ok := bytes.CutPrefix(raw, prefix)
	if !ok || len(key) != 32 {
		return nil, errors.New("not an Ed25519 key")
	}
	return key, nil
}

// soundKey tells whether 32 bytes are a canonical point of more than small
// order.
func soundKey(key []byte) error {
	point, err := new(edwards25519.Point).SetBytes(key)
	if err != nil {
		return errors.New("not a point of the curve")
	}
	if !bytes.Equal(point.Bytes(), key) {
		return errors.New("point not canonical")
	}
	if new(edwards25519.Point).MultByCofactor(point).Equal(edwards25519.NewIdentityPoint()) == 1 {
		return errors.New("point of small order")
	}
	return nil
}
