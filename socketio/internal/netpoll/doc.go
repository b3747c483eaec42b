// Package netpoll reads and writes many network connections with few goroutines.
//
// A connection that is nothing but a socket is polled on Linux: a Pollers takes its descriptor from Go's runtime
// and has epoll say when there is something to read. An idle connection then costs neither a goroutine nor a
// buffer. All other connections, such as those with TLS, and all connections on other systems, are read by a
// goroutine each. Both kinds are a Conn and call a Handler.
//
// What is sent is written by a Writer, which serves many connections and never waits for one. A connection whose
// writes may block has to be written by a goroutine of its own instead.
//
// The package does not know the protocol of the bytes that it reads and writes.
//
// # Files
//
//   - conn.go: Conn and Handler
//   - delivered_linux.go, delivered_other.go: whether the peer has acknowledged everything
//   - goroutine.go: connections that are read by a goroutine of their own
//   - polled_linux.go: connections that a poller reads
//   - poller_linux.go: a poller and its goroutines
//   - pollers_linux.go, pollers_other.go: the pollers of a server, and how connections get to them
//   - prefixed.go: a net.Conn of which something has been read already
//   - rawconn_unix.go, rawconn_other.go: reads and writes that do not block
//   - transfer_linux.go, transfer_other.go: their system calls
//   - writer.go: the goroutines that write
package netpoll
