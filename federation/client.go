package federation

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"viche/actors"
)

// What a stranger may cost us: every answer is cut at maxBody bytes (or what
// the options say) after decompression, and a request with all its redirects ends at maxTime.
const (
	maxBody      = 1 << 20
	maxTime      = 30 * time.Second
	maxDial      = 10 * time.Second
	maxRedirects = 3
)

// acceptAP is what we ask for when we want an ActivityPub document.
const acceptAP = `application/ld+json; profile="https://www.w3.org/ns/activitystreams", application/activity+json`

// ErrGone says that the other server told us, by 410, that the thing was
// there once and is no more.
var ErrGone = errors.New("federation: gone")

// ErrRefused marks an address or an answer that breaks our rules, so that
// trying again would not help.
var ErrRefused = errors.New("federation: refused")

// ClientOptions says what the one outgoing client may do. The zero value is
// the safe one: https, public addresses, the system's resolver.
type ClientOptions struct {
	Scheme       string         // "https", or "http" for tests and the demo
	AllowPrivate []netip.Prefix // reachable besides public addresses, at any port
	UserAgent    string
	MaxBody      int // bytes of one answer; 1 MB if zero

	// Resolve answers instead of DNS, for names such as lviv.localhost. With
	// ok false DNS is asked. The guard judges its answer like any other.
	Resolve func(ctx context.Context, host string) (ip netip.Addr, ok bool)
	// Dial replaces the guarded dialer wholly, for fediverses in one process.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// TLS is for tests with their own certificates.
	TLS *tls.Config
}

// Client is the one way out: everything that this program fetches or delivers
// goes through it. It looks at the address it is really connected to, so
// neither a clever name nor a redirect leads it into the house.
type Client struct {
	options ClientOptions
	wire    *http.Transport
	plain   *http.Client // follows no redirect: a signed request is signed anew
	others  *http.Client
}

// NewClient makes the client of one instance.
func NewClient(o ClientOptions) *Client {
	if o.Scheme == "" {
		o.Scheme = "https"
	}
	if o.UserAgent == "" {
		o.UserAgent = "Viche"
	}
	if o.MaxBody == 0 {
		o.MaxBody = maxBody
	}
	c := &Client{options: o}
	c.wire = &http.Transport{
		DialContext:            c.dial,
		TLSClientConfig:        o.TLS,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        time.Minute,
		TLSHandshakeTimeout:    maxDial,
		ResponseHeaderTimeout:  maxTime,
		MaxResponseHeaderBytes: 64 << 10,
	}
	stop := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.plain = &http.Client{Transport: guarded{c}, CheckRedirect: stop, Timeout: maxTime}
	c.others = &http.Client{Transport: guarded{c}, CheckRedirect: c.mayRedirect, Timeout: maxTime}
	return c
}

// HTTP is the same guarded client for other protocols: push, e-mail gateways,
// identity providers. It follows a few redirects and cuts long answers.
func (c *Client) HTTP() *http.Client { return c.others }

// Scheme is the one that this client speaks.
func (c *Client) Scheme() string { return c.options.Scheme }

// A Response is an answer read to its end.
type Response struct {
	URL    string // after redirects
	Status int
	Header http.Header
	Body   []byte
}

// A Signer signs requests for somebody: in the style that a host takes, and in
// the other one when the host turns the first away. Its fields may be nil but
// for Sign.
type Signer struct {
	Sign  func(r *http.Request, body []byte, style string) error // body is nil for GET
	Style func(host string) string                               // what the host took lately
	Learn func(host, style string)                               // it took this one
}

// The styles of signatures: all of the fediverse reads the first; the second is
// RFC 9421.
const (
	cavageStyle  = "cavage"
	rfc9421Style = "rfc9421"
)

// Get fetches address, following redirects within the same scheme, each
// signed anew. sign may be nil.
func (c *Client) Get(ctx context.Context, address, accept string, sign *Signer) (*Response, error) {
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	for hop := 0; ; hop++ {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRefused, err)
		}
		r.URL.Fragment = ""
		r.Header.Set("Accept", accept)
		answer, err := c.do(r, nil, sign)
		if err != nil {
			return nil, err
		}
		next := answer.Header.Get("Location")
		if answer.Status < 300 || answer.Status > 399 || next == "" {
			return answer, nil
		}
		if hop == maxRedirects {
			return nil, fmt.Errorf("%w: more than %d redirects", ErrRefused, maxRedirects)
		}
		to, err := r.URL.Parse(next)
		if err != nil {
			return nil, fmt.Errorf("%w: redirect to nowhere", ErrRefused)
		}
		address = to.String()
	}
}

// Post sends body to address once; a redirect is an answer like any other.
func (c *Client) Post(ctx context.Context, address, contentType string, body []byte, sign *Signer) (*Response, error) {
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(string(body)))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	r.Header.Set("Content-Type", contentType)
	return c.do(r, body, sign)
}

// do sends a request. A host that does not take our signature is asked once
// more with one of the other style, as Mastodon does; never a third time.
func (c *Client) do(r *http.Request, body []byte, sign *Signer) (*Response, error) {
	if sign == nil {
		return c.once(r)
	}
	style := cavageStyle
	if sign.Style != nil {
		style = sign.Style(r.URL.Host)
	}
	if err := sign.Sign(r, body, style); err != nil {
		return nil, fmt.Errorf("sign request: %w", err)
	}
	answer, err := c.once(r)
	if err != nil || answer.Status != http.StatusUnauthorized && answer.Status != http.StatusBadRequest {
		return answer, err
	}
	other := rfc9421Style
	if style == rfc9421Style {
		other = cavageStyle
	}
	again := r.Clone(r.Context())
	if body != nil {
		again.Body = io.NopCloser(bytes.NewReader(body))
	}
	if err := sign.Sign(again, body, other); err != nil {
		return nil, fmt.Errorf("sign request: %w", err)
	}
	second, err := c.once(again)
	if err != nil || second.Status == http.StatusUnauthorized || second.Status == http.StatusBadRequest {
		return answer, nil // the first answer says what is wrong
	}
	if sign.Learn != nil {
		sign.Learn(r.URL.Host, other)
	}
	return second, nil
}

func (c *Client) once(r *http.Request) (*Response, error) {
	r.Header.Set("User-Agent", c.options.UserAgent)
	if err := c.mayAsk(r.URL); err != nil {
		return nil, err
	}
	resp, err := c.plain.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.Method, r.URL.Host, err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read answer of %s: %w", r.URL.Host, err)
	}
	return &Response{URL: r.URL.String(), Status: resp.StatusCode, Header: resp.Header, Body: raw}, nil
}

// Document fetches an ActivityPub document and makes sure that the server of
// its id says so itself: the type is right, the address we ended at has the
// origin of the id, and where the id is another address, that one agrees.
func (c *Client) Document(ctx context.Context, uri string, sign *Signer) ([]byte, error) {
	raw, end, err := c.document(ctx, uri, sign)
	if err != nil {
		return nil, err
	}
	id, err := idOf(raw)
	if err != nil {
		return nil, err
	}
	if !actors.SameOrigin(id, end) {
		return nil, fmt.Errorf("%w: %s came from another origin", ErrRefused, id)
	}
	if sameAddress(id, end) {
		return raw, nil
	}
	raw, end, err = c.document(ctx, id, sign)
	if err != nil {
		return nil, err
	}
	if again, err := idOf(raw); err != nil || again != id || !sameAddress(id, end) {
		return nil, fmt.Errorf("%w: %s is not found under its own id", ErrRefused, id)
	}
	return raw, nil
}

// document fetches without judging the id, and says where it ended.
func (c *Client) document(ctx context.Context, uri string, sign *Signer) (raw []byte, end string, err error) {
	answer, err := c.Get(ctx, uri, acceptAP, sign)
	if err != nil {
		return nil, "", err
	}
	switch {
	case answer.Status == http.StatusGone:
		return nil, "", fmt.Errorf("get %s: %w", uri, ErrGone)
	case answer.Status == 408 || answer.Status == 429 || answer.Status >= 500:
		return nil, "", fmt.Errorf("get %s: status %d", uri, answer.Status)
	case answer.Status != http.StatusOK:
		return nil, "", fmt.Errorf("%w: get %s: status %d", ErrRefused, uri, answer.Status)
	case !IsActivityType(answer.Header.Get("Content-Type")):
		return nil, "", fmt.Errorf("%w: %s is no ActivityPub document", ErrRefused, uri)
	}
	return answer.Body, answer.URL, nil
}

// IsActivityType tells whether a Content-Type is one of the two that
// ActivityPub documents have. JSON of another name may be anybody's upload.
func IsActivityType(contentType string) bool {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	switch kind {
	case "application/activity+json":
		return true
	case "application/ld+json":
		for _, profile := range strings.Fields(params["profile"]) {
			if profile == "https://www.w3.org/ns/activitystreams" {
				return true
			}
		}
	}
	return false
}

func sameAddress(a, b string) bool {
	a, _, _ = strings.Cut(a, "#")
	b, _, _ = strings.Cut(b, "#")
	return a == b
}

// guarded applies the rules of addresses and sizes to every single request,
// the redirected ones of HTTP() included.
type guarded struct{ c *Client }

func (g guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := g.c.mayAsk(r.URL); err != nil {
		return nil, err
	}
	if err := mayGoOut(r.Context()); err != nil {
		return nil, err
	}
	resp, err := g.c.wire.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &cut{ReadCloser: resp.Body, left: g.c.options.MaxBody, most: g.c.options.MaxBody}
	return resp, nil
}

// cut fails instead of ending early: half a document must not pass for one.
type cut struct {
	io.ReadCloser
	left, most int
}

func (c *cut) Read(p []byte) (int, error) {
	if c.left < 0 {
		return 0, fmt.Errorf("%w: answer is over %d bytes", ErrRefused, c.most)
	}
	n, err := c.ReadCloser.Read(p)
	c.left -= n
	if c.left < 0 {
		return 0, fmt.Errorf("%w: answer is over %d bytes", ErrRefused, c.most)
	}
	return n, err
}

func (c *Client) mayAsk(u *url.URL) error {
	if u.Scheme != c.options.Scheme {
		return fmt.Errorf("%w: scheme %q", ErrRefused, u.Scheme)
	}
	if u.User != nil || u.Hostname() == "" {
		return fmt.Errorf("%w: address without a plain host", ErrRefused)
	}
	return nil
}

func (c *Client) mayRedirect(r *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("%w: more than %d redirects", ErrRefused, maxRedirects)
	}
	return c.mayAsk(r.URL)
}
