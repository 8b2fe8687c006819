package city

import (
	"context"
	"net/netip"
	"strings"

	"viche/federation"
)

// Outgoing are the options of the one way out. Where the machine itself may be
// reached, names below localhost mean it, as they do in browsers, whatever the
// system's resolver thinks of them.
func Outgoing(scheme, agent string, allow []netip.Prefix) federation.ClientOptions {
	return federation.ClientOptions{
		Scheme: scheme, UserAgent: agent, AllowPrivate: allow,
		Resolve: func(_ context.Context, host string) (netip.Addr, bool) {
			here := netip.AddrFrom4([4]byte{127, 0, 0, 1})
			if host != "localhost" && !strings.HasSuffix(host, ".localhost") {
				return netip.Addr{}, false
			}
			for _, p := range allow {
				if p.Contains(here) {
					return here, true
				}
			}
			return netip.Addr{}, false
		},
	}
}
