package core_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport/memory"
)

// orders are the operations of a Target that are no requests.
var orders = map[string]func(ctx context.Context, t core.Target) error{
	"Emit":      func(ctx context.Context, t core.Target) error { return t.Emit(ctx, "a") },
	"EmitAsync": func(_ context.Context, t core.Target) error { return t.EmitAsync("a") },
	"Forward": func(_ context.Context, t core.Target) error {
		return t.Forward(&core.Packet{Args: args("a")})
	},
	"SocketsJoin":       func(ctx context.Context, t core.Target) error { return t.SocketsJoin(ctx, "room") },
	"SocketsLeave":      func(ctx context.Context, t core.Target) error { return t.SocketsLeave(ctx, "room") },
	"DisconnectSockets": func(ctx context.Context, t core.Target) error { return t.DisconnectSockets(ctx, true) },
	"ServerSideEmit":    func(ctx context.Context, t core.Target) error { return t.ServerSideEmit(ctx, "a") },
}

func TestZeroTargetReturnsAnError(t *testing.T) {
	for name, order := range orders {
		var config *core.ConfigError
		require.ErrorAs(t, order(t.Context(), core.Target{}), &config, name)
		require.ErrorAs(t, order(t.Context(),
			core.Target{}.To("a").Except("b").Local().Volatile().Compress(true).Timeout(time.Second)), &config, name)
	}
	for name, ask := range asks {
		var config *core.ConfigError
		_, err := ask(t.Context(), core.Target{})
		require.ErrorAs(t, err, &config, name)
	}
	var zero core.RemoteSocket
	var config *core.ConfigError
	require.ErrorAs(t, zero.Emit(t.Context(), "a"), &config)
	_, err := zero.EmitWithAck(t.Context(), "a")
	require.ErrorAs(t, err, &config)
	require.ErrorAs(t, zero.Join(t.Context(), "a"), &config)
	require.ErrorAs(t, zero.Leave(t.Context(), "a"), &config)
	require.ErrorAs(t, zero.Disconnect(t.Context(), true), &config)
}

func TestNoTimeLeftIsATimeoutAtOnce(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		registry, clients := crowd("alice")
		s := newStage(t, registry, "b")
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for name, c := range map[string]struct {
			ctx    context.Context
			target core.Target
			want   error
		}{
			"Timeout": {t.Context(), s.ns.Timeout(0), core.ErrTimeout},
			"Room":    {t.Context(), s.ns.Timeout(0).To("alice"), core.ErrTimeout},
			"Context": {ended, s.ns.Target, context.Canceled},
		} {
			start := time.Now()
			n, err := asks[kind](c.ctx, c.target)
			require.ErrorIs(t, err, c.want, name)
			assert.Zero(t, time.Since(start), "%s does not wait", name)
			assert.Contains(t, s.partial(t, outcome{err: err}).Missing, "b", name)
			want := 0
			if kind == "FetchSockets" {
				want = 1 // this node's own, which needs no waiting
			}
			assert.Equal(t, want, n, name)
		}
		synctest.Wait()
		assert.Empty(t, clients["alice"].got.all(), "nothing is sent to the node's own clients")
		for _, typ := range []codec.Type{codec.Broadcast, codec.FetchSockets, codec.ServerSideEmit} {
			sent, _ := s.p.of(s.ns.UID(), typ)
			assert.Empty(t, sent, "nothing is sent to the peers")
		}
	})
}

func TestNoTimeLeftIsATimeoutEvenIfNoPeerIsAsked(t *testing.T) {
	each(t, func(t *testing.T, kind string) {
		registry, _ := crowd("alice")
		alone := newStage(t, registry)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for name, target := range map[string]core.Target{"NoPeers": alone.ns.Target, "Local": alone.ns.Local(),
			"Nobody": alone.ns.To()} {
			_, err := asks[kind](t.Context(), target.Timeout(0))
			require.ErrorIs(t, err, core.ErrTimeout, name)
			_, err = asks[kind](ended, target)
			require.ErrorIs(t, err, context.Canceled, name)
			_, err = asks[kind](t.Context(), target.Timeout(time.Second))
			if kind != "ServerSideEmitWithAck" && name != "Nobody" {
				continue // alice does not answer
			}
			require.NoError(t, err, name)
		}
	})
}

func TestNegativeTimeoutIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry, clients := crowd("alice")
		s := newStage(t, registry, "b")
		target := s.ns.Timeout(-time.Second)
		for name, order := range orders {
			var config *core.ConfigError
			require.ErrorAs(t, order(t.Context(), target), &config, name)
			assert.EqualError(t, config, "backplane: a timeout of -1s is negative")
		}
		for name, ask := range asks {
			var config *core.ConfigError
			n, err := ask(t.Context(), target)
			require.ErrorAs(t, err, &config, name)
			assert.Zero(t, n, name)
		}
		synctest.Wait()
		assert.Empty(t, clients["alice"].got.all())
		assert.Empty(t, clients["alice"].kicked.all())
		sent, _ := s.p.of(s.ns.UID(), codec.Broadcast)
		assert.Empty(t, sent)
		require.NoError(t, target.Timeout(time.Second).Emit(t.Context(), "a"), "a later Timeout counts")
	})
}

func TestTimeoutOfARemoteSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry, clients := crowd("alice")
		clients["alice"].answer = func(*core.Packet, func(codec.Value)) {}
		s := newStage(t, registry)
		sockets, err := s.ns.FetchSockets(t.Context())
		require.NoError(t, err)
		require.Len(t, sockets, 1)
		start := time.Now()
		_, err = sockets[0].Timeout(time.Second).EmitWithAck(t.Context(), "a")
		require.ErrorIs(t, err, core.ErrTimeout)
		assert.Equal(t, time.Second, time.Since(start))
		_, err = sockets[0].Timeout(0).EmitWithAck(t.Context(), "a")
		require.ErrorIs(t, err, core.ErrTimeout)
		assert.Equal(t, time.Second, time.Since(start))
	})
}

func TestForwardSendsAPacketAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := memory.NewHub()
		here, clients := crowd("alice", "bob")
		ns := join(t, open(t, hub), "/", here)
		there, peers := crowd("alice", "bob")
		join(t, open(t, hub), "/", there)
		no := false
		p := &core.Packet{Args: args("a", 1, "two"), Flags: codec.Flags{Compress: &no, Volatile: true}}
		require.NoError(t, ns.To("alice").Compress(true).Forward(p))
		require.NoError(t, ns.Local().Forward(p))
		require.NoError(t, ns.To().Forward(p), "nobody")
		synctest.Wait()
		assert.Equal(t, []string{`["a",1,"two"]`, `["a",1,"two"]`}, clients["alice"].got.all())
		assert.Equal(t, []string{`["a",1,"two"]`}, clients["bob"].got.all())
		assert.Equal(t, []string{`["a",1,"two"]`}, peers["alice"].got.all())
		assert.Empty(t, peers["bob"].got.all())

		require.ErrorAs(t, ns.Forward(&core.Packet{Args: args("disconnect")}), new(*core.ReservedEventError))
		require.Error(t, ns.Forward(&core.Packet{}), "a packet without an event")
		require.NoError(t, ns.Close(t.Context()))
		require.ErrorIs(t, ns.Forward(p), core.ErrClosed)
	})
}
