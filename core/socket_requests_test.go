package core_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport/memory"
)

// countedTrio opens three nodes that count each other, with clients a1, a2, b1, b2, c1 and c2.
func countedTrio(t *testing.T) (nodes []*core.Namespace, clients map[string]*client) {
	t.Helper()
	hub := memory.NewHub()
	clients = make(map[string]*client)
	for _, id := range []string{"a", "b", "c"} {
		r, both := crowd(id+"1", id+"2")
		r.JoinID(id+"1", "x", id)
		for id, c := range both {
			clients[id] = c
		}
		nodes = append(nodes, join(t, counted(t, hub), "/", r))
	}
	return nodes, clients
}

func TestSocketRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		nodes, clients := countedTrio(t)
		for _, a := range nodes {
			got, err := a.Clients(ctx)
			require.NoError(t, err)
			assert.Equal(t, []string{"a1", "a2", "b1", "b2", "c1", "c2"}, got)
			got, err = a.Clients(ctx, "x", "b")
			require.NoError(t, err)
			assert.Equal(t, []string{"a1", "b1", "c1"}, got)
			got, err = a.AllRooms(ctx)
			require.NoError(t, err)
			assert.Equal(t, []string{"a", "a1", "a2", "b", "b1", "b2", "c", "c1", "c2", "x"}, got)
			for id := range clients {
				require.NoError(t, a.RemoteJoin(ctx, id, "z"))
				got, err = a.ClientRooms(ctx, id)
				require.NoError(t, err)
				assert.Contains(t, got, "z", "RemoteJoin returns after the socket has joined")
				require.NoError(t, a.RemoteLeave(ctx, id, "z"))
				got, err = a.ClientRooms(ctx, id)
				require.NoError(t, err)
				assert.NotContains(t, got, "z")
			}
			for _, unknown := range []string{"nobody", "x", ""} { // x is a room, not a socket
				_, err = a.ClientRooms(ctx, unknown)
				require.ErrorIs(t, err, core.ErrSocketNotFound)
				require.ErrorIs(t, a.RemoteJoin(ctx, unknown, "z"), core.ErrSocketNotFound)
				require.ErrorIs(t, a.RemoteLeave(ctx, unknown, "z"), core.ErrSocketNotFound)
				require.ErrorIs(t, a.RemoteDisconnect(ctx, unknown, false), core.ErrSocketNotFound)
			}
		}
		for i, id := range []string{"a2", "b2", "c2"} {
			require.NoError(t, nodes[0].RemoteDisconnect(ctx, id, i == 1))
			assert.Equal(t, []bool{i == 1}, clients[id].kicked.all())
		}
	})
}

func TestSocketRequestsCustom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes, _ := countedTrio(t)
		nodes[0].OnCustomRequest(func(data codec.Value, answer func(any)) { answer(data) })
		nodes[1].OnCustomRequest(func(_ codec.Value, answer func(any)) {
			answer([]int{1})
			answer("a second time")
		})
		answers, err := nodes[0].CustomRequest(t.Context(), map[string]any{"q": 1})
		require.NoError(t, err)
		var got []string
		for _, a := range answers {
			got = append(got, a.String())
		}
		assert.ElementsMatch(t, []string{`{"q":1}`, `[1]`, `null`}, got, "a node without a function answers null")
		assert.Equal(t, `{"q":1}`, got[0], "this node's answer is the first")
	})
}

// What the dialect has no message for works among this node's own sockets.
func TestSocketRequestsLocalOperations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes, clients := countedTrio(t)
		a := nodes[0]
		var unsupported *core.UnsupportedError
		_, err := a.EmitWithAck(t.Context(), "ask")
		require.ErrorAs(t, err, &unsupported)
		require.ErrorAs(t, a.To("x").SocketsJoin(t.Context(), "y"), &unsupported)
		synctest.Wait()
		for id, c := range clients {
			assert.Empty(t, c.got.all(), id)
		}
		answers, err := a.Local().EmitWithAck(t.Context(), "ask")
		require.NoError(t, err)
		assert.Len(t, answers, 2)
		require.NoError(t, a.To("x").Local().SocketsJoin(t.Context(), "y"))
		sockets, err := a.To("y").Local().FetchSockets(t.Context())
		require.NoError(t, err)
		assert.Len(t, sockets, 1)
	})
}
