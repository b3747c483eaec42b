package emitter_test

import (
	"bytes"
	"context"
	"database/sql"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/emitter"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
	"github.com/backplane-go/backplane/postgres/pqdriver"
	"github.com/backplane-go/backplane/transport"
)

// transaction is a transaction of one of the drivers.
type transaction interface {
	// bus returns the result of InTx for a table, or for the default table if the name is empty.
	bus(table string) emitter.Publisher
	// driverBus returns the result of the method InTx of a driver with that table.
	driverBus(tb testing.TB, table string) emitter.Publisher
	exec(ctx context.Context, statement string) error
	queryInt(ctx context.Context, statement string) (int, error)
	commit(ctx context.Context) error
	rollback(ctx context.Context) error
}

type pgxTransaction struct{ tx pgx.Tx }

func beginPgx(tb testing.TB, pool *pgxpool.Pool) transaction {
	tx, err := pool.Begin(within(tb))
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	return pgxTransaction{tx}
}

func (t pgxTransaction) bus(table string) emitter.Publisher {
	if table == "" {
		return pgxdriver.InTx(t.tx)
	}
	return pgxdriver.InTxWithConfig(t.tx, postgres.Config{Table: table})
}

func (t pgxTransaction) driverBus(_ testing.TB, table string) emitter.Publisher {
	return pgxdriver.NewWithConfig(nil, pgxdriver.Config{Config: postgres.Config{Table: table}}).InTx(t.tx)
}

func (t pgxTransaction) exec(ctx context.Context, statement string) error {
	_, err := t.tx.Exec(ctx, statement)
	return err
}

func (t pgxTransaction) queryInt(ctx context.Context, statement string) (n int, err error) {
	return n, t.tx.QueryRow(ctx, statement).Scan(&n)
}

func (t pgxTransaction) commit(ctx context.Context) error   { return t.tx.Commit(ctx) }
func (t pgxTransaction) rollback(ctx context.Context) error { return t.tx.Rollback(ctx) }

type pqTransaction struct{ tx *sql.Tx }

func beginPq(tb testing.TB, db *sql.DB) transaction {
	tx, err := db.BeginTx(context.WithoutCancel(tb.Context()), nil)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = tx.Rollback() })
	return pqTransaction{tx}
}

func (t pqTransaction) bus(table string) emitter.Publisher {
	if table == "" {
		return pqdriver.InTx(t.tx)
	}
	return pqdriver.InTxWithConfig(t.tx, postgres.Config{Table: table})
}

func (t pqTransaction) driverBus(_ testing.TB, table string) emitter.Publisher {
	return pqdriver.NewWithConfig(nil, "", pqdriver.Config{Config: postgres.Config{Table: table}}).InTx(t.tx)
}

func (t pqTransaction) exec(ctx context.Context, statement string) error {
	_, err := t.tx.ExecContext(ctx, statement)
	return err
}

func (t pqTransaction) queryInt(ctx context.Context, statement string) (n int, err error) {
	return n, t.tx.QueryRowContext(ctx, statement).Scan(&n)
}

func (t pqTransaction) commit(context.Context) error   { return t.tx.Commit() }
func (t pqTransaction) rollback(context.Context) error { return t.tx.Rollback() }

// refused are messages that NOTIFY would refuse.
var refused = []transport.Message{
	{Channel: "", Payload: []byte("x")},
	{Channel: strings.Repeat("x", 64), Payload: []byte("x")},
	{Channel: "a\x00", Payload: []byte("x")},
	{Channel: "\xff", Payload: []byte("x")},
	{Channel: "a", Payload: bytes.Repeat([]byte("x"), 8000)},
	{Channel: "a", Payload: []byte("\x00")},
	{Channel: "a", Payload: []byte("\xff")},
}
