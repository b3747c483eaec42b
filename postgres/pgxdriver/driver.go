// Package pgxdriver connects a cluster over PostgreSQL with github.com/jackc/pgx. A Driver is its bus and its
// store:
//
//	driver := pgxdriver.New(pool)
//
// Package postgres documents delivery and connections.
//
// # Files
//
//   - driver.go: Driver and its Config
//   - pool.go: the caller's pool, which serves the attachments
//   - tx.go: publishing in a transaction of the caller
//   - dial.go: opening the driver's own connections
//   - publisher.go: the connection that publishes
//   - entry.go: connections that the server shows under a name
//   - hijack.go: opening the connection that listens, and hijacking it from pgx
//   - listener.go: the connection that listens
//   - stream.go: splitting what the server sends into messages
//   - interrupt.go: ending a read when a context ends
package pgxdriver

import (
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/postgres/internal/engine"
)

// Config holds the options of a Driver. The zero value is ready to use.
type Config struct {
	postgres.Config

	// ConnConfig configures the driver's own connections, which listen, publish and are entries. It must come from
	// pgx.ParseConfig. Set it if the pool goes through a proxy that pools transactions, because LISTEN is lost
	// behind such a proxy. Default: the settings of the pool.
	//
	// The BeforeConnect and AfterConnect hooks of the pool also run for the driver's own connections. Unless
	// the settings specify them, the driver sets application_name and a limit of 10 seconds for connecting. It
	// always uses UTF8 as the client encoding, turns TCP keepalives on, and turns idle_session_timeout and
	// similar limits off: see package postgres. The open listening connection does not use pgx any more:
	// OnNotice and OnPgError are not called for it.
	ConnConfig *pgx.ConnConfig
}

// Driver is the bus and the store of one cluster, on pgx. It has the methods of postgres.Driver, and InTx.
type Driver struct {
	postgres.Driver
	store *engine.Store
}

// New returns a driver on pool with the default options. It does no I/O.
func New(pool *pgxpool.Pool) *Driver { return NewWithConfig(pool, Config{}) }

// NewWithConfig returns a driver on pool. It does no I/O. Errors in the options are returned by Prepare and by
// the methods that they concern.
func NewWithConfig(pool *pgxpool.Pool, config Config) *Driver {
	conns := &poolConns{pool: pool}
	bus := engine.NewBus(&dialer{pool: pool, config: config}, conns, config.Config)
	store := engine.NewStore(conns, config.Config)
	return &Driver{Driver: postgres.NewDriver(bus, store), store: store}
}
