package postgres_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/postgres/pgxdriver"
	"github.com/backplane-go/backplane/postgres/pqdriver"
	"github.com/backplane-go/backplane/storage"
	"github.com/backplane-go/backplane/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// driver is the interface that both drivers implement.
type driver interface {
	transport.Bus
	transport.Closer
	storage.Store
	storage.Preparer
}

// kind is one of the drivers.
type kind struct {
	name string
	// open returns a driver whose pool connects to one URL and whose own connections go to another, and a
	// function that returns the number of connections that the pool has opened.
	open func(tb testing.TB, pool, own string, config postgres.Config) (driver, func() int)
}

var kinds = []kind{
	{"pgx", func(tb testing.TB, poolURL, own string, config postgres.Config) (driver, func() int) {
		pool, err := pgxpool.New(context.Background(), poolURL)
		require.NoError(tb, err)
		tb.Cleanup(pool.Close)
		connConfig, err := pgx.ParseConfig(own)
		require.NoError(tb, err)
		d := pgxdriver.NewWithConfig(pool, pgxdriver.Config{Config: config, ConnConfig: connConfig})
		return d, func() int { return int(pool.Stat().NewConnsCount()) }
	}},
	{"pq", func(tb testing.TB, poolURL, own string, config postgres.Config) (driver, func() int) {
		db, err := sql.Open("postgres", poolURL)
		require.NoError(tb, err)
		tb.Cleanup(func() { _ = db.Close() })
		d := pqdriver.NewWithConfig(db, own, pqdriver.Config{Config: config})
		return d, func() int { return db.Stats().OpenConnections }
	}},
}

// each runs a test on both drivers, in parallel.
func each(t *testing.T, test func(t *testing.T, k kind)) {
	t.Helper()
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			test(t, k)
		})
	}
}

// newDriver returns a driver for a database. It is closed when the test ends.
func newDriver(tb testing.TB, k kind, database string) driver {
	tb.Helper()
	d, _ := k.open(tb, database, database, postgres.Config{})
	tb.Cleanup(func() {
		if err := d.Close(within(tb)); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	return d
}

// listen opens a session that listens to channels. It is closed when the test ends.
func listen(tb testing.TB, d driver, channels ...string) transport.Session {
	tb.Helper()
	s, err := d.Open(within(tb))
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = s.Close(context.Background()) })
	for _, channel := range channels {
		require.NoError(tb, s.Listen(within(tb), channel))
	}
	return s
}

// patience limits how long a test waits for an event that must happen.
const patience = 2 * time.Minute

func within(tb testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	tb.Cleanup(cancel)
	return ctx
}

func messages(channel string, payloads ...string) []transport.Message {
	msgs := make([]transport.Message, len(payloads))
	for i, p := range payloads {
		msgs[i] = transport.Message{Channel: channel, Payload: []byte(p)}
	}
	return msgs
}

// expect receives exactly the payloads, in order, and then a marker that it publishes itself, so that no other
// message can have arrived.
func expect(tb testing.TB, d driver, s transport.Session, channel string, payloads ...string) {
	tb.Helper()
	ctx := within(tb)
	marker := fmt.Sprintf("marker %p %d", tb, time.Now().UnixNano())
	require.NoError(tb, d.Publish(ctx, messages(channel, marker)...))
	for i, want := range slices.Concat(payloads, []string{marker}) {
		m, err := s.Receive(ctx)
		require.NoErrorf(tb, err, "Receive of message %d of %d", i, len(payloads))
		if m.Channel != channel || string(m.Payload) != want {
			tb.Fatalf("message %d of %d: got %.40q on %q, want %.40q on %q", i, len(payloads), m.Payload, m.Channel,
				want, channel)
		}
	}
}

// publisherPID returns the process id of the publishing connection's backend, or 0 if there is none.
func publisherPID(tb testing.TB, database string) int {
	tb.Helper()
	return pgtest.QueryInt(tb, database, "SELECT coalesce(max(pid), 0) FROM pg_stat_activity "+
		"WHERE datname = current_database() AND application_name = 'backplane publish'")
}

// waitUntilSome waits until the database has a connection that meets a condition.
func waitUntilSome(tb testing.TB, database, condition, why string) {
	tb.Helper()
	require.Eventually(tb, func() bool {
		return pgtest.Backends(tb, database, condition) > 0
	}, patience, 10*time.Millisecond, why)
}

// waitUntilNone waits until the database has no connection that meets a condition.
func waitUntilNone(tb testing.TB, database, condition, why string) {
	tb.Helper()
	require.Eventually(tb, func() bool {
		return pgtest.Backends(tb, database, condition) == 0
	}, patience, 10*time.Millisecond, why)
}
