package outage_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
)

// responses are the results of the three kinds of requests.
type responses struct {
	acks, answers []backplane.Value
	sockets       []*backplane.RemoteSocket
	err           [3]error // of EmitWithAck, FetchSockets, ServerSideEmitWithAck
}

// sendRequests makes one request of each kind concurrently, with a timeout.
func sendRequests(tb testing.TB, r *room, timeout time.Duration) (wait func() *responses) {
	tb.Helper()
	a, ctx := new(responses), within(tb)
	var group sync.WaitGroup
	to := r.Timeout(timeout)
	group.Go(func() { a.acks, a.err[0] = to.EmitWithAck(ctx, "question", "", 0) })
	group.Go(func() { a.sockets, a.err[1] = to.FetchSockets(ctx) })
	group.Go(func() { a.answers, a.err[2] = to.ServerSideEmitWithAck(ctx, "question") })
	return func() *responses {
		group.Wait()
		require.NoError(tb, ctx.Err(), "a request must end at its timeout at the latest")
		return a
	}
}

// waitForRequests waits until a node has received one request of each kind.
func waitForRequests(t *testing.T, n *node, mark int) {
	t.Helper()
	for _, typ := range []codec.Type{codec.Broadcast, codec.FetchSockets, codec.ServerSideEmit} {
		n.received.wait(t, "the requests", mark, 1,
			func(a receivedMessage) bool { return a.nsp == "/" && a.typ == typ })
	}
}

// TestRequestsWhileAPeerDies sends requests to two peers, one of which dies before it has answered, without a
// leave message.
func TestRequestsWhileAPeerDies(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		t.Parallel()
		database := pgtest.Database(t)
		proxy := pgtest.NewProxy(t, database)
		a := startNode(t, k.openAt(t, database), fastHeartbeats)
		b := startNode(t, k.openAt(t, database), fastHeartbeats)
		victim := startNode(t, k.open(t, database, withConnectTimeout(t, proxy.URL()), postgres.Config{}),
			fastHeartbeats)
		waitForPeers(t, a, b, victim)

		mark, lost := victim.received.mark(), victim.sessionsLost.mark()
		proxy.StallOnly(pgtest.ToServer, "backplane publish") // its answers are held back
		wait := sendRequests(t, a.rooms["/"], 15*time.Second)
		waitForRequests(t, victim, mark)
		proxy.Stall(pgtest.Both)
		proxy.Cut()
		got := wait()

		gone := []string{victim.rooms["/"].UID()}
		for i, err := range got.err {
			partial := requirePartial(t, err, nil, gone)
			require.NoError(t, partial.Err, "request %d must end when the peer is known to be gone, not at its timeout",
				i)
		}
		require.Len(t, got.acks, 2, "the clients of the other nodes must have answered")
		require.Len(t, got.sockets, 2)
		require.Len(t, got.answers, 1)
		waitForPeers(t, a, b)

		victim.sessionsLost.wait(t, "SessionLost", lost, 1, nil)
		proxy.Resume()
		requireRecovery(t, database, a, b, victim) // the peer recovers and is known again
	})
}

// TestRequestsDuringAnOutage sends requests, and then breaks the connections, so that the answers cannot be
// sent.
func TestRequestsDuringAnOutage(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		t.Parallel()
		database := pgtest.Database(t)
		proxyA, proxyB := pgtest.NewProxy(t, database), pgtest.NewProxy(t, database)
		a := startNode(t, k.open(t, database, withConnectTimeout(t, proxyA.URL()), postgres.Config{}), fastHeartbeats)
		b := startNode(t, k.open(t, database, withConnectTimeout(t, proxyB.URL()), postgres.Config{}), fastHeartbeats)
		waitForPeers(t, a, b)
		peer := []string{b.rooms["/"].UID()}

		received, lostA, lostB := b.received.mark(), a.sessionsLost.mark(), b.sessionsLost.mark()
		proxyB.StallOnly(pgtest.ToServer, "backplane publish")
		wait := sendRequests(t, a.rooms["/"], 2*heartbeat)
		waitForRequests(t, b, received)
		require.NoError(t, a.rooms["/"].ServerSideEmit(within(t), "after the requests"))
		for _, p := range []*pgtest.Proxy{proxyA,
			proxyB} { // for both nodes, connections break and new ones do not work
			p.Stall(pgtest.Both)
			p.Cut()
		}
		a.sessionsLost.wait(t, "SessionLost", lostA, 1, nil)
		b.sessionsLost.wait(t, "SessionLost", lostB, 1, nil)
		got := wait()
		for _, err := range got.err {
			partial := requirePartial(t, err, peer, nil)
			require.ErrorIs(t, partial, backplane.ErrTimeout)
		}
		require.Len(t, got.acks, 1, "this node's client must have answered")
		require.Len(t, got.sockets, 1)
		require.Empty(t, got.answers)

		proxyA.Resume()
		proxyB.Resume()
		requireRecovery(t, database, a, b)
	})
}
