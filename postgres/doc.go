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
// A session that is not read holds back the notification queue of the whole server (8 GB by default, shared by
// all databases; see pg_notification_queue_usage), and NOTIFY fails when it is full. Receive has to be called
// all the time.
//
// # Connections
//
// Each driver opens two connections of its own when they are first needed: one that listens (per session) and
// one that publishes. They are never taken from, nor given to, the pool of the caller, which serves the
// attachments alone. With lib/pq up to two more write attachments. All have to reach the server itself, or a proxy that pools whole sessions: behind a
// transaction-pooling proxy LISTEN is lost silently.
package postgres
