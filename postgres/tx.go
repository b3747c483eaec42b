package postgres

import (
	"context"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// Tx publishes messages and stores attachments in a transaction of the caller. Pass it to an emitter:
//
//	err = e.With(pgxdriver.InTx(tx)).To("orders").Emit(ctx, "order.created", order)
//
// Messages arrive when the transaction commits, in the order of the commits. If the transaction is rolled back,
// they never arrive. The same applies to savepoints. Attachments are rows of the transaction.
//
// In a cluster with a log, Append takes the place of Publish: the messages go to the outbox of the log instead, in the
// same transaction. See Append.
//
// A Tx changes no setting of the transaction. Like the transaction, it is not safe for concurrent use and
// cannot be used after the transaction has ended. As usual, an error of the server aborts the transaction. So a
// Tx refuses messages that the server is known to refuse, before they reach it.
//
// PostgreSQL delivers equal messages of one transaction only once. An emitter makes each message differ. Other
// users of a Tx must do so themselves.
type Tx struct{ tx sender }

type sender interface {
	Publish(ctx context.Context, msgs ...transport.Message) error
	Limits() transport.Limits
	Put(ctx context.Context, body []byte) (string, error)
	PutAll(ctx context.Context, bodies [][]byte) ([]string, error)
	PutFor(ctx context.Context, bodies [][]byte, keep time.Duration) ([]string, error)
	Append(ctx context.Context, records []transport.Record) error
}

// NewTx returns a Tx that uses tx. It is for the driver packages: use their functions InTx.
func NewTx(tx sender) *Tx { return &Tx{tx} }

// Publish sends msgs when the transaction commits. It accepts all of them or none.
func (t *Tx) Publish(ctx context.Context, msgs ...transport.Message) error {
	return t.tx.Publish(ctx, msgs...)
}

// Limits returns the limits of the driver: payloads are text of up to 7999 bytes, channel names have up to 63
// bytes.
func (t *Tx) Limits() transport.Limits { return t.tx.Limits() }

// Put stores body and returns its id. Others can read the body when the transaction has committed.
func (t *Tx) Put(ctx context.Context, body []byte) (string, error) { return t.tx.Put(ctx, body) }

// PutAll does what Put does for each of bodies, in one round trip.
func (t *Tx) PutAll(ctx context.Context, bodies [][]byte) ([]string, error) {
	return t.tx.PutAll(ctx, bodies)
}

// PutFor does what PutAll does, and keeps the bodies for the given time at least. The role needs INSERT on the column
// created_at.
func (t *Tx) PutFor(ctx context.Context, bodies [][]byte, keep time.Duration) ([]string, error) {
	return t.tx.PutFor(ctx, bodies, keep)
}

// Transactional does nothing. It marks t as a transaction for an emitter.
func (t *Tx) Transactional() {}
