package netpoll

import (
	"time"

	"github.com/backplane-go/backplane/socketio/internal/sched"
)

// Reserve is the number of bytes before the input in a Handler's buf. The Handler may overwrite them.
const Reserve = 16

// bufferSize is the size of a buffer for input that is shared by many connections.
const bufferSize = Reserve + 16<<10

// Step tells a reader what to do next.
type Step int

const (
	Read  Step = iota // read from the connection
	Again             // call Next again: the handler has handled input that it had kept
	Wait              // read nothing until Conn.Wake is called: the handler has no room
)

// Handler handles the input of one Conn. Calls never overlap. here is the slot of the calling goroutine, nil if
// it has none. buf is only valid during the call.
type Handler interface {
	// Next returns what the reader does next. It may use buf to handle input that the handler has kept.
	Next(buf []byte, here *sched.Slot) Step
	// Input handles the input buf[Reserve:Reserve+n]. If it returns true, Next is called before more is read.
	Input(buf []byte, n int, here *sched.Slot) (more bool)
	// End is called when there is no more input. err is io.EOF if the peer has closed its side. If End returns
	// false, the connection stays open, because there is something to write, and End is called again after
	// Conn.Wake or Conn.Cut.
	End(buf []byte, err error, here *sched.Slot) (done bool)
	// Closed is called after all other methods. It must call Conn.Close.
	Closed(err error)
}

// Conn is a connection. The Handler's methods are called after Start. All methods but Start, TryWrite and Close
// are safe for concurrent use.
type Conn interface {
	// Start starts reading. It is called once, or again by the Handler's Input to change the handler. If kept
	// is true, Next is called at once, because h has input.
	Start(h Handler, kept bool)
	// Wake makes the reader call Next again after Next has returned Wait, or End after End has returned false.
	Wake()
	// Write writes p. A polled connection writes as much as it has room for and does not block; other
	// connections block.
	Write(p []byte) (n int, err error)
	// Blocks reports whether all writes may block. If not, a Writer can write to the connection.
	Blocks() bool
	// TryWrite writes as much as there is room for and does not block. n may be 0. Only the connection's Writer
	// may call it.
	TryWrite(p []byte) (n int, err error)
	// SetWriteDeadline sets the deadline of Write, if Write may block.
	SetWriteDeadline(t time.Time) error
	// CloseWrite tells the peer that nothing follows.
	CloseWrite() error
	// Cut ends the connection at once. The reader notices, and calls the Handler's End. Close must still be
	// called.
	Cut()
	// Close frees the connection. Only the reader may call it, or the owner of a connection that was not
	// started.
	Close() error
	// Delivered reports whether the peer's system has acknowledged everything that was written, and neither
	// side has closed the connection. It returns false on systems that do not report this.
	Delivered() bool
}
