// Package pgtest gives tests a PostgreSQL: the server of the test run, a database of one's own on it, a server
// of one's own that may be restarted, and a proxy that can lose the network.
//
// Without a server the tests that need one are skipped, and say which variable would have run them. make test
// starts one.
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

// EnvURL names the variable with the URL of the server to use, such as
// "postgres://postgres@127.0.0.1:5433/postgres?sslmode=disable". The role must be a superuser.
const EnvURL = "BACKPLANE_TEST_POSTGRES"

// URL returns the URL of the server of this test run, or skips the test.
func URL(tb testing.TB) string {
	tb.Helper()
	server := os.Getenv(EnvURL)
	if server == "" {
		tb.Skip("needs PostgreSQL: set " + EnvURL + " to its URL, or run the tests with make test")
	}
	return server
}

// Database creates a database for this test alone on the server of the test run, and returns its URL. It is
// dropped when the test ends. NOTIFY does not cross databases, so tests in parallel do not hear each other.
func Database(tb testing.TB) string {
	tb.Helper()
	return DatabaseOn(tb, URL(tb))
}

// DatabaseOn is Database on another server.
func DatabaseOn(tb testing.TB, server string) string {
	tb.Helper()
	name := "test_" + randomHex()
	Exec(tb, server, "CREATE DATABASE "+name)
	tb.Cleanup(func() { Exec(tb, server, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	return With(tb, server, func(u *url.URL) { u.Path = "/" + name })
}

// Exec runs SQL on a connection of its own.
func Exec(tb testing.TB, server, sql string) {
	tb.Helper()
	if err := execute(server, sql); err != nil {
		tb.Fatalf("pgtest: %s: %v", sql, err)
	}
}

// QueryInt returns the one number that a query yields, run on a connection of its own.
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

// With returns server after change has been made to it.
func With(tb testing.TB, server string, change func(u *url.URL)) string {
	tb.Helper()
	u, err := url.Parse(server)
	if err != nil {
		tb.Fatalf("pgtest: %v", err)
	}
	change(u)
	return u.String()
}

// patience bounds every step of this package, so that a test fails rather than hangs.
const patience = 30 * time.Second

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
