// Package pgtest provides PostgreSQL servers for tests: the server of the test run, a separate database on it
// for each test, servers that a test may restart, PgBouncer, and a proxy that simulates network failures.
//
// Without a server, the tests that need one are skipped and name the environment variable to set. make test
// starts a server.
//
// # Files
//
//   - pgtest.go: the server of the test run and databases on it
//   - server.go: starting and stopping a server
//   - replica.go: a hot standby of a server
//   - password.go: a server that requires a password
//   - backends.go: counting and terminating connections in the server
//   - proxy.go: a proxy that simulates network failures
//   - tls.go: a proxy that adds TLS
//   - pgbouncer.go: PgBouncer
//   - process.go: running a program
//   - binaries.go: finding PostgreSQL's programs
package pgtest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// EnvURL is the environment variable for the URL of the server, such as
// "postgres://postgres@127.0.0.1:5433/postgres?sslmode=disable". The role must be a superuser.
const EnvURL = "BACKPLANE_TEST_POSTGRES"

// URL returns the URL of the server of the test run, or skips the test.
func URL(tb testing.TB) string {
	tb.Helper()
	server := os.Getenv(EnvURL)
	if server == "" {
		tb.Skip("needs PostgreSQL: set " + EnvURL + " to its URL, or run the tests with make test")
	}
	return server
}

// Database creates a database for this test on the server of the test run and returns its URL. The database is
// dropped when the test ends. NOTIFY does not cross databases, so parallel tests do not receive each other's
// messages.
func Database(tb testing.TB) string {
	tb.Helper()
	return DatabaseOn(tb, URL(tb))
}

// DatabaseOn does what Database does, on another server.
func DatabaseOn(tb testing.TB, server string) string {
	tb.Helper()
	name := "test_" + randomHex()
	Exec(tb, server, "CREATE DATABASE "+name)
	tb.Cleanup(func() { Exec(tb, server, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	return With(tb, server, func(u *url.URL) { u.Path = "/" + name })
}

// Exec runs SQL on a new connection.
func Exec(tb testing.TB, server, sql string) {
	tb.Helper()
	if err := execute(server, sql); err != nil {
		tb.Fatalf("pgtest: %s: %v", sql, err)
	}
}

// QueryInt runs a query that yields one number on a new connection, and returns the number.
func QueryInt(tb testing.TB, server, sql string, args ...any) int {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		tb.Fatalf("pgtest: connecting: %v", err)
	}
	defer conn.Close(ctx)
	var n int
	if err := conn.QueryRow(ctx, sql, args...).Scan(&n); err != nil {
		tb.Fatalf("pgtest: %s: %v", sql, err)
	}
	return n
}

// With returns the URL server after change has modified it.
func With(tb testing.TB, server string, change func(u *url.URL)) string {
	tb.Helper()
	u, err := url.Parse(server)
	if err != nil {
		tb.Fatalf("pgtest: %v", err)
	}
	change(u)
	return u.String()
}

// patience limits each step of this package, so that a test fails instead of hanging. DROP DATABASE waits for a
// checkpoint, which takes long while other programs write to the same disk.
const patience = 2 * time.Minute

func execute(server, sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
}

func randomHex() string {
	var b [6]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
