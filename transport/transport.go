// Package transport defines how small messages travel between the nodes of a cluster. A Bus publishes messages,
// and a Session receives them. An implementation takes an afternoon; package conformance tests whether it keeps
// these rules.
//
// # Delivery
//
// A bus delivers each message at most once. A session does not receive what is published while it is broken or
// before it listens. The messages of one Bus arrive at a session in the order in which they were published,
// across all channels. So do the messages of different buses if one Publish returned before the other began. No
// message is delivered twice. Equal messages are distinct: a bus whose server merges equal notifications must
// keep them apart.
//
// A session that has lost a message ends. It returns the messages that arrived before the loss, then a final
// error, and none of the messages that were published after the loss. Some client libraries drop messages when
// their buffer is full, or reconnect and subscribe again on their own. Turn that off, or end the session when
// it happens.
//
// A session that is read slowly, or not at all, must not delay Publish or other sessions for more than a
// moment. The bus documents how long that is; one second is the limit. When the bus cannot keep more messages
// for the session, the session ends with an error.
//
// A bus does not resend what may have been sent, and its sessions do not reconnect: the cluster (package core)
// replaces them, so that no bus has to do it. A Publish that finds its connection dead before it has sent
// anything may open another one.
//
// # Contexts
//
// Every method that takes a context returns soon after the context ends, even in the middle of its work. Unless
// it has succeeded, it returns an error for which errors.Is(err, ctx.Err()) is true. If the context ended
// before the call, the method starts nothing. A connection whose deadline was set to the deadline of a context
// may report it a moment before the context does, as net.Dialer can. That counts as the end of the context:
// return context.DeadlineExceeded. A context applies to its own call only.
//
// # Panics
//
// The cluster treats a panic in a bus as an error of that call, and what was sent as unknown. It closes a
// session whose Receive panics. Publish and Receive must not end the calling goroutine with runtime.Goexit.
package transport

import (
	"context"
	"errors"
)

// ErrClosed is returned by a Session after Close was called on it, and by a Bus that was closed for good.
var ErrClosed = errors.New("transport: closed")

// ErrNotSent is wrapped in the error of a Publish that sent nothing for a reason unrelated to the messages: the
// server is unreachable, or the context ended before anything was sent. Returning it is optional. It tells the
// caller that no message was sent.
var ErrNotSent = errors.New("nothing was sent")

// Message is one payload on one channel.
type Message struct {
	// Channel is the name of the channel. It is not empty, valid UTF-8 and without NUL. It may contain any
	// other character, so a bus must treat it as data and never as part of a statement.
	Channel string
	// Payload is the content, at most Limits.Payload bytes.
	Payload []byte
}

// Bus carries small messages between nodes, at most once. It is safe for concurrent use.
type Bus interface {
	// Publish sends msgs in order, in as few round trips as the bus can. It returns when they are on their way
	// to every session that listens. Without msgs it does nothing. It does not retain the payloads.
	//
	// After a *RejectedError, exactly the first Accepted messages were sent and the others were not. Publish
	// returns it only if that is certain. After an error that wraps ErrNotSent, no message was sent.
	//
	// After any other error, including that of the context, any prefix of msgs may have arrived or may still
	// arrive, but not after a message of a Publish that begins later on this bus. There is one exception: if
	// the connection broke in between, what the server had already read from it may arrive a moment later,
	// once. The next Publish starts afresh.
	Publish(ctx context.Context, msgs ...Message) error

	// Open starts a receiving session that does not listen to any channel yet. The session also receives what
	// its own node publishes. Open fails instead of waiting when the server is unreachable.
	Open(ctx context.Context) (Session, error)

	// Limits returns what Publish accepts. The result is constant, and the method does no I/O.
	Limits() Limits
}

// Session receives the messages of the channels it listens to. Only one goroutine at a time may call its
// methods, except for Close.
type Session interface {
	// Listen returns when every message published from now on is sure to arrive. Listening to a channel twice
	// has the effect of listening once. Messages that arrive on other channels in the meantime are neither lost
	// nor reordered. Any error, including that of the context, ends the session: Receive may still return
	// messages that arrived before, then it returns a final error.
	Listen(ctx context.Context, channel string) error

	// Unlisten returns when no message published from now on arrives. It is not an error if the session does
	// not listen to the channel. Any error ends the session, as with Listen.
	Unlisten(ctx context.Context, channel string) error

	// Receive waits for the next message. The payload belongs to the caller. When ctx ends, Receive returns
	// ctx.Err(), the session stays usable and no message is lost; a message that is available may be returned
	// nevertheless. Any other error is final: every later call returns an error too.
	Receive(ctx context.Context) (Message, error)

	// Close ends the session and releases its resources, even after a final error and even if ctx has ended. In
	// the latter case it does not notify the server, and may return ctx.Err(). Closing again does nothing.
	// Messages that were not received are dropped.
	//
	// Close is the only method that may be called during another call. That call then returns ErrClosed, or the
	// error that it was about to return. After Close, all methods return ErrClosed.
	Close(ctx context.Context) error
}

// MultiListener is implemented by a Session that can listen to many channels in one round trip. A node with
// thousands of namespaces listens to all of them again whenever it has lost its session.
type MultiListener interface {
	// ListenAll does what Listen does, for several channels, in about the time of a single Listen. Any error
	// ends the session, as with Listen. Without channels it does nothing.
	ListenAll(ctx context.Context, channels ...string) error
}

// MultiUnlistener is implemented by a Session that can stop listening to many channels in one round trip. A node whose
// dialect has channels of rooms stops listening to thousands of them when its clients leave.
type MultiUnlistener interface {
	// UnlistenAll does what Unlisten does, for several channels, in about the time of a single Unlisten. Any error
	// ends the session, as with Unlisten. Without channels it does nothing.
	UnlistenAll(ctx context.Context, channels ...string) error
}

// The capacity that every bus must have. References to large messages must fit into MinPayload. The prefix of a
// cluster and a namespace of a few characters must fit into MinChannel.
const (
	// MinPayload is the smallest Limits.Payload, in bytes.
	MinPayload = 1000
	// MinChannel is the smallest Limits.Channel, in bytes.
	MinChannel = 48
)

// Limits describes what a bus can carry.
type Limits struct {
	// Payload is the size of the largest payload in bytes, at least MinPayload. 0 means no limit.
	Payload int
	// Channel is the length of the longest channel name in bytes, at least MinChannel. The bus carries every
	// name up to that length, whatever its characters. 0 means no limit.
	Channel int
	// Text reports whether payloads must be valid UTF-8 without NUL.
	Text bool
	// Distinct reports whether equal messages in one Publish are slower than unequal ones. The bus keeps them
	// apart, but a sender that can make them differ should do so.
	Distinct bool
}

// RejectedError is returned by a Bus that knows exactly which messages were sent. The cluster can then single
// out the message at fault without sending another one twice.
type RejectedError struct {
	// Accepted is the number of messages, from the first on, that were sent.
	Accepted int
	// Err is the error of the bus.
	Err error
}

func (e *RejectedError) Error() string { return "transport: rejected: " + e.Err.Error() }

// Unwrap returns the error of the bus.
func (e *RejectedError) Unwrap() error { return e.Err }

// Closer is implemented by a Bus that holds resources, such as a connection for publishing. The cluster closes
// its bus when it is closed.
type Closer interface {
	// Close releases the resources of the bus, even if ctx has ended. Closing again does nothing. Other buses
	// on the same medium are not affected. Open sessions either continue until they are closed, or end with an
	// error; they never wait in silence. A Publish in progress succeeds or returns an error. A later Publish or
	// Open either acquires the resources again and works, or returns ErrClosed.
	Close(ctx context.Context) error
}
