package postgres_test

import (
	"context"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
)

// functionsDatabase returns a database with the functions and their table.
func functionsDatabase(tb testing.TB, table, prefix string) string {
	tb.Helper()
	database := pgtest.Database(tb)
	if table == "" {
		pgtest.Exec(tb, database, mustSQL(tb)(postgres.Schema(postgres.DefaultTable)))
	}
	pgtest.Exec(tb, database, mustSQL(tb)(postgres.Functions(table, prefix)))
	return database
}

func mustSQL(tb testing.TB) func(sql string, err error) string {
	return func(sql string, err error) string {
		require.NoError(tb, err)
		return sql
	}
}

// connect opens a connection as role, or as the user of the URL if role is empty.
func connect(tb testing.TB, database, role string) *pgx.Conn {
	tb.Helper()
	if role != "" {
		database = pgtest.With(tb, database, func(u *url.URL) { u.User = url.User(role) })
	}
	conn, err := pgx.Connect(within(tb), database)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// failsWith runs a statement that must fail with an SQLSTATE.
func failsWith(tb testing.TB, conn *pgx.Conn, code, statement string, args ...any) *pgconn.PgError {
	tb.Helper()
	_, err := conn.Exec(within(tb), statement, args...)
	var e *pgconn.PgError
	require.ErrorAs(tb, err, &e, statement)
	require.Equal(tb, code, e.Code, "%s: %v", statement, err)
	return e
}
