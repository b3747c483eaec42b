package core_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// A call that waits when the cluster is closed returns ErrClosed. A context error would mislead: the caller's context
// has not ended.
func TestPendingCallsReturnErrClosed(t *testing.T) {
	hang := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	hangs := map[string]faults{
		"Nowhere": {},
		"Publish": {publish: func(ctx context.Context, _ transport.Bus, _ []transport.Message) error {
			return hang(ctx)
		}},
		"Listen": {listen: func(ctx context.Context, _ transport.Session, _ string) error { return hang(ctx) }},
		"Open": {open: func(ctx context.Context, _ transport.Bus) (transport.Session, error) {
			return nil, hang(ctx)
		}},
	}
	calls := map[string]func(ctx context.Context, cluster *core.Cluster, ns *core.Namespace) error{
		"Namespace": func(ctx context.Context, cluster *core.Cluster, _ *core.Namespace) error {
			_, err := cluster.Namespace(ctx, "/new", core.NewRegistry(core.RegistryConfig{}))
			return err
		}, "WaitReady": func(ctx context.Context, cluster *core.Cluster, _ *core.Namespace) error {
			ns, err := cluster.NamespaceAsync("/async", core.NewRegistry(core.RegistryConfig{}))
			if err != nil {
				return err
			}
			return ns.WaitReady(ctx)
		},
		"Emit": func(ctx context.Context, _ *core.Cluster, ns *core.Namespace) error { return ns.Emit(ctx, "a") },
		"EmitWithAck": func(ctx context.Context, _ *core.Cluster, ns *core.Namespace) error {
			_, err := ns.EmitWithAck(ctx, "a")
			return err
		}, "FetchSockets": func(ctx context.Context, _ *core.Cluster, ns *core.Namespace) error {
			_, err := ns.FetchSockets(ctx)
			return err
		}, "ServerSideEmitWithAck": func(ctx context.Context, _ *core.Cluster, ns *core.Namespace) error {
			_, err := ns.ServerSideEmitWithAck(ctx, "a")
			return err
		}, "SocketsJoin": func(ctx context.Context, _ *core.Cluster, ns *core.Namespace) error {
			return ns.SocketsJoin(ctx, "a")
		}, "WaitForPeers": func(ctx context.Context, _ *core.Cluster, ns *core.Namespace) error {
			return ns.WaitForPeers(ctx, 9)
		},
		"Close": func(ctx context.Context, _ *core.Cluster, ns *core.Namespace) error { return ns.Close(ctx) },
	}
	for where, fault := range hangs {
		for name, call := range calls {
			t.Run(name+"/"+where, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					hub := memory.NewHub()
					b := &bus{Bus: hub}
					cluster, err := core.Open(t.Context(), core.Config{Bus: b})
					require.NoError(t, err)
					ns := join(t, cluster, "/", nil)
					peer := newPuppet(t, hub, "/", "silent")
					peer.shout(`{"uid":"silent","type":2,"nsp":"/"}`)
					synctest.Wait()
					b.fault(fault)
					if fault.open != nil {
						b.sever(errBroken)
						time.Sleep(time.Second)
					}
					var group sync.WaitGroup
					group.Go(func() {
						err := call(t.Context(), cluster, ns)
						if partial := new(core.PartialError); errors.As(err, &partial) {
							err = partial.Err
						}
						assert.NotErrorIs(t, err, context.Canceled)
						assert.NotErrorIs(t, err, context.DeadlineExceeded)
						if err != nil && !errors.Is(err, core.ErrDeaf) { // it was deaf before
							assert.ErrorIs(t, err, core.ErrClosed)
						}
					})
					synctest.Wait()
					short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
					defer cancel()
					_ = cluster.Close(short)
					group.Wait()
					<-short.Done()
				})
			})
		}
	}
}
