// Package engine is the one implementation of bus and store that both PostgreSQL drivers share. What differs
// between pgx and lib/pq stands behind the interfaces in this file, a handful of calls.
//
// None of the calls on a driver's own connection takes a context: the engine ties the connection's Link to the
// caller's context, and cutting the link ends any call. That way a network that swallows bytes cannot hold a
// caller, whichever driver it is.
package engine

import (
	"context"
)

// Dialer opens the driver's own connections.
type Dialer interface {
	// DialPublisher opens a connection to publish on. What it opens is attached to link.
	DialPublisher(ctx context.Context, link *Link) (Publisher, error)
	// DialListener opens a connection to listen on, which hands each notification to deliver, only from
	// within DialListener, Exec and Wait. The payload is the receiver's from then on. What it opens is attached
	// to link.
	DialListener(ctx context.Context, link *Link, deliver func(channel string, payload []byte)) (Listener, error)
}

// Fate is what an error tells of the statement that has failed.
type Fate int

const (
	// Open: the connection broke in the middle. The statement may have been run, or may still be.
	Open Fate = iota
	// Unsent: it was certainly not run, because the connection was gone. On another one it may be sent.
	Unsent
	// Refused: it was certainly not run, and sending it again has no purpose: the server has refused it, there is no server, or the
	// caller's context has ended.
	Refused
)

// Publisher is a connection that publishes. One goroutine at a time calls it; cutting its link ends any call.
type Publisher interface {
	// Ping returns once the server has answered.
	Ping() error
	// Exec runs statements without parameters, sent as one message. If intact, the server refused them and the connection can be
	// used again.
	Exec(statements string) (intact bool, err error)
	// Notify commits the batches in order, each as a transaction of its own, and stops at the first that fails.
	// committed is how many were. The fate is that of the failed batch and those after it. The connection can be used
	// again only if they were Refused.
	Notify(batches []Batch) (committed int, fate Fate, err error)
	// Close ends the connection. It does not fail: the link is cut after it.
	Close()
}

// Listener is a connection that listens. One goroutine at a time calls it; cutting its link ends any call.
type Listener interface {
	// Exec runs one statement that returns no rows. If intact, the server refused it and the connection can be used again.
	Exec(statement string) (intact bool, err error)
	// Wait returns once at least one notification was delivered, or with ctx.Err() when ctx ends, which
	// loses nothing. Any other error is final.
	Wait(ctx context.Context) error
	// Close ends the connection and frees what it holds. It does not fail: the link is cut before it.
	Close()
}

// DB is the pool of the caller. It is safe for concurrent use.
type DB interface {
	// QueryRow scans the first row into dest and tells whether there was one. After an error dest is not the
	// caller's any more: a call that was given up may still write to it.
	QueryRow(ctx context.Context, statement string, args []any, dest ...any) (found bool, err error)
	// Rows runs a statement that returns two bigints and a bytea in each row, and calls row for each. bytes is nil for NULL,
	// and row's only until it returns. After an error, what row has written is not the caller's any more: a call that was
	// given up may go on.
	Rows(ctx context.Context, statement string, args []any, row func(n, size int64, bytes []byte) error) error
	// Exec runs a statement, or several separated by semicolons in one transaction if there are no args.
	Exec(ctx context.Context, statement string, args ...any) error
	// Bytes returns how the driver passes bytes fastest: what to write in a statement for the parameter $1, and what
	// to pass for it.
	Bytes(p []byte) (expression string, arg any)
	// Writer returns what to write attachments to table, as it is written in SQL, with: itself, or what passes bytes
	// faster.
	Writer(ctx context.Context, table string) DB
	// Broken tells whether err means that a connection that stood was gone, or broke: on another one the statement may work.
	Broken(err error) bool
}
