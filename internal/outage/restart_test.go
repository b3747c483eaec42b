package outage_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
)

// TestRestart takes PostgreSQL away from a cluster of one node on each driver.
func TestRestart(t *testing.T) {
	t.Parallel()
	server := pgtest.OwnServer(t, "fsync=off")
	database := pgtest.DatabaseOn(t, server.URL())
	var nodes []*node
	for _, k := range kinds {
		nodes = append(nodes, start(t, k.open(t, database, database, postgres.Config{})))
	}
	known(t, nodes...)
	flows(t, nodes...)
	for _, mode := range []struct {
		name string
		mode pgtest.Mode
	}{{"Fast", pgtest.Fast}, {"Immediate", pgtest.Immediate}} {
		t.Run(mode.name, func(t *testing.T) {
			restarted(t, server, mode.mode, nodes)
			settle(t, database, nodes...)
		})
	}
	for _, n := range nodes {
		n.shut(t)
		require.NoError(t, n.handle.query(within(t)), "the pool is its owner's, and usable after Close")
	}
	vanish(t, database)
}

// restarted takes the server down for a while, and waits until all nodes listen again.
func restarted(t *testing.T, server *pgtest.Server, mode pgtest.Mode, nodes []*node) {
	lost, back, errs := make([]int, len(nodes)), make([]int, len(nodes)), make([]int, len(nodes))
	for i, n := range nodes {
		lost[i], back[i], errs[i] = n.lost.mark(), n.back.mark(), n.errors.mark()
	}
	server.Down(t, mode)
	down := time.Now()
	for i, n := range nodes {
		n.lost.wait(t, "SessionLost", lost[i], 1, nil)
		worksAlone(t, n)
		require.Equal(t, len(nodes), n.rooms["/"].ServerCount(), "a node that is deaf forgets no peers")
		backsOff(t, n, errs[i])
	}
	away := time.Since(down)
	server.Up(t)
	for i, n := range nodes {
		gaps, _ := n.back.wait(t, "SessionRecovered", back[i], 1, nil)
		require.GreaterOrEqual(t, gaps[0].Deaf, away, "it was deaf at least as long as the server was away")
	}
}

// worksAlone requires that a node without a database serves its own clients, and says what it cannot do.
func worksAlone(t *testing.T, n *node) {
	t.Helper()
	const name = "while the database is away"
	for nsp, r := range n.rooms {
		got, errs := r.client.got.mark(), n.errors.mark()
		requireOp(t, r.Emit(within(t), name, "", 0), "publish")
		requireOp(t, r.Emit(within(t), name, "", 1, large), "store attachment")
		require.NoError(t, r.EmitAsync(name, "", 2))
		require.NoError(t, r.EmitAsync(name, "", 3, large))
		events, _ := r.client.got.wait(t, "local delivery in "+nsp, got, 4, func(e event) bool { return e.name == name })
		for number, e := range events {
			require.Equal(t, number, e.number, "local delivery is in order")
		}
		n.errors.wait(t, "the errors of EmitAsync", errs, 1, isOp("publish"))
		n.errors.wait(t, "the errors of EmitAsync", errs, 1, isOp("store attachment"))

		acks, err := r.EmitWithAck(within(t), name, "", 4)
		requirePartial(t, err, r.Peers(), nil)
		require.Len(t, acks, 1, "what this node's own client answered")
		sockets, err := r.FetchSockets(within(t))
		requirePartial(t, err, r.Peers(), nil)
		require.Len(t, sockets, 1, "the sockets of this node")
		answers, err := r.ServerSideEmitWithAck(within(t), name)
		requirePartial(t, err, r.Peers(), nil)
		require.Empty(t, answers)
	}
}

// requirePartial requires a *PartialError that names exactly these nodes.
func requirePartial(t *testing.T, err error, missing, left []string) *backplane.PartialError {
	t.Helper()
	var partial *backplane.PartialError
	require.ErrorAs(t, err, &partial)
	require.ElementsMatch(t, missing, partial.Missing, "missing: %v", err)
	require.ElementsMatch(t, left, partial.Left, "left: %v", err)
	return partial
}

// backsOff waits for attempts to connect that failed, and requires that each came no sooner than the backoff says. That
// the waits differ from one node to another is shown in package core, on a clock of its own.
func backsOff(t *testing.T, n *node, mark int) {
	t.Helper()
	const attempts = 6
	errs, times := n.errors.wait(t, "failed attempts to connect", mark, attempts, isOp("open session"))
	for i, nominal := 1, 40*time.Millisecond; i < attempts; i, nominal = i+1, min(2*nominal, 500*time.Millisecond) {
		require.GreaterOrEqual(t, times[i].Sub(times[i-1]), nominal/2, "attempt %d, the wait before which is %v with jitter", i, nominal)
		require.NotErrorIs(t, errs[i], backplane.ErrClosed)
	}
	require.False(t, errors.Is(errs[0], backplane.ErrSilent))
}
