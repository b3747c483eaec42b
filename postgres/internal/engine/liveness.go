package engine

import (
	"context"
	"net"
	"time"
)

// An idle connection may be dead: the server closed it (idle_session_timeout, pg_terminate_backend, a restart),
// a proxy closed it (PgBouncer's client_idle_timeout), or a firewall dropped its state and discards all
// packets. A statement that is sent over such a connection is lost, or its outcome is unknown. So the
// connection is checked first.
const (
	// MaxIdle is the time without data from the server after which a connection is pinged before it is used.
	MaxIdle = time.Second
	// maxIdleUnknown replaces MaxIdle on systems where a connection cannot be checked without reading from it.
	maxIdleUnknown = 50 * time.Millisecond
	// maxPing limits the time for the answer to a ping.
	maxPing = time.Second
)

// Ping returns the context for a ping. It ends after maxPing, or after a quarter of the time until the deadline
// of ctx if that is shorter, so that enough time remains for another connection.
func Ping(ctx context.Context) (context.Context, context.CancelFunc) {
	timeout := maxPing
	if deadline, ok := ctx.Deadline(); ok {
		timeout = min(timeout, time.Until(deadline)/4)
	}
	return context.WithTimeout(ctx, timeout)
}

// Alive reports whether the connection can be used. It pings only if no data arrived for a while, or if there
// is unexpected data to read, which is most likely a termination message. If Alive returns false, nothing but
// the ping was sent, and the connection must be closed.
func (h *Handle) Alive(ctx context.Context, ping func() error) bool {
	if h.tracker.terminated() {
		return false
	}
	h.mu.Lock()
	isQuiet := h.isQuiet
	h.mu.Unlock()
	limit := MaxIdle
	quiet, known := isQuiet()
	if !known {
		limit = maxIdleUnknown
	}
	if (quiet || !known) && h.tracker.idle() < limit {
		return true
	}
	ctx, cancel := Ping(ctx)
	defer cancel()
	stop := h.CutOnDone(ctx)
	err := ping()
	return stop() && err == nil
}

// Quiet reports, without waiting and without reading, whether a connection is open and has no data to read.
// known is false if that cannot be determined on this system.
func Quiet(conn net.Conn) (quiet, known bool) { return quietFunc(conn)() }

// quietFunc returns Quiet for a connection that is checked often. Only one goroutine at a time may call the
// result.
func quietFunc(conn net.Conn) func() (quiet, known bool) {
	for {
		wrapper, ok := conn.(interface{ NetConn() net.Conn }) // such as crypto/tls.Conn
		if !ok {
			return peeker(conn)
		}
		conn = wrapper.NetConn()
	}
}

// unknown is Quiet for connections and operating systems that do not support it.
func unknown() (quiet, known bool) { return false, false }
