package outage_test

import (
	"errors"
	"net/url"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/storage"
)

// TestPgBouncerPoolsTransactions: the first node does not hear itself; others may find the prepared statements of the
// first.
func TestPgBouncerPoolsTransactions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		t.Parallel()
		through := pgtest.NewBouncer(t, pgtest.Database(t), pgtest.PoolTransactions)
		for i := range 3 {
			_, err := backplane.Open(within(t), backplane.Config{Bus: k.open(t, through, through, postgres.Config{}).bus, PublishTimeout: 3 * beat})
			require.Error(t, err)
			require.True(t, errors.Is(err, backplane.ErrNoLoopback) || errors.Is(err, postgres.ErrPooled), "node %d: %v", i, err)
			require.Contains(t, err.Error(), "direct connection", "node %d is told what to do", i)
		}
	})
}

func TestPgBouncerPoolsSessions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		t.Parallel()
		database := pgtest.Database(t)
		through := pgtest.NewBouncer(t, database, pgtest.PoolSessions)
		a := start(t, k.open(t, through, through, postgres.Config{}))
		b := start(t, k.open(t, through, through, postgres.Config{}))
		known(t, a, b)
		flows(t, a, b)
		pgtest.KillListeners(t, database)
		pgtest.KillPublishers(t, database)
		settle(t, database, a, b)
	})
}

// TestPgBouncerPoolsTransactionsOfThePool: attachments go through the proxy, on any server connection, also where
// statements are prepared. The driver's own connections go to the server.
func TestPgBouncerPoolsTransactionsOfThePool(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, key, value string
		kind             kind
	}{
		{"pgx/Default", "", "", pgxKind},
		{"pgx/Exec", "default_query_exec_mode", "exec", pgxKind},
		{"pgx/SimpleProtocol", "default_query_exec_mode", "simple_protocol", pgxKind},
		{"pq/Default", "", "", pqKind},
		{"pq/BinaryParameters", "binary_parameters", "yes", pqKind},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.Database(t)
			const table = `at"tach'ments $1 \ 🚀`
			through := pgtest.With(t, pgtest.NewBouncer(t, database, pgtest.PoolTransactions, "default_pool_size = 3"), func(u *url.URL) {
				if query := u.Query(); c.key != "" {
					query.Set(c.key, c.value)
					u.RawQuery = query.Encode()
				}
			})
			var nodes []*node
			for range 2 {
				nodes = append(nodes, start(t, c.kind.open(t, through, database, postgres.Config{Table: table})))
			}
			known(t, nodes...)
			var busy sync.WaitGroup
			for range 4 {
				busy.Go(func() { flows(t, nodes...) })
			}
			busy.Wait()
			for _, n := range nodes {
				require.Zero(t, n.errors.mark(), "nothing went wrong on the way")
			}
			quoted, err := postgres.QuoteTable(table)
			require.NoError(t, err)
			require.Positive(t, pgtest.QueryInt(t, database, "SELECT count(*) FROM "+quoted))
			require.NoError(t, nodes[0].handle.bus.(storage.Store).Expire(within(t), 0))
			require.Zero(t, pgtest.QueryInt(t, database, "SELECT count(*) FROM "+quoted), "attachments are removed")
			for _, n := range nodes {
				n.shut(t)
				require.NoError(t, n.handle.query(within(t)), "the pool is usable after Close")
			}
			vanish(t, database)
		})
	}
}
