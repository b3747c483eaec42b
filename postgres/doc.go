// Package postgres holds what the PostgreSQL drivers of a cluster share: their options, the SQL of the
// attachment table, and their errors. The drivers are packages of their own, so that a program links only
// the one it uses:
//
//   - pgxdriver, on github.com/jackc/pgx
//   - pqdriver, on github.com/lib/pq
//
// A driver is both the bus (transport.Bus, over LISTEN and NOTIFY) and the store (storage.Store, a table).
//
// # Delivery
//
// A notification reaches every session that listens when its transaction commits, in commit order. It is not
// stored: a session that is broken, or not listening yet, never gets it, and a crash of the server loses those
// on their way. PostgreSQL merges equal notifications of one transaction; the drivers put equal messages into
// transactions of their own, so none is lost that way.
//
// When a Publish fails in the middle, or is given up, its statement may still be on its way to the server, or wait there. It
// must not commit after what is published later. So each publishing connection takes an advisory lock, with a random key of
// the driver's, before it publishes. If an earlier connection of the driver still has it, that is ended with
// pg_terminate_backend, and the lock is waited for: the server gives it up when the last transaction of the connection is
// over. Until then Publish returns ErrUnfenced. Only a connection of the same user, with the same application_name, is
// ended. What was given up may arrive, but before anything that is published later.
//
// This holds for one server. After a failover the old primary, while it lives, can still commit what it was sent, and
// deliver it to the sessions it still has. It does not hold behind a proxy that pools transactions, which the driver's own
// connections must not use anyway.
//
// A session that is not read holds back the notification queue of the whole server (8 GB by default, shared by
// all databases; see pg_notification_queue_usage), and NOTIFY fails when it is full. Receive has to be called
// all the time.
//
// When a connection turns out to have been closed while it was idle, messages are published over a new one. That happens only if the
// server has certainly not received them: the connection was dead before anything was written, or the first thing that came from the
// server was its message that it ends the session (pg_terminate_backend, a shutdown, idle_session_timeout). Otherwise nothing is sent again.
//
// # Connections
//
// Each driver opens two connections of its own when they are first needed: one that listens (per session) and
// one that publishes. They are never taken from, nor given to, the pool of the caller, which serves the
// attachments alone. With lib/pq up to two more write attachments. All have to reach the server itself, or a proxy that pools whole
// sessions: behind a transaction-pooling proxy LISTEN is lost silently.
//
// On its own connections a driver turns idle_session_timeout off and TCP keepalives on. On those that listen or publish it also turns
// statement_timeout and lock_timeout off. docs/howto/deploy.md has the list. The settings of the pool's connections are not changed.
package postgres
