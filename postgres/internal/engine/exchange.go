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
// The server has certainly not run it in two cases.
//
//   - Nothing was written.
//   - The first thing that came after it was written is the goodbye with which the server ends a session between two messages:
//     FATAL, with SQLSTATE 57P01 (pg_terminate_backend, or a shutdown) or 57P05 (idle_session_timeout), from
//     ProcessInterrupts in the server's source. The statements of this library for which that matters are sent in the extended
//     protocol. There the server puts its answers into one stream in order: BindComplete before it runs the statement,
//     CommandComplete when it has, and only then does it commit. A goodbye that stands in front of all of these was said before
//     the statement was run: the server had not read it yet, or not all of it. The transaction that it would have been is
//     rolled back.
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
}

// begin is called before a statement is sent.
func (x *exchange) begin() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.watching, x.written, x.answered, x.first = true, false, false, nil
}

// untouched tells whether the server has certainly not run the statement that was sent since begin.
func (x *exchange) untouched() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.watching && (!x.written || !x.answered && isGoodbye(x.first))
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
	if len(p) == 0 || !x.watching {
		return
	}
	x.heard = time.Now()
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
	var severity, code, routine string
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
	return IsGoodbye(severity, code, routine)
}

// IsGoodbye tells whether an error of the server is the end of a session that was idle, or was treated as if it were: by its severity,
// untranslated, its SQLSTATE, and the name of the function in the server that reported it.
func IsGoodbye(severity, code, routine string) bool {
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
