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

// TestOpenBehindATransactionPooler: the first node does not receive its own messages, and later nodes may find
// its prepared statements.
func TestOpenBehindATransactionPooler(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		t.Parallel()
		bouncer := pgtest.NewBouncer(t, pgtest.Database(t), pgtest.PoolTransactions)
		for i := range 3 {
			config := backplane.Config{Bus: k.openAt(t, bouncer).bus, PublishTimeout: 3 * heartbeat}
			_, err := backplane.Open(within(t), config)
			require.Error(t, err)
			pooled := errors.Is(err, backplane.ErrNoLoopback) || errors.Is(err, postgres.ErrPooled)
			require.True(t, pooled, "node %d: %v", i, err)
			require.Contains(t, err.Error(), "direct connection", "the error of node %d must say what to do", i)
		}
	})
}

func TestClusterBehindASessionPooler(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		t.Parallel()
		database := pgtest.Database(t)
		bouncer := pgtest.NewBouncer(t, database, pgtest.PoolSessions)
		a := startNode(t, k.openAt(t, bouncer))
		b := startNode(t, k.openAt(t, bouncer))
		waitForPeers(t, a, b)
		requireDelivery(t, a, b)
		pgtest.KillListeners(t, database)
		pgtest.KillPublishers(t, database)
		requireRecovery(t, database, a, b)
	})
}

// TestAttachmentsThroughATransactionPooler: attachments go through the pooler, on any server connection, even
// in modes that prepare statements. The driver's own connections go to the server.
func TestAttachmentsThroughATransactionPooler(t *testing.T) {
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
			bouncer := pgtest.NewBouncer(t, database, pgtest.PoolTransactions, "default_pool_size = 3")
			bouncer = pgtest.With(t, bouncer, func(u *url.URL) {
				if query := u.Query(); c.key != "" {
					query.Set(c.key, c.value)
					u.RawQuery = query.Encode()
				}
			})
			var nodes []*node
			for range 2 {
				nodes = append(nodes, startNode(t, c.kind.open(t, bouncer, database, postgres.Config{Table: table})))
			}
			waitForPeers(t, nodes...)
			var busy sync.WaitGroup
			for range 4 {
				busy.Go(func() { requireDelivery(t, nodes...) })
			}
			busy.Wait()
			for _, n := range nodes {
				require.Zero(t, n.errors.mark(), "no error may be reported")
			}
			quoted, err := postgres.QuoteTable(table)
			require.NoError(t, err)
			require.Positive(t, pgtest.QueryInt(t, database, "SELECT count(*) FROM "+quoted))
			require.NoError(t, nodes[0].driver.bus.(storage.Store).Expire(within(t), 0))
			require.Zero(t, pgtest.QueryInt(t, database, "SELECT count(*) FROM "+quoted),
				"Expire must remove all attachments")
			for _, n := range nodes {
				n.requireClose(t)
				require.NoError(t, n.driver.query(within(t)), "the pool must be usable after Close")
			}
			waitForNoConnections(t, database)
		})
	}
}
