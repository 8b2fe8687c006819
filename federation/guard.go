package federation

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// special are the ranges of IPv4 that no public server has (IANA registry of
// special-purpose addresses, multicast and the reserved rest).
var special = prefixes("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
	"172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24",
	"192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4")

// Of IPv6 only global unicast is public, less protocol assignments (with
// Teredo and ORCHID), documentation and 6to4, which carries an IPv4 address.
var (
	global6  = netip.MustParsePrefix("2000::/3")
	special6 = prefixes("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "2620:4f:8000::/48")
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

// public tells whether ip may belong to a public server. Mapped IPv4 is
// judged as what it maps; NAT64, compatible and local forms are not global.
func public(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return !within(ip, special)
	}
	return global6.Contains(ip) && !within(ip, special6)
}

func within(ip netip.Addr, list []netip.Prefix) bool {
	for _, prefix := range list {
		if prefix.Contains(ip) {
			return true
		}
	}
	return false
}

// dial connects for the transport. Names are resolved by the dialer itself,
// and control sees every address right before the connection is made, so a
// name that changes its mind between check and use gains nothing.
func (c *Client) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if c.options.Dial != nil {
		return c.options.Dial(ctx, network, addr)
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if c.options.Resolve != nil {
		if ip, ok := c.options.Resolve(ctx, host); ok {
			addr = net.JoinHostPort(ip.String(), port)
		}
	}
	dialer := net.Dialer{Timeout: maxDial, Control: c.control}
	return dialer.DialContext(ctx, network, addr)
}

func (c *Client) control(network, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: address %q", ErrRefused, address)
	}
	ip := at.Addr().Unmap().WithZone("")
	if within(ip, c.options.AllowPrivate) {
		return nil
	}
	if !public(ip) {
		return fmt.Errorf("%w: %s is not a public address", ErrRefused, ip)
	}
	if at.Port() != 80 && at.Port() != 443 {
		return fmt.Errorf("%w: port %d", ErrRefused, at.Port())
	}
	return nil
}
