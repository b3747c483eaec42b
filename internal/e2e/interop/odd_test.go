package interop_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/interop"
)

// TestInteropOddRooms: JavaScript applications can join, and send to, rooms that are not strings, such as undefined.
// Our nodes use the rest of such a message and never treat such a room as all sockets.
func TestInteropOddRooms(t *testing.T) {
	for _, adapter := range []string{interop.Adapter05, interop.Adapter04, interop.Adapter03} {
		t.Run("Node-"+adapter, func(t *testing.T) {
			t.Parallel()
			ctx := patient(t)
			w := newWorld(t)
			nodes, gos := w.start(t, adapter), w.startGo(t, pgxDriver)
			for value := range interop.OddValues {
				t.Run(value, func(t *testing.T) {
					node, err := nodes.open(ctx, "/"+value)
					require.NoError(t, err)
					ours, err := gos.open(ctx, "/"+value)
					require.NoError(t, err)
					require.NoError(t, node.AwaitServerCount(ctx, 2))
					require.NoError(t, ours.AwaitServerCount(ctx, 2))
					oddValue(t, ctx, node.(nodeSide), ours.(*goSide), value)
				})
			}
		})
	}
}

func oddValue(t *testing.T, ctx context.Context, node nodeSide, ours *goSide, value string) {
	connect := func(s side, rooms ...string) client {
		c, err := s.connect(ctx, interop.ClientSpec{Rooms: rooms})
		require.NoError(t, err)
		return c
	}
	next := func(c client, want string) {
		e, err := c.Next(ctx)
		require.NoError(t, err)
		require.Equal(t, want, e.Event)
	}
	room := "with " + value
	in, out := connect(ours, room), connect(ours)
	far := connect(node, room).(*interop.Client)
	large := strings.Repeat("x", 9000)

	// Small and (as msgpack) large events to a room and the odd one. The odd one alone selects none of our sockets.
	for _, arg := range []string{"", large} {
		require.NoError(t, node.Odd(ctx, "to", value, interop.Target{}, "nobody", arg))
		require.NoError(t, node.Odd(ctx, "to", value, interop.To(room), "both", arg))
		next(in, "both") // before the next is sent, because in Node.js small events overtake large ones
		next(far, "both")
	}
	require.NoError(t, node.Odd(ctx, "except", value, interop.Target{}, "all"))
	for _, c := range []client{in, out, far} {
		next(c, "all")
	}

	// Requests must be answered by all nodes.
	ids, err := node.OddFetch(ctx, value, interop.Target{})
	require.NoError(t, err)
	require.Empty(t, ids)
	ids, err = node.OddFetch(ctx, value, interop.To(room))
	require.NoError(t, err)
	require.ElementsMatch(t, []string{in.ID(), far.ID()}, ids)
	answer, err := node.OddAck(ctx, value, interop.Target{}, "q")
	require.NoError(t, err)
	require.Empty(t, answer.Error)
	require.Empty(t, answer.Values)

	// A number selects the room that has its text as a name. Other values select none of our rooms.
	require.NoError(t, node.Odd(ctx, "socketsJoin", value, interop.Target{}, ""))
	if value == "seven" {
		require.NoError(t, in.Joined(ctx, "7"))
		require.NoError(t, out.Joined(ctx, "7"))
	}
	require.NoError(t, far.Joined(ctx, interop.OddValues[value]))
	require.NoError(t, node.Odd(ctx, "socketsLeave", value, interop.Target{}, ""))
	if value == "seven" {
		require.NoError(t, in.Left(ctx, "7"))
		require.NoError(t, out.Left(ctx, "7"))
	}
	require.NoError(t, far.Left(ctx, interop.OddValues[value]))
	require.NoError(t, node.Join(ctx, interop.Target{}, "settled"))
	require.NoError(t, in.Joined(ctx, "settled"))
	require.NoError(t, out.Joined(ctx, "settled"))
	require.NoError(t, far.Joined(ctx, "settled"))
	rooms, err := in.Rooms(ctx)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{in.ID(), room, "settled"}, rooms)

	// fetchSockets finds a socket with an odd room, data or handshake, and all others.
	require.NoError(t, far.Odd(ctx, "join", value))
	require.NoError(t, far.Odd(ctx, "data", value))
	require.NoError(t, far.Odd(ctx, "handshake", value))
	sockets, err := ours.ns.FetchSockets(ctx)
	require.NoError(t, err)
	require.Len(t, sockets, 3)
	for _, s := range sockets {
		if s.ID() != far.ID() {
			continue
		}
		require.Subset(t, s.Rooms(), []string{far.ID(), room, "settled"})
		h, err := s.Handshake()
		require.NoError(t, err)
		require.Equal(t, "/x", h.URL)
	}

	// The sockets in the odd room are disconnected. None of ours is, and they have received nothing else.
	require.NoError(t, node.Odd(ctx, "disconnectSockets", value, interop.Target{}, ""))
	_, err = far.Disconnected(ctx)
	require.NoError(t, err)
	require.NoError(t, node.Emit(ctx, interop.Target{}, "last"))
	for _, c := range []client{in, out} {
		next(c, "last")
	}
	require.NoError(t, ours.Disconnect(ctx, interop.Target{}, true))
	for _, c := range []client{in, out} {
		_, err := c.Disconnected(ctx)
		require.NoError(t, err)
	}
}
