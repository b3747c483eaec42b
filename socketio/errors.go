package socketio

import (
	"errors"
	"fmt"

	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/excerpt"
	"github.com/backplane-go/backplane/socketio/internal/handler"
)

var (
	// ErrDisconnected is returned when a socket is not connected, not yet or no more.
	ErrDisconnected = errors.New("socketio: the client is not connected")
	// ErrDropped is returned by EmitWithAck when a volatile event was dropped.
	ErrDropped = errors.New("socketio: the client was not ready for a volatile event")
	// ErrServerClosed is returned by what is called on a Server that is closed.
	ErrServerClosed = errors.New("socketio: the server is closed")
)

// Error is an error that is meant for the client. Returned by a middleware of a namespace, it is the client's
// connect_error, with Data as its data; returned by a handler or by a middleware of a socket, it is the
// acknowledgement.
type Error struct {
	Message string
	Data    any // nil: none
}

func (e *Error) Error() string { return e.Message }

// ackError is an Error as a client gets it in an acknowledgement.
type ackError struct {
	Error string `json:"error"`
	Data  any    `json:"data,omitempty"`
}

// HandlerError is reported when a func of the application's could not be called, returned an error, or panicked.
type HandlerError struct {
	Namespace string
	Socket    string // its id, empty if it was for none
	Event     string // its name, or what was called: "connection", "disconnect", "middleware", …
	Err       error  // an *ArgumentError, a *PanicError, ErrExited, or what was returned
}

func (e *HandlerError) Error() string {
	text := ""
	if p, is := e.Err.(*PanicError); is {
		text = p.Error() // bounds itself
	} else if e.Err != nil {
		text = excerpt.Error(e.Err)
	}
	return fmt.Sprintf("socketio: namespace %q, socket %q, %q: %s", excerpt.Of(e.Namespace), e.Socket, excerpt.Of(e.Event), text)
}

// Unwrap returns Err.
func (e *HandlerError) Unwrap() error { return e.Err }

// ArgumentError says which argument of an event does not suit the handler.
type ArgumentError = handler.ArgumentError

// PanicError is wrapped by the HandlerError of a func of the application's that has panicked.
type PanicError = fault.PanicError

// ErrExited is wrapped by the HandlerError of a func of the application's that has ended its goroutine with
// runtime.Goexit, as testing.T.FailNow does.
var ErrExited = fault.ErrExited
