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

// operations are the ones whose caller waits, and whose message only peers use.
var operations = map[string]func(ctx context.Context, ns *core.Namespace) error{
	"Emit":        func(ctx context.Context, ns *core.Namespace) error { return ns.Emit(ctx, "a") },
	"SocketsJoin": func(ctx context.Context, ns *core.Namespace) error { return ns.SocketsJoin(ctx, "room") },
	"DisconnectSockets": func(ctx context.Context, ns *core.Namespace) error {
		return ns.DisconnectSockets(ctx, false)
	},
	"ServerSideEmit": func(ctx context.Context, ns *core.Namespace) error { return ns.ServerSideEmit(ctx, "a") },
	"EmitWithAck": func(ctx context.Context, ns *core.Namespace) error {
		_, err := ns.EmitWithAck(ctx, "a")
		return err
	},
}

// swallowing is a bus whose Publish returns when its context ends.
var swallowing = faults{publish: func(ctx context.Context, _ transport.Bus, _ []transport.Message) error {
	<-ctx.Done()
	return ctx.Err()
}}

func TestNodeWithoutPeersDoesNotWaitForTheBus(t *testing.T) {
	for name, operate := range operations {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &bus{Bus: memory.NewHub()}
				ns := join(t, open(t, b), "/", nil)
				time.Sleep(2 * time.Second) // every live node has answered by now
				b.fault(swallowing)
				start := time.Now()
				require.NoError(t, operate(t.Context(), ns))
				assert.Zero(t, time.Since(start))
				b.heal()
			})
		})
	}
}

func TestNodeThatMayHavePeersWaitsForTheBus(t *testing.T) {
	for name, setUp := range map[string]func(t *testing.T, hub *memory.Hub, b *bus, ns *core.Namespace){
		"that are known": func(t *testing.T, hub *memory.Hub, _ *bus, ns *core.Namespace) {
			join(t, open(t, hub), "/", nil)
			time.Sleep(2 * time.Second)
			require.Equal(t, 2, ns.ServerCount())
		},
		"that have had no time to answer": func(*testing.T, *memory.Hub, *bus, *core.Namespace) {},
		"that it cannot hear": func(t *testing.T, _ *memory.Hub, b *bus, _ *core.Namespace) {
			time.Sleep(2 * time.Second)
			b.refuse()
			b.sever(errBroken)
			synctest.Wait()
		},
		"that it could not hear until just now": func(t *testing.T, _ *memory.Hub, b *bus, _ *core.Namespace) {
			time.Sleep(2 * time.Second)
			b.sever(errBroken)
			time.Sleep(500 * time.Millisecond)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := memory.NewHub()
				b := &bus{Bus: hub}
				ns := join(t, open(t, b), "/", nil)
				setUp(t, hub, b, ns)
				b.fault(faults{publish: func(context.Context, transport.Bus, []transport.Message) error {
					return errBroken
				}})
				require.ErrorIs(t, ns.Emit(t.Context(), "a"), errBroken)
				b.heal()
			})
		})
	}
}

func TestNodeWithoutPeersReportsABrokenBusAndThenWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{Bus: memory.NewHub()}
		var errs log[error]
		registry, clients := crowd("alice")
		ns := join(t, open(t, b, func(c *core.Config) { c.ErrorHandler = errs.add }), "/", registry)
		time.Sleep(2 * time.Second)
		b.fault(faults{publish: func(context.Context, transport.Bus, []transport.Message) error { return errBroken }})
		require.NoError(t, ns.Emit(t.Context(), "first"), "the caller does not wait")
		synctest.Wait()
		require.Len(t, errs.all(), 1)
		require.ErrorIs(t, errs.all()[0], errBroken, "the first failure is reported")
		require.ErrorIs(t, ns.Emit(t.Context(), "second"), errBroken, "later failures are returned")
		require.Len(t, errs.all(), 1)
		b.heal()
		require.NoError(t, ns.Emit(t.Context(), "third"), "the caller waits, and the bus works again")
		b.fault(swallowing)
		start := time.Now()
		require.NoError(t, ns.Emit(t.Context(), "fourth"))
		assert.Zero(t, time.Since(start))
		b.heal()
		assert.Equal(t, []string{`["first"]`, `["second"]`, `["third"]`, `["fourth"]`}, clients["alice"].got.all())
	})
}
