package core_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport/memory"
)

// targeted are the operations that the sockets of a target notice.
var targeted = map[string]func(ctx context.Context, t core.Target) error{
	"Emit":              func(ctx context.Context, t core.Target) error { return t.Emit(ctx, "e") },
	"EmitAsync":         func(_ context.Context, t core.Target) error { return t.EmitAsync("e") },
	"SocketsJoin":       func(ctx context.Context, t core.Target) error { return t.SocketsJoin(ctx, "joined") },
	"SocketsLeave":      func(ctx context.Context, t core.Target) error { return t.SocketsLeave(ctx, "kept") },
	"DisconnectSockets": func(ctx context.Context, t core.Target) error { return t.DisconnectSockets(ctx, true) },
	"EmitWithAck": func(ctx context.Context, t core.Target) error {
		answers, err := t.EmitWithAck(ctx, "q")
		if err == nil && len(answers) > 0 {
			err = assert.AnError
		}
		return err
	}, "Acks": func(ctx context.Context, t core.Target) error {
		for _, err := range t.Acks(ctx, "q") {
			if err != nil {
				return err
			}
			return assert.AnError
		}
		return nil
	}, "FetchSockets": func(ctx context.Context, t core.Target) error {
		sockets, err := t.FetchSockets(ctx)
		if err == nil && len(sockets) > 0 {
			err = assert.AnError
		}
		return err
	},
}

func TestToWithoutRoomsTargetsNobody(t *testing.T) {
	hub := memory.NewHub()
	registry, clients := crowd("a", "b")
	registry.JoinID("a", "kept")
	ns := join(t, open(t, hub), "/", registry)
	p := newPuppet(t, hub, "/", "0123456789abcdef")
	p.say(codec.Envelope{Type: codec.Heartbeat})
	require.NoError(t, ns.WaitForPeers(t.Context(), 1))

	var none []string
	for name, to := range map[string]core.Target{
		"To":               ns.To(none...),
		"In":               ns.In(),
		"To, Except":       ns.To(none...).Except("b"),
		"Except, To":       ns.Except().To(),
		"To, To":           ns.To().To(none...),
		"To, Local":        ns.To().Local(),
		"To, flags":        ns.To().Volatile().Compress(true).Timeout(time.Minute),
		"a local To":       ns.Local().To(),
		"To of an Except":  ns.Except("nobody").In(none...),
		"To, empty Except": ns.To(none...).Except(none...),
	} {
		for operation, do := range targeted {
			assert.NoError(t, do(t.Context(), to), "%s.%s", name, operation)
		}
	}
	require.NoError(t, ns.Emit(t.Context(), "last"))
	p.next(ns.UID(), codec.Broadcast)
	for _, env := range p.heard.all() {
		if env.UID == ns.UID() && env.Type != codec.InitialHeartbeat && env.Type != codec.Heartbeat {
			assert.Equal(t, "last", env.Args.Event(), "the peers get nothing else: to them, no rooms means everybody")
		}
	}
	for id, c := range clients {
		assert.Equal(t, []string{`["last"]`}, c.got.all(), "client %s", id)
		assert.Empty(t, c.kicked.all(), "client %s", id)
	}
	assert.Equal(t, []string{"a", "b", "kept"}, registry.Rooms())
}

func TestToAddsRooms(t *testing.T) {
	registry, clients := crowd("a", "b")
	ns := join(t, open(t, memory.NewHub()), "/", registry)
	var none []string
	require.NoError(t, ns.To(none...).To("a").Emit(t.Context(), "1"))
	require.NoError(t, ns.To("a").To(none...).Emit(t.Context(), "2"))
	require.NoError(t, ns.Except(none...).Emit(t.Context(), "3"))
	require.NoError(t, ns.To("").Emit(t.Context(), "4"), "the empty string is the name of a room, which is empty")
	require.NoError(t, ns.Emit(t.Context(), "5"))
	assert.Equal(t, []string{`["1"]`, `["2"]`, `["3"]`, `["5"]`}, clients["a"].got.all())
	assert.Equal(t, []string{`["3"]`, `["5"]`}, clients["b"].got.all())
}

func TestToWithoutRoomsStillReturnsErrors(t *testing.T) {
	cluster := open(t, memory.NewHub())
	ns := join(t, cluster, "/", nil)
	to := ns.To()
	assert.Error(t, to.Emit(t.Context(), "disconnect"), "a reserved event")
	_, err := to.EmitWithAck(t.Context(), "e", make(chan int))
	assert.Error(t, err, "a value that cannot be encoded")
	require.NoError(t, ns.Close(t.Context()))
	for operation, do := range targeted {
		assert.ErrorIs(t, do(t.Context(), to), core.ErrClosed, operation)
	}
}
