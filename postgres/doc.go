// Package postgres contains the shared parts of the PostgreSQL drivers: their options, types and errors, and
// the SQL of the attachment table and of the functions that emit. Each driver is a separate package, so that a
// program links only the client library it uses:
//
//   - pgxdriver, on github.com/jackc/pgx
//   - pqdriver, on github.com/lib/pq
//
// A driver is both the bus of a cluster (transport.Bus, over LISTEN and NOTIFY) and its store (storage.Store, a
// table).
//
// # Delivery
//
// A notification reaches every session that listens when its transaction commits, in commit order. It is not
// stored: a session that is broken or does not listen yet never receives it, and a crash of the server loses
// the notifications in transit. PostgreSQL merges equal notifications of one transaction. The drivers send
// equal messages in separate transactions, so none is lost that way.
//
// A Publish may fail or be interrupted while its statement is still on its way to the server, or waits there.
// That statement must not commit after messages that are published later. So each publishing connection
// acquires an advisory lock with a random key of the driver before it publishes. If an earlier connection of
// the driver still holds the lock, the new connection terminates it with pg_terminate_backend and waits for the
// lock, which the server releases when the last transaction of the earlier connection is over. Until then
// Publish returns ErrUnfenced. Only a connection of the same user with the same application_name is terminated.
// Interrupted messages may arrive, but only before messages that are published later.
//
// This guarantee covers a single server. After a failover, as long as the old primary runs, it can still commit
// the messages that were sent to it and deliver them to its remaining sessions. The guarantee does not hold
// behind a proxy that pools transactions, which the driver's own connections must not use anyway.
//
// A session that is not read holds back the notification queue of the whole server, which all databases share
// (8 GB by default, see pg_notification_queue_usage). NOTIFY fails when the queue is full. So call Receive
// continuously.
//
// If a connection was closed while it was idle, messages are published over a new one, but only if the server
// has certainly not received them: the connection was dead before anything was written, or the first data from
// the server was its message that it terminates the session (pg_terminate_backend, a shutdown,
// idle_session_timeout). Otherwise nothing is sent again.
//
// # Log
//
// A driver also keeps a log (transport.Log) in tables, see LogSchema. A statement keeps messages and notifies of
// them in one transaction, so a message is kept and delivered, or neither. The offsets of a channel count its
// messages without holes, in the order of the commits: statements that append take place one after the other.
//
// Sessions of the log learn the positions from a notification that precedes the messages, on a channel of the log.
// The messages have the bytes that were published.
//
// A kept message is durable as synchronous_commit says; Config.AsyncLog turns waiting for the disk off. The log
// begins a new epoch after a failover to a standby, after a backup was recovered, when somebody truncates its
// tables, when a node has received a message that the server has lost, and, if the server did not wait for its
// disk, after a crash.
//
// # Connections
//
// Each driver opens its own connections when they are first needed: one per session that listens, one that
// publishes, and one per entry of the roster (transport.Roster). It does not take them from the caller's pool
// and does not return them to it. The pool serves the attachments, and lists the entries. With lib/pq, up to two
// more connections write attachments. All of them must reach the server itself, or a proxy that pools whole
// sessions: behind a proxy that pools transactions, LISTEN is silently lost.
//
// On its own connections, a driver turns idle_session_timeout off and TCP keepalives on. On those that listen,
// publish or are entries, it also turns off statement_timeout and lock_timeout. The one that publishes uses the
// isolation level READ COMMITTED. docs/reference/postgres.md has
// the whole list. The settings of the pool's connections are not changed.
//
// # Files
//
//   - config.go: Config, the options of both drivers, and PostgreSQL's limits
//   - driver.go, driver_sessions.go: Driver, the methods of both drivers
//   - driver_log.go: its methods for the log
//   - tx.go: Tx, publishing in a transaction of the caller
//   - errors.go: SetupError and the other errors
//   - names.go: quoting names of tables, roles and channels
//   - schema.go: the SQL of the attachment table and its grants
//   - outbox.go, log/outbox.sql: appending to the log in a transaction of the caller
//   - sessions.go: the SQL of the table of sessions and its grants
//   - functions.go, functions_log.go, functions/: the SQL functions through which a trigger or psql emits
//   - log_schema.go, log/: the SQL of the log, its tables and its functions
//   - internal/engine: the implementation
package postgres
