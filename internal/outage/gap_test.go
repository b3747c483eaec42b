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

// TestGapCoversAllThatIsMissing stalls the network to a receiver, and ends its session meanwhile: what is read after the stall says
// nothing of what was lost by then.
func TestGapCoversAllThatIsMissing(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		t.Parallel()
		database := pgtest.Database(t)
		proxy := pgtest.NewProxy(t, database)
		a := start(t, k.open(t, database, proxy.URL(), postgres.Config{}))
		b := start(t, k.open(t, database, database, postgres.Config{}))
		known(t, a, b)
		back := a.back.mark()
		sent := make(map[int]time.Time)
		var stalled, killed, resumed bool
		begun := time.Now()
		for i := 0; time.Since(begun) < 5*time.Second; i++ {
			switch since := time.Since(begun); {
			case since > time.Second && !stalled:
				stalled = true
				proxy.StallOnly(pgtest.ToClient, "backplane listen")
			case since > 1500*time.Millisecond && !killed:
				killed = true
				require.Equal(t, 2, pgtest.KillListeners(t, database), "the sender's is among them, which does not matter")
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
		a.back.wait(t, "SessionRecovered", back, 1, nil)
		require.NoError(t, b.rooms["/"].Emit(within(t), "end", "b", 0))
		a.rooms["/"].client.got.wait(t, "the end", 0, 1, func(e event) bool { return e.name == "end" })

		got, _ := a.rooms["/"].client.got.since(0, func(e event) bool { return e.name == "n" })
		for _, e := range got {
			delete(sent, e.number)
		}
		gaps, _ := a.back.since(back, nil)
		require.NotEmpty(t, sent, "something is lost, or the test tests nothing")
		for i, at := range sent {
			covered := false
			for _, gap := range gaps {
				covered = covered || !at.Before(gap.Since) && at.Before(gap.Since.Add(gap.Deaf))
			}
			require.True(t, covered, "message %d of %v is lost, %v after the start at %v, and the gaps are %v", i, at, at.Sub(begun), begun, gaps)
		}
		t.Logf("%d lost, %v", len(sent), gaps)
	})
}

// TestThousandsOfNamespacesListenAgain kills the session of a node with many channels.
func TestThousandsOfNamespacesListenAgain(t *testing.T) {
	const n = 3000
	each(t, func(t *testing.T, k kind) {
		t.Parallel()
		database := pgtest.Database(t)
		a := start(t, k.open(t, database, database, postgres.Config{}))
		begun := time.Now()
		var all []*backplane.Namespace
		for i := range n {
			ns, err := a.NamespaceAsync(fmt.Sprintf("/many/%d", i), backplane.NewRegistry(backplane.RegistryConfig{}))
			require.NoError(t, err)
			all = append(all, ns)
		}
		for _, ns := range all {
			require.NoError(t, ns.WaitReady(within(t)))
		}
		t.Logf("%d namespaces listen after %v", n, time.Since(begun))
		back := a.back.mark()
		begun = time.Now()
		require.Equal(t, 1, pgtest.KillListeners(t, database))
		a.back.wait(t, "SessionRecovered", back, 1, nil)
		t.Logf("they listen again after %v", time.Since(begun))

		// They hear: each gets what another node says.
		b := start(t, k.open(t, database, database, postgres.Config{}))
		for _, i := range []int{0, 1, n / 2, n - 1} {
			other := b.join(t, fmt.Sprintf("/many/%d", i))
			require.NoError(t, other.WaitForPeers(within(t), 1))
			require.NoError(t, all[i].WaitForPeers(within(t), 1))
		}
	})
}
