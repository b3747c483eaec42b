package emitter_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/emitter"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
)

// TestEventsInABatchOfStatements: they are sent with the batch, when its transaction commits, and never otherwise.
func TestEventsInABatchOfStatements(t *testing.T) {
	w := kinds[2].open(t) // pgx
	pool, err := pgxpool.New(t.Context(), w.url)
	require.NoError(t, err)
	defer pool.Close()
	pgtest.Exec(t, w.url, "CREATE TABLE orders (id int PRIMARY KEY)")
	a := w.audience(t)
	c := a.join("r")
	ctx := within(t)

	batch := &pgx.Batch{}
	e := a.emitter.With(pgxdriver.InBatch(batch))
	batch.Queue("INSERT INTO orders VALUES (1)")
	require.NoError(t, e.To("r").Emit(ctx, "one", 1))
	require.ErrorIs(t, e.To("r").Emit(ctx, "large", large), postgres.ErrBatchAttachment)
	require.ErrorIs(t, e.To("r").Emit(ctx, "binary", []byte{1}), postgres.ErrBatchAttachment)
	several := e.Batch()
	require.NoError(t, several.Emit(ctx, "two"))
	require.NoError(t, several.To("r").Emit(ctx, "three"))
	require.NoError(t, several.Send(ctx))
	require.NoError(t, e.ServerSideEmit(ctx, "rehash"))
	require.Equal(t, 4, batch.Len(), "what was refused left nothing in the batch")
	a.fence(c) // nothing has arrived

	tx, err := pool.Begin(ctx)
	require.NoError(t, err)
	require.NoError(t, tx.SendBatch(ctx, batch).Close())
	a.fence(c) // the transaction has not committed
	require.NoError(t, tx.Commit(ctx))
	c.expect(`["one",1]`, `["two"]`, `["three"]`)
	require.Equal(t, `["rehash"]`, <-a.server)

	undone := &pgx.Batch{}
	require.NoError(t, a.emitter.With(pgxdriver.InBatch(undone)).Emit(ctx, "undone"))
	undone.Queue("INSERT INTO orders VALUES (1)")
	require.Error(t, pool.SendBatch(ctx, undone).Close(), "the row exists already")
	a.fence(c)
	require.Zero(t, w.rows(t))
}

// TestBatchOfStatementsUsesTheTablesOfItsDriver: also the outbox of its log.
func TestBatchOfStatementsUsesTheTablesOfItsDriver(t *testing.T) {
	w := kinds[2].open(t) // pgx
	pool, err := pgxpool.New(t.Context(), w.url)
	require.NoError(t, err)
	defer pool.Close()
	d := pgxdriver.NewWithConfig(pool, pgxdriver.Config{Config: postgres.Config{LogTable: "other"}})
	defer func() { require.NoError(t, d.Close(within(t))) }()
	require.NoError(t, d.PrepareLog(within(t)))
	e, err := emitter.New(emitter.Config{Bus: d, Log: &emitter.LogConfig{}})
	require.NoError(t, err)

	batch := &pgx.Batch{}
	require.NoError(t, e.With(d.InBatch(batch)).Emit(within(t), "by the driver"))
	with := pgxdriver.InBatchWithConfig(batch, postgres.Config{LogTable: "other"})
	require.NoError(t, e.With(with).Emit(within(t), "by the options"))
	require.NoError(t, pool.SendBatch(within(t), batch).Close())
	require.Equal(t, 2, pgtest.QueryInt(t, w.url, "SELECT count(*) FROM other_outbox WHERE payload LIKE '%by the%'"))
}
