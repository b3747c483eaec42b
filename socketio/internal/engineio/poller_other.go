//go:build !linux

package engineio

import "net"

// Elsewhere every socket is read by a goroutine of its own.
type (
	pollers struct{}
	poller  struct{}
	polled  struct{ poller *poller }
)

func (*pollers) start()                       {}
func (*pollers) close()                       {}
func (*pollers) adopt(*socket, net.Conn) bool { return false }
func (*poller) watch(*socket)                 {}
func (*poller) again(*socket)                 {}
