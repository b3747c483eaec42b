package core_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/core"
	memstore "github.com/backplane-go/backplane/storage/memory"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

func TestLocalTargetIsNotPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{Bus: memory.NewHub()}
		registry, clients := crowd("alice")
		ns := join(t, open(t, b), "/", registry)
		synctest.Wait()
		before := len(b.sizes())
		require.NoError(t, ns.Local().Emit(t.Context(), "a"))
		require.NoError(t, ns.Local().EmitAsync("b"))
		acks, err := ns.Local().EmitWithAck(t.Context(), "c")
		require.NoError(t, err)
		assert.Len(t, acks, 1)
		require.NoError(t, ns.Local().SocketsJoin(t.Context(), "room"))
		synctest.Wait()
		assert.Equal(t, []string{`["a"]`, `["b"]`, `["c"]`}, clients["alice"].got.all())
		assert.Len(t, b.sizes(), before, "nothing is published: Node.js nodes would deliver it")
	})
}

func TestOwnAttachmentsAreNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub, store := memory.NewHubWithConfig(smallLimits), memstore.NewStore()
		config := func(c *core.Config) { c.Store = store }
		a, b := open(t, hub, config), open(t, hub, config)
		nsA, nsB := join(t, a, "/", nil), join(t, b, "/", nil)
		large := strings.Repeat("x", 300)
		require.NoError(t, nsA.Emit(t.Context(), "large", large))
		for range 3 {
			require.NoError(t, nsB.To("nobody").Emit(t.Context(), "large", large))
		}
		synctest.Wait()
		assert.EqualValues(t, 3, a.Stats().AttachmentReads, "B reads the attachments of A")
		assert.EqualValues(t, 1, b.Stats().AttachmentReads, "that of A")
	})
}

func TestMessageBelongsToTheNamespaceOfItsChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub, store := memory.NewHub(), memstore.NewStore()
		registry, clients := crowd("alice")
		var drops log[*core.DropError]
		join(t, open(t, hub, func(c *core.Config) { c.Store, c.Trace.Dropped = store, drops.add }), "/", registry)
		p := newPuppet(t, hub, "/", "puppet")
		p.shout(`{"uid":"emitter","type":3,"data":{"packet":{"type":2,"data":["hi"]},` +
			`"opts":{"rooms":["alice"],"except":[],"flags":{}}}}`)
		p.shout(`{"uid":"puppet","type":4,"data":{"opts":{"rooms":["alice"],"except":[]},"rooms":["room"]}}`)
		body, err := jsonmsgpack.Codec{}.Append(nil,
			&codec.Envelope{Type: codec.Broadcast, UID: codec.EmitterUID, Args: args("large")}, codec.Binary)
		require.NoError(t, err)
		id, err := store.Put(t.Context(), body)
		require.NoError(t, err)
		p.shout(fmt.Sprintf(`{"uid":"emitter","type":3,"attachmentId":%q}`, id))
		p.shout(`{"uid":"puppet","type":3,"nsp":"/other","data":{"packet":{"type":2,"data":["stray"]},"opts":{}}}`)
		synctest.Wait()
		assert.Equal(t, []string{`["hi"]`, `["large"]`}, clients["alice"].got.all(),
			"Node.js's emitter and adapters up to 0.3 name none")
		assert.Contains(t, registry.SocketRooms("alice"), "room")
		require.Len(t, drops.all(), 1)
		assert.Equal(t, core.DropForeign, drops.all()[0].Reason, "it names another one")
	})
}

func TestPublishErrorsAreReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{Bus: memory.NewHub()}
		ns := join(t, open(t, b), "/", nil)
		b.fault(faults{publish: func(context.Context, transport.Bus, []transport.Message) error { return errBroken }})
		for name, op := range map[string]func(ctx context.Context) error{
			"Emit":              func(ctx context.Context) error { return ns.Emit(ctx, "x") },
			"SocketsJoin":       func(ctx context.Context) error { return ns.SocketsJoin(ctx, "x") },
			"DisconnectSockets": func(ctx context.Context) error { return ns.DisconnectSockets(ctx, false) },
			"ServerSideEmit":    func(ctx context.Context) error { return ns.ServerSideEmit(ctx, "x") },
		} {
			err := op(t.Context())
			assert.ErrorIs(t, err, errBroken, name)
			assert.ErrorAs(t, err, new(*core.OpError), name)
		}
		b.heal()
		assert.NoError(t, ns.Emit(t.Context(), "works again"))
	})
}

func TestConcurrentClosesAllReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster := open(t, memory.NewHub())
		ns := join(t, cluster, "/", nil)
		join(t, cluster, "/other", nil)
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() { assert.NoError(t, cluster.Close(t.Context())) })
		}
		group.Wait()
		assert.NoError(t, cluster.Close(t.Context()), "and again")
		assert.NoError(t, ns.Close(t.Context()))
		for name, op := range map[string]func(ctx context.Context) error{
			"Emit":         func(ctx context.Context) error { return ns.Emit(ctx, "x") },
			"EmitAsync":    func(context.Context) error { return ns.EmitAsync("x") },
			"SocketsJoin":  func(ctx context.Context) error { return ns.SocketsJoin(ctx, "x") },
			"Start":        cluster.Start,
			"WaitForPeers": func(ctx context.Context) error { return ns.WaitForPeers(ctx, 1) },
			"Namespace": func(ctx context.Context) error {
				_, err := cluster.Namespace(ctx, "/new", core.NewRegistry(core.RegistryConfig{}))
				return err
			},
		} {
			assert.ErrorIs(t, op(t.Context()), core.ErrClosed, name)
		}
	})
}
