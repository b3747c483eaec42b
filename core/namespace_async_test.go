package core_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

func TestNamespaceAsync(t *testing.T) {
	later := func(t *testing.T, cluster *core.Cluster, name string, local core.LocalSockets) *core.Namespace {
		t.Helper()
		ns, err := cluster.NamespaceAsync(name, local)
		require.NoError(t, err, "NamespaceAsync %q", name)
		return ns
	}

	t.Run("KnowsItsPeersOnceReady", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			hub := memory.NewHub()
			a := join(t, open(t, hub), "/", nil)
			b := later(t, open(t, hub), "/", core.NewRegistry(core.RegistryConfig{}))
			require.NoError(t, b.WaitReady(t.Context()))
			require.NoError(t, a.WaitForPeers(t.Context(), 1))
			require.NoError(t, b.WaitForPeers(t.Context(), 1))
		})
	})

	t.Run("ServesItsOwnClientsDuringAnOutage", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			hub := memory.NewHub()
			other := join(t, open(t, hub), "/late", nil)
			b := &bus{Bus: hub}
			cluster := open(t, b)
			join(t, cluster, "/", nil)
			b.refuse()
			b.sever(errBroken)
			r, c := core.NewRegistry(core.RegistryConfig{}), &client{id: "a"}
			r.Add(c)
			ns := later(t, cluster, "/late", r)
			require.NoError(t, ns.Emit(t.Context(), "hello"))
			assert.Equal(t, []string{`["hello"]`}, c.got.all())
			short, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			require.ErrorIs(t, ns.WaitReady(short), context.DeadlineExceeded)

			b.heal()
			require.NoError(t, ns.WaitReady(t.Context()))
			require.NoError(t, ns.WaitForPeers(t.Context(), 1))
			require.NoError(t, other.Emit(t.Context(), "welcome"))
			assert.Equal(t, []string{`["hello"]`, `["welcome"]`}, c.got.wait(t, 2))
		})
	})

	t.Run("TriesAgainWhenListeningFails", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := &bus{Bus: memory.NewHub()}
			var reported log[error]
			cluster := open(t, b, func(c *core.Config) { c.ErrorHandler = reported.add })
			b.fault(faults{listen: func(context.Context, transport.Session, string) error { return errBroken }})
			ns := later(t, cluster, "/", core.NewRegistry(core.RegistryConfig{}))
			reported.wait(t, 1)
			b.heal()
			require.NoError(t, ns.WaitReady(t.Context()))
		})
	})

	t.Run("ClosesBeforeItIsReady", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := &bus{Bus: memory.NewHub()}
			cluster := open(t, b)
			b.refuse()
			b.sever(errBroken)
			ns := later(t, cluster, "/", core.NewRegistry(core.RegistryConfig{}))
			require.NoError(t, ns.Close(t.Context()))
			require.ErrorIs(t, ns.WaitReady(t.Context()), core.ErrClosed)
			b.heal()
			require.NoError(t, later(t, cluster, "/", core.NewRegistry(core.RegistryConfig{})).WaitReady(t.Context()),
				"the name is free again")
		})
	})

	t.Run("ReturnsTheErrorsOfNamespace", func(t *testing.T) {
		cluster := open(t, memory.NewHub())
		r := core.NewRegistry(core.RegistryConfig{})
		join(t, cluster, "/", r)
		_, err := cluster.NamespaceAsync("/", r)
		require.ErrorIs(t, err, core.ErrNamespaceExists)
		_, err = cluster.NamespaceAsync("", r)
		var name *core.NameError
		require.ErrorAs(t, err, &name)
	})

	t.Run("IsClosedInAClosedCluster", func(t *testing.T) {
		cluster := open(t, memory.NewHub())
		shut(t, cluster)
		ns, err := cluster.NamespaceAsync("/", core.NewRegistry(core.RegistryConfig{}))
		require.ErrorIs(t, err, core.ErrClosed)
		require.ErrorIs(t, ns.Emit(t.Context(), "x"), core.ErrClosed)
		require.ErrorIs(t, ns.Local().EmitAsync("x"), core.ErrClosed)
		require.NoError(t, ns.Close(t.Context()))
	})
}

func TestConfigureChangesTheRegistrysFunctions(t *testing.T) {
	r := core.NewRegistry(core.RegistryConfig{})
	r.Add(&plain{id: "a"})
	var joined log[string]
	r.Configure(func(c *core.RegistryConfig) { c.JoinRoom = func(room, id string) { joined.add(room + " " + id) } })
	r.JoinID("a", "x")
	assert.Equal(t, []string{"x a"}, joined.all())
}
