package actors

import (
	"net"
	"net/netip"
)

// NetworkOf is whom a limit counts a request for, by the RemoteAddr it came
// from: an IPv4 address, or the /64 network that a household or a server gets of
// IPv6, within which one machine takes as many addresses as it likes. The address
// behind a trusted proxy has been put into RemoteAddr before.
func NetworkOf(remoteAddr string) string {
	host, _, err := net.SplitHostPort(remoteAddr)
	if err != nil {
		host = remoteAddr
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	if address = address.Unmap().WithZone(""); address.Is4() {
		return address.String()
	}
	return netip.PrefixFrom(address, 64).Masked().String()
}
