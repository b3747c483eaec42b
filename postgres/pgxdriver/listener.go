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

// listener waits for notifications. It reads a connection that pgconn has opened.
type listener struct {
	conn      net.Conn
	stream    *stream
	watch     watch
	deliver   func(channel string, payload []byte)
	delivered int // notifications so far
	channels  names

	answered bool            // since the last statement
	refused  *pgconn.PgError // what the server had against it
}

var _ engine.Listener = (*listener)(nil)

// newListener returns a listener on a connection that nobody else reads from now on.
func newListener(conn net.Conn, stream *stream, deliver func(channel string, payload []byte)) *listener {
	return &listener{conn: conn, stream: stream, watch: watch{conn: conn}, deliver: deliver}
}

// Exec writes the statement and reads until it is answered. A statement is small, and there is one at a time: it fits into
// what the network holds, so that it can be written also while the server waits for its notifications to be read.
func (l *listener) Exec(statement string) (intact bool, err error) {
	l.watch.off()
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

// Wait reads until something was delivered. What is read together is delivered together.
func (l *listener) Wait(ctx context.Context) error {
	l.watch.on(ctx)
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

// read reads once, and handles the messages that are complete.
func (l *listener) read() error {
	if err := l.stream.fill(); err != nil {
		return err
	}
	return l.handle()
}

// handle handles the messages that have been read in full. Its error is the end of the connection.
func (l *listener) handle() error {
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
			err = l.notify(body)
		case 'E': // ErrorResponse
			err = l.refuse(body)
		case 'Z': // ReadyForQuery
			l.answered = true
		case 'N', 'S', 'C', 'I', 'T', 'D': // notices, settings, and what else belongs to an answer
		default:
			err = malformed(kind, "a connection that listens does not get")
		}
		if err != nil {
			return err
		}
	}
}

// notify delivers a notification: the number of the process that sent it, the channel and the payload, each with a NUL after
// it. The payload is copied to where it does not hold the buffer.
func (l *listener) notify(body []byte) error {
	const pid = 4
	if len(body) < pid {
		return malformed('A', "is cut short")
	}
	channel, rest, found := bytes.Cut(body[pid:], []byte{0})
	if n := len(rest) - 1; !found || bytes.IndexByte(rest, 0) != n || n < 0 {
		return malformed('A', "is not a channel and a payload")
	}
	payload := make([]byte, len(rest)-1)
	copy(payload, rest)
	l.delivered++
	l.deliver(l.channels.of(channel), payload)
	return nil
}

// refuse notes an error, and returns it if the server ends the connection with it.
func (l *listener) refuse(body []byte) error {
	var response pgproto3.ErrorResponse
	if err := response.Decode(body); err != nil {
		return malformed('E', "is cut short")
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

// Close frees the connection, whose link is cut already: there is nobody to say goodbye to.
func (l *listener) Close() {
	l.watch.off()
	_ = l.conn.Close()
}

// names makes strings of the names of channels, each of them once.
type names struct {
	last string
	all  map[string]string
}

// maxNames is how many names are kept, those that are not listened to any more among them.
const maxNames = 1024

func (n *names) of(name []byte) string {
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
