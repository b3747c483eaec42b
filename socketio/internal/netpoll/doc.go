// Package netpoll reads and writes many network connections with few goroutines.
//
// On Linux, a plain TCP or Unix connection is polled: Pollers removes its descriptor from Go's runtime, and
// epoll reports when there is something to read. An idle connection then needs neither a goroutine nor a
// buffer. All other connections, such as those with TLS, and all connections on other systems, are each read by
// a goroutine. Both kinds of connections implement Conn and call a Handler.
//
// A Writer writes to many connections and never blocks on one. A connection whose writes may block needs its
// own goroutine for writing.
//
// The package does not interpret the bytes that it reads and writes.
//
// # Files
//
//   - conn.go: Conn and Handler
//   - delivered_linux.go, delivered_other.go: whether the peer has acknowledged everything
//   - goroutine.go: connections that are each read by a goroutine
//   - polled_linux.go: connections that a poller reads
//   - poller_linux.go: a poller and its goroutines
//   - pollers_linux.go, pollers_other.go: the pollers of a server, and how connections are assigned to them
//   - prefixed.go: a net.Conn from which the first bytes have been read already
//   - rawconn_unix.go, rawconn_other.go: reads and writes that do not block
//   - transfer_linux.go, transfer_other.go: the system calls of these
//   - writer.go: the goroutines that write
package netpoll
