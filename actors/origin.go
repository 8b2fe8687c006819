package actors

import (
	"fmt"
	"net/url"
	"strings"

	"golang.org/x/net/idna"
)

// Origin is who answers for an address: scheme and host, with a port only
// where it is not the scheme's own. Two spellings of one host give one origin,
// and hosts that merely look or begin alike give two, so origins are compared
// whole and never by a part of the text.
func Origin(uri string) (string, error) {
	u, err := url.Parse(uri)
	if err != nil || u.Opaque != "" || u.User != nil {
		return "", fmt.Errorf("origin: not a plain address")
	}
	scheme := strings.ToLower(u.Scheme)
	if scheme != "https" && scheme != "http" {
		return "", fmt.Errorf("origin: scheme %q", u.Scheme)
	}
	host, err := foldHost(u.Hostname())
	if err != nil {
		return "", err
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	port := u.Port()
	if port != "" && !(scheme == "https" && port == "443") && !(scheme == "http" && port == "80") {
		host += ":" + port
	}
	return scheme + "://" + host, nil
}

// SameOrigin tells whether one server answers for both addresses.
func SameOrigin(a, b string) bool {
	one, err := Origin(a)
	if err != nil {
		return false
	}
	other, err := Origin(b)
	return err == nil && one == other
}

// HostOf is the host of an address in its one spelling, with a port where it
// is not the default one; empty for what is no address.
func HostOf(uri string) string {
	origin, err := Origin(uri)
	if err != nil {
		return ""
	}
	_, host, _ := strings.Cut(origin, "://")
	return host
}

// foldHost writes a host name in its one spelling: lower case, punycode, no
// dot at the end.
func foldHost(host string) (string, error) {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "" {
		return "", fmt.Errorf("origin: no host")
	}
	if strings.Contains(host, ":") {
		return host, nil // IPv6; url.Parse took the brackets off
	}
	ascii, err := idna.Lookup.ToASCII(host)
	if err != nil {
		return "", fmt.Errorf("origin: host %q", host)
	}
	return ascii, nil
}
