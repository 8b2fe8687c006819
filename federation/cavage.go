package federation

import (
	"crypto"
	"crypto/rsa"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-fed/httpsig"
)

// signCavage signs r the way all of the fediverse reads: draft-cavage, RSA
// with SHA-256, over target, host, date and, with a body, digest and type.
// go-fed/httpsig builds and signs the string.
func signCavage(r *http.Request, body []byte, keyID string, key *rsa.PrivateKey, now time.Time) error {
	covered := []string{httpsig.RequestTarget, "host", "date"}
	if body != nil {
		covered = append(covered, "digest", "content-type")
	}
	if r.Header.Get(syncHeader) != "" {
		covered = append(covered, strings.ToLower(syncHeader))
	}
	signer, _, err := httpsig.NewSigner([]httpsig.Algorithm{httpsig.RSA_SHA256}, httpsig.DigestSha256, covered, httpsig.Signature, 0)
	if err != nil {
		return err
	}
	r.Header.Set("Date", now.UTC().Format(http.TimeFormat))
	r.Header.Set("Host", r.URL.Host)
	unsign(r)
	// The library writes the decoded path; on the line it goes encoded.
	target := &http.Request{Method: r.Method, Header: r.Header, URL: literal(r.URL, r.URL.RawQuery)}
	return signer.SignRequest(key, keyID, target, body)
}

// unsign takes off what an earlier signature left.
func unsign(r *http.Request) {
	for _, name := range []string{"Digest", "Signature", "Signature-Input", "Content-Digest"} {
		r.Header.Del(name)
	}
}

// readCavage reads a draft-cavage signature and holds it to our rules; the
// library then rebuilds the signed string and does the arithmetic.
func readCavage(r *http.Request, body []byte, now time.Time) (*claim, error) {
	header, err := one(r.Header, "Signature")
	if err != nil {
		return nil, err
	}
	params, err := cavageParams(header)
	if err != nil {
		return nil, err
	}
	switch params["algorithm"] {
	case "", "hs2019", "rsa-sha256":
	default:
		return nil, fmt.Errorf("%w: algorithm %q", ErrSignature, params["algorithm"])
	}
	if params["keyId"] == "" || params["signature"] == "" {
		return nil, fmt.Errorf("%w: keyId or signature is missing", ErrSignature)
	}
	covered := strings.Split(params["headers"], " ")
	if err := covers(r, covered); err != nil {
		return nil, err
	}
	if err := cavageTime(r, params, covered, now); err != nil {
		return nil, err
	}
	if r.Method == http.MethodPost {
		digest, err := one(r.Header, "Digest")
		if err != nil {
			return nil, err
		}
		if err := checkDigest(digest, "", "", body); err != nil {
			return nil, err
		}
	}
	verify := func(key crypto.PublicKey) error {
		if err := checkKey(key); err != nil {
			return err
		}
		return fitsCavage(r, header, key)
	}
	return &claim{KeyID: params["keyId"], verify: verify}, nil
}

// covers demands that all which makes a request ours is signed, each once and
// from a header that is there once.
func covers(r *http.Request, covered []string) error {
	must := []string{"(request-target)", "host"}
	if r.Method == http.MethodPost {
		must = append(must, "digest")
	}
	for _, name := range must {
		if !slices.Contains(covered, name) {
			return fmt.Errorf("%w: %s is not covered", ErrSignature, name)
		}
	}
	seen := map[string]bool{}
	for _, name := range covered {
		if name == "" || name != strings.ToLower(name) || seen[name] {
			return fmt.Errorf("%w: covered headers %q", ErrSignature, covered)
		}
		seen[name] = true
		if name == "host" || name[0] == '(' {
			continue
		}
		if _, err := one(r.Header, name); err != nil {
			return err
		}
	}
	return nil
}

func cavageTime(r *http.Request, params map[string]string, covered []string, now time.Time) error {
	var created, expires time.Time
	switch {
	case slices.Contains(covered, "(created)"):
		seconds, err := strconv.ParseInt(params["created"], 10, 64)
		if err != nil || params["algorithm"] == "rsa-sha256" {
			return fmt.Errorf("%w: created", ErrSignature)
		}
		created = time.Unix(seconds, 0)
	case slices.Contains(covered, "date"):
		date, err := http.ParseTime(r.Header.Get("Date"))
		if err != nil {
			return fmt.Errorf("%w: unreadable Date", ErrSignature)
		}
		created = date
	default:
		return fmt.Errorf("%w: neither date nor (created) is covered", ErrSignature)
	}
	if slices.Contains(covered, "(expires)") {
		seconds, err := strconv.ParseInt(params["expires"], 10, 64)
		if err != nil {
			return fmt.Errorf("%w: expires", ErrSignature)
		}
		expires = time.Unix(seconds, 0)
	}
	return inWindow(created, expires, now)
}

// fitsCavage tries the target with its query and then without: some signers
// leave it out. Nothing else may differ.
func fitsCavage(r *http.Request, signature string, key crypto.PublicKey) error {
	if _, ok := key.(*rsa.PublicKey); !ok {
		return fmt.Errorf("%w: not an RSA key", ErrSignature)
	}
	queries := []string{r.URL.RawQuery}
	if r.URL.RawQuery != "" {
		queries = append(queries, "")
	}
	for _, query := range queries {
		header := r.Header.Clone()
		header.Del("Authorization")
		header.Set("Host", r.Host)
		header.Set("Signature", signature)
		v, err := httpsig.NewVerifier(&http.Request{Method: r.Method, Host: r.Host, Header: header, URL: literal(r.URL, query)})
		if err != nil {
			return fmt.Errorf("%w: %w", ErrSignature, err)
		}
		if v.Verify(key, httpsig.RSA_SHA256) == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: it does not fit the key", ErrSignature)
}

func literal(u *url.URL, query string) *url.URL {
	return &url.URL{Path: u.EscapedPath(), RawQuery: query}
}

// cavageParams reads name="value" pairs. A name twice is refused, for two
// readers might each take another one.
func cavageParams(header string) (map[string]string, error) {
	bad := fmt.Errorf("%w: malformed Signature header", ErrSignature)
	params := map[string]string{}
	for rest := strings.TrimSpace(header); ; {
		name, after, ok := strings.Cut(rest, "=")
		if name = strings.TrimSpace(name); !ok || name == "" || strings.ContainsAny(name, `", `) {
			return nil, bad
		}
		var value string
		if strings.HasPrefix(after, `"`) {
			if value, after, ok = strings.Cut(after[1:], `"`); !ok {
				return nil, bad
			}
			after = strings.TrimSpace(after)
			if after != "" && after[0] != ',' {
				return nil, bad
			}
		} else {
			end := strings.IndexByte(after+",", ',')
			value, after = strings.TrimSpace(after[:end]), after[end:]
			if _, err := strconv.ParseInt(value, 10, 64); err != nil {
				return nil, bad
			}
		}
		if _, twice := params[name]; twice {
			return nil, fmt.Errorf("%w: %s is there twice", ErrSignature, name)
		}
		params[name] = value
		if after == "" {
			return params, nil
		}
		rest = strings.TrimSpace(after[1:])
	}
}
