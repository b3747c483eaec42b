package engine

import (
	"bytes"
	"encoding/binary"
	"net"
	"sync"
	"time"
)

// statementTracker follows the bytes of one connection from one statement to the next. After an error it
// determines whether the server can have run the statement.
//
// The server has certainly not run it in three cases:
//
//   - Nothing was written.
//   - The first data after the statement is the termination message with which the server ends a session
//     between two messages: FATAL, with SQLSTATE 57P01 (pg_terminate_backend, or a shutdown) or 57P05
//     (idle_session_timeout), from ProcessInterrupts in the server's source. The statements for which this
//     matters use the extended protocol. There the server sends its answers in order in one stream:
//     BindComplete before it runs the statement, CommandComplete after it ran, and only then does it commit. A
//     termination message in front of all of these was sent before the statement ran: the server had not read
//     it yet, or not all of it. Its transaction is rolled back.
//   - The termination message came earlier, right after the answer to the previous statement.
//
// In all other cases the server may have run it. Examples are a connection that ends without a message (the
// statement or its answer may have been lost), the termination message of a proxy (which does not know what the
// server does), and a crash (57P02, which can be sent in the middle of a statement). With TLS the tracker sees
// only encrypted bytes, so it recognizes the first case only.
type statementTracker struct {
	mu       sync.Mutex // guards the fields below
	active   bool       // begin was called
	written  bool       // bytes were written since begin
	answered bool       // the first data since begin is not an error
	first    []byte     // the start of the first data since begin, if it is an error
	lastRead time.Time  // when data arrived last

	// The server may end a session right after an answer. The driver may then read the termination message
	// together with the answer, so that no part of it is left to read on the connection.
	ready       bool   // the server has sent ReadyForQuery since begin
	afterReady  []byte // the start of the data after ReadyForQuery
	endedBefore bool   // the termination message came before begin
}

// readyForQuery is the message with which the server waits for the next statement, outside of a transaction.
var readyForQuery = []byte{'Z', 0, 0, 0, 5, 'I'}

// begin is called before a statement is sent.
func (t *statementTracker) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.endedBefore = t.terminatedLocked()
	t.ready, t.afterReady = false, t.afterReady[:0]
	t.active, t.written, t.answered, t.first = true, false, false, nil
}

// notRun reports whether the server has certainly not run the statement that was sent since begin.
func (t *statementTracker) notRun() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.active && (t.endedBefore || !t.written || !t.answered && isTermination(t.first))
}

// terminatedLocked reports whether the server has ended the session after its last answer. The caller holds mu.
func (t *statementTracker) terminatedLocked() bool {
	return t.endedBefore || t.ready && isTermination(t.afterReady)
}

// terminated is terminatedLocked for callers that do not hold mu.
func (t *statementTracker) terminated() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.terminatedLocked()
}

// idle returns the time since data last arrived.
func (t *statementTracker) idle() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Since(t.lastRead)
}

func (t *statementTracker) wrote(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.written = t.written || n > 0
}

// maxTermination is the number of bytes of an error that are examined. A longer one, such as one with a long
// translation, is not recognized.
const maxTermination = 1024

func (t *statementTracker) read(p []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(p) == 0 {
		return
	}
	t.lastRead = time.Now()
	rest := p
	if i := bytes.LastIndex(p, readyForQuery); i >= 0 {
		t.ready, t.afterReady, rest = true, t.afterReady[:0], p[i+len(readyForQuery):]
	}
	if t.ready {
		t.afterReady = append(t.afterReady, rest[:min(len(rest), maxTermination-len(t.afterReady))]...)
	}
	if !t.active {
		return
	}
	if len(t.first) == 0 && p[0] != 'E' {
		t.answered = true
	}
	if !t.answered {
		t.first = append(t.first, p[:min(len(p), maxTermination-len(t.first))]...)
	}
}

// isTermination reports whether data starts with an ErrorResponse by which the server itself ends an idle
// session. See "Error and Notice Message Fields" in PostgreSQL's manual.
func isTermination(data []byte) bool {
	const header = 5 // the kind, and the length, which includes itself
	if len(data) < header || data[0] != 'E' {
		return false
	}
	length := int64(binary.BigEndian.Uint32(data[1:])) + 1
	if length < header || length > int64(len(data)) {
		return false
	}
	var severity, code, routine string // untranslated; SQLSTATE; the function in the server that reported it
	for fields := data[header:length]; len(fields) > 0 && fields[0] != 0; {
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
	return severity == "FATAL" && (code == adminShutdown || code == idleSessionTimeout) &&
		routine == "ProcessInterrupts"
}

// trackedConn reports the bytes of a connection to a tracker.
type trackedConn struct {
	net.Conn
	tracker *statementTracker
}

// NetConn returns the connection below.
func (c *trackedConn) NetConn() net.Conn { return c.Conn }

func (c *trackedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.tracker.read(p[:n])
	return n, err
}

func (c *trackedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.tracker.wrote(n)
	return n, err
}
