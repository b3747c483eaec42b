package outage_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/pgtest"
)

// TestRestartOfTheServer restarts PostgreSQL under a cluster with one node on each driver.
func TestRestartOfTheServer(t *testing.T) {
	t.Parallel()
	server := pgtest.OwnServer(t, "fsync=off")
	database := pgtest.DatabaseOn(t, server.URL())
	var nodes []*node
	for _, k := range kinds {
		nodes = append(nodes, startNode(t, k.openAt(t, database)))
	}
	waitForPeers(t, nodes...)
	requireDelivery(t, nodes...)
	for _, mode := range []struct {
		name string
		mode pgtest.Mode
	}{{"Fast", pgtest.Fast}, {"Immediate", pgtest.Immediate}} {
		t.Run(mode.name, func(t *testing.T) {
			restartServer(t, server, mode.mode, nodes)
			requireRecovery(t, database, nodes...)
		})
	}
	for _, n := range nodes {
		n.requireClose(t)
		require.NoError(t, n.driver.query(within(t)), "the caller's pool must be usable after Close")
	}
	waitForNoConnections(t, database)
}

// restartServer shuts the server down for a while, and waits until all nodes listen again.
func restartServer(t *testing.T, server *pgtest.Server, mode pgtest.Mode, nodes []*node) {
	lost, recovered, errs := make([]int, len(nodes)), make([]int, len(nodes)), make([]int, len(nodes))
	for i, n := range nodes {
		lost[i], recovered[i], errs[i] = n.sessionsLost.mark(), n.recovered.mark(), n.errors.mark()
	}
	server.Down(t, mode)
	down := time.Now()
	for i, n := range nodes {
		n.sessionsLost.wait(t, "SessionLost", lost[i], 1, nil)
		requireLocalService(t, n)
		require.Equal(t, len(nodes), n.rooms["/"].ServerCount(), "a deaf node must not forget its peers")
		requireBackoff(t, n, errs[i])
	}
	outage := time.Since(down)
	server.Up(t)
	for i, n := range nodes {
		gaps, _ := n.recovered.wait(t, "SessionRecovered", recovered[i], 1, nil)
		require.GreaterOrEqual(t, gaps[0].Deaf, outage, "the node was deaf at least as long as the server was down")
	}
}

// requireLocalService requires that a node without a database serves its own clients, and reports what it
// cannot do.
func requireLocalService(t *testing.T, n *node) {
	t.Helper()
	const name = "while the database is down"
	for nsp, r := range n.rooms {
		got, errs := r.client.got.mark(), n.errors.mark()
		requireOpError(t, r.Emit(within(t), name, "", 0), "publish")
		requireOpError(t, r.Emit(within(t), name, "", 1, large), "store attachment")
		require.NoError(t, r.EmitAsync(name, "", 2))
		require.NoError(t, r.EmitAsync(name, "", 3, large))
		events, _ := r.client.got.wait(t, "local delivery in "+nsp, got, 4,
			func(e event) bool { return e.name == name })
		for number, e := range events {
			require.Equal(t, number, e.number, "local delivery must be in order")
		}
		n.errors.wait(t, "the errors of EmitAsync", errs, 1, isOpError("publish"))
		n.errors.wait(t, "the errors of EmitAsync", errs, 1, isOpError("store attachment"))

		acks, err := r.EmitWithAck(within(t), name, "", 4)
		requirePartial(t, err, r.Peers(), nil)
		require.Len(t, acks, 1, "this node's own client must have answered")
		sockets, err := r.FetchSockets(within(t))
		requirePartial(t, err, r.Peers(), nil)
		require.Len(t, sockets, 1, "the sockets of this node must be returned")
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

// requireBackoff waits for failed attempts to connect, and requires that each comes no sooner than the backoff
// allows. Package core tests with a fake clock that the waits of the nodes differ.
func requireBackoff(t *testing.T, n *node, mark int) {
	t.Helper()
	const attempts = 6
	errs, times := n.errors.wait(t, "failed attempts to connect", mark, attempts, isOpError("open session"))
	for i, nominal := 1, 40*time.Millisecond; i < attempts; i, nominal = i+1, min(2*nominal, 500*time.Millisecond) {
		require.GreaterOrEqual(t, times[i].Sub(times[i-1]), nominal/2, "the wait before attempt %d is %v with jitter",
			i, nominal)
		require.NotErrorIs(t, errs[i], backplane.ErrClosed)
	}
	require.False(t, errors.Is(errs[0], backplane.ErrSilent))
}
