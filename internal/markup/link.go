package markup

import (
	"net"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
	"golang.org/x/text/unicode/norm"
)

// names maps hosts as browsers do.
var names = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false))

// target parses where a link leads, or gives nil for what a post may not link
// to. The result has a host in plain ASCII and nobody's password.
func target(raw string) *url.URL {
	raw = strings.TrimSpace(raw)
	if raw == "" || len(raw) > 4000 || strings.ContainsFunc(raw, unicode.IsControl) {
		return nil
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil
	}
	switch u.Scheme = strings.ToLower(u.Scheme); u.Scheme {
	case "mailto":
		if u.Opaque == "" || !strings.Contains(u.Opaque, "@") {
			return nil
		}
	case "http", "https":
		host := asciiHost(u.Hostname())
		if host == "" || u.Opaque != "" {
			return nil
		}
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		if port := u.Port(); port != "" {
			host += ":" + port
		}
		u.Host, u.User = host, nil
	default:
		return nil
	}
	// What does not say the same when read again is a trick.
	again, err := url.Parse(u.String())
	if err != nil || again.String() != u.String() || again.Host != u.Host || again.Scheme != u.Scheme {
		return nil
	}
	return again
}

// asciiHost is a host in the form in which hosts are compared, or "".
func asciiHost(host string) string {
	if ip := net.ParseIP(host); ip != nil {
		return ip.String()
	}
	if !utf8.ValidString(host) {
		return ""
	}
	host = strings.TrimSuffix(host, ".")
	ascii, err := names.ToASCII(host)
	if err != nil || ascii == "" || len(ascii) > 253 || strings.ContainsRune(host, '\uFFFD') || strings.ContainsAny(ascii, " %/\\?#@:[]<>\"'`") {
		return ""
	}
	// Some names that are no names become others when they are read again.
	if again, err := names.ToASCII(ascii); err != nil || again != ascii {
		return ""
	}
	return ascii
}

var claim = regexp.MustCompile(`(?:[a-z][a-z0-9+.-]*:[/\\]+|\bwww\.)\S*`)

// truth tells whether the words of a link name another place than it leads to,
// and what to say instead.
func truth(to *url.URL, words string) (instead string, lies bool) {
	words = spoken(words)
	if to.Scheme == "mailto" {
		address, _, _ := strings.Cut(to.Opaque, "?")
		other := strings.Contains(words, "@") && !strings.Contains(words, strings.ToLower(address))
		return address, words == "" || other || claim.MatchString(words)
	}
	host := to.Hostname()
	instead = host
	// Only names under a top level that is not Latin cannot pass for one that is.
	if top := host[strings.LastIndexByte(host, '.')+1:]; strings.HasPrefix(top, "xn--") {
		if shown, err := names.ToUnicode(host); err == nil {
			instead = shown
		}
	}
	if words == "" {
		return instead, true
	}
	for _, said := range claim.FindAllString(words, 20) {
		if !same(claimed(said), host) {
			return instead, true
		}
	}
	if strings.ContainsFunc(words, unicode.IsSpace) || strings.HasPrefix(words, "@") || strings.HasPrefix(words, "#") {
		return instead, false
	}
	said := claimed(words)
	return instead, hostlike(said) && !same(said, host)
}

// spoken is text as a reader takes it: without what is not seen, and with
// lookalikes of dots and slashes made into those.
func spoken(s string) string {
	s = norm.NFKC.String(s)
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '。' || r == '｡' || r == '․':
			return '.'
		case r == '∕' || r == '⁄' || r == '⧸' || r == '╱':
			return '/'
		case r == '։' || r == '∶' || r == 'ː' || r == '꞉':
			return ':'
		case unicode.IsSpace(r):
			return ' '
		case unicode.In(r, unicode.Cc, unicode.Cf) || blank(r):
			return -1
		}
		return unicode.ToLower(r)
	}, s)
	return strings.TrimSpace(s)
}

// claimed is the host that an address in words names.
func claimed(said string) string {
	if i := strings.IndexByte(said, ':'); i >= 0 && i+1 < len(said) && (said[i+1] == '/' || said[i+1] == '\\') {
		said = strings.TrimLeft(said[i+1:], `/\`)
	}
	said = strings.TrimLeft(said, `("'«“„‘[<`)
	if i := strings.IndexAny(said, `/\?#)"'»”’]>,;`); i >= 0 {
		said = said[:i]
	}
	said = said[strings.LastIndexByte(said, '@')+1:]
	if i := strings.LastIndexByte(said, ':'); i >= 0 && !strings.Contains(said[i:], "]") {
		said = said[:i]
	}
	return strings.TrimRight(strings.Trim(said, "[]"), ".!?")
}

func hostlike(s string) bool {
	if !strings.Contains(s, ".") {
		return false
	}
	if net.ParseIP(s) != nil {
		return true
	}
	ascii, err := names.ToASCII(s)
	if err != nil {
		return false
	}
	_, known := publicsuffix.PublicSuffix(ascii)
	return known
}

func same(said, host string) bool {
	said = asciiHost(said)
	return said != "" && strings.TrimPrefix(said, "www.") == strings.TrimPrefix(host, "www.")
}
