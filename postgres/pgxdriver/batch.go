package pgxdriver

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/postgres/internal/engine"
)

// InBatch returns a sender that queues its statements in batch, with the default options. They run when the caller
// sends the batch, in its round trip, and the messages are sent when the transaction of the batch commits. An error of
// the server is an error of the batch.
//
// A message that is too large for NOTIFY is refused with postgres.ErrBatchAttachment.
func InBatch(batch *pgx.Batch) *postgres.Tx { return InBatchWithConfig(batch, postgres.Config{}) }

// InBatchWithConfig is InBatch with options, of which only LogTable applies.
func InBatchWithConfig(batch *pgx.Batch, config postgres.Config) *postgres.Tx {
	return postgres.NewTx(engine.NewTx(batchQuerier{batch}, config))
}

// InBatch returns a sender that queues its statements in batch and uses the tables of d.
func (d *Driver) InBatch(batch *pgx.Batch) *postgres.Tx {
	return postgres.NewTx(d.store.InTx(batchQuerier{batch}))
}

// batchQuerier queues statements. Their results are not read.
type batchQuerier struct{ batch *pgx.Batch }

var _ engine.Querier = batchQuerier{}

// QueryRow fails: only attachments are inserted with it, and the id that it returns would be needed at once.
func (batchQuerier) QueryRow(context.Context, string, []any, ...any) (bool, error) {
	return false, postgres.ErrBatchAttachment
}

func (q batchQuerier) Exec(_ context.Context, statement string, args ...any) error {
	q.batch.Queue(statement, args...)
	return nil
}

func (batchQuerier) Bytes(p []byte) (string, any) { return binaryBytes(p) }
