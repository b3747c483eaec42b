package core_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport/memory"
)

func TestCensusFails(t *testing.T) {
	broken := func(context.Context) error { return errBroken }
	t.Run("ARequestSaysSo", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			bus := &rosterBus{Hub: memory.NewHub()}
			var reported log[error]
			ra, _ := crowd("a1")
			ns := join(t, counted(t, bus, func(c *core.Config) { c.ErrorHandler = reported.add }), "/", ra)
			bus.fault(broken, broken)
			_, err := ns.Clients(t.Context())
			var op *core.OpError
			require.ErrorAs(t, err, &op)
			require.ErrorIs(t, err, errBroken)
			_, err = ns.CustomRequest(t.Context(), 1)
			require.ErrorIs(t, err, errBroken)
			require.ErrorIs(t, ns.RemoteJoin(t.Context(), "b1", "x"), errBroken)
			require.NoError(t, ns.RemoteJoin(t.Context(), "a1", "x"), "its own sockets need no count")
			require.NoError(t, ns.Emit(t.Context(), "event"))
			time.Sleep(30 * time.Second) // fake
			synctest.Wait()
			require.NotEmpty(t, reported.all())
			assert.Less(t, len(reported.all()), 10, "once for each count in the background")
			require.ErrorIs(t, reported.all()[0], errBroken)
			bus.fault(nil, nil)
			_, err = ns.Clients(t.Context())
			require.NoError(t, err)
		})
	})
	t.Run("ANamespaceIsNotOpened", func(t *testing.T) {
		for _, b := range []*rosterBus{{Hub: memory.NewHub(), enter: broken}, {Hub: memory.NewHub(), entries: broken}} {
			cluster := counted(t, b)
			_, err := cluster.Namespace(t.Context(), "/", core.NewRegistry(core.RegistryConfig{}))
			require.ErrorIs(t, err, errBroken)
			b.fault(nil, nil)
			join(t, cluster, "/", nil)
			infos, err := b.Hub.Entries(t.Context(), "")
			require.NoError(t, err)
			assert.Len(t, infos, 1, "what failed has left nothing behind")
		}
	})
	t.Run("ANodeThatOpensWithoutWaitingTriesAgain", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			bus := &rosterBus{Hub: memory.NewHub(), enter: broken}
			var reported log[error]
			cluster := counted(t, bus, func(c *core.Config) { c.ErrorHandler = reported.add })
			a, err := cluster.NamespaceAsync("/", core.NewRegistry(core.RegistryConfig{}))
			require.NoError(t, err)
			time.Sleep(20 * time.Second) // fake
			synctest.Wait()
			require.NotEmpty(t, reported.all())
			bus.fault(nil, nil)
			time.Sleep(20 * time.Second) // fake
			synctest.Wait()
			b := join(t, counted(t, bus.Hub), "/", nil)
			assert.Equal(t, 2, b.ServerCount())
			require.NoError(t, a.Close(t.Context()))
		})
	})
	t.Run("HangingDelaysNoClose", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			bus := &rosterBus{Hub: memory.NewHub()}
			cluster := counted(t, bus)
			ns := join(t, cluster, "/", nil)
			hang := func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			}
			bus.fault(hang, hang)
			failed := make(chan error, 1)
			go func() {
				_, err := ns.Clients(context.Background())
				failed <- err
			}()
			time.Sleep(5500 * time.Millisecond) // fake: a count in the background hangs, too
			assert.Less(t, took(func() { require.NoError(t, ns.Close(t.Context())) }), time.Second)
			assert.Less(t, took(func() { require.Error(t, <-failed) }), 10*time.Second)
			assert.Less(t, took(func() { require.NoError(t, cluster.Close(t.Context())) }), 10*time.Second)
		})
	})
}
