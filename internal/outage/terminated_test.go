package outage_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/pgtest"
)

// TestNodesSurviveRepeatedTermination is not parallel, because it counts goroutines.
func TestNodesSurviveRepeatedTermination(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		before := goleak.IgnoreCurrent()
		database := pgtest.Database(t)
		a := startNode(t, k.openAt(t, database))
		b := startNode(t, k.openAt(t, database))
		waitForPeers(t, a, b)
		requireDelivery(t, a, b)

		goroutines := 0
		for round := range 10 {
			switch round % 3 {
			case 0:
				terminatePublishers(t, database, a, b)
			case 1:
				terminateListeners(t, database, a, b)
			case 2:
				require.Equal(t, 2, pgtest.KillPublishers(t, database))
				terminateListeners(t, database, a, b)
			}
			requireRecovery(t, database, a, b)
			if round == 2 {
				emptyPools(t, database, a, b)
				goroutines = stableGoroutines(t)
			}
		}
		emptyPools(t, database, a, b)
		eventually(t, func() bool { return runtime.NumGoroutine() <= goroutines },
			"ten outages must not leave more goroutines than three")

		for _, n := range []*node{a, b} {
			n.requireClose(t)
		}
		waitForNoConnections(t, database)
		for _, n := range []*node{a, b} {
			require.NoError(t, n.driver.query(within(t)), "the caller's pool must be usable after Close")
			n.driver.close()
		}
		eventually(t, func() bool { return pgtest.Backends(t, database, "true") == 0 }, "no connection may be left")
		goleak.VerifyNone(t, before)
	})
}

// requireRecovery requires that everything works again after connections have broken.
func requireRecovery(t *testing.T, database string, nodes ...*node) {
	t.Helper()
	for _, n := range nodes {
		eventually(t, func() bool { return n.recovered.mark() == n.sessionsLost.mark() }, "the node must listen again")
		// Messages in transit when a connection broke may fail.
		eventually(t, func() bool { return n.rooms["/"].Emit(within(t), "after an outage", "", 0) == nil },
			"publishing must work again")
	}
	waitForPeers(t, nodes...)
	requireDelivery(t, nodes...)
	requireOwnConnections(t, database, len(nodes))
}

// emptyPools closes the idle connections of the pools.
func emptyPools(t *testing.T, database string, nodes ...*node) {
	t.Helper()
	for _, n := range nodes {
		n.driver.idle()
	}
	eventually(t, func() bool { return pgtest.Backends(t, database, "application_name NOT LIKE 'backplane%'") == 0 },
		"the pools must be empty")
}

// stableGoroutines counts the goroutines when their number does not change for a while. Goroutines that end soon may
// be among them.
func stableGoroutines(t *testing.T) int {
	t.Helper()
	count, same := runtime.NumGoroutine(), 0
	eventually(t, func() bool {
		now := runtime.NumGoroutine()
		if now == count {
			same++
		} else {
			count, same = now, 0
		}
		return same == 20
	}, "the number of goroutines must become stable")
	return count
}

// terminatePublishers terminates the publishing connections, which are idle. This must not be noticeable: the
// next message and the next answer are sent once, over other connections.
func terminatePublishers(t *testing.T, database string, n, peer *node) {
	t.Helper()
	r, failed := n.rooms["/chat"], n.Stats().PublishErrors+peer.Stats().PublishErrors
	for _, size := range []int{1, 20_000} { // the larger one needs the store
		name := fmt.Sprint("after the publisher was terminated, ", size)
		got := peer.rooms["/chat"].client.got.mark()
		// Before version 15, PostgreSQL sends notifications before the statement of the publisher has ended.
		eventually(t, func() bool {
			return pgtest.Backends(t, database, "application_name = 'backplane publish' AND state = 'idle'") == 2
		}, "the publishing connections must be idle")
		require.Equal(t, 2, pgtest.KillPublishers(t, database))
		require.NoError(t, r.Emit(within(t), name, strings.Repeat("x", size), 1))
		peer.rooms["/chat"].client.got.wait(t, "delivery", got, 1, func(e event) bool { return e.name == name })
		sockets, err := r.FetchSockets(within(t))
		require.NoError(t, err, "the answer of the peer")
		require.Len(t, sockets, 2)
		events, _ := peer.rooms["/chat"].client.got.since(got, func(e event) bool { return e.name == name })
		require.Len(t, events, 1, "the message must arrive once")
	}
	require.Equal(t, failed, n.Stats().PublishErrors+peer.Stats().PublishErrors)
}

// terminateListeners terminates the listening connections and waits until the nodes listen again and have
// reported it.
func terminateListeners(t *testing.T, database string, nodes ...*node) {
	t.Helper()
	var lost, recovered, received, errs []int
	for _, n := range nodes {
		lost, recovered = append(lost, n.sessionsLost.mark()), append(recovered, n.recovered.mark())
		received, errs = append(received, n.received.mark()), append(errs, n.errors.mark())
	}
	require.Equal(t, len(nodes), pgtest.KillListeners(t, database))
	for i, n := range nodes {
		n.sessionsLost.wait(t, "SessionLost", lost[i], 1, nil)
		gaps, _ := n.recovered.wait(t, "SessionRecovered", recovered[i], 1, nil)
		require.Positive(t, gaps[0].Deaf, "the gap must say how long the node was deaf")
		require.Error(t, gaps[0].Err, "the gap must say why")
		reported, _ := n.errors.wait(t, "GapError", errs[i], 1, func(err error) bool {
			var gap *backplane.GapError
			return errors.As(err, &gap)
		})
		require.Same(t, gaps[0], reported[0], "the ErrorHandler must receive the gap")
	}
	// The last node to recover announces itself, and all others receive that, in every namespace.
	for name := range nodes[0].rooms {
		announced := func(a receivedMessage) bool { return a.nsp == name && a.typ == codec.InitialHeartbeat }
		eventually(t, func() bool {
			for i, n := range nodes {
				if found, _ := n.received.since(received[i], announced); len(found) > 0 {
					return true
				}
			}
			return false
		}, "no node announced itself in %q", name)
	}
}

// isOpError matches an *OpError of an operation.
func isOpError(op string) func(error) bool {
	return func(err error) bool {
		var e *backplane.OpError
		return errors.As(err, &e) && e.Op == op
	}
}

func requireOpError(tb testing.TB, err error, op string) {
	tb.Helper()
	require.Truef(tb, isOpError(op)(err), "want an *OpError of %q, got %T: %v", op, err, err)
}
