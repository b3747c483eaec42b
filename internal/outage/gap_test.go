package outage_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/pgtest"
	"github.com/backplane-go/backplane/postgres"
)

// TestGapCoversAllLostMessages stalls the network to a receiver and terminates its session in the meantime. The
// messages that it reads after the stall do not prove that no earlier message was lost, so the gap must cover
// all of them.
func TestGapCoversAllLostMessages(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		t.Parallel()
		database := pgtest.Database(t)
		proxy := pgtest.NewProxy(t, database)
		a := startNode(t, k.open(t, database, proxy.URL(), postgres.Config{}))
		b := startNode(t, k.openAt(t, database))
		waitForPeers(t, a, b)
		recovered := a.recovered.mark()
		sent := make(map[int]time.Time)
		var stalled, killed, resumed bool
		start := time.Now()
		for i := 0; time.Since(start) < 5*time.Second; i++ {
			switch since := time.Since(start); {
			case since > time.Second && !stalled:
				stalled = true
				proxy.StallOnly(pgtest.ToClient, "backplane listen")
			case since > 1500*time.Millisecond && !killed:
				killed = true
				require.Equal(t, 2, pgtest.KillListeners(t, database),
					"two sessions must be terminated, those of the receiver and of the sender")
			case since > 3500*time.Millisecond && !resumed:
				resumed = true
				proxy.Resume()
			}
			at := time.Now()
			if b.rooms["/"].Emit(within(t), "n", "b", i) == nil {
				sent[i] = at
			}
			time.Sleep(3 * time.Millisecond)
		}
		a.recovered.wait(t, "SessionRecovered", recovered, 1, nil)
		require.NoError(t, b.rooms["/"].Emit(within(t), "end", "b", 0))
		a.rooms["/"].client.got.wait(t, "the last message", 0, 1, func(e event) bool { return e.name == "end" })

		got, _ := a.rooms["/"].client.got.since(0, func(e event) bool { return e.name == "n" })
		for _, e := range got {
			delete(sent, e.number)
		}
		gaps, _ := a.recovered.since(recovered, nil)
		require.NotEmpty(t, sent, "the stall must lose messages, or the test shows nothing")
		for i, at := range sent {
			covered := false
			for _, gap := range gaps {
				covered = covered || !at.Before(gap.Since) && at.Before(gap.Since.Add(gap.Deaf))
			}
			require.True(t, covered, "message %d, lost %v after the start at %v, must be in one of the gaps %v", i,
				at.Sub(start), start, gaps)
		}
		t.Logf("%d messages lost, gaps: %v", len(sent), gaps)
	})
}

// TestThousandsOfNamespacesListenAgain terminates the session of a node with many channels.
func TestThousandsOfNamespacesListenAgain(t *testing.T) {
	const n = 3000
	each(t, func(t *testing.T, k kind) {
		t.Parallel()
		database := pgtest.Database(t)
		a := startNode(t, k.openAt(t, database))
		start := time.Now()
		var all []*backplane.Namespace
		for i := range n {
			ns, err := a.NamespaceAsync(fmt.Sprintf("/many/%d", i), backplane.NewRegistry(backplane.RegistryConfig{}))
			require.NoError(t, err)
			all = append(all, ns)
		}
		for _, ns := range all {
			require.NoError(t, ns.WaitReady(within(t)))
		}
		t.Logf("%d namespaces listen after %v", n, time.Since(start))
		recovered := a.recovered.mark()
		start = time.Now()
		require.Equal(t, 1, pgtest.KillListeners(t, database))
		a.recovered.wait(t, "SessionRecovered", recovered, 1, nil)
		t.Logf("they listen again after %v", time.Since(start))

		// Each namespace must receive the messages of another node.
		b := startNode(t, k.openAt(t, database))
		for _, i := range []int{0, 1, n / 2, n - 1} {
			other := b.join(t, fmt.Sprintf("/many/%d", i))
			require.NoError(t, other.WaitForPeers(within(t), 1))
			require.NoError(t, all[i].WaitForPeers(within(t), 1))
		}
	})
}
