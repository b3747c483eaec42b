//go:build !backplane_nethttp

package accept

import (
	"net/netip"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRemoteAddrIsWrittenAsByPackageNet(t *testing.T) {
	mapped, six := netip.MustParseAddr("::ffff:10.1.2.3"), netip.MustParseAddr("2001:db8::1")
	local := netip.MustParseAddr("fe80::1")
	for want, from := range map[string]syscall.Sockaddr{
		"10.1.2.3:80":          &syscall.SockaddrInet4{Port: 80, Addr: [4]byte{10, 1, 2, 3}},
		"10.1.2.3:81":          &syscall.SockaddrInet6{Port: 81, Addr: mapped.As16()},
		"[2001:db8::1]:82":     &syscall.SockaddrInet6{Port: 82, Addr: six.As16()},
		"[fe80::1%4294967]:83": &syscall.SockaddrInet6{Port: 83, ZoneId: 4294967, Addr: local.As16()},
	} {
		require.Equal(t, want, remoteAddr(from))
	}
}
