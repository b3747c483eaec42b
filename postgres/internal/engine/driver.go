// Package engine implements the bus and the store of both PostgreSQL drivers. The differences between pgx and
// lib/pq are hidden behind the driver interface: Dialer, PublishConn,
// ListenConn, EntryConn, Querier and Pool.
//
// The methods of the connections take no context. Instead, the engine ties the Handle of the
// connection to the caller's context: closing the connection through its handle ends any call. So a network
// that drops packets cannot block a caller, whichever driver it uses.
//
// # Files
//
//   - driver.go: the driver interface
//   - bus.go: Bus, which publishes and opens sessions
//   - batch.go: how messages are divided into statements
//   - fence.go: the lock that keeps an earlier connection from publishing late
//   - session.go: Session, which receives
//   - listenall.go: listening to many channels in one round trip
//   - store.go: Store and how its calls are repeated
//   - store_put.go: storing attachments
//   - store_get.go: reading attachments; retain.go: storing those of kept messages
//   - prepare.go: checking the table; setup.go: creating a table, and errors about it
//   - sessions.go, sessions_sql.go: sessions of clients; sessions_prepare.go: checking their table
//   - untrusted.go: the SQL that finds reasons not to trust the table
//   - roster.go: Entry, a connection that the server shows under a name, and the list of them
//   - roster_sql.go: the SQL of that list
//   - tx.go: Tx, which publishes and stores in a transaction of the caller
//   - outbox.go: appending to the log in a transaction of the caller, and moving that into the log
//   - log.go: appending to the log
//   - log_batch.go, log_parts.go: how the messages of an append are divided into statements
//   - log_session.go: LogSession, which receives messages with their positions
//   - log_places.go: finding these positions
//   - log_read.go: reading the log
//   - log_trim.go: removing old messages, and describing the log
//   - log_prepare.go: checking and creating the log
//   - handle.go: Handle, which closes a connection from another goroutine
//   - liveness.go: whether an idle connection can still be used
//   - quiet_unix.go, quiet_other.go: peeking at a socket
//   - tracker.go: whether the server can have run a statement that failed
//   - settings.go: the settings of the driver's own connections
//   - errors.go: SQLSTATEs, and what an error means
package engine

import (
	"context"
)

// Dialer opens the driver's own connections.
type Dialer interface {
	// DialPublisher opens a connection for publishing and registers it with handle.
	DialPublisher(ctx context.Context, handle *Handle) (PublishConn, error)
	// DialListener opens a connection for listening and registers it with handle. The connection passes each
	// notification to deliver, but only during DialListener, Exec and Wait. The payload then belongs to
	// deliver.
	DialListener(ctx context.Context, handle *Handle, deliver func(channel string, payload []byte)) (ListenConn, error)
	// DialEntry opens a connection for an entry of the roster and registers it with handle.
	DialEntry(ctx context.Context, handle *Handle) (EntryConn, error)
}

// Outcome is what is known about a statement that failed.
type Outcome int

const (
	// OutcomeUnknown means that the connection broke after the statement was sent. The server may have run it
	// or may still run it.
	OutcomeUnknown Outcome = iota
	// StatementNotRun means that the server certainly did not run the statement, because the connection was
	// gone. The statement may be sent over another connection.
	StatementNotRun
	// StatementRefused means that the server certainly did not run the statement, and that there is no point in
	// sending it again: the server refused it, there is no server, or the caller's context has ended.
	StatementRefused
)

// PublishConn is a connection for publishing. Only one goroutine at a time calls it. Closing it through its
// handle ends any call.
type PublishConn interface {
	// Ping returns when the server has answered.
	Ping() error
	// Exec runs statements without parameters as one message. refused reports that the server refused them and
	// that the connection is still usable.
	Exec(statements string) (refused bool, err error)
	// Notify commits the batches in order, each in its own transaction, and stops at the first that fails. It sets
	// the answers of those that append to the log.
	// committed is the number of batches that were committed. The outcome applies to the failed batch and those
	// after it. The connection is still usable only after StatementRefused.
	Notify(batches []Batch) (committed int, outcome Outcome, err error)
	// Close closes the connection. It does not fail: the handle is cut afterwards.
	Close()
}

// ListenConn is a connection for listening. Only one goroutine at a time calls it. Closing it through its
// handle ends any call.
type ListenConn interface {
	// Exec runs one statement that returns no rows. refused reports that the server refused it and that the
	// connection is still usable.
	Exec(statement string) (refused bool, err error)
	// Wait returns when at least one notification was delivered, or with ctx.Err() when ctx ends, which loses
	// no notification. Any other error is final.
	Wait(ctx context.Context) error
	// Close closes the connection and releases its resources. It does not fail: the handle is cut before.
	Close()
}

// EntryConn is a connection that is only open for the server to show it. Only one goroutine at a time calls it.
// Closing it through its handle ends any call.
type EntryConn interface {
	// Exec runs statements without parameters as one message. refused reports that the server refused them and
	// that the connection is still usable.
	Exec(statements string) (refused bool, err error)
	// Row runs one statement whose columns are text, and returns its first row, or nil if there is none.
	// refused is as in Exec.
	Row(statement string) (columns []string, refused bool, err error)
	// Close closes the connection. It does not fail, and closing again does nothing.
	Close()
}

// Querier runs statements on the caller's pool, on a connection of the driver, or in a transaction of the
// caller.
type Querier interface {
	// QueryRow scans the first row into dest and reports whether there was one. After an error the caller must
	// not use dest any more: an abandoned call may still write to it.
	QueryRow(ctx context.Context, statement string, args []any, dest ...any) (found bool, err error)
	// Exec runs one statement, or without args several that are separated by semicolons, in one transaction.
	Exec(ctx context.Context, statement string, args ...any) error
	// Bytes returns the fastest way to pass bytes: the SQL expression that reads the parameter $1, and the
	// argument.
	Bytes(p []byte) (expression string, arg any)
}

// Pool is the connection pool of the caller. It is safe for concurrent use.
type Pool interface {
	Querier
	// Rows runs a statement whose rows consist of two bigints and a bytea, and calls row for each. bytes is nil
	// for NULL, and only valid until row returns. After an error the caller must not use what row has written:
	// an abandoned call may continue.
	Rows(ctx context.Context, statement string, args []any, row func(n, size int64, bytes []byte) error) error
	// Writer returns the Querier that writes attachments to table, a quoted name: the pool itself, or one that
	// passes bytes faster.
	Writer(ctx context.Context, table string) Querier
	// IsBroken reports whether err means that an established connection was gone or broke. The statement may
	// succeed on another connection.
	IsBroken(err error) bool
}
