// Package pgxdriver connects a cluster over PostgreSQL with github.com/jackc/pgx: a Driver is its bus and its
// store.
//
//	driver := pgxdriver.New(pool)
//
// What may be lost, and which connections are opened, says package postgres.
package pgxdriver

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/postgres/internal/engine"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

// Config holds the options of a Driver. The zero value is ready.
type Config struct {
	postgres.Config

	// ConnConfig is where the driver's own two connections, the listening and the publishing one, go to. It must
	// come from pgx.ParseConfig. Set it when the pool goes through a proxy that pools transactions, behind which
	// LISTEN is lost. Default: the settings of the pool.
	//
	// The BeforeConnect and AfterConnect hooks of the pool run for the driver's own connections either way. The
	// driver names itself in application_name, asks for UTF8 and gives up connecting after 10 seconds, where the settings leave that
	// open. It turns on TCP keepalives, and idle_session_timeout and the like off, whatever the settings say: see package postgres.
	// Once the listening connection is open it does without pgx: OnNotice and OnPgError are not called for it.
	ConnConfig *pgx.ConnConfig
}

// Driver is the bus and the store of one cluster, which closes it; each cluster of a process has one of its own. It is
// safe for concurrent use.
type Driver struct {
	bus   *engine.Bus
	store *engine.Store
}

var (
	_ transport.Bus    = (*Driver)(nil)
	_ transport.Closer = (*Driver)(nil)
	_ storage.Batch    = (*Driver)(nil)
	_ storage.Sizer    = (*Driver)(nil)
	_ storage.Preparer = (*Driver)(nil)
)

// New returns a driver on pool with the default options. It does no I/O.
func New(pool *pgxpool.Pool) *Driver { return NewWithConfig(pool, Config{}) }

// NewWithConfig returns a driver on pool. It does no I/O; what is wrong with the options is returned by Prepare
// and by the methods they concern.
func NewWithConfig(pool *pgxpool.Pool, config Config) *Driver {
	return &Driver{
		bus:   engine.NewBus(&dialer{pool: pool, config: config}),
		store: engine.NewStore(&db{pool: pool}, config.Config),
	}
}

// Publish implements transport.Bus. The messages go out as one statement, or several where some are equal.
func (d *Driver) Publish(ctx context.Context, msgs ...transport.Message) error {
	return d.bus.Publish(ctx, msgs...)
}

// Open implements transport.Bus. Each session has a connection of its own.
func (d *Driver) Open(ctx context.Context) (transport.Session, error) { return d.bus.Open(ctx) }

// Limits implements transport.Bus: 7999 bytes of text per payload, 63 bytes per channel.
func (d *Driver) Limits() transport.Limits { return d.bus.Limits() }

// Close implements transport.Closer. It closes the publishing connection, after the Publish under way or when
// ctx ends, and cuts the sessions that are still open; a Publish that still waits behind it then gets
// transport.ErrClosed. The pool is not touched. Publish and Open work again
// afterwards, on new connections.
func (d *Driver) Close(ctx context.Context) error { return d.bus.Close(ctx) }

// Put implements storage.Store.
func (d *Driver) Put(ctx context.Context, body []byte) (string, error) { return d.store.Put(ctx, body) }

// Get implements storage.Store.
func (d *Driver) Get(ctx context.Context, id string) ([]byte, error) { return d.store.Get(ctx, id) }

// PutAll implements storage.Batch.
func (d *Driver) PutAll(ctx context.Context, bodies [][]byte) ([]string, error) {
	return d.store.PutAll(ctx, bodies)
}

// GetAll implements storage.Batch.
func (d *Driver) GetAll(ctx context.Context, ids []string) ([][]byte, error) {
	return d.store.GetAll(ctx, ids)
}

// GetUpTo implements storage.Sizer.
func (d *Driver) GetUpTo(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
	return d.store.GetUpTo(ctx, ids, limit)
}

// Expire implements storage.Store, by the server's clock.
func (d *Driver) Expire(ctx context.Context, age time.Duration) error {
	return d.store.Expire(ctx, age)
}

// Prepare implements storage.Preparer: it checks that the table can be used, and creates it if it is missing.
// It returns a *postgres.SetupError that says what to do, or a *postgres.NameError.
func (d *Driver) Prepare(ctx context.Context) error { return d.store.Prepare(ctx) }
