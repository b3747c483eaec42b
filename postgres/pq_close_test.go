package postgres_test

import (
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres/pqdriver"
)

// usedPool returns a pool of lib/pq in which a driver has prepared statements.
func usedPool(t *testing.T, url string) (*sql.DB, *pqdriver.Driver) {
	t.Helper()
	db, err := sql.Open("postgres", url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	d := pqdriver.New(db, url)
	require.NoError(t, d.Prepare(within(t)))
	id, err := d.Put(within(t), []byte("body"))
	require.NoError(t, err)
	_, err = d.Get(within(t), id)
	require.NoError(t, err)
	return db, d
}

func TestCloseRemovesPreparedStatementsFromThePool(t *testing.T) {
	db, d := usedPool(t, pgtest.Database(t))
	count := func() (n int) {
		var conns []*sql.Conn
		for range db.Stats().Idle {
			conn, err := db.Conn(within(t))
			require.NoError(t, err)
			defer conn.Close()
			conns = append(conns, conn)
		}
		for _, conn := range conns {
			var here int
			require.NoError(t,
				conn.QueryRowContext(within(t), "SELECT count(*) FROM pg_prepared_statements").Scan(&here))
			n += here
		}
		return n
	}
	require.Positive(t, count(), "the driver must have prepared statements")
	require.NoError(t, d.Close(within(t)))
	require.Zero(t, count(), "Close must remove the driver's statements from the caller's connections")
}

// TestCloseBehindADeadNetworkDoesNotBlockThePool: the driver must not block the pool if its connections do not
// answer.
func TestCloseBehindADeadNetworkDoesNotBlockThePool(t *testing.T) {
	proxy := pgtest.NewProxy(t, pgtest.Database(t))
	db, d := usedPool(t, proxy.URL())
	proxy.Stall(pgtest.Both)
	_ = returnsInTime(t, "Close", d.Close)
	closed := make(chan error, 1)
	go func() { closed <- db.Close() }()
	select {
	case err := <-closed:
		require.NoError(t, err)
	case <-time.After(10 * time.Second):
		t.Error("the pool cannot be closed: a call waits for the network while it holds the pool's lock")
		proxy.Resume()
		<-closed
	}
}
