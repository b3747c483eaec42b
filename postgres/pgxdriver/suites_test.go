package pgxdriver_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/postgres/internal/suites"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
)

// opener opens drivers that use pgx.
var opener = suites.Opener{
	Open: func(tb testing.TB, database string) suites.Driver { return pgxdriver.New(newPool(tb, database)) },
	Begin: func(tb testing.TB, database string) conformance.LogTransaction {
		tx, err := newPool(tb, database).Begin(tb.Context())
		require.NoError(tb, err)
		tb.Cleanup(func() { _ = tx.Rollback(context.Background()) })
		return conformance.LogTransaction{Appender: pgxdriver.InTx(tx), Commit: tx.Commit, Rollback: tx.Rollback}
	},
}

// The driver keeps the promises of a bus, a log, a store, sessions of clients, and clusters.
func TestSuites(t *testing.T) { suites.Run(t, opener) }

func BenchmarkBus(b *testing.B) { suites.Benchmark(b, opener) }

func newPool(tb testing.TB, database string) *pgxpool.Pool {
	pool, err := pgxpool.New(tb.Context(), database)
	require.NoError(tb, err)
	tb.Cleanup(pool.Close)
	return pool
}
