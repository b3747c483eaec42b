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

// asked is what the three kinds of request came back with.
type asked struct {
	acks, answers []backplane.Value
	sockets       []*backplane.RemoteSocket
	err           [3]error // of EmitWithAck, FetchSockets, ServerSideEmitWithAck
}

// ask makes one request of each kind at a time, with a timeout.
func ask(tb testing.TB, r *room, timeout time.Duration) (wait func() *asked) {
	tb.Helper()
	a, ctx := new(asked), within(tb)
	var group sync.WaitGroup
	to := r.Timeout(timeout)
	group.Go(func() { a.acks, a.err[0] = to.EmitWithAck(ctx, "question", "", 0) })
	group.Go(func() { a.sockets, a.err[1] = to.FetchSockets(ctx) })
	group.Go(func() { a.answers, a.err[2] = to.ServerSideEmitWithAck(ctx, "question") })
	return func() *asked {
		group.Wait()
		require.NoError(tb, ctx.Err(), "a request ends at its timeout at the latest")
		return a
	}
}

// arrived waits until a node has received one request of each kind.
func arrived(t *testing.T, n *node, mark int) {
	t.Helper()
	for _, typ := range []codec.Type{codec.Broadcast, codec.FetchSockets, codec.ServerSideEmit} {
		n.received.wait(t, "the requests", mark, 1, func(a arrival) bool { return a.nsp == "/" && a.typ == typ })
	}
}

// TestRequestWhilePeerIsKilled asks three nodes, one of which dies before it has answered, without a goodbye.
func TestRequestWhilePeerIsKilled(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		t.Parallel()
		database := pgtest.Database(t)
		proxy := pgtest.NewProxy(t, database)
		a := start(t, k.open(t, database, database, postgres.Config{}), brisk)
		b := start(t, k.open(t, database, database, postgres.Config{}), brisk)
		victim := start(t, k.open(t, database, impatient(t, proxy.URL()), postgres.Config{}), brisk)
		known(t, a, b, victim)

		mark, lost := victim.received.mark(), victim.lost.mark()
		proxy.StallOnly(pgtest.ToServer, "backplane publish") // its answers get nowhere
		wait := ask(t, a.rooms["/"], patience/2)
		arrived(t, victim, mark)
		proxy.Stall(pgtest.Both)
		proxy.Cut()
		got := wait()

		gone := []string{victim.rooms["/"].UID()}
		for i, err := range got.err {
			partial := requirePartial(t, err, nil, gone)
			require.NoError(t, partial.Err, "request %d ends when the peer is known to be gone, not at its timeout", i)
		}
		require.Len(t, got.acks, 2, "the clients of the other nodes have answered")
		require.Len(t, got.sockets, 2)
		require.Len(t, got.answers, 1)
		known(t, a, b)

		victim.lost.wait(t, "SessionLost", lost, 1, nil)
		proxy.Resume()
		settle(t, database, a, b, victim) // it comes back, and is known again
	})
}

// TestRequestWhileTheDatabaseGoesAway asks, and then there is no way left for the answers.
func TestRequestWhileTheDatabaseGoesAway(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k kind) {
		t.Parallel()
		database := pgtest.Database(t)
		proxyA, proxyB := pgtest.NewProxy(t, database), pgtest.NewProxy(t, database)
		a := start(t, k.open(t, database, impatient(t, proxyA.URL()), postgres.Config{}), brisk)
		b := start(t, k.open(t, database, impatient(t, proxyB.URL()), postgres.Config{}), brisk)
		known(t, a, b)
		peer := []string{b.rooms["/"].UID()}

		heard, lostA, lostB := b.received.mark(), a.lost.mark(), b.lost.mark()
		proxyB.StallOnly(pgtest.ToServer, "backplane publish")
		wait := ask(t, a.rooms["/"], 2*beat)
		arrived(t, b, heard)
		require.NoError(t, a.rooms["/"].ServerSideEmit(within(t), "what was published before is settled"))
		for _, p := range []*pgtest.Proxy{proxyA, proxyB} { // for both nodes, what they have breaks and nothing new works
			p.Stall(pgtest.Both)
			p.Cut()
		}
		a.lost.wait(t, "SessionLost", lostA, 1, nil)
		b.lost.wait(t, "SessionLost", lostB, 1, nil)
		got := wait()
		for _, err := range got.err {
			partial := requirePartial(t, err, peer, nil)
			require.ErrorIs(t, partial, backplane.ErrTimeout)
		}
		require.Len(t, got.acks, 1, "this node's client has answered")
		require.Len(t, got.sockets, 1)
		require.Empty(t, got.answers)

		proxyA.Resume()
		proxyB.Resume()
		settle(t, database, a, b)
	})
}
