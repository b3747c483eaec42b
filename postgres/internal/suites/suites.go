// Package suites runs the suites of package conformance on a PostgreSQL driver. Each driver's tests call it, so that
// the drivers are tested at the same time.
//
// # Files
//
//   - suites.go: Driver, and the suites of buses, stores, sessions and clusters
//   - log.go: the suite of a log
package suites

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/cbor"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

// Driver is a driver of PostgreSQL.
type Driver interface {
	transport.Log
	transport.LogPreparer
	transport.Closer
	storage.Store
	storage.Sessions
}

// Opener makes drivers of one kind. Their resources are released at the end of the test.
type Opener struct {
	// Open opens a driver on a database.
	Open func(tb testing.TB, database string) Driver
	// Begin begins a transaction of the application on a database.
	Begin func(tb testing.TB, database string) conformance.LogTransaction
}

// Run runs the suites on a driver.
func Run(t *testing.T, o Opener) {
	t.Run("Bus", func(t *testing.T) { conformance.Bus(t, o.busHarness(t)) })
	t.Run("Append", o.testAppend)
	t.Run("Log", func(t *testing.T) { conformance.Log(t, o.logHarness(t)) })
	t.Run("Store", o.testStore)
	t.Run("Sessions", o.testSessions)
	for name, c := range map[string]codec.Codec{"node": jsonmsgpack.Codec{}, "cbor": cbor.Codec{}} {
		t.Run("Cluster/"+name, func(t *testing.T) { o.testCluster(t, c) })
	}
}

// Benchmark runs the benchmarks of a bus on a driver.
func Benchmark(b *testing.B, o Opener) { conformance.BenchmarkBus(b, o.busHarness(b)) }

// open opens a driver, which is closed at the end of the test.
func (o Opener) open(tb testing.TB, database string) Driver {
	driver := o.Open(tb, database)
	tb.Cleanup(func() { _ = driver.Close(context.Background()) })
	return driver
}

// entryBackends is a condition on pg_stat_activity for the connections of entries.
const entryBackends = "pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2)"

// busHarness connects all buses of a test to one database, through a proxy.
func (o Opener) busHarness(tb testing.TB) conformance.Harness {
	database := pgtest.Database(tb)
	proxy := pgtest.NewProxy(tb, database)
	return conformance.Harness{
		NewBus:         func(tb testing.TB) transport.Bus { return o.open(tb, proxy.URL()) },
		Sever:          func(tb testing.TB, _ transport.Bus) { pgtest.KillListeners(tb, database) },
		SeverPublisher: func(tb testing.TB, _ transport.Bus) { pgtest.KillPublishers(tb, database) },
		Foreign: func(tb testing.TB, _ transport.Bus, name string) (leave func()) {
			config, err := pgx.ParseConfig(database)
			if err != nil {
				tb.Fatal(err)
			}
			config.RuntimeParams["application_name"] = name
			conn, err := pgx.ConnectConfig(tb.Context(), config)
			if err != nil {
				tb.Fatal(err)
			}
			return func() { _ = conn.Close(context.Background()) }
		},
		SeverEntries: func(tb testing.TB, _ transport.Bus) { pgtest.Kill(tb, database, entryBackends) },
		NoServer: func(tb testing.TB) transport.Bus {
			gone := pgtest.NewProxy(tb, database)
			gone.Close()
			return o.open(tb, gone.URL())
		},
		Stall: func(testing.TB, transport.Bus) (resume func()) {
			proxy.Stall(pgtest.Both)
			return proxy.Resume
		},
		Leftovers: func(tb testing.TB) []string {
			n, entries := pgtest.Backends(tb, database, pgtest.Listeners), pgtest.Backends(tb, database, entryBackends)
			if n+entries == 0 {
				return nil
			}
			return []string{fmt.Sprintf("%d connections that listen, and %d entries", n, entries)}
		},
	}
}

func (o Opener) testStore(t *testing.T) {
	proxy := pgtest.NewProxy(t, pgtest.Database(t))
	conformance.Store(t, conformance.StoreHarness{
		NewStore: func(tb testing.TB) storage.Store { return o.open(tb, proxy.URL()) },
		Stall: func(testing.TB, storage.Store) (resume func()) {
			proxy.Stall(pgtest.Both)
			return proxy.Resume
		},
	})
}

func (o Opener) testSessions(t *testing.T) {
	proxy := pgtest.NewProxy(t, pgtest.Database(t))
	conformance.Sessions(t, conformance.SessionsHarness{
		NewSessions: func(tb testing.TB) storage.Sessions { return o.open(tb, proxy.URL()) },
		Stall: func(testing.TB, storage.Sessions) (resume func()) {
			proxy.Stall(pgtest.Both)
			return proxy.Resume
		},
	})
}

func (o Opener) testCluster(t *testing.T, c codec.Codec) {
	database := pgtest.Database(t)
	conformance.Cluster(t, conformance.ClusterHarness{
		NewConfig: func(tb testing.TB) core.Config {
			return core.Config{Bus: o.open(tb, database), Codec: c}
		},
		Sever: func(tb testing.TB, _ core.Config) { pgtest.KillListeners(tb, database) },
	})
}
