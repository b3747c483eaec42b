package interop_test

import (
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/e2e/interop"
)

// remoteScenarios use a socket of the other side that fetchSockets returned.
var remoteScenarios = []scenario{
	{types: codec.Broadcast, name: "remoteSocketEmits", brief: true, run: func(f *fixture) {
		c, other := f.join(f.to), f.join(f.to)
		require.NoError(f, f.from.remote(c.ID()).Emit(f.ctx, "direct", "x", []byte{1}))
		f.expect([]client{c}, "direct", "x", []byte{1})
		f.fence(f.from, c, other)
	}},
	{types: codec.Broadcast, name: "remoteSocketEmitsWithAck", brief: true, run: func(f *fixture) {
		c := f.connect(f.to, interop.ClientSpec{Ack: interop.Reply(map[string]any{"answer": 42})})
		f.join(f.to)
		answer, err := f.from.remote(c.ID()).EmitWithAck(f.ctx, "question", "x")
		require.NoError(f, err)
		require.Empty(f, answer.Error)
		f.same(map[string]any{"answer": 42}, answer.One)
		f.expect([]client{c}, "question", "x")
	}},
	{types: codec.SocketsJoin, name: "remoteSocketJoins", run: func(f *fixture) {
		c, other := f.join(f.to), f.join(f.to)
		require.NoError(f, f.from.remote(c.ID()).Join(f.ctx, "x", "y"))
		f.joined(c, "x", "y")
		f.rooms(c, "x", "y")
		f.rooms(other)
	}},
	{types: codec.SocketsLeave, name: "remoteSocketLeaves", run: func(f *fixture) {
		c, other := f.join(f.to, "x", "y"), f.join(f.to, "x")
		require.NoError(f, f.from.remote(c.ID()).Leave(f.ctx, "x"))
		f.left(c, "x")
		f.rooms(c, "y")
		f.rooms(other, "x")
	}},
	{types: codec.DisconnectSockets, name: "remoteSocketDisconnects", run: func(f *fixture) {
		c, other := f.join(f.to), f.join(f.to)
		require.NoError(f, f.from.remote(c.ID()).Disconnect(f.ctx, false))
		_, err := c.Disconnected(f.ctx)
		require.NoError(f, err)
		f.fence(f.from, other)
	}},
}
