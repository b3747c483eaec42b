package interop_test

import (
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/e2e/interop"
)

// rooms requires that c is in exactly these rooms and the room named after its id.
func (f *fixture) rooms(c client, want ...any) {
	f.Helper()
	rooms, err := c.Rooms(f.ctx)
	require.NoError(f, err)
	got := []any{}
	for _, room := range rooms {
		if room != c.ID() {
			got = append(got, room)
		}
	}
	f.sameSet(want, got)
}

func (f *fixture) joined(c client, rooms ...string) {
	f.Helper()
	for _, room := range rooms {
		require.NoError(f, c.Joined(f.ctx, room))
	}
}

func (f *fixture) left(c client, rooms ...string) {
	f.Helper()
	for _, room := range rooms {
		require.NoError(f, c.Left(f.ctx, room))
	}
}

var joinScenarios = []scenario{
	{types: codec.SocketsJoin, name: "allJoinRooms", brief: true, emitter: true, run: func(f *fixture) {
		c1, c2 := f.join(f.to), f.join(f.to, "old")
		require.NoError(f, f.from.Join(f.ctx, interop.Target{}, "x", "y 😀"))
		f.joined(c1, "x", "y 😀")
		f.joined(c2, "x", "y 😀")
		f.rooms(c1, "x", "y 😀")
		f.rooms(c2, "old", "x", "y 😀")
		f.sent(f.from, 4)
	}},
	{types: codec.SocketsJoin, name: "selectedJoinARoom", emitter: true, run: func(f *fixture) {
		in, out, not := f.join(f.to, "a"), f.join(f.to, "b"), f.join(f.to, "a", "no")
		require.NoError(f, f.from.Join(f.ctx, interop.Target{To: []string{"a"}, Except: []string{"no"}}, "x"))
		f.joined(in, "x")
		f.rooms(in, "a", "x")
		f.rooms(out, "b")
		f.rooms(not, "a", "no")
	}},
	{types: codec.SocketsJoin, name: "thenTheRoomIsReached", emitter: true, run: func(f *fixture) {
		in, out := f.join(f.to, "a"), f.join(f.to)
		require.NoError(f, f.from.Join(f.ctx, interop.To("a"), "x"))
		f.joined(in, "x")
		f.emit(f.from, interop.To("x"), "to x")
		f.expect([]client{in}, "to x")
		f.fence(f.from, in, out)
	}},
	{types: codec.SocketsJoin, name: "bothSidesJoin", run: func(f *fixture) {
		near, far := f.join(f.from), f.join(f.to)
		require.NoError(f, f.from.Join(f.ctx, interop.Target{}, "x"))
		f.joined(near, "x")
		f.joined(far, "x")
	}},
	{types: codec.SocketsLeave, name: "allLeaveRooms", brief: true, emitter: true, run: func(f *fixture) {
		c1, c2 := f.join(f.to, "x", "y", "z"), f.join(f.to, "y")
		require.NoError(f, f.from.Leave(f.ctx, interop.Target{}, "x", "y"))
		f.left(c1, "x", "y")
		f.left(c2, "y")
		f.rooms(c1, "z")
		f.rooms(c2)
		f.sent(f.from, 5)
	}},
	{types: codec.SocketsLeave, name: "selectedLeaveARoom", emitter: true, run: func(f *fixture) {
		in, not := f.join(f.to, "a", "x"), f.join(f.to, "b", "x")
		require.NoError(f, f.from.Leave(f.ctx, interop.To("a"), "x"))
		f.left(in, "x")
		f.rooms(in, "a")
		f.rooms(not, "b", "x")
	}},
	{types: codec.SocketsLeave, name: "thenTheRoomIsNotReached", emitter: true, run: func(f *fixture) {
		left, stays := f.join(f.to, "x", "a"), f.join(f.to, "x")
		require.NoError(f, f.from.Leave(f.ctx, interop.To("a"), "x"))
		f.left(left, "x")
		f.emit(f.from, interop.To("x"), "to x")
		f.expect([]client{stays}, "to x")
		f.fence(f.from, left, stays)
	}},
}

var disconnectScenarios = []scenario{
	disconnects("selectedFromTheNamespace", false),
	disconnects("selectedWithTheirConnections", true),
	{types: codec.DisconnectSockets, name: "allOfBothSides", run: func(f *fixture) {
		near, far := f.join(f.from), f.join(f.to)
		require.NoError(f, f.from.Disconnect(f.ctx, interop.Target{}, false))
		for _, c := range []client{near, far} {
			_, err := c.Disconnected(f.ctx)
			require.NoError(f, err)
		}
	}},
}

func disconnects(name string, closing bool) scenario {
	return scenario{types: codec.DisconnectSockets, name: name, brief: true, emitter: true, run: func(f *fixture) {
		gone, stays := f.join(f.to, "a"), f.join(f.to, "b")
		require.NoError(f, f.from.Disconnect(f.ctx, interop.To("a"), closing))
		reason, err := gone.Disconnected(f.ctx)
		require.NoError(f, err)
		require.Equal(f, closing, f.sent(f.from, 6).Data()["close"])
		if f.to.kind().isGo() {
			require.Equal(f, closing, reason == closedByServer, reason)
		}
		f.fence(f.from, stays)
	}}
}

// closedByServer is the reason that a Go side's client gets when its connection is closed too.
const closedByServer = "closed by the server"
