package federation

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"viche/actors"
)

// ErrSignature is every reason to answer 401.
var ErrSignature = errors.New("federation: signature")

// A claim is a signature that keeps all our rules about what it must cover
// and when it was made. Whether it is true, only the key can tell: reading it
// costs no network, so nonsense is turned away before anything is fetched.
type claim struct {
	KeyID  string
	verify func(crypto.PublicKey) error
}

// How far clocks may differ and how long a signature may last: Mastodon's
// numbers, which the fediverse is used to.
const (
	clockSkew   = time.Hour
	signedFor   = 5 * time.Minute
	longestSign = 12 * time.Hour
)

// readClaim reads the one signature of r, RFC 9421 or draft-cavage. base is
// our own address: a signature for another host is none for us.
func readClaim(r *http.Request, body []byte, base string, now time.Time) (*claim, error) {
	scheme, _, _ := strings.Cut(base, "://")
	if !actors.SameOrigin(scheme+"://"+r.Host, base) {
		return nil, fmt.Errorf("%w: made for host %q", ErrSignature, r.Host)
	}
	if len(r.Header.Values("Signature-Input")) > 0 {
		return readMessageSignature(r, body, scheme, now)
	}
	return readCavage(r, body, now)
}

// inWindow judges the time of a signature. expires may be zero.
func inWindow(created, expires, now time.Time) error {
	if created.After(now.Add(clockSkew)) {
		return fmt.Errorf("%w: made in the future", ErrSignature)
	}
	if expires.IsZero() {
		expires = created.Add(signedFor)
	}
	if latest := created.Add(longestSign); expires.After(latest) {
		expires = latest
	}
	if now.After(expires.Add(clockSkew)) {
		return fmt.Errorf("%w: too old", ErrSignature)
	}
	return nil
}

// checkKey is our policy of keys: RSA of 2048 to 8192 bits with an ordinary
// exponent, or Ed25519.
func checkKey(key crypto.PublicKey) error {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < 2048 || bits > 8192 {
			return fmt.Errorf("%w: RSA key of %d bits", ErrSignature, bits)
		}
		if k.E < 3 || k.E%2 == 0 {
			return fmt.Errorf("%w: RSA exponent %d", ErrSignature, k.E)
		}
		return nil
	case ed25519.PublicKey:
		if len(k) == ed25519.PublicKeySize {
			return nil
		}
	}
	return fmt.Errorf("%w: key of a kind we do not take", ErrSignature)
}

// one is the single value of a header that must be there exactly once.
func one(h http.Header, name string) (string, error) {
	values := h.Values(name)
	if len(values) != 1 {
		return "", fmt.Errorf("%w: %d %s headers", ErrSignature, len(values), name)
	}
	return values[0], nil
}

// checkDigest compares a body with what a Digest or Content-Digest header
// says. open and shut stand around the base64 text; other algorithms may
// stand beside sha-256, and sha-256 may stand there once.
func checkDigest(header, open, shut string, body []byte) error {
	found := false
	for _, part := range strings.Split(header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if !strings.EqualFold(name, "sha-256") {
			continue
		}
		if found || !strings.HasPrefix(value, open) || !strings.HasSuffix(value, shut) || len(value) < len(open)+len(shut) {
			return fmt.Errorf("%w: digest", ErrSignature)
		}
		found = true
		said, err := base64.StdEncoding.Strict().DecodeString(value[len(open) : len(value)-len(shut)])
		if err != nil {
			return fmt.Errorf("%w: digest is not base64", ErrSignature)
		}
		if sum := sha256.Sum256(body); !bytes.Equal(said, sum[:]) {
			return fmt.Errorf("%w: digest of another body", ErrSignature)
		}
	}
	if !found {
		return fmt.Errorf("%w: no sha-256 digest", ErrSignature)
	}
	return nil
}
