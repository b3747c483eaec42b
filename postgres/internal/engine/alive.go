package engine

import (
	"context"
	"net"
	"time"
)

// A connection that was idle may be dead: the server has ended it (idle_session_timeout, pg_terminate_backend, a restart), or a
// proxy (client_idle_timeout of PgBouncer), or a firewall has forgotten it, and swallows what is sent. A statement that is
// written into such a connection is lost, or, worse, its fate is open. So it is looked at first.
const (
	// MaxIdle is after how long without an answer a connection is asked for one, in a round trip of its own.
	MaxIdle = time.Second
	// maxIdleUnseen is that where the operating system does not tell whether something has arrived.
	maxIdleUnseen = 50 * time.Millisecond
	// maxPing is how long the answer may take, if the caller's deadline does not leave less.
	maxPing = time.Second
)

// Ping bounds a question whether a connection lives by a quarter of the time that ctx leaves: enough remains for another connection.
func Ping(ctx context.Context) (context.Context, context.CancelFunc) {
	patience := maxPing
	if deadline, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(deadline)/4)
	}
	return context.WithTimeout(ctx, patience)
}

// Alive tells whether the connection can be used. It pings only if that is doubtful: nothing came for a while, or something is there
// that nobody has asked for, which is most likely a goodbye. After false nothing of what the caller wants to
// send was sent, and the connection has to be closed.
func (l *Link) Alive(ctx context.Context, ping func() error) bool {
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

// Quiet tells whether a connection stands and has nothing to say that was not read, without waiting and without reading, and whether
// that can be known.
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
