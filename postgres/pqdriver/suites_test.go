package pqdriver_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/postgres/internal/suites"
	"github.com/backplane-go/backplane/postgres/pqdriver"
)

// opener opens drivers that use lib/pq.
var opener = suites.Opener{
	Open: func(tb testing.TB, database string) suites.Driver {
		return pqdriver.New(openDatabase(tb, database), database)
	},
	Begin: func(tb testing.TB, database string) conformance.LogTransaction {
		tx, err := openDatabase(tb, database).Begin()
		require.NoError(tb, err)
		tb.Cleanup(func() { _ = tx.Rollback() })
		return conformance.LogTransaction{
			Appender: pqdriver.InTx(tx),
			Commit:   func(context.Context) error { return tx.Commit() },
			Rollback: func(context.Context) error { return tx.Rollback() },
		}
	},
}

// The driver keeps the promises of a bus, a log, a store, sessions of clients, and clusters.
func TestSuites(t *testing.T) { suites.Run(t, opener) }

func BenchmarkBus(b *testing.B) { suites.Benchmark(b, opener) }

func openDatabase(tb testing.TB, database string) *sql.DB {
	db, err := sql.Open("postgres", database)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = db.Close() })
	return db
}
