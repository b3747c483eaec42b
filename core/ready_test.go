package core_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// unready waits until a cluster is not ready for exactly these reasons.
func unready(t *testing.T, cluster *core.Cluster, want ...string) {
	t.Helper()
	var got []string
	require.Eventually(t, func() bool {
		got = cluster.Unready()
		return strings.Join(got, "\n") == strings.Join(want, "\n")
	}, 2*time.Minute, time.Millisecond, "want %q", want)
}

func TestReadyFromStartToClose(t *testing.T) {
	cluster, err := core.New(core.Config{Bus: memory.NewHub()})
	require.NoError(t, err)
	require.Equal(t, []string{"the cluster is not started"}, cluster.Unready())
	require.NoError(t, cluster.Start(t.Context()))
	require.Empty(t, cluster.Unready(), "Start has proved that the node hears itself")
	join(t, cluster, "/", nil)
	require.Empty(t, cluster.Unready())
	shut(t, cluster)
	require.Equal(t, []string{"the cluster is closed"}, cluster.Unready())
}

func TestADeafNodeIsNotReady(t *testing.T) {
	b := &bus{Bus: memory.NewHub()}
	cluster := open(t, b, func(c *core.Config) { c.HeartbeatInterval = 20 * time.Millisecond })
	b.refuse()
	b.sever(errBroken)
	unready(t, cluster, "the node is deaf: its listening session is down")
	b.heal()
	unready(t, cluster) // heartbeats come back
}

// A session that is open but on which nothing arrives proves nothing.
func TestANodeIsReadyOnlyWhenItsNewSessionHasProvedThatItWorks(t *testing.T) {
	b := &bus{Bus: memory.NewHub()}
	cluster := open(t, b)
	var silent atomic.Bool
	silent.Store(true)
	work := make(chan struct{})
	b.fault(faults{receive: func(ctx context.Context, s transport.Session) (transport.Message, error) {
		if silent.Load() {
			select {
			case <-work:
			case <-ctx.Done():
				return transport.Message{}, ctx.Err()
			}
		}
		return s.Receive(ctx)
	}})
	b.sever(errBroken)
	unready(t, cluster, "nothing has arrived yet on the new listening session")
	silent.Store(false)
	close(work)
	unready(t, cluster)
}

// A node whose clients cannot keep up gets no more of them.
func TestANodeWithAFullReceiveQueueIsNotReady(t *testing.T) {
	hub := memory.NewHub()
	cluster := open(t, hub, func(c *core.Config) { c.ReceiveQueue = 8 })
	registry, clients := crowd("slow")
	hold := make(chan struct{})
	clients["slow"].hold = hold
	join(t, cluster, "/", registry)
	far := join(t, open(t, hub), "/", nil)
	require.NoError(t, far.WaitForPeers(t.Context(), 1))
	for range 4 {
		require.NoError(t, far.Emit(t.Context(), "x"))
	}
	require.Eventually(t, func() bool { return cluster.Stats().Received >= 4 }, 2*time.Minute, time.Millisecond)
	require.Empty(t, cluster.Unready(), "half of the queue is in use, and not more")
	require.NoError(t, far.Emit(t.Context(), "x"))
	unready(t, cluster, `more than half of the receive queue is in use: "/"`)
	close(hold)
	unready(t, cluster)
	clients["slow"].got.wait(t, 5)
}

func TestANodeThatReadsTheLogIsNotReady(t *testing.T) {
	hub := memory.NewHub()
	a, b := newLogNode(t, hub), newLogNode(t, hub)
	hold := make(chan struct{})
	b.bus.setReplay(func(transport.Position) error {
		<-hold
		return nil
	})
	b.bus.faults.refuse()
	b.bus.faults.sever(errBroken)
	b.lost.wait(t, 1)
	emitAll(t, a.Namespace, "", 0, 3)
	b.bus.faults.heal()
	require.Eventually(t, func() bool {
		reasons := b.cluster.Unready()
		return len(reasons) > 0 && reasons[len(reasons)-1] ==
			`the log is being read for messages that the node has missed: "/"`
	}, 2*time.Minute, time.Millisecond)
	require.Empty(t, a.cluster.Unready())
	close(hold)
	require.True(t, b.gaps.wait(t, 1)[0].Filled)
	unready(t, b.cluster)
}

// Clients choose the names of namespaces. A reason stays one short line.
func TestReasonsAreShortLines(t *testing.T) {
	hub := memory.NewHub()
	cluster := open(t, hub, func(c *core.Config) { c.ReceiveQueue = 1 })
	peer := open(t, hub)
	hold := make(chan struct{})
	defer close(hold)
	for _, name := range []string{"/a\nb", "/" + strings.Repeat("x", 1000), "/c", "/d", "/e"} {
		registry, clients := crowd("slow")
		clients["slow"].hold = hold
		join(t, cluster, name, registry)
		far := join(t, peer, name, nil)
		require.NoError(t, far.WaitForPeers(t.Context(), 1))
		require.NoError(t, far.Emit(t.Context(), "x"))
	}
	var reasons []string
	require.Eventually(t, func() bool {
		reasons = cluster.Unready()
		return len(reasons) == 1 && strings.HasSuffix(reasons[0], " and 2 more")
	}, 2*time.Minute, time.Millisecond)
	require.NotContains(t, reasons[0], "\n")
	require.Less(t, len(reasons[0]), 800)
}
