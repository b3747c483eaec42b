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
	store engineStore
}

type driverBus interface {
	transport.Bus
	transport.Closer
	transport.Roster
	transport.Log
	transport.LogPreparer
	transport.LogTrimmer
	transport.LogInspector
}

type driverStore interface {
	storage.Batch
	storage.Sizer
	storage.Preparer
	storage.Retainer
	storage.Sessions
	MoveOutbox(ctx context.Context) (moved int, more bool, err error)
}

// engineStore is a store that can also tell whether it can keep bodies longer.
type engineStore interface {
	driverStore
	PrepareRetention(ctx context.Context) error
}

var (
	_ driverBus   = (*Driver)(nil)
	_ driverStore = (*Driver)(nil)
)

// NewDriver combines a bus and a store. It is for the driver packages.
func NewDriver(bus driverBus, store engineStore) Driver { return Driver{bus: bus, store: store} }

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
// closes the publishing connection and cuts the connections of the sessions and entries that are still open. If
// ctx ends first, waiting calls of Publish return transport.ErrClosed. The caller's pool is not closed. Publish,
// Open, Enter and the store work again afterwards, on new connections.
func (d *Driver) Close(ctx context.Context) error { return d.bus.Close(ctx) }

// Enter implements transport.Roster. The name becomes the application_name of a connection, which
// pg_stat_activity shows, also to other roles. Each entry has its own connection. PostgreSQL cuts the name to 63
// bytes. It replaces characters that are not printable ASCII: each byte by a question mark up to PostgreSQL 15,
// and by \x and two hexadecimal digits from PostgreSQL 16 on.
func (d *Driver) Enter(ctx context.Context, name string) (transport.Entry, error) {
	return d.bus.Enter(ctx, name)
}

// Entries implements transport.Roster. It returns the connections to the database of the caller's pool, with one
// query over the pool. A connection of another program is identified by its process id and the time at which it
// was opened. If it belongs to another role and the role of the pool is not a member of pg_read_all_stats, that
// time is not visible. Then the process id alone is the ID, which a later connection may have again.
func (d *Driver) Entries(ctx context.Context, prefix string) ([]transport.EntryInfo, error) {
	return d.bus.Entries(ctx, prefix)
}

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

// PutFor implements storage.Retainer. The time of a body, which Expire compares with an age, is set to the end of keep,
// so that no node removes it before, a Node.js node neither. The role needs INSERT on the column created_at.
func (d *Driver) PutFor(ctx context.Context, bodies [][]byte, keep time.Duration) ([]string, error) {
	return d.store.PutFor(ctx, bodies, keep)
}
