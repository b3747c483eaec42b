package socketio_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/pgtest"
)

// successor prepares a server that will take the place of another one, and returns a function that starts it once the
// other one is down.
type successor struct {
	name    string
	prepare func(t *testing.T, server *pgtest.Server) (start func() *pgtest.Server)
}

var successors = []successor{
	{"Replica", func(t *testing.T, server *pgtest.Server) func() *pgtest.Server {
		replica := server.Replica(t)
		return func() *pgtest.Server {
			replica.Promote(t)
			return replica
		}
	}},
	{"Backup", func(t *testing.T, server *pgtest.Server) func() *pgtest.Server {
		backup := server.Backup(t)
		return func() *pgtest.Server {
			backup.Up(t)
			return backup
		}
	}},
	{"PointInTime", func(t *testing.T, server *pgtest.Server) func() *pgtest.Server {
		backup := server.Backup(t)
		server.Exec(t, "SELECT pg_create_restore_point('before')")
		backup.RecoverTo(t, server, "before")
		return func() *pgtest.Server {
			backup.Up(t)
			eventually(t, "the recovery has ended", func() bool {
				return pgtest.QueryInt(t, backup.URL(), "SELECT pg_is_in_recovery()::int") == 0
			})
			return backup
		}
	}},
}

// Another server takes the place of that of the log. Nobody takes its log for the one before: the nodes report what
// they cannot have, clients are new ones, and old positions are refused. What is kept from then on is replayed.
func TestRecoveryAfterAnotherServerHasTakenOver(t *testing.T) {
	for _, s := range successors {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			server := pgtest.OwnServer(t, "fsync=off")
			server.NeedBackup(t)
			proxy := pgtest.NewProxy(t, server.URL())
			servers := t
			t.Run("Nodes", func(t *testing.T) { // they are closed before the servers are
				s.test(t, servers, server, proxy)
			})
		})
	}
}

// test tests the successor of a server, to which nodes connect through a proxy. The successor ends with servers.
func (s *successor) test(t, servers *testing.T, server *pgtest.Server, proxy *pgtest.Proxy) {
	ctx := t.Context()
	nodes := []*node{loggedOn(t, pgxBus(t, proxy.URL())), loggedOn(t, pqBus(t, proxy.URL()))}
	a, b := nodes[0], nodes[1]
	onA, onB := connected(a.Namespace), connected(b.Namespace)
	require.NoError(t, b.WaitForPeers(ctx, 1))
	staying, onNode := begun(t, a, onA)
	leaving, leaves := begun(t, b, onB)
	away(t, leaving, leaves)
	start := s.prepare(servers, server)
	for i := range 3 {
		require.NoError(t, b.To("room").Emit(ctx, fmt.Sprint("late ", i)))
	}
	require.Equal(t, "late 0", staying.event())
	after := staying.offset
	require.Equal(t, "late 1", staying.event())
	require.Equal(t, "late 2", staying.event())
	position, err := backplane.ParsePosition(after)
	require.NoError(t, err)
	if s.name == "Replica" {
		eventually(t, "the standby has everything", func() bool {
			return pgtest.QueryInt(t, server.URL(), `SELECT count(*) FROM pg_stat_replication
				WHERE replay_lsn = pg_current_wal_lsn()`) == 1
		})
	}
	server.Down(t, pgtest.Immediate)
	proxy.Redirect(t, start().URL())

	// Nothing was kept since then. Only reading shows that it is another log.
	for _, n := range nodes {
		gap := awaitLogGap(t, n)
		require.ErrorIs(t, gap, backplane.ErrPositionEpoch)
		require.Equal(t, position.Epoch, gap.From.Epoch)
	}
	for _, n := range nodes {
		_, err := n.History(ctx, position, 0)
		require.ErrorIs(t, err, backplane.ErrPositionEpoch)
	}
	require.NotEqual(t, leaving.id, enter(t, a, leaving.auth()).id)
	away(t, staying, onNode)
	staying.offset = after // as if it had missed what came then
	require.NotEqual(t, staying.id, enter(t, b, staying.auth()).id)

	again, s2 := begun(t, a, onA)
	away(t, again, s2)
	require.NoError(t, b.To("room").Emit(ctx, "missed"))
	back := enter(t, b, again.auth())
	require.Equal(t, again.id, back.id)
	require.Equal(t, "missed", back.event())
	events, err := a.History(ctx, backplane.Position{}, 0)
	require.NoError(t, err)
	require.NotEmpty(t, events)
	require.NotEqual(t, position.Epoch, events[0].Position.Epoch)
}

// awaitLogGap waits until a node reports that it cannot have messages.
func awaitLogGap(t *testing.T, n *node) *backplane.LogGap {
	t.Helper()
	for limit := time.Now().Add(patience); ; {
		err := n.faults.next(t)
		var gap *backplane.LogGap
		if errors.As(err, &gap) {
			return gap
		}
		require.False(t, time.Now().After(limit), "the node has only reported: %v", err)
	}
}
