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
	"github.com/backplane-go/backplane/postgres"
)

// TestKilledAnyNumberOfTimes is not parallel: it counts goroutines.
func TestKilledAnyNumberOfTimes(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		before := goleak.IgnoreCurrent()
		database := pgtest.Database(t)
		a := start(t, k.open(t, database, database, postgres.Config{}))
		b := start(t, k.open(t, database, database, postgres.Config{}))
		known(t, a, b)
		flows(t, a, b)

		goroutines := 0
		for round := range 10 {
			switch round % 3 {
			case 0:
				publishersKilled(t, database, a, b)
			case 1:
				listenersKilled(t, database, a, b)
			case 2:
				require.Equal(t, 2, pgtest.KillPublishers(t, database))
				listenersKilled(t, database, a, b)
			}
			settle(t, database, a, b)
			if round == 2 {
				goroutines = settledGoroutines(t, database, a, b)
			}
		}
		require.LessOrEqual(t, settledGoroutines(t, database, a, b), goroutines, "goroutines after ten outages, and after three")

		for _, n := range []*node{a, b} {
			n.shut(t)
		}
		vanish(t, database)
		for _, n := range []*node{a, b} {
			require.NoError(t, n.handle.query(within(t)), "the pool is its owner's, and usable after Close")
			n.handle.close()
		}
		until(t, func() bool { return pgtest.Backends(t, database, "true") == 0 }, "no connection of any kind is left")
		goleak.VerifyNone(t, before)
	})
}

// settle makes sure that everything works, once connections have broken.
func settle(t *testing.T, database string, nodes ...*node) {
	t.Helper()
	for _, n := range nodes {
		until(t, func() bool { return n.back.mark() == n.lost.mark() }, "it listens again")
		// What was on its way when a connection broke may fail.
		until(t, func() bool { return n.rooms["/"].Emit(within(t), "after an outage", "", 0) == nil }, "publishing works again")
	}
	known(t, nodes...)
	flows(t, nodes...)
	ownConnections(t, database, len(nodes))
}

// settledGoroutines counts goroutines once the pools have closed what they do not need.
func settledGoroutines(t *testing.T, database string, nodes ...*node) int {
	t.Helper()
	for _, n := range nodes {
		n.handle.idle()
	}
	until(t, func() bool { return pgtest.Backends(t, database, "application_name NOT LIKE 'backplane%'") == 0 }, "the pools are empty")
	count, same := runtime.NumGoroutine(), 0
	until(t, func() bool {
		now := runtime.NumGoroutine()
		if now == count {
			same++
		} else {
			count, same = now, 0
		}
		return same == 20
	}, "the number of goroutines does not settle")
	return count
}

// publishersKilled kills the publishing connections, which are idle. Nobody notices: the next message and the next answer go over
// other connections, once.
func publishersKilled(t *testing.T, database string, n, peer *node) {
	t.Helper()
	r, failed := n.rooms["/chat"], n.Stats().PublishErrors+peer.Stats().PublishErrors
	for _, size := range []int{1, 20_000} { // the larger one needs the store too
		name := fmt.Sprint("after the publisher was killed, ", size)
		got := peer.rooms["/chat"].client.got.mark()
		require.Equal(t, 2, pgtest.KillPublishers(t, database))
		require.NoError(t, r.Emit(within(t), name, strings.Repeat("x", size), 1))
		peer.rooms["/chat"].client.got.wait(t, "delivery", got, 1, func(e event) bool { return e.name == name })
		sockets, err := r.FetchSockets(within(t))
		require.NoError(t, err, "the answer of the peer")
		require.Len(t, sockets, 2)
		events, _ := peer.rooms["/chat"].client.got.since(got, func(e event) bool { return e.name == name })
		require.Len(t, events, 1, "what is published after it has arrived, and it did not arrive twice")
	}
	require.Equal(t, failed, n.Stats().PublishErrors+peer.Stats().PublishErrors)
}

// listenersKilled kills the listening connections and waits until the nodes listen again, and have said so.
func listenersKilled(t *testing.T, database string, nodes ...*node) {
	t.Helper()
	var lost, back, heard, errs []int
	for _, n := range nodes {
		lost, back = append(lost, n.lost.mark()), append(back, n.back.mark())
		heard, errs = append(heard, n.received.mark()), append(errs, n.errors.mark())
	}
	require.Equal(t, len(nodes), pgtest.KillListeners(t, database))
	for i, n := range nodes {
		n.lost.wait(t, "SessionLost", lost[i], 1, nil)
		gaps, _ := n.back.wait(t, "SessionRecovered", back[i], 1, nil)
		require.Positive(t, gaps[0].Deaf, "how long it was deaf")
		require.Error(t, gaps[0].Err, "and why")
		told, _ := n.errors.wait(t, "GapError", errs[i], 1, func(err error) bool {
			var gap *backplane.GapError
			return errors.As(err, &gap)
		})
		require.Same(t, gaps[0], told[0], "the application is told of the gap")
	}
	// The last who came back was heard by all others when it announced itself, in every namespace.
	for name := range nodes[0].rooms {
		announced := func(a arrival) bool { return a.nsp == name && a.typ == codec.InitialHeartbeat }
		until(t, func() bool {
			for i, n := range nodes {
				if found, _ := n.received.since(heard[i], announced); len(found) > 0 {
					return true
				}
			}
			return false
		}, "nobody announced itself in %q", name)
	}
}

// isOp matches an error of an operation.
func isOp(op string) func(error) bool {
	return func(err error) bool {
		var e *backplane.OpError
		return errors.As(err, &e) && e.Op == op
	}
}

func requireOp(tb testing.TB, err error, op string) {
	tb.Helper()
	require.Truef(tb, isOp(op)(err), "want an *OpError of %q, got %T: %v", op, err, err)
}
