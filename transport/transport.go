// Package transport defines how small messages travel between the nodes of a cluster: a Bus publishes,
// a Session receives. An implementation needs an afternoon; package conformance proves it.
//
// # Delivery
//
// A bus delivers at most once. What is published while a session is broken, or not yet listening, is lost
// to that session. Messages of one Bus on all channels arrive at a session in the order they were
// published, and so do messages of different buses when one Publish has returned before the other began. Nothing is
// delivered twice, and equal messages are distinct: a bus whose server merges equal notifications has to keep them apart.
//
// A session that has lost a message has ended: it returns what arrived before the loss, then a final error, and nothing that
// was published after it. Client libraries that drop messages when their buffer is full, or that reconnect and subscribe again,
// have to be told not to, or the session has to end when they do.
//
// A session that is read slowly, or not at all, holds up neither Publish nor other sessions for longer than a moment (the bus
// documents how long; a second at most). When the bus can keep no more messages for it, the session ends with an error.
//
// A bus does not send again what may have been sent, and its sessions do not reconnect: the cluster (package core) replaces them, once
// for all buses. A Publish that finds its connection dead before it has sent anything may open another one.
//
// # Contexts
//
// Every method that takes a context returns soon after the context has ended, also while it is being carried out, with an
// error for which errors.Is(err, ctx.Err()) is true, unless it has succeeded. If the context has ended before the call, nothing is begun.
// A connection that is given the deadline of a context may report it a moment before the context does, as net.Dialer can: that is an end of the
// context too, and is returned as context.DeadlineExceeded. A context counts for its own call only.
//
// # Panics
//
// A panic of a bus is treated as an error of the call that does not say what was sent; a session whose Receive panics is closed. Publish and
// Receive must not end the goroutine that calls them (runtime.Goexit).
package transport

import (
	"context"
	"errors"
)

// ErrClosed is returned by a Session once Close was called on it, and by a Bus that was closed for good.
var ErrClosed = errors.New("transport: closed")

// ErrNotSent is in the error of a Publish that has sent nothing, for a reason that has nothing to do with the messages: the
// server cannot be reached, or the context ended before. It is optional: it tells a caller that a message was certainly
// not sent.
var ErrNotSent = errors.New("nothing was sent")

// Message is one payload on one channel.
type Message struct {
	// Channel names the audience. It is not empty, holds no NUL and is valid UTF-8; anything else may be in it, so it is
	// data to a bus, never part of a statement.
	Channel string
	// Payload is what is carried, at most Limits.Payload bytes.
	Payload []byte
}

// Bus carries small messages between nodes, at most once. It is safe for concurrent use.
type Bus interface {
	// Publish sends msgs in order, in as few round trips as the bus can, and returns once they are on their
	// way to every session that listens. Publishing nothing does nothing. The payloads are not retained.
	//
	// After a *RejectedError exactly its first Accepted messages were sent and the others certainly were not; it is
	// returned only if that is certain. After an ErrNotSent none was sent.
	// After any other error, that of the context included, any prefix of msgs may have arrived or be about to arrive, but none of
	// them arrives after a message of a Publish that this bus begins later. Only if its connection broke meanwhile, what the server had
	// read from it may still arrive a moment later, once. The next Publish starts afresh.
	Publish(ctx context.Context, msgs ...Message) error

	// Open starts a receiving session that listens to nothing yet. The session also receives what its own
	// node publishes. It fails, rather than waits, when the server cannot be reached.
	Open(ctx context.Context) (Session, error)

	// Limits tells what Publish accepts. It is constant and does no I/O.
	Limits() Limits
}

// Session receives what is published on the channels it listens to. One goroutine at a time calls it, except for Close.
type Session interface {
	// Listen returns once messages published from now on are sure to arrive. Listening twice is as once. Whatever flows on other
	// channels meanwhile is neither lost nor reordered. Any error, that of the context included, ends the session: Receive may still return
	// what had arrived before, then a final error.
	Listen(ctx context.Context, channel string) error

	// Unlisten returns once messages published from now on do not arrive. A channel that is not listened
	// to is no error. Any error ends the session, as one of Listen does.
	Unlisten(ctx context.Context, channel string) error

	// Receive waits for the next message, whose payload belongs to the caller. When ctx ends it returns
	// ctx.Err(), the session is still usable and nothing is lost; a message that is there may be returned all the same. Any other
	// error is final: every later call returns one too.
	Receive(ctx context.Context) (Message, error)

	// Close ends the session and frees what it holds, also after a final error, and also if ctx has ended: then it does without
	// a goodbye to the server, and may return ctx.Err(). Closing again does nothing. Messages that nobody has received are dropped.
	// It is the only method that may be called while another one is under way, which then returns ErrClosed, or the error it was about
	// to return. After Close all methods return ErrClosed.
	Close(ctx context.Context) error
}

// MultiListener is implemented by a Session that can listen to many channels in one round trip. A node with thousands of
// namespaces listens to all of them again whenever its session was lost.
type MultiListener interface {
	// ListenAll is Listen for several channels, in about the time that one takes. Any error ends the session, as one of Listen
	// does. Listening to none does nothing.
	ListenAll(ctx context.Context, channels ...string) error
}

// What every bus has to carry. References to large messages have to fit into MinPayload, and the prefix of a cluster with a
// namespace of a few characters into MinChannel.
const (
	// MinPayload is the smallest Limits.Payload in bytes.
	MinPayload = 1000
	// MinChannel is the smallest Limits.Channel in bytes.
	MinChannel = 48
)

// Limits describes what a bus can carry.
type Limits struct {
	// Payload is the size in bytes of the largest payload, at least MinPayload. 0 means no limit.
	Payload int
	// Channel is the length in bytes of the longest channel name, at least MinChannel. Every name up to it is carried, whatever its
	// characters. 0 means no limit.
	Channel int
	// Text tells that payloads must be valid UTF-8 without NUL.
	Text bool
	// Distinct tells that equal messages in one Publish are slower than unequal ones: the bus keeps them apart, but a
	// sender that can make them differ had better do so.
	Distinct bool
}

// RejectedError is returned by a Bus that knows exactly what was sent, so that the cluster can single out
// the message at fault without sending another one twice.
type RejectedError struct {
	// Accepted is how many messages, from the first on, were sent.
	Accepted int
	// Err is the bus's own error.
	Err error
}

func (e *RejectedError) Error() string { return "transport: rejected: " + e.Err.Error() }

// Unwrap returns the bus's own error.
func (e *RejectedError) Unwrap() error { return e.Err }

// Closer is implemented by a Bus that holds resources of its own, such as a publishing connection. The
// cluster closes its bus when it is closed itself.
type Closer interface {
	// Close frees what the bus holds, also if ctx has ended. Closing again does nothing. Other buses on the same medium go on. Sessions
	// that are open go on until they are closed themselves, or end with an error; they are never left waiting in silence. A Publish
	// that is under way succeeds or returns an error. A later Publish or Open either acquires the resources again and works, or returns
	// ErrClosed.
	Close(ctx context.Context) error
}
