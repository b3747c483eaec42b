package pgxdriver

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/postgres/internal/engine"
	"github.com/backplane-go/backplane/transport"
)

// Tx sends in a transaction of the caller's: the sending half of a bus and of a store, for an emitter.
//
//	err = e.With(pgxdriver.InTx(tx)).To("orders").Emit(ctx, "order.created", order)
//
// What it sends arrives when the transaction commits, in the order of the commits, and not at all when it is rolled back;
// the same holds for savepoints (tx.Begin). Attachments are rows of the transaction. It changes no setting of the
// transaction, and must be used as the transaction is: by one goroutine at a time, and not after the transaction has
// ended. An error of the server aborts the transaction, as any other would; what is known to be refused by the server is
// not sent to it.
//
// PostgreSQL delivers equal messages of one transaction once. An emitter makes each message differ; other users of a Tx
// have to do so themselves.
type Tx struct{ tx *engine.Tx }

// InTx returns what sends in tx, which may be a savepoint, with the default options.
func InTx(tx pgx.Tx) *Tx { return InTxWithConfig(tx, postgres.Config{}) }

// InTxWithConfig is InTx with options, of which Table is the one that means something to it.
func InTxWithConfig(tx pgx.Tx, config postgres.Config) *Tx {
	return &Tx{engine.NewTx(txDB{tx}, config)}
}

// InTx returns what sends in tx, with the table of d.
func (d *Driver) InTx(tx pgx.Tx) *Tx { return &Tx{d.store.InTx(txDB{tx})} }

// Publish sends msgs when the transaction commits. Either all are accepted or none.
func (t *Tx) Publish(ctx context.Context, msgs ...transport.Message) error {
	return t.tx.Publish(ctx, msgs...)
}

// Limits are those of the driver: 7999 bytes of text per payload, 63 bytes per channel.
func (t *Tx) Limits() transport.Limits { return t.tx.Limits() }

// Put keeps body, and returns its id, which others can read once the transaction has committed.
func (t *Tx) Put(ctx context.Context, body []byte) (string, error) { return t.tx.Put(ctx, body) }

// PutAll is Put for each of bodies, in one round trip.
func (t *Tx) PutAll(ctx context.Context, bodies [][]byte) ([]string, error) {
	return t.tx.PutAll(ctx, bodies)
}

// Transactional tells an emitter that this is a transaction.
func (t *Tx) Transactional() {}

// txDB is a transaction of the caller.
type txDB struct{ tx pgx.Tx }

var _ engine.DB = txDB{}

func (d txDB) QueryRow(ctx context.Context, statement string, args []any, dest ...any) (bool, error) {
	err := d.tx.QueryRow(ctx, statement, args...).Scan(dest...)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

func (d txDB) Rows(ctx context.Context, statement string, args []any, row func(n, size int64, bytes []byte) error) error {
	rows, err := d.tx.Query(ctx, statement, args...)
	return each(rows, err, row)
}

func (d txDB) Exec(ctx context.Context, statement string, args ...any) error {
	_, err := d.tx.Exec(ctx, statement, args...)
	return err
}

// What does not depend on where statements run is as with the pool.
func (txDB) Bytes(p []byte) (string, any)               { return (*db)(nil).Bytes(p) }
func (d txDB) Writer(context.Context, string) engine.DB { return d }
func (txDB) Broken(error) bool                          { return false } // the transaction is over
