package engine

import (
	"bytes"
	"encoding/binary"
	"net"
	"sync"
	"time"
)

// exchange watches the bytes of one connection from one statement to the next. After an error it tells whether the server can have
// run the statement.
//
// The server has certainly not run it in three cases.
//
//   - Nothing was written.
//   - The first thing that came after it was written is the goodbye with which the server ends a session between two messages:
//     FATAL, with SQLSTATE 57P01 (pg_terminate_backend, or a shutdown) or 57P05 (idle_session_timeout), from
//     ProcessInterrupts in the server's source. The statements of this library for which that matters are sent in the extended
//     protocol. There the server puts its answers into one stream in order: BindComplete before it runs the statement,
//     CommandComplete when it has, and only then does it commit. A goodbye that stands in front of all of these was said before
//     the statement was run: the server had not read it yet, or not all of it. The transaction that it would have been is
//     rolled back.
//   - The goodbye came before, right after the answer to the previous statement.
//
// In all other cases it may have, for example when the connection ends without a message (the statement or its answer may have been
// lost), after the goodbye of a proxy (which does not know what the server does), and after a crash (57P02, which can be sent in the
// middle of a statement). With TLS the bytes cannot be read here, so only the first case is known.
type exchange struct {
	mu       sync.Mutex // guards all below
	watching bool
	written  bool      // something, since begin
	answered bool      // what came first is no error
	first    []byte    // what came first, if it is an error, as far as it matters
	heard    time.Time // when something came last

	// The server may end a session right after it has answered. The driver may then read the goodbye together with the answer, and nothing of
	// it is left to be seen in the connection.
	ready bool   // the server has said since begin that it waits for a statement
	since []byte // what came after that, as far as it matters
	ended bool   // the goodbye came before begin
}

// readyForQuery is the message with which the server waits for the next statement, outside of a transaction.
var readyForQuery = []byte{'Z', 0, 0, 0, 5, 'I'}

// begin is called before a statement is sent.
func (x *exchange) begin() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.ended = x.over()
	x.ready, x.since = false, x.since[:0]
	x.watching, x.written, x.answered, x.first = true, false, false, nil
}

// untouched tells whether the server has certainly not run the statement that was sent since begin.
func (x *exchange) untouched() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.watching && (x.ended || !x.written || !x.answered && isGoodbye(x.first))
}

// over tells whether the server has ended the session after its last answer. The caller holds mu.
func (x *exchange) over() bool { return x.ended || x.ready && isGoodbye(x.since) }

// isOver is over for callers that do not hold mu.
func (x *exchange) isOver() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.over()
}

// idle is how long nothing came.
func (x *exchange) idle() time.Duration {
	x.mu.Lock()
	defer x.mu.Unlock()
	return time.Since(x.heard)
}

func (x *exchange) wrote(n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.written = x.written || n > 0
}

// maxGoodbye is how many bytes of an error are looked at. One with a long translation is not understood.
const maxGoodbye = 1024

func (x *exchange) read(p []byte) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(p) == 0 {
		return
	}
	x.heard = time.Now()
	rest := p
	if i := bytes.LastIndex(p, readyForQuery); i >= 0 {
		x.ready, x.since, rest = true, x.since[:0], p[i+len(readyForQuery):]
	}
	if x.ready {
		x.since = append(x.since, rest[:min(len(rest), maxGoodbye-len(x.since))]...)
	}
	if !x.watching {
		return
	}
	if len(x.first) == 0 && p[0] != 'E' {
		x.answered = true
	}
	if !x.answered {
		x.first = append(x.first, p[:min(len(p), maxGoodbye-len(x.first))]...)
	}
}

// isGoodbye tells whether a message, or the beginning of several, is an ErrorResponse with which the server itself ends an idle
// session. The fields of it are in section "Error and Notice Message Fields" of PostgreSQL's manual.
func isGoodbye(message []byte) bool {
	const header = 5 // its kind, and its length, which counts itself
	if len(message) < header || message[0] != 'E' {
		return false
	}
	length := int64(binary.BigEndian.Uint32(message[1:])) + 1
	if length < header || length > int64(len(message)) {
		return false
	}
	var severity, code, routine string // untranslated; SQLSTATE; the function in the server that has reported it
	for fields := message[header:length]; len(fields) > 0 && fields[0] != 0; {
		value, rest, found := bytes.Cut(fields[1:], []byte{0})
		if !found {
			return false
		}
		switch fields[0] {
		case 'V':
			severity = string(value)
		case 'C':
			code = string(value)
		case 'R':
			routine = string(value)
		}
		fields = rest
	}
	return severity == "FATAL" && (code == adminShutdown || code == idleSessionTimeout) && routine == "ProcessInterrupts"
}

// watched is a connection whose bytes are watched.
type watched struct {
	net.Conn
	exchange *exchange
}

// NetConn returns what is below.
func (w *watched) NetConn() net.Conn { return w.Conn }

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.exchange.read(p[:n])
	return n, err
}

func (w *watched) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.exchange.wrote(n)
	return n, err
}
