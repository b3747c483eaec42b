package pgxdriver

import (
	"bytes"
	"context"
	"errors"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/backplane-go/backplane/postgres/internal/engine"
)

// listener receives notifications on a connection that was hijacked from pgconn.
type listener struct {
	conn      net.Conn
	stream    *stream
	interrupt interrupter
	deliver   func(channel string, payload []byte)
	delivered int // number of notifications so far
	channels  nameCache

	answered bool            // the last statement was answered
	refused  *pgconn.PgError // the error with which the server refused it
}

var _ engine.ListenConn = (*listener)(nil)

// newListener returns a listener on a connection that nothing else reads from now on.
func newListener(conn net.Conn, stream *stream, deliver func(channel string, payload []byte)) *listener {
	return &listener{conn: conn, stream: stream, interrupt: interrupter{conn: conn}, deliver: deliver}
}

// Exec writes the statement and reads until it is answered. Statements are small and sent one at a time: each
// fits into the buffers of the network, so it can be written even while the server waits for its notifications
// to be read.
func (l *listener) Exec(statement string) (refused bool, err error) {
	l.interrupt.disarm()
	l.answered, l.refused = false, nil
	query, err := (&pgproto3.Query{String: statement}).Encode(nil)
	if err != nil {
		return true, err // nothing was sent
	}
	if _, err := l.conn.Write(query); err != nil {
		return false, err
	}
	for !l.answered {
		if err := l.read(); err != nil {
			return false, err
		}
	}
	if l.refused != nil {
		return true, l.refused
	}
	return false, nil
}

// Wait reads until a notification was delivered. All notifications of one read are delivered.
func (l *listener) Wait(ctx context.Context) error {
	l.interrupt.arm(ctx)
	for before := l.delivered; l.delivered == before; {
		if err := l.read(); err != nil {
			var timeout net.Error
			if ctx.Err() != nil && errors.As(err, &timeout) && timeout.Timeout() {
				return ctx.Err()
			}
			return err
		}
	}
	return nil
}

// read reads once and processes the complete messages.
func (l *listener) read() error {
	if err := l.stream.fill(); err != nil {
		return err
	}
	return l.processBuffered()
}

// processBuffered processes the complete messages in the buffer. Its error ends the connection.
func (l *listener) processBuffered() error {
	for {
		kind, body, ok, err := l.stream.next()
		switch {
		case err != nil:
			return err
		case !ok:
			return nil
		}
		switch kind {
		case 'A': // NotificationResponse
			err = l.processNotification(body)
		case 'E': // ErrorResponse
			err = l.processError(body)
		case 'Z': // ReadyForQuery
			l.answered = true
		case 'N', 'S', 'C', 'I', 'T', 'D': // notices, settings, and the other parts of an answer
		default:
			err = malformed(kind, "a listening connection does not receive")
		}
		if err != nil {
			return err
		}
	}
}

// processNotification delivers a notification. Its body is the process id of the sender, and the channel and
// the payload, each terminated by NUL. The payload is copied so that it does not keep the buffer in memory.
func (l *listener) processNotification(body []byte) error {
	const pid = 4
	if len(body) < pid {
		return malformed('A', "is truncated")
	}
	channel, rest, found := bytes.Cut(body[pid:], []byte{0})
	if n := len(rest) - 1; !found || bytes.IndexByte(rest, 0) != n || n < 0 {
		return malformed('A', "does not consist of a channel and a payload")
	}
	payload := make([]byte, len(rest)-1)
	copy(payload, rest)
	l.delivered++
	l.deliver(l.channels.get(channel), payload)
	return nil
}

// processError records an error. It returns the error if the server ends the connection with it.
func (l *listener) processError(body []byte) error {
	var response pgproto3.ErrorResponse
	if err := response.Decode(body); err != nil {
		return malformed('E', "is truncated")
	}
	e := pgconn.ErrorResponseToPgError(&response)
	severity := e.SeverityUnlocalized
	if severity == "" {
		severity = e.Severity
	}
	if severity == "FATAL" || severity == "PANIC" {
		return e
	}
	l.refused = e
	return nil
}

// Close releases the connection. Its handle is cut already, so the server is not notified.
func (l *listener) Close() {
	l.interrupt.disarm()
	_ = l.conn.Close()
}

// nameCache converts the names of channels to strings, and each name only once.
type nameCache struct {
	last string
	all  map[string]string
}

// maxNames limits the cache, which also contains names of channels that are not listened to any more.
const maxNames = 1024

func (n *nameCache) get(name []byte) string {
	if string(name) == n.last {
		return n.last
	}
	known, ok := n.all[string(name)]
	if !ok {
		if n.all == nil || len(n.all) == maxNames {
			n.all = make(map[string]string)
		}
		known = string(name)
		n.all[known] = known
	}
	n.last = known
	return known
}
