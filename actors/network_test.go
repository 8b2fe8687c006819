package actors_test

import (
	"testing"

	"viche/actors"
)

func TestNetworkOfCountsANetworkOfIPv6(t *testing.T) {
	t.Parallel()
	for from, want := range map[string]string{
		"192.0.2.7:4711":              "192.0.2.7",
		"[2001:db8:1:2:3:4:5:6]:4711": "2001:db8:1:2::/64",
		"[2001:db8:1:2::1]:1":         "2001:db8:1:2::/64",
		"[::ffff:192.0.2.7]:4711":     "192.0.2.7",
		"[fe80::1%eth0]:4711":         "fe80::/64",
		"@":                           "@",
	} {
		if got := actors.NetworkOf(from); got != want {
			t.Errorf("NetworkOf(%s) = %s, want %s", from, got, want)
		}
	}
}
