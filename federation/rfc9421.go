package federation

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A messageSignature is one entry of Signature-Input with its Signature
// (RFC 9421), as far as the fediverse uses them: components without
// parameters, RSA PKCS#1 v1.5 with SHA-256 or Ed25519.
type messageSignature struct {
	components []string
	params     map[string]string
	input      string // as received after "label=", the value of @signature-params
	signature  []byte
}

// readMessageSignature reads the one signature of r and holds it to our
// rules: method and whole target covered, created given, and with a body its
// content-digest right and covered.
func readMessageSignature(r *http.Request, body []byte, scheme string, now time.Time) (*claim, error) {
	s, err := parseMessageSignature(r.Header)
	if err != nil {
		return nil, err
	}
	if err := s.checkCoverage(r); err != nil {
		return nil, err
	}
	if err := s.checkTime(now); err != nil {
		return nil, err
	}
	if s.params["keyid"] == "" {
		return nil, fmt.Errorf("%w: no keyid", ErrSignature)
	}
	if r.Method == http.MethodPost {
		digest, err := one(r.Header, "Content-Digest")
		if err != nil {
			return nil, err
		}
		if err := checkDigest(digest, ":", ":", body); err != nil {
			return nil, err
		}
	}
	base, err := s.base(r, scheme)
	if err != nil {
		return nil, err
	}
	verify := func(key crypto.PublicKey) error { return s.verify(base, key) }
	return &claim{KeyID: s.params["keyid"], verify: verify}, nil
}

func (s *messageSignature) checkCoverage(r *http.Request) error {
	has := func(name string) bool { return slices.Contains(s.components, name) }
	target := has("@target-uri") || has("@authority") && has("@path") && (r.URL.RawQuery == "" || has("@query"))
	if !has("@method") || !target {
		return fmt.Errorf("%w: method or target is not covered", ErrSignature)
	}
	if r.Method == http.MethodPost && !has("content-digest") {
		return fmt.Errorf("%w: content-digest is not covered", ErrSignature)
	}
	return nil
}

func (s *messageSignature) checkTime(now time.Time) error {
	created, err := strconv.ParseInt(s.params["created"], 10, 64)
	if err != nil {
		return fmt.Errorf("%w: no created", ErrSignature)
	}
	var expires time.Time
	if text, ok := s.params["expires"]; ok {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("%w: expires", ErrSignature)
		}
		if expires = time.Unix(seconds, 0); now.After(expires) {
			return fmt.Errorf("%w: expired", ErrSignature)
		}
	}
	return inWindow(time.Unix(created, 0), expires, now)
}

// base is the signature base of RFC 9421, section 2.5.
func (s *messageSignature) base(r *http.Request, scheme string) (string, error) {
	var b strings.Builder
	for _, name := range s.components {
		value, err := component(r, scheme, name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%q: %s\n", name, value)
	}
	fmt.Fprintf(&b, "%q: %s", "@signature-params", s.input)
	return b.String(), nil
}

func component(r *http.Request, scheme, name string) (string, error) {
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	target := path
	if r.URL.RawQuery != "" {
		target += "?" + r.URL.RawQuery
	}
	switch name {
	case "@method":
		return r.Method, nil
	case "@target-uri":
		return scheme + "://" + authority(r.Host, scheme) + target, nil
	case "@authority":
		return authority(r.Host, scheme), nil
	case "@scheme":
		return scheme, nil
	case "@request-target":
		return target, nil
	case "@path":
		return path, nil
	case "@query":
		return "?" + r.URL.RawQuery, nil
	case "host":
		return r.Host, nil
	case "content-length":
		if r.Header.Get(name) == "" && r.ContentLength >= 0 {
			return strconv.FormatInt(r.ContentLength, 10), nil
		}
	}
	if strings.HasPrefix(name, "@") {
		return "", fmt.Errorf("%w: component %s", ErrSignature, name)
	}
	values := r.Header.Values(name)
	if len(values) == 0 {
		return "", fmt.Errorf("%w: covered header %s is missing", ErrSignature, name)
	}
	trimmed := make([]string, len(values))
	for i, v := range values {
		trimmed[i] = strings.TrimSpace(v)
	}
	return strings.Join(trimmed, ", "), nil
}

func authority(host, scheme string) string {
	host = strings.ToLower(host)
	if scheme == "https" {
		return strings.TrimSuffix(host, ":443")
	}
	return strings.TrimSuffix(host, ":80")
}

func (s *messageSignature) verify(base string, key crypto.PublicKey) error {
	if err := checkKey(key); err != nil {
		return err
	}
	alg, wrong := s.params["alg"], fmt.Errorf("%w: it does not fit the key", ErrSignature)
	switch k := key.(type) {
	case *rsa.PublicKey:
		sum := sha256.Sum256([]byte(base))
		if alg != "" && alg != "rsa-v1_5-sha256" || rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], s.signature) != nil {
			return wrong
		}
	case ed25519.PublicKey:
		if alg != "" && alg != "ed25519" || !ed25519.Verify(k, []byte(base), s.signature) {
			return wrong
		}
	}
	return nil
}

// parseMessageSignature takes exactly one label with exactly one signature.
func parseMessageSignature(h http.Header) (*messageSignature, error) {
	input, err := one(h, "Signature-Input")
	if err != nil {
		return nil, err
	}
	signature, err := one(h, "Signature")
	if err != nil {
		return nil, err
	}
	bad := fmt.Errorf("%w: malformed Signature-Input", ErrSignature)
	label, inner, ok := strings.Cut(strings.TrimSpace(input), "=")
	if !ok || label == "" || strings.ContainsAny(label, ", \"()") {
		return nil, bad
	}
	encoded, ok := strings.CutPrefix(strings.TrimSpace(signature), label+"=:")
	if !ok || !strings.HasSuffix(encoded, ":") {
		return nil, fmt.Errorf("%w: signature of another label", ErrSignature)
	}
	s := &messageSignature{input: inner, params: map[string]string{}}
	if s.signature, err = base64.StdEncoding.DecodeString(strings.TrimSuffix(encoded, ":")); err != nil {
		return nil, fmt.Errorf("%w: not base64", ErrSignature)
	}
	list, rest, ok := strings.Cut(inner, ")")
	if !ok || !strings.HasPrefix(list, "(") {
		return nil, bad
	}
	for _, quoted := range strings.Fields(list[1:]) {
		name := strings.Trim(quoted, `"`)
		if quoted != `"`+name+`"` || name != strings.ToLower(name) || strings.ContainsAny(name, `";`) || slices.Contains(s.components, name) {
			return nil, bad
		}
		s.components = append(s.components, name)
	}
	return s, s.readParams(rest)
}

// readParams reads ;name="text" and ;name=number up to the end; a comma
// outside quotes would begin a second signature, and so is refused.
func (s *messageSignature) readParams(rest string) error {
	bad := fmt.Errorf("%w: malformed signature parameters", ErrSignature)
	for rest != "" {
		name, after, ok := strings.Cut(rest, "=")
		name, ok2 := strings.CutPrefix(name, ";")
		if !ok || !ok2 || name == "" || strings.ContainsAny(name, "\", ;") {
			return bad
		}
		var value string
		if strings.HasPrefix(after, `"`) {
			if value, after, ok = strings.Cut(after[1:], `"`); !ok || strings.Contains(value, `\`) {
				return bad
			}
			if name == "created" || name == "expires" {
				return bad // a time is a number
			}
		} else {
			end := strings.IndexByte(after+";", ';')
			value, after = after[:end], after[end:]
			if _, err := strconv.ParseInt(value, 10, 64); err != nil {
				return bad
			}
		}
		if _, twice := s.params[name]; twice {
			return fmt.Errorf("%w: %s is there twice", ErrSignature, name)
		}
		s.params[name], rest = value, after
	}
	return nil
}
