package outage_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/backplane-go/backplane/internal/testparallel"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
	"github.com/backplane-go/backplane/postgres/pqdriver"
	"github.com/backplane-go/backplane/transport"
)

func TestMain(m *testing.M) {
	testparallel.Set("5")
	goleak.VerifyTestMain(m)
}

// kind is one of the drivers.
type kind struct {
	name string
	// open returns a driver whose pool connects to one URL and whose own connections go to another.
	open func(tb testing.TB, pool, own string, config postgres.Config) *driver
}

// openAt returns a driver all of whose connections go to one URL.
func (k kind) openAt(tb testing.TB, url string) *driver {
	return k.open(tb, url, url, postgres.Config{})
}

// driver is a driver on a pool.
type driver struct {
	bus   transport.Bus
	query func(ctx context.Context) error // uses the pool directly
	idle  func()                          // closes the idle connections of the pool
	hold  func(tb testing.TB) func()      // acquires all connections of the pool until the returned function is called
	close func()
}

// poolSize keeps the tests within the 100 connections of a server with default settings, which other tests use,
// too.
const poolSize = 3

var pgxKind = kind{"pgx", func(tb testing.TB, poolURL, own string, config postgres.Config) *driver {
	settings, err := pgxpool.ParseConfig(poolURL)
	require.NoError(tb, err)
	settings.MaxConns = poolSize
	pool, err := pgxpool.NewWithConfig(context.Background(), settings)
	require.NoError(tb, err)
	tb.Cleanup(pool.Close)
	c := pgxdriver.Config{Config: config}
	if own != poolURL {
		c.ConnConfig, err = pgx.ParseConfig(own)
		require.NoError(tb, err)
	}
	return &driver{
		bus: pgxdriver.NewWithConfig(pool, c),
		query: func(ctx context.Context) error {
			_, err := pool.Exec(ctx, "SELECT 1")
			return err
		},
		idle: pool.Reset,
		hold: func(tb testing.TB) func() {
			var all []*pgxpool.Conn
			for range poolSize {
				c, err := pool.Acquire(within(tb))
				require.NoError(tb, err)
				all = append(all, c)
			}
			return func() {
				for _, c := range all {
					c.Release()
				}
			}
		},
		close: pool.Close,
	}
}}

var pqKind = kind{"pq", func(tb testing.TB, poolURL, own string, config postgres.Config) *driver {
	db, err := sql.Open("postgres", poolURL)
	require.NoError(tb, err)
	db.SetMaxOpenConns(poolSize)
	tb.Cleanup(func() { _ = db.Close() })
	return &driver{
		bus: pqdriver.NewWithConfig(db, own, pqdriver.Config{Config: config}),
		query: func(ctx context.Context) error {
			_, err := db.ExecContext(ctx, "SELECT 1")
			return err
		},
		idle: func() { db.SetMaxIdleConns(0); db.SetMaxIdleConns(2) },
		hold: func(tb testing.TB) func() {
			var all []*sql.Conn
			for range poolSize {
				c, err := db.Conn(within(tb))
				require.NoError(tb, err)
				all = append(all, c)
			}
			return func() {
				for _, c := range all {
					_ = c.Close()
				}
			}
		},
		close: func() { _ = db.Close() },
	}
}}

var kinds = []kind{pgxKind, pqKind}

// each runs a test with each driver.
func each(t *testing.T, test func(t *testing.T, k kind)) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) { test(t, k) })
	}
}

// patience limits how long a test waits for an event that must happen.
const patience = 2 * time.Minute

// within returns a context that ends when the test has waited too long.
func within(tb testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	tb.Cleanup(cancel)
	return ctx
}

// eventually waits for a condition for which there is no event.
func eventually(tb testing.TB, condition func() bool, format string, args ...any) {
	tb.Helper()
	for limit := time.Now().Add(patience); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			require.FailNowf(tb, "timeout", format, args...)
		}
	}
}
