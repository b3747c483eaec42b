//go:build !linux

package netpoll

import "net"

// Pollers reads connections. On this system it starts a goroutine for each.
type Pollers struct{}

// Start does nothing.
func (*Pollers) Start() {}

// Close does nothing.
func (*Pollers) Close() {}

// Running reports whether there is a poller: there is none.
func (*Pollers) Running() bool { return false }

// Conn returns nc as a Conn, which is read by a goroutine of its own.
func (*Pollers) Conn(nc net.Conn) Conn { return newGoroutineConn(nc) }
