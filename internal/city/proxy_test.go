package city

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestOnlyTrustedProxiesSayWhereARequestIsFrom(t *testing.T) {
	t.Parallel()
	c := &City{Config: Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}
	for _, row := range []struct{ from, forwarded, want string }{
		{"192.0.2.1:99", "198.51.100.7", "192.0.2.1:99"},               // a stranger claims to forward
		{"10.0.0.1:99", "198.51.100.7", "198.51.100.7:0"},              // the proxy does
		{"10.0.0.1:99", "203.0.113.5, 198.51.100.7", "198.51.100.7:0"}, // what the client wrote itself is left alone
		{"10.0.0.1:99", "198.51.100.7, 10.0.0.2", "198.51.100.7:0"},    // through two proxies
		{"10.0.0.1:99", "nonsense", "10.0.0.1:99"},                     //
		{"10.0.0.1:99", "", "10.0.0.1:99"},                             //
		{"[::ffff:10.0.0.1]:99", "2001:db8::7", "[2001:db8::7]:0"},     //
	} {
		got := ""
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = row.from
		if row.forwarded != "" {
			r.Header.Set("X-Forwarded-For", row.forwarded)
		}
		c.behindProxies(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr })).ServeHTTP(httptest.NewRecorder(), r)
		if got != row.want {
			t.Errorf("from %s, forwarded for %q: client %s, want %s", row.from, row.forwarded, got, row.want)
		}
	}
}
