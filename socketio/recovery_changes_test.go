package socketio_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio"
	"github.com/backplane-go/backplane/transport/memory"
)

// level returns a function that returns when all nodes have delivered what was sent before.
func level(t *testing.T, nodes ...*node) func() {
	t.Helper()
	var witnesses []*recovering
	for _, n := range nodes {
		joined := connected(n.Namespace)
		witnesses = append(witnesses, enter(t, n, ""))
		require.NoError(t, joined.next(t).Join("witness", "room"))
	}
	n := 0
	return func() {
		t.Helper()
		n++
		event := fmt.Sprint("level ", n)
		require.NoError(t, nodes[0].To("witness").Emit(t.Context(), event))
		for _, w := range witnesses {
			for w.event() != event {
			}
		}
	}
}

// Events that the log does not keep have the offset of the last kept event before them, so a string at their end is
// not taken for an offset.
func TestEventsThatAreNotKeptHaveOffsets(t *testing.T) {
	hub := memory.NewHub()
	nodes := logged(t, hub, 2)
	a, b := nodes[0], nodes[1]
	onA, onB := connected(a.Namespace), connected(b.Namespace)
	unlogged, err := backplane.Open(t.Context(), backplane.Config{Bus: hub, ErrorHandler: func(error) {}})
	require.NoError(t, err)
	defer func() { assert.NoError(t, unlogged.Close(context.Background())) }()
	stranger, err := unlogged.Namespace(t.Context(), "/", backplane.NewRegistry(backplane.RegistryConfig{}))
	require.NoError(t, err)

	delivered := level(t, a, b)
	r, s := begun(t, a, onA)
	last := r.offset
	ctx := t.Context()
	for name, send := range map[string]func() error{
		"VolatileBroadcast": func() error { return b.Volatile().Emit(ctx, "e", "text") },
		"VolatileEmit":      func() error { return s.Volatile().Emit("e", "text") },
		"Local":             func() error { return a.Local().Emit(ctx, "e", "text") },
		"NodeWithoutALog":   func() error { return stranger.Emit(ctx, "e", "text") },
	} {
		require.NoError(t, send(), name)
		require.Equal(t, "e", r.event())
		require.Equal(t, last, r.offset, name)
	}
	away(t, r, s)
	require.NoError(t, stranger.Emit(ctx, "not kept", "text"))
	require.NoError(t, b.Emit(ctx, "kept", "text"))
	delivered()
	back := enter(t, b, r.auth())
	require.Equal(t, r.id, back.id)
	require.Equal(t, "kept", back.event())
	onB.next(t)
	back.sync("")
}

// What happens to a client while it is away, and just before.
func TestChangesWhileAClientIsAway(t *testing.T) {
	nodes := logged(t, memory.NewHub(), 2)
	a, b := nodes[0], nodes[1]
	onA, onB := connected(a.Namespace), connected(b.Namespace)
	ctx := t.Context()
	t.Run("JustBefore", func(t *testing.T) {
		r, s := begun(t, a, onA)
		require.NoError(t, s.Join("just joined"))
		s.Leave("room")
		s.SetData("just set")
		away(t, r, s)
		require.NoError(t, b.To("just joined").Emit(ctx, "to the new room"))
		require.NoError(t, b.To("room").Emit(ctx, "to the old room"))
		back := enter(t, b, r.auth())
		require.Equal(t, "to the new room", back.event())
		again := onB.next(t)
		require.Equal(t, "just set", again.Data())
		require.ElementsMatch(t, []string{r.id, "just joined"}, again.Rooms())
		back.sync("")
	})
	t.Run("ChangesBeforeAreNotRepeated", func(t *testing.T) {
		delivered := level(t, a, b)
		r, s := begun(t, a, onA)
		require.NoError(t, b.In(s.ID()).SocketsJoin(ctx, "joined"))
		require.NoError(t, b.In(s.ID()).SocketsLeave(ctx, "room"))
		eventually(t, "rooms", func() bool { return fmt.Sprint(s.Rooms()) == fmt.Sprint([]string{s.ID(), "joined"}) })
		s.Leave("joined")
		require.NoError(t, s.Join("room"))
		require.NoError(t, b.Emit(ctx, "after that"))
		seen := r.auth()
		require.Equal(t, "after that", r.event())
		away(t, r, s)
		delivered()
		back := enter(t, b, seen)
		require.Equal(t, "after that", back.event())
		for s = onB.next(t); s.ID() != r.id; s = onB.next(t) { // the witness
		}
		require.ElementsMatch(t, []string{r.id, "room"}, s.Rooms())
	})
	t.Run("Disconnected", func(t *testing.T) {
		delivered := level(t, a, b)
		for i, target := range []func(id string) backplane.Target{
			func(id string) backplane.Target { return b.In(id) },
			func(string) backplane.Target { return b.In("room").Except("witness") },
			func(string) backplane.Target { return b.Except("witness") },
		} {
			r, s := begun(t, a, onA)
			away(t, r, s)
			require.NoError(t, target(s.ID()).DisconnectSockets(ctx, i == 0))
			delivered()
			at, joined := []*node{a, b}[i%2], []*events[*socketio.Socket]{onA, onB}[i%2]
			back := enter(t, at, r.auth())
			require.NotEqual(t, r.id, back.id)
			require.False(t, joined.next(t).Recovered())
		}
	})
	t.Run("OthersAreDisconnected", func(t *testing.T) {
		r, s := begun(t, a, onA)
		away(t, r, s)
		require.NoError(t, b.In("other").DisconnectSockets(ctx, true))
		require.NoError(t, b.Except("room").DisconnectSockets(ctx, true))
		back := enter(t, b, r.auth())
		require.Equal(t, r.id, back.id)
		onB.next(t)
	})
}
