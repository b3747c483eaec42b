package postgres

import (
	"context"
	"time"

	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

// Driver is the bus and the store of one cluster. Create it with pgxdriver.New or pqdriver.New; their Driver
// types embed this one. The cluster closes its driver, so each cluster of a process needs its own. A Driver is
// safe for concurrent use.
//
// Errors in the options are returned by Prepare and by the methods that they concern.
type Driver struct {
	bus   driverBus
	store driverStore
}

type driverBus interface {
	transport.Bus
	transport.Closer
}

type driverStore interface {
	storage.Batch
	storage.Sizer
	storage.Preparer
}

var (
	_ driverBus   = (*Driver)(nil)
	_ driverStore = (*Driver)(nil)
)

// NewDriver combines a bus and a store. It is for the driver packages.
func NewDriver(bus driverBus, store driverStore) Driver { return Driver{bus: bus, store: store} }

// Publish implements transport.Bus. It sends the messages in one statement, or in several if some of them are
// equal. With pgx, all statements take one round trip. With lib/pq, which has no pipeline, each takes its own.
func (d *Driver) Publish(ctx context.Context, msgs ...transport.Message) error {
	return d.bus.Publish(ctx, msgs...)
}

// Open implements transport.Bus. Each session has its own connection.
func (d *Driver) Open(ctx context.Context) (transport.Session, error) { return d.bus.Open(ctx) }

// Limits implements transport.Bus: payloads are text of up to 7999 bytes, channel names have up to 63 bytes.
func (d *Driver) Limits() transport.Limits { return d.bus.Limits() }

// Close implements transport.Closer. It waits until a Publish in progress has returned or ctx ends. Then it
// closes the publishing connection and cuts the connections of the sessions that are still open. If ctx ends
// first, waiting calls of Publish return transport.ErrClosed. The caller's pool is not closed. Publish, Open
// and the store work again afterwards, on new connections.
func (d *Driver) Close(ctx context.Context) error { return d.bus.Close(ctx) }

// Put implements storage.Store.
func (d *Driver) Put(ctx context.Context, body []byte) (string, error) { return d.store.Put(ctx, body) }

// PutAll implements storage.Batch.
func (d *Driver) PutAll(ctx context.Context, bodies [][]byte) ([]string, error) {
	return d.store.PutAll(ctx, bodies)
}

// Get implements storage.Store.
func (d *Driver) Get(ctx context.Context, id string) ([]byte, error) { return d.store.Get(ctx, id) }

// GetAll implements storage.Batch.
func (d *Driver) GetAll(ctx context.Context, ids []string) ([][]byte, error) {
	return d.store.GetAll(ctx, ids)
}

// GetUpTo implements storage.Sizer.
func (d *Driver) GetUpTo(ctx context.Context, ids []string, limit int) ([]storage.Found, error) {
	return d.store.GetUpTo(ctx, ids, limit)
}

// Expire implements storage.Store. Ages are measured by the server's clock.
func (d *Driver) Expire(ctx context.Context, age time.Duration) error {
	return d.store.Expire(ctx, age)
}

// Prepare implements storage.Preparer. It checks whether the table can be used, and creates it if it is
// missing. It returns a *SetupError that says what to do, or a *NameError.
func (d *Driver) Prepare(ctx context.Context) error { return d.store.Prepare(ctx) }
