package netpoll

import (
	"time"

	"github.com/backplane-go/backplane/socketio/internal/sched"
)

// Reserve is the room before the input that a Handler gets. The Handler may overwrite it.
const Reserve = 16

// bufferSize is the size of a buffer for input that is shared by many connections.
const bufferSize = Reserve + 16<<10

// Step is what a reader does next.
type Step int

const (
	Read  Step = iota // read from the connection
	Again             // call Next again: the handler has handled input that it had kept
	Wait              // read nothing until Conn.Wake is called: the handler has no room
)

// Handler handles the input of one Conn. Calls never overlap. here is the slot of the goroutine that calls, nil
// if it has none. buf is only valid during the call.
type Handler interface {
	// Next says what to do next. It may use buf to handle input that the handler has kept.
	Next(buf []byte, here *sched.Slot) Step
	// Input handles buf[Reserve:Reserve+n], which has been read. more says that Next is to be called before more
	// is read.
	Input(buf []byte, n int, here *sched.Slot) (more bool)
	// End is called when there is no more input. err is io.EOF if the peer has closed its side. done is false if
	// the connection has to stay open, as there is something to write. Then End is called again after Conn.Wake
	// or Conn.Cut.
	End(buf []byte, err error, here *sched.Slot) (done bool)
	// Closed is called last. It must call Conn.Close.
	Closed(err error)
}

// Conn is a connection. The Handler's methods are called after Start. All methods but Start, TryWrite and Close
// are safe for concurrent use.
type Conn interface {
	// Start begins to read. It is called once, or again by the Handler's Input to change the handler. kept says
	// that Next is to be called at once, because h has input.
	Start(h Handler, kept bool)
	// Wake has the reader call Next after it has returned Wait, or End after it has returned false.
	Wake()
	// Write writes p. A polled connection writes what it has room for, and does not wait; others do.
	Write(p []byte) (n int, err error)
	// Blocks reports whether Write is the only way to write. Otherwise a Writer can write the connection.
	Blocks() bool
	// TryWrite writes what there is room for, and does not wait. n may be 0. It is for the connection's Writer.
	TryWrite(p []byte) (n int, err error)
	// SetWriteDeadline sets the deadline of Write, if that may wait.
	SetWriteDeadline(t time.Time) error
	// CloseWrite tells the peer that nothing follows.
	CloseWrite() error
	// Cut ends the connection at once. The reader notices, and calls the Handler's End. Close must still be
	// called.
	Cut()
	// Close frees the connection. Only the reader may call it, or the owner of a connection that was not
	// started.
	Close() error
	// Delivered reports whether the peer's system has acknowledged everything that was written, and neither side
	// has closed the connection. It is false where the system does not tell.
	Delivered() bool
}
