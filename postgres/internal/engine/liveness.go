package engine

import (
	"context"
	"net"
	"time"
)

// An idle connection may be dead: the server (idle_session_timeout, pg_terminate_backend, a restart) or a proxy (PgBouncer's
// client_idle_timeout) has closed it, or a firewall has dropped its state and discards what is sent. A statement that is
// written to such a connection is lost, or it is not known whether it was run. So the connection is checked first.
const (
	// MaxIdle is the time without data from the server after which a connection is pinged before it is used.
	MaxIdle = time.Second
	// maxIdleUnseen is the same on systems where a connection cannot be checked without reading.
	maxIdleUnseen = 50 * time.Millisecond
	// maxPing is how long the answer to a ping may take.
	maxPing = time.Second
)

// Ping returns the context for a ping: it ends after maxPing, or a quarter of the time until the deadline of ctx if that is less, so that
// enough remains for another connection.
func Ping(ctx context.Context) (context.Context, context.CancelFunc) {
	patience := maxPing
	if deadline, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(deadline)/4)
	}
	return context.WithTimeout(ctx, patience)
}

// Alive tells whether the connection can be used. It pings only if nothing came for a while, or if there is data to read that no
// statement has asked for, most likely a goodbye. If it is false, nothing but the ping, if anything, was sent, and the connection has to be closed.
func (l *Link) Alive(ctx context.Context, ping func() error) bool {
	if l.exchange.isOver() {
		return false
	}
	l.mu.Lock()
	look := l.look
	l.mu.Unlock()
	limit := MaxIdle
	quiet, known := look()
	if !known {
		limit = maxIdleUnseen
	}
	if (quiet || !known) && l.exchange.idle() < limit {
		return true
	}
	ctx, cancel := Ping(ctx)
	defer cancel()
	stop := l.CutWhen(ctx)
	err := ping()
	return stop() && err == nil
}

// Begin is called before a statement is sent, and Untouched after it has failed: it tells whether the server has certainly not
// run it.
func (l *Link) Begin()          { l.exchange.begin() }
func (l *Link) Untouched() bool { return l.exchange.untouched() }

// Quiet tells, without waiting and without reading, whether a connection is open and has no data to read, and whether that can be known
// on this system.
func Quiet(conn net.Conn) (quiet, known bool) { return looker(conn)() }

// looker returns Quiet for a connection that is looked at often. One goroutine at a time calls it.
func looker(conn net.Conn) func() (quiet, known bool) {
	for {
		above, ok := conn.(interface{ NetConn() net.Conn }) // as of crypto/tls
		if !ok {
			return peeker(conn)
		}
		conn = above.NetConn()
	}
}

// unknown is Quiet where the connection, or the operating system, does not tell.
func unknown() (quiet, known bool) { return false, false }
