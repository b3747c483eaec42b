package main_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/internal/pgtest"
)

func TestLegacyServe(t *testing.T) {
	t.Parallel()
	w := newLegacyWorld(t)
	root, err := w.peer.Namespace(w.ctx, "/")
	require.NoError(t, err)
	theirs, err := root.Connect(w.ctx, interop.ClientSpec{})
	require.NoError(t, err)
	args := append([]string{"serve", "--addr", "127.0.0.1:0", "--postgres", w.url}, w.flags...)
	one, two := start(t, args...), start(t, append(args, "--allow-eio3", "--driver", "pq")...)
	require.Equal(t, "backplane serve: warning: clients of Socket.IO 2 cannot connect: accept them with --allow-eio3\n",
		one.stderr.String())
	require.Empty(t, two.stderr.String())
	old, _ := runNode(t, w.url, "-e", `const socket = require("socket.io-client-2")(process.argv[1]);
		socket.on("connect", () => console.log("connected"));
		socket.on("chat message", (m) => console.log(m.text));`, two.links[0])
	old.await(t, "connected\n")

	here, there := visit(t, one.links[0], `{"name":"here"}`), visit(t, two.links[0], `{"name":"there"}`)
	require.JSONEq(t, `{"ok":true}`, here.ask("chat message", `{"text":"hello"}`))
	require.Equal(t, "hello", there.message("chat message")["text"])
	e, err := theirs.Next(w.ctx)
	require.NoError(t, err)
	require.Equal(t, "chat message", e.Event)
	require.NoError(t, root.Emit(w.ctx, interop.Target{}, "chat message", map[string]any{"text": "from Node.js"}))
	for _, v := range []*visitor{here, there} {
		for v.message("chat message")["text"] != "from Node.js" {
		}
	}
	old.await(t, "hello\nfrom Node.js\n")
	var shown state
	here.next("cluster", &shown)
	require.Len(t, shown.Sockets, 1)
	require.Equal(t, "here", shown.Sockets[0].Name)
	require.JSONEq(t, `{"answers":[]}`, here.ask("ask", `{"text":"which?","choices":["a","b"]}`),
		"only clients of this node are asked")
	nodes := append([]string{"nodes", "--postgres", w.url}, w.flags...)
	require.Equal(t, 2, strings.Count(run(t, nodes...).stdout, " backplane  yes "))
	one.interrupt()
	two.interrupt()
	require.NotContains(t, one.stderr.String()+two.stderr.String(), "level=")
	require.NotContains(t, run(t, nodes...).stdout, " backplane ", "the servers must not be counted any more")
	require.Zero(t, pgtest.QueryInt(t, w.url,
		`SELECT count(*)::int FROM pg_class WHERE relname = 'socket_io_attachments'`), "the dialect needs no table")
}

// unknownDialect is what the commands say about --dialect old.
const unknownDialect = "--dialect must be standard, legacy, classic, sharded or streams, not old"

func TestLegacyServeRefuses(t *testing.T) {
	t.Parallel()
	requireUsage(t, "--dialect legacy needs --postgres URL", "serve", "--dialect", "legacy")
	requireUsage(t, unknownDialect, "serve", "--dialect", "old")
	requireUsage(t, "--table: the legacy dialect sends large messages in pieces", "serve", "--dialect", "legacy",
		nowhere, "--table", "t")
	requireUsage(t, "not defined: --dialect", "demo", "--dialect", "legacy")
}
