// Package pqdriver connects a cluster over PostgreSQL with github.com/lib/pq. A Driver is its bus and its
// store:
//
//	driver := pqdriver.New(db, dsn)
//
// Package postgres documents delivery and connections. A session that is not read makes the server wait and
// does not fill the memory of this process: the driver reads at most 256 notifications ahead.
//
// # Files
//
//   - driver.go: Driver and its Config
//   - pool.go: the caller's pool, which serves the attachments
//   - prepared.go: the prepared statements of the pool
//   - pooler.go: detecting a proxy that pools transactions
//   - interpolate.go: statements for such a proxy, with the arguments in their text
//   - writer.go: connections of the driver that write attachments faster than the pool
//   - binaryconn.go: one of these connections
//   - tx.go: publishing in a transaction of the caller
//   - dial.go: the settings of the driver's own connections
//   - publisher.go: the connection that publishes
//   - listener.go: the connection that listens
//   - entry.go: connections that the server shows under a name
package pqdriver

import (
	"context"
	"database/sql"
	"errors"

	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/postgres/internal/engine"
)

// Config holds the options of a Driver. The zero value is ready to use.
type Config struct {
	postgres.Config
}

// Driver is the bus and the store of one cluster, on lib/pq. It has the methods of postgres.Driver, and InTx.
type Driver struct {
	postgres.Driver
	store *engine.Store
	pool  *writer
}

// New returns a driver with the default options. It reads attachments through db. It opens its own two
// connections, which listen and publish, with dsn: a URL or "key=value …", as lib/pq accepts them. db may go
// through a proxy that pools transactions, dsn must not. New does no I/O.
//
// The driver writes attachments over up to two more connections to dsn, which it opens when they are needed.
// The connections of db send bytes as text, which takes 50 % more CPU time. If dsn leads to another database
// than db, or its role lacks the privilege to write, the driver writes attachments through db.
//
// Unless dsn or the environment specifies them, the driver sets application_name and a limit of 10 seconds for
// connecting. lib/pq cannot be interrupted while it opens the connection that listens: if the context of Open
// ends meanwhile, Open returns at once, and the attempt continues in the background until that limit.
//
// When the context of a call on db ends, lib/pq asks the server over another connection to cancel the
// statement, and waits without a limit. The call returns after at most 50 ms more. But on a network that drops
// packets without closing connections, lib/pq's own goroutines for the call, and their two connections, remain
// until the operating system closes the connections.
func New(db *sql.DB, dsn string) *Driver { return NewWithConfig(db, dsn, Config{}) }

// NewWithConfig returns a driver with options. It does no I/O. Errors in the options are returned by Prepare
// and by the methods that they concern.
func NewWithConfig(db *sql.DB, dsn string, config Config) *Driver {
	dialer := &dialer{dsn: dsn}
	pool := newWriter(&pool{db: db}, dialer)
	store := engine.NewStore(pool, config.Config)
	bus := engine.NewBus(dialer, pool, config.Config)
	return &Driver{Driver: postgres.NewDriver(bus, store), store: store, pool: pool}
}

// Close implements transport.Closer: see postgres.Driver. It also closes the connections that write
// attachments, and the statements that the driver has prepared in db. db stays usable.
func (d *Driver) Close(ctx context.Context) error {
	return errors.Join(d.Driver.Close(ctx), d.pool.close(ctx))
}
