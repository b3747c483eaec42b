package interop_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/internal/pgtest"
)

// These tests check what this package promises to other tests.

func TestPeerStops(t *testing.T) {
	t.Parallel()
	for _, adapter := range []string{interop.Adapter05, interop.Adapter04, interop.Adapter03, interop.Cluster,
		interop.Emitter} {
		t.Run(adapter, func(t *testing.T) {
			ctx := patient(t)
			p := interop.Start(t, interop.Config{Adapter: adapter, DatabaseURL: pgtest.Database(t)})
			require.NoError(t, p.Stop(ctx))
			_, err := p.Namespace(ctx, "/")
			require.Error(t, err)
		})
	}
}

func TestPeerExits(t *testing.T) {
	t.Parallel()
	ctx := patient(t)
	p := interop.Start(t, interop.Config{Adapter: interop.Adapter05, DatabaseURL: pgtest.Database(t)})
	require.NoError(t, p.Exit(ctx))
}

func TestPeerReportsErrors(t *testing.T) {
	t.Parallel()
	ctx := patient(t)
	p := interop.Start(t, interop.Config{Adapter: interop.Adapter05, DatabaseURL: pgtest.Database(t),
		Options: interop.Options{PayloadThreshold: 20000}})
	ns, err := p.Namespace(ctx, "/")
	require.NoError(t, err)
	require.ErrorContains(t, ns.Emit(ctx, interop.Target{}, "connect"), "reserved event name")
	// (in 0.5 an error of an attachment reaches no handler)
	require.NoError(t, ns.Emit(ctx, interop.Target{}, "event", strings.Repeat("x", 10000)))
	e, err := p.Errors.Next(ctx)
	require.NoError(t, err)
	require.Equal(t, "payload string too long", e.Message)
}

func TestPeerWorkers(t *testing.T) {
	t.Parallel()
	ctx := patient(t)
	p := interop.Start(t, interop.Config{Adapter: interop.Cluster, DatabaseURL: pgtest.Database(t), Workers: 1})
	first, err := p.Worker(1).Namespace(ctx, "/")
	require.NoError(t, err)
	require.NoError(t, p.Fork(ctx, 2))
	require.NoError(t, first.AwaitServerCount(ctx, 2))
	require.NoError(t, p.KillWorker(ctx, 2))
	number, err := p.Exits.Next(ctx)
	require.NoError(t, err)
	require.Equal(t, 2, number)
	_, err = p.Worker(2).Namespace(ctx, "/")
	require.ErrorContains(t, err, "no worker 2")
}

func TestClient(t *testing.T) {
	t.Parallel()
	ctx := patient(t)
	p := interop.Start(t, interop.Config{Adapter: interop.Adapter05, DatabaseURL: pgtest.Database(t)})
	ns, err := p.Namespace(ctx, "/chat")
	require.NoError(t, err)
	c, err := ns.Connect(ctx, interop.ClientSpec{Ack: interop.Reply(1)})
	require.NoError(t, err)
	require.NoError(t, c.Answer(ctx, interop.Reply(2)))
	answer, err := ns.EmitWithAck(ctx, interop.Target{}.Timeout(ackTimeout), "ask")
	require.NoError(t, err)
	require.Equal(t, []any{2.0}, answer.Values)
	require.NoError(t, c.Close(ctx))
	reason, err := c.Disconnected(ctx)
	require.NoError(t, err)
	require.Equal(t, "io client disconnect", reason)
}
