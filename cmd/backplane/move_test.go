package main_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/interop"
)

func TestJoinLeaveDisconnectRooms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, driver := range drivers {
		c := w.connect(interop.ClientSpec{Rooms: []string{"r1"}})
		ours := w.add("ours", nil, "r2")
		stays := w.connect(interop.ClientSpec{Rooms: []string{"r1", "staff"}})

		r := w.run("join", "--driver", driver, "--room", "r1", "--room", "r2", "--except", "staff", "vip", "gold")
		require.Equal(t, "join vip, gold: sent to r1, r2 except staff in /chat\n", r.stdout)
		require.NoError(t, c.Joined(w.ctx, "vip"))
		require.NoError(t, c.Joined(w.ctx, "gold"))
		require.Eventually(t, func() bool { return len(w.registry.SocketRooms("ours")) == 4 }, patience, pause)

		var got map[string]any
		w.json(&got, "leave", "--driver", driver, "--all", "--except", "staff", "gold")
		require.Equal(t, map[string]any{"action": "leave", "nsp": "/chat", "to": []any{}, "except": []any{"staff"},
			"socket": nil, "rooms": []any{"gold"}}, got)
		require.NoError(t, c.Left(w.ctx, "gold"))
		require.Eventually(t, func() bool { return len(w.registry.SocketRooms("ours")) == 3 }, patience, pause)

		w.run("disconnect", "--driver", driver, "--room", "vip", "--close")
		_, err := c.Disconnected(w.ctx)
		require.NoError(t, err)
		require.True(t, receive(w, ours.gone), "the connection must be closed, too")

		rooms, err := stays.Rooms(w.ctx)
		require.NoError(t, err)
		require.ElementsMatch(t, []string{stays.ID(), "r1", "staff"}, rooms)
		last := w.add("last", nil)
		w.run("disconnect", "--driver", driver, "--all")
		reason, err := stays.Disconnected(w.ctx)
		require.NoError(t, err)
		require.Equal(t, "io server disconnect", reason)
		require.False(t, receive(w, last.gone), "the connection must stay open")
	}
}

func TestJoinLeaveDisconnectOneClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.connect(interop.ClientSpec{})
	ours := w.add("ours", nil)

	r := w.run("join", "--socket", c.ID(), "--nodes", "2", "a", "b")
	require.Equal(t, "join a, b: done for "+c.ID()+" in /chat\n", r.stdout)
	rooms, err := c.Rooms(w.ctx)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{c.ID(), "a", "b"}, rooms, "the client must be in the rooms when the command ends")

	w.run("leave", "--socket", c.ID(), "--nodes", "2", "a", "--driver", "pq")
	rooms, err = c.Rooms(w.ctx)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{c.ID(), "b"}, rooms)

	var got map[string]any
	w.json(&got, "disconnect", "--socket", "ours", "--nodes", "2")
	require.Equal(t, "ours", got["socket"])
	require.False(t, receive(w, ours.gone), "the connection must stay open")
	w.run("disconnect", "--socket", c.ID(), "--nodes", "2", "--close")
	_, err = c.Disconnected(w.ctx)
	require.NoError(t, err)

	for _, args := range [][]string{{"join", "room"}, {"leave", "room"}, {"disconnect"}} {
		r := run(t, w.args(append(args, "--socket", "nobody", "--nodes", "2")...)...)
		requireFailure(t, r, "no node has a socket of this id")
		require.Empty(t, r.stdout)
	}
}
