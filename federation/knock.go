package federation

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"

	"viche/actors"
	"viche/internal/store"
)

// styleLife is how long we remember which signatures a host takes.
const styleLife = 24 * time.Hour

// signer signs requests of an own actor. The key is made if there is none yet,
// so never ask for it inside a Write.
func (c *City) signer(ctx context.Context, actorID int64) (*Signer, error) {
	keyID, key, err := c.Book.RSA(ctx, actorID)
	if err != nil {
		return nil, err
	}
	return &Signer{
		Sign: func(r *http.Request, body []byte, style string) error {
			// Signing is nearly all that sending costs: what signs at once is bounded,
			// so that pages are answered meanwhile.
			c.signing <- struct{}{}
			defer func() { <-c.signing }()
			if style == rfc9421Style {
				return signMessage(r, body, keyID, key, c.DB.Now())
			}
			return signCavage(r, body, keyID, key, c.DB.Now())
		},
		Style: func(host string) string { return c.style(ctx, host) },
		Learn: func(host, style string) { c.learn(ctx, host, style) },
	}, nil
}

// instanceSigner signs what the instance asks for itself, such as keys.
func (c *City) instanceSigner(ctx context.Context) (*Signer, error) {
	a, err := c.Book.Own(ctx, c.DB.Read(), actors.Instance)
	if err != nil {
		return nil, fmt.Errorf("the instance's own actor: %w", err)
	}
	return c.signer(ctx, a.ID)
}

// style is how a host wants to be signed to, as far as it has shown us within
// the last day.
func (c *City) style(ctx context.Context, host string) string {
	now := c.DB.Now()
	if style, ok := c.styles.get(host, now); ok {
		return style
	}
	style := cavageStyle
	var stored string
	err := c.DB.ReadBound().Row(ctx, []any{&stored}, "select signs from peers where host = ? and signs_until > ?", host, store.Millis(now))
	if err == nil && stored == rfc9421Style {
		style = stored
	}
	c.styles.put(host, style, now)
	return style
}

// learn remembers which signature a host took after it had refused the other.
func (c *City) learn(ctx context.Context, host, style string) {
	c.styles.put(host, style, c.DB.Now())
	err := c.DB.Write(context.WithoutCancel(ctx), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `
			insert into peers (host, signs, signs_until, last_ok, last_error, last_failed) values (?, ?, ?, 0, '', 0)
			on conflict (host) do update set signs = excluded.signs, signs_until = excluded.signs_until`,
			host, style, store.Millis(tx.Now.Add(styleLife)))
		return err
	})
	if err != nil {
		c.Log.Warn("how a host wants to be signed to is not remembered", "peer", host, "err", err)
	}
}

// signMessage signs r by RFC 9421, with RSA PKCS#1 v1.5 and SHA-256, over method,
// whole target and, with a body, its type and digest (RFC 9530).
func signMessage(r *http.Request, body []byte, keyID string, key *rsa.PrivateKey, now time.Time) error {
	r.Header.Set("Date", now.UTC().Format(http.TimeFormat))
	unsign(r)
	s := messageSignature{components: []string{"@method", "@target-uri"}}
	if body != nil {
		sum := sha256.Sum256(body)
		r.Header.Set("Content-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(sum[:])+":")
		s.components = append(s.components, "content-digest", "content-type")
	}
	if r.Header.Get(syncHeader) != "" {
		s.components = append(s.components, strings.ToLower(syncHeader))
	}
	s.input = fmt.Sprintf(`("%s");created=%d;keyid=%q;alg="rsa-v1_5-sha256"`, strings.Join(s.components, `" "`), now.Unix(), keyID)
	base, err := s.base(r, r.URL.Scheme)
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(base))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return err
	}
	r.Header.Set("Signature-Input", "sig1="+s.input)
	r.Header.Set("Signature", "sig1=:"+base64.StdEncoding.EncodeToString(signature)+":")
	return nil
}
