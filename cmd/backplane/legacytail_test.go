package main_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/internal/pgtest"
)

func TestLegacyTail(t *testing.T) {
	t.Parallel()
	w := newLegacyWorld(t)
	key := w.flags[3]
	c := w.connect(interop.ClientSpec{Rooms: []string{"r"}})
	for _, driver := range drivers {
		tl := w.tail("--driver", driver)
		compress := true
		to := interop.Target{To: []string{"r"}, Volatile: true, Compress: &compress}
		require.NoError(t, w.node.Emit(w.ctx, to, "news", "é", 1.5, nil, []byte{1, 2}))
		m := tl.next("BROADCAST")
		require.Len(t, m["uid"], 6, "a uid of Node.js")
		require.Greater(t, m["bytes"], 100.0)
		for _, key := range []string{"time", "bytes", "uid"} {
			delete(m, key)
		}
		require.Equal(t, map[string]any{
			"nsp": "/chat", "type": 3.0, "name": "BROADCAST", "event": "news", "to": []any{"r"}, "except": []any{},
			"args":  []any{"é", 1.5, nil, map[string]any{"type": "Buffer", "base64": "AQI="}},
			"flags": map[string]any{"volatile": true, "compress": true},
		}, m)

		// In pieces, from both kinds of nodes.
		large := strings.Repeat("large", 10_000)
		require.NoError(t, w.node.Emit(w.ctx, interop.Target{}, "large", large))
		m = tl.next("BROADCAST")
		require.Equal(t, []any{large}, m["args"])
		require.Greater(t, m["bytes"], float64(len(large)*4/3), "the size of all pieces")
		require.NoError(t, w.ours.Emit(w.ctx, "large", large))
		m = tl.next("BROADCAST")
		require.Equal(t, w.ours.UID(), m["uid"])
		require.Equal(t, []any{large}, m["args"])
		require.Greater(t, m["bytes"], float64(len(large)*4/3))

		_, err := w.ours.Clients(w.ctx, "r")
		require.NoError(t, err)
		question := tl.next("LIST_SOCKETS")
		require.Equal(t, w.ours.UID(), question["uid"])
		require.Equal(t, 101.0, question["type"])
		require.Equal(t, []any{"r"}, question["to"])
		answer := tl.next("LIST_SOCKETS_RESPONSE")
		require.Equal(t, "", answer["uid"], "Node.js's answers do not name their sender")
		require.Equal(t, []any{c.ID()}, answer["ids"])
		require.Equal(t, question["requestId"], answer["requestId"])

		asked(t)(w.node.AllRooms(w.ctx))
		require.NotEmpty(t, tl.next("LIST_ROOMS")["requestId"])
		require.ElementsMatch(t, []any{c.ID(), "r"}, append(tl.next("LIST_ROOMS_RESPONSE")["rooms"].([]any),
			tl.next("LIST_ROOMS_RESPONSE")["rooms"].([]any)...))
		require.NoError(t, w.ours.RemoteJoin(w.ctx, c.ID(), "new"))
		m = tl.next("SOCKETS_JOIN")
		require.Equal(t, []any{c.ID()}, m["to"])
		require.Equal(t, []any{"new"}, m["rooms"])
		require.Equal(t, m["requestId"], tl.next("SOCKET_CHANGED")["requestId"])
		require.NoError(t, w.ours.RemoteLeave(w.ctx, c.ID(), "new"))
		require.Equal(t, []any{"new"}, tl.next("SOCKETS_LEAVE")["rooms"])
		rooms, err := w.ours.ClientRooms(w.ctx, c.ID())
		require.NoError(t, err)
		require.Contains(t, rooms, "r")
		require.Equal(t, []any{c.ID()}, tl.next("SOCKET_ROOMS")["to"])
		tl.next("LIST_ROOMS_RESPONSE")
		_, err = w.ours.CustomRequest(w.ctx, map[string]any{"a": 1})
		require.NoError(t, err)
		require.Equal(t, map[string]any{"a": 1.0}, tl.next("CUSTOM_REQUEST")["value"])
		require.Contains(t, tl.next("CUSTOM_REQUEST_RESPONSE"), "value")
		require.Len(t, w.ours.Peers(), 1, "a tail must not count as a node")
		tl.interrupt()
	}

	// Other namespaces and clusters are not printed, and what cannot be decoded is.
	tl, some := w.tail(), w.tail("--nsp", "other", "--type", "list_rooms", "--count", "3")
	notify := func(channel, payload string) {
		text, err := json.Marshal([]string{channel, payload})
		require.NoError(t, err)
		pgtest.Exec(t, w.url, `SELECT pg_notify('socketio', '`+string(text)+`')`)
	}
	list := `{"requestid":"1","type":2}`
	notify("another-request#/chat#", list)
	notify(key+"-request#/elsewhere#", list)
	pgtest.Exec(t, w.url, `SELECT pg_notify('socketio', 'garbage')`)
	m := receive(w, tl.lines)
	require.Equal(t, "garbage", m["payload"])
	require.Contains(t, m["error"], "malformed")
	require.Equal(t, "", m["nsp"])
	notify(key+"-request#/chat#", `{"requestid":"1","type":77}`)
	require.Contains(t, receive(w, tl.lines)["error"], "77 is unknown")
	notify(key+"-request#/chat#b#", list)
	require.Equal(t, "/chat#b", receive(w, tl.lines)["nsp"], "nodes of /chat take it for theirs")
	notify(key+"-request#/other#", list)
	for m := receive(w, some.lines); m["name"] != "LIST_ROOMS"; m = receive(w, some.lines) {
		require.Contains(t, m, "error")
	}
	tl.interrupt()
	for range some.lines {
	}
	for range some.stderr {
	}
	require.NoError(t, some.cmd.Wait(), "the tail must end after two errors and a message")

	requireUsage(t, "--heartbeats: the legacy dialect has no message for it", "tail", nowhere, "--dialect", "legacy",
		"--heartbeats")
	requireUsage(t, "there is no --type FETCH_SOCKETS: it must be one of BROADCAST, SOCKETS_JOIN, SOCKETS_LEAVE, "+
		"DISCONNECT_SOCKETS, LIST_SOCKETS", "tail", nowhere, "--dialect", "legacy", "--type", "FETCH_SOCKETS")
}
