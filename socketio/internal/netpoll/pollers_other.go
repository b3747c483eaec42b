//go:build !linux

package netpoll

import "net"

// Pollers reads connections. On this system it starts a goroutine for each connection.
type Pollers struct{ delays }

// Start does nothing.
func (*Pollers) Start() {}

// Close does nothing.
func (*Pollers) Close() {}

// Running returns false, because there are no pollers.
func (*Pollers) Running() bool { return false }

// Conn returns nc as a Conn, which is read by its own goroutine.
func (*Pollers) Conn(nc net.Conn) Conn { return newGoroutineConn(nc) }
