package socketio

import (
	"errors"
	"fmt"

	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/excerpt"
)

var (
	// ErrDisconnected is returned when a socket is not connected yet, or no longer connected.
	ErrDisconnected = errors.New("socketio: the client is not connected")
	// ErrDropped is returned by EmitWithAck when a volatile event was dropped.
	ErrDropped = errors.New("socketio: the client was not ready for a volatile event")
	// ErrServerClosed is returned by methods of a Server that is closed.
	ErrServerClosed = errors.New("socketio: the server is closed")
)

// errInternal is sent to a client instead of an error that is not meant for it, such as a panic.
var errInternal = errors.New("internal error")

var errInvalidNamespace = errors.New("Invalid namespace") //lint:ignore ST1005 clients get this text of Socket.IO's

// Error is an error that is sent to the client. If a middleware of a namespace returns it, the client gets a
// connect_error with the Message and Data. If a handler or a middleware of a socket returns it, the client gets
// {"error": Message, "data": Data} as the acknowledgement of the event.
type Error struct {
	Message string
	Data    any // nil: none
}

func (e *Error) Error() string { return e.Message }

// ackError is the form of an Error in an acknowledgement.
type ackError struct {
	Error string `json:"error"`
	Data  any    `json:"data,omitempty"`
}

// HandlerError is reported to Config.ErrorHandler when a function of the application has returned an error or
// panicked, or could not be called.
type HandlerError struct {
	Namespace string
	Socket    string // id; empty if the function was not called for a socket
	Event     string // name of the event, or what was called: "connection", "disconnect", "middleware", …
	Err       error  // *ArgumentError, *PanicError, ErrExited, or the returned error
}

func (e *HandlerError) Error() string {
	text := ""
	if p, is := e.Err.(*PanicError); is {
		text = p.Error() // bounded
	} else if e.Err != nil {
		text = excerpt.Error(e.Err)
	}
	return fmt.Sprintf("socketio: namespace %q, socket %q, %q: %s", excerpt.Of(e.Namespace), e.Socket,
		excerpt.Of(e.Event), text)
}

// Unwrap returns Err.
func (e *HandlerError) Unwrap() error { return e.Err }

// ArgumentError says which argument of an event does not fit the handler.
type ArgumentError = fault.ArgumentError

// PanicError is wrapped by the HandlerError of a function that has panicked.
type PanicError = fault.PanicError

// ErrExited is wrapped by the HandlerError of a function that has ended its goroutine with runtime.Goexit, as
// testing.T.FailNow does.
var ErrExited = fault.ErrExited
