// Package pqdriver connects a cluster over PostgreSQL with github.com/lib/pq: a Driver is its bus and its store.
//
//	driver := pqdriver.New(db, dsn)
//
// What may be lost, and which connections are opened, says package postgres. A session that is not read holds
// back the server, not the memory of this process: the driver reads ahead by 256 notifications only.
package pqdriver

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/postgres/internal/engine"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

// Config holds the options of a Driver. The zero value is ready.
type Config struct {
	postgres.Config
}

// Driver is the bus and the store of one cluster, which closes it; each cluster of a process has one of its own. It is
// safe for concurrent use.
type Driver struct {
	bus   *engine.Bus
	store *engine.Store
	pool  *writer
}

var (
	_ transport.Bus    = (*Driver)(nil)
	_ transport.Closer = (*Driver)(nil)
	_ storage.Batch    = (*Driver)(nil)
	_ storage.Sizer    = (*Driver)(nil)
	_ storage.Preparer = (*Driver)(nil)
)

// New returns a driver with the default options: attachments are read through db, while the driver's own two
// connections, the listening and the publishing one, are opened with dsn, a URL or "key=value …" as lib/pq
// knows them. db may go through a proxy that pools transactions, dsn must not. New does no I/O.
//
// Attachments are written over up to two more connections to dsn, which are opened when they are needed: those of db send
// bytes as text, which takes half as much CPU again. Where dsn leads elsewhere than db, or its role may not write, they are
// written through db.
//
// The driver names itself in application_name and gives up connecting after 10 seconds, where dsn and the
// environment leave that open. lib/pq cannot be interrupted while it connects to listen: when the context of
// Open ends before, Open returns at once and the attempt goes on in the background until that time is up.
//
// When the context of a call on db ends, lib/pq asks the server over another connection to cancel, and waits without a limit. The call
// returns 50 ms later at the latest; but on a network that swallows bytes without closing connections, lib/pq's own goroutines for it,
// and their two connections, remain until the operating system gives these up.
func New(db *sql.DB, dsn string) *Driver { return NewWithConfig(db, dsn, Config{}) }

// NewWithConfig returns a driver with options. It does no I/O; what is wrong with the options is returned by
// Prepare and by the methods they concern.
func NewWithConfig(db *sql.DB, dsn string, config Config) *Driver {
	dialer := &dialer{dsn: dsn}
	pool := newWriter(&pool{db: db}, dialer)
	return &Driver{
		bus:   engine.NewBus(dialer),
		store: engine.NewStore(pool, config.Config),
		pool:  pool,
	}
}

// Publish implements transport.Bus. The messages go out as one statement, or several where some are equal, each
// of which is a round trip: lib/pq has no pipeline.
func (d *Driver) Publish(ctx context.Context, msgs ...transport.Message) error {
	return d.bus.Publish(ctx, msgs...)
}

// Open implements transport.Bus. Each session has a connection of its own.
func (d *Driver) Open(ctx context.Context) (transport.Session, error) { return d.bus.Open(ctx) }

// Limits implements transport.Bus: 7999 bytes of text per payload, 63 bytes per channel.
func (d *Driver) Limits() transport.Limits { return d.bus.Limits() }

// Close implements transport.Closer. It closes the publishing connection, after the Publish under way or when
// ctx ends, and cuts the sessions that are still open. db stays usable; what was prepared in it is deallocated.
// Publish, Open and the store work again afterwards, on new connections.
func (d *Driver) Close(ctx context.Context) error {
	return errors.Join(d.bus.Close(ctx), d.pool.close(ctx))
}

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
