package city

import (
	"net/netip"
	"testing"
)

func TestNamesBelowLocalhostAreHereOnlyWhereAllowed(t *testing.T) {
	t.Parallel()
	loopback := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8")}
	for _, tt := range []struct {
		host  string
		allow []netip.Prefix
		want  string
	}{
		{"lviv.localhost", loopback, "127.0.0.1"},
		{"localhost", loopback, "127.0.0.1"},
		{"localhost", nil, ""},
		{"lviv.localhost", loopback[:1], ""},
		{"notlocalhost", loopback, ""},
		{"localhost.example", loopback, ""},
	} {
		got, ok := Outgoing("http", "", tt.allow).Resolve(t.Context(), tt.host)
		if ok != (tt.want != "") || ok && got.String() != tt.want {
			t.Errorf("Resolve(%q), allowed %v = %v, %v, want %q", tt.host, tt.allow, got, ok, tt.want)
		}
	}
}
