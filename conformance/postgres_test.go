package conformance_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
	"github.com/backplane-go/backplane/postgres/pqdriver"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

// postgresDriver is a bus and a store that must be closed.
type postgresDriver interface {
	transport.Bus
	transport.Closer
	storage.Store
}

// postgresDrivers open a driver on a database. Their resources are released at the end of the test.
var postgresDrivers = map[string]func(tb testing.TB, database string) postgresDriver{
	"pgx": func(tb testing.TB, database string) postgresDriver {
		pool, err := pgxpool.New(tb.Context(), database)
		require.NoError(tb, err)
		tb.Cleanup(pool.Close)
		return pgxdriver.New(pool)
	},
	"pq": func(tb testing.TB, database string) postgresDriver {
		db, err := sql.Open("postgres", database)
		require.NoError(tb, err)
		tb.Cleanup(func() { db.Close() })
		return pqdriver.New(db, database)
	},
}

func TestPostgresBus(t *testing.T) {
	for name, newDriver := range postgresDrivers {
		t.Run(name, func(t *testing.T) { conformance.Bus(t, postgresHarness(t, newDriver)) })
	}
}

func TestPostgresStore(t *testing.T) {
	for name, newDriver := range postgresDrivers {
		t.Run(name, func(t *testing.T) {
			proxy := pgtest.NewProxy(t, pgtest.Database(t))
			conformance.Store(t, conformance.StoreHarness{
				NewStore: func(tb testing.TB) storage.Store { return newPostgresDriver(tb, newDriver, proxy.URL()) },
				Stall: func(testing.TB, storage.Store) (resume func()) {
					proxy.Stall(pgtest.Both)
					return proxy.Resume
				},
			})
		})
	}
}

func BenchmarkPostgresBus(b *testing.B) {
	for name, newDriver := range postgresDrivers {
		b.Run(name, func(b *testing.B) { conformance.BenchmarkBus(b, postgresHarness(b, newDriver)) })
	}
}

func newPostgresDriver(tb testing.TB, newDriver func(testing.TB, string) postgresDriver,
	database string) postgresDriver {
	driver := newDriver(tb, database)
	tb.Cleanup(func() { driver.Close(context.Background()) })
	return driver
}

// postgresHarness connects all buses of a test to one database, through a proxy.
func postgresHarness(tb testing.TB, newDriver func(testing.TB, string) postgresDriver) conformance.Harness {
	database := pgtest.Database(tb)
	proxy := pgtest.NewProxy(tb, database)
	return conformance.Harness{
		NewBus: func(tb testing.TB) transport.Bus {
			return newPostgresDriver(tb, newDriver, proxy.URL())
		},
		Sever:          func(tb testing.TB, _ transport.Bus) { pgtest.KillListeners(tb, database) },
		SeverPublisher: func(tb testing.TB, _ transport.Bus) { pgtest.KillPublishers(tb, database) },
		NoServer: func(tb testing.TB) transport.Bus {
			gone := pgtest.NewProxy(tb, database)
			gone.Close()
			return newPostgresDriver(tb, newDriver, gone.URL())
		},
		Stall: func(testing.TB, transport.Bus) (resume func()) {
			proxy.Stall(pgtest.Both)
			return proxy.Resume
		},
		Leftovers: func(tb testing.TB) []string {
			n := pgtest.Backends(tb, database, pgtest.Listeners)
			if n == 0 {
				return nil
			}
			return []string{fmt.Sprintf("%d connections that listen", n)}
		},
	}
}
