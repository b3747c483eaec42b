package main_test

import (
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/e2e/interop"
)

func TestLegacyEmit(t *testing.T) {
	t.Parallel()
	w := newLegacyWorld(t)
	one := w.connect(interop.ClientSpec{Rooms: []string{"r1"}})
	both := w.connect(interop.ClientSpec{Rooms: []string{"r1", "r2"}})
	ours := w.add("ours", nil, "r2")
	for _, driver := range drivers {
		r := w.run("emit", "--driver", driver, "news", `{"a":1}`, "text", "null")
		require.Equal(t, `sent ["news",{"a":1},"text",null] to all clients in /chat`+"\n", r.stdout)
		require.Empty(t, r.stderr)
		for _, c := range []*interop.Client{one, both} {
			require.Equal(t, []any{"news", map[string]any{"a": 1.0}, "text", nil}, w.next(c))
		}
		require.Equal(t, `["news",{"a":1},"text",null]`, ours.next())

		large := strings.Repeat("é", 10_000) // in pieces
		w.run("emit", "--driver", driver, "--room", "r2", "large", large, "--binary", os.DevNull)
		require.Equal(t, []any{"large", large, []byte{}}, w.next(both))
		require.Contains(t, ours.next(), large)

		r = w.run("emit", "--driver", driver, "--room", "r1", "--room", "r2", "--except", one.ID(), "most")
		require.Contains(t, r.stderr, "Node.js's servers exclude only clients whose id --except names")
		require.Equal(t, []any{"most"}, w.next(both))
		require.Equal(t, `["most"]`, ours.next())
	}
	w.run("emit", "last")
	require.Equal(t, []any{"last"}, w.next(one), "an excluded client must not receive the event")
}

func TestLegacyNodes(t *testing.T) {
	t.Parallel()
	w := newLegacyWorld(t)
	type found struct {
		Nodes []struct {
			ID, Name           string
			PID                int
			Backplane, Certain bool
		}
		Complete bool
	}
	name := w.entry()
	for _, driver := range drivers {
		r := w.run("nodes", "--driver", driver)
		require.Regexp(t, `^PID +SERVER +COUNTED +NAME\n(\d+ +(Node\.js|backplane) +yes +\S+\n){2}$`, r.stdout)
		require.Equal(t, "2 certain, 0 that may be nodes of /chat\n", r.stderr)
		var got found
		w.json(&got, "nodes", "--driver", driver, "--nodes", "2")
		require.True(t, got.Complete)
		require.Len(t, got.Nodes, 2)
		for _, n := range got.Nodes {
			require.Equal(t, name, n.Name)
			require.True(t, n.Certain)
			require.Positive(t, n.PID)
			require.True(t, strings.HasPrefix(n.ID, strconv.Itoa(n.PID)), n.ID)
		}
		require.NotEqual(t, got.Nodes[0].Backplane, got.Nodes[1].Backplane)
	}
	require.Len(t, w.ours.Peers(), 1, "the command must not count as a node")

	// A server of Node.js shows the last namespace that it has opened.
	_, err := w.peer.Namespace(w.ctx, "/last")
	require.NoError(t, err)
	r := w.run("nodes")
	require.Regexp(t, `(?m)^\d+ +backplane +yes +`+name+`$`, r.stdout)
	require.Regexp(t, `(?m)^\d+ +Node\.js +perhaps +socket\.io-\S+-request#/last#$`, r.stdout)
	require.Equal(t, "1 certain, 1 that may be nodes of /chat\n", r.stderr)

	r = run(t, w.args("nodes", "--nodes", "3", "--timeout", "1s", "--json")...)
	requireFailure(t, r, "there are only 2 of 3 nodes after 1s")
	var got found
	readJSON(t, r.stdout, &got)
	require.Len(t, got.Nodes, 2)
	require.False(t, got.Complete)
	r = run(t, "nodes", "--postgres", w.url, "--dialect", "legacy", "--prefix", "nobody", "--json")
	requireFailure(t, r, "there is no node of /: check the server, --nsp and --prefix")
	require.JSONEq(t, `{"nodes":[],"complete":false}`, r.stdout)
}

func TestLegacySocketsAndRooms(t *testing.T) {
	t.Parallel()
	w := newLegacyWorld(t)
	c := w.connect(interop.ClientSpec{Rooms: []string{"r1", "r2"}})
	w.add("ours", nil, "r1", "own")
	ids := []string{c.ID(), "ours"}
	slices.Sort(ids)
	for _, driver := range drivers {
		r := w.run("sockets", "--driver", driver)
		require.Equal(t, ids, strings.Fields(strings.TrimPrefix(r.stdout, "ID")))
		require.Equal(t, "2 clients on 2 nodes\n", r.stderr)

		r = w.run("rooms", "--driver", driver, "--nodes", "2")
		require.Equal(t, "ROOM\nown\nr1\nr2\n", r.stdout)
		require.Equal(t, "3 rooms on 2 nodes\n", r.stderr)
	}
	require.JSONEq(t, `{"sockets":[{"id":"`+c.ID()+`"}],"complete":true,"nodes":2,"missing":[],"left":[]}`,
		w.run("sockets", "--room", "r2", "--json").stdout)
	require.JSONEq(t, `{"rooms":[{"room":"r1"},{"room":"r2"}],"complete":true,"nodes":2,"missing":[],"left":[]}`,
		w.run("rooms", "--socket", c.ID(), "--json").stdout)
	require.Subset(t, strings.Fields(w.run("rooms", "--all").stdout), ids, "want each client's own room, too")
	require.Equal(t, "ROOM\nown\nr1\n", w.run("rooms", "--socket", "ours").stdout)

	requireFailure(t, run(t, w.args("rooms", "--socket", "nobody")...), `no node has a socket of this id: "nobody"`)
	requireFailure(t, run(t, "sockets", "--postgres", w.url, "--dialect", "legacy", "--prefix", "nobody"),
		"there is no node of /: check the server, --nsp and --prefix")
	requireFailure(t, run(t, w.args("sockets", "--nodes", "3", "--timeout", "1s")...), "only 2 of 3 nodes")
	require.NoError(t, w.node.AwaitServerCount(w.ctx, 2), "the commands must leave the cluster")

	w.hang()
	r := run(t, w.args("sockets", "--timeout", "1s")...)
	requireFailure(t, r, "the result is not complete: 1 of 3 nodes did not answer within 1s")
	require.Equal(t, ids, strings.Fields(strings.TrimPrefix(r.stdout, "ID")))
}

// A server of Node.js shows one of its namespaces. The commands find out whether it answers in another one.
func TestLegacyRequestsWhereNodeJSMayNotAnswer(t *testing.T) {
	t.Parallel()
	w := newLegacyWorld(t)
	registry := backplane.NewRegistry(backplane.RegistryConfig{})
	_, err := w.cluster.Namespace(w.ctx, "/go", registry)
	require.NoError(t, err)
	registry.Add(&client{id: "ours", world: w})
	r := w.run("sockets", "--nsp", "/go")
	require.Equal(t, "ID\nours\n", r.stdout)
	require.Equal(t, "1 client on 1 node\n", r.stderr, "the server of Node.js has not opened the namespace")
	theirs, err := w.peer.Namespace(w.ctx, "/go")
	require.NoError(t, err)
	c, err := theirs.Connect(w.ctx, interop.ClientSpec{})
	require.NoError(t, err)
	_, err = w.peer.Namespace(w.ctx, "/last")
	require.NoError(t, err)
	r = w.run("sockets", "--nsp", "/go")
	require.ElementsMatch(t, []string{"ID", "ours", c.ID()}, strings.Fields(r.stdout))
	require.Equal(t, "2 clients on 2 nodes\n", r.stderr)
}

func TestLegacyChangesOfAClient(t *testing.T) {
	t.Parallel()
	w := newLegacyWorld(t)
	c := w.connect(interop.ClientSpec{})
	ours := w.add("ours", nil)
	for _, driver := range drivers {
		for _, id := range []string{c.ID(), "ours"} {
			r := w.run("join", "--driver", driver, "--socket", id, "a", "b")
			require.Equal(t, "join a, b: done for "+id+" in /chat\n", r.stdout)
			w.run("leave", "--driver", driver, "--socket", id, "a")
		}
		rooms := asked(t)(w.node.AllRooms(w.ctx))
		require.Contains(t, rooms, "b")
		require.NotContains(t, rooms, "a")
		require.Equal(t, "ROOM\nb\n", w.run("rooms", "--socket", c.ID()).stdout)
		require.Equal(t, "ROOM\nb\n", w.run("rooms", "--socket", "ours").stdout)
	}
	requireFailure(t, run(t, w.args("join", "--socket", "nobody", "a")...), "no node has a socket of this id")
	w.run("disconnect", "--socket", c.ID())
	reason, err := c.Disconnected(w.ctx)
	require.NoError(t, err)
	require.Equal(t, "io server disconnect", reason)
	w.run("disconnect", "--socket", "ours", "--close")
	require.True(t, receive(w, ours.gone))
}

func TestLegacyRequest(t *testing.T) {
	t.Parallel()
	w := newLegacyWorld(t)
	require.NoError(t, w.node.CustomHook(w.ctx, interop.Echo()))
	w.ours.OnCustomRequest(func(data backplane.Value, answer func(any)) { answer(map[string]any{"go": data}) })
	for _, driver := range drivers {
		r := w.run("request", "--driver", driver, "--custom", `{"q":["ü",1.5]}`)
		require.ElementsMatch(t, []string{`{"q":["ü",1.5]}`, `{"go":{"q":["ü",1.5]}}`},
			strings.Split(strings.TrimSpace(r.stdout), "\n"))
		require.Equal(t, "2 servers answered\n", r.stderr)
	}
	var got struct {
		Answers  []json.RawMessage
		Complete bool
	}
	w.json(&got, "request", "--custom", "1")
	require.True(t, got.Complete)
	require.Len(t, got.Answers, 2)
}

func TestLegacyRefusesWhatItHasNoMessageFor(t *testing.T) {
	t.Parallel()
	for _, command := range clusterCommands {
		with := func(flags ...string) []string {
			return append(append(slices.Clone(command), nowhere, "--dialect", "legacy"), flags...)
		}
		requireUsage(t, unknownDialect, with("--dialect", "old")...)
		for flag, value := range map[string]string{
			"--codec": "cbor", "--secret-file": "file", "--table": "t", "--table-owner": "r",
		} {
			requireUsage(t, flag+": the legacy dialect ", with(flag, value)...)
		}
	}
	for _, c := range []struct {
		want string
		args []string
	}{
		{"--ack: the legacy dialect has no message for it", []string{"emit", "e", "--ack"}},
		{"an EVENT to servers: the legacy dialect has no message for it: use --custom", []string{"request", "e"}},
		{"--no-ack: the legacy dialect has no message", []string{"request", "--custom", "1", "--no-ack"}},
		{"--binary: the legacy dialect has no message", []string{"request", "--custom", "1", "--binary", os.DevNull}},
		{"use --socket, which selects one client", []string{"join", "r", "--all"}},
		{"use --socket, which selects one client", []string{"leave", "r", "--room", "r"}},
		{"use --socket, which selects one client", []string{"disconnect", "--except", "r"}},
		{"--except: the legacy dialect has no message", []string{"sockets", "--except", "r"}},
		{"--long: the legacy dialect has no message", []string{"sockets", "--long"}},
		{"a choice of clients: the legacy dialect has no message", []string{"rooms", "--room", "r"}},
		{"a choice of clients: the legacy dialect has no message", []string{"rooms", "--except", "r"}},
		{"--settle: the legacy dialect counts the nodes at once: omit it", []string{"nodes", "--settle", "1s"}},
		{"--settle: the legacy dialect counts the nodes at once: omit it", []string{"sockets", "--settle", "1s"}},
		{"--settle: the legacy dialect counts the nodes", []string{"join", "r", "--socket", "id", "--settle", "1s"}},
	} {
		requireUsage(t, c.want, append(c.args, nowhere, "--dialect", "legacy")...)
	}
}

func TestLegacyWithoutADatabase(t *testing.T) {
	t.Parallel()
	dead := "postgres://u:secret@" + closedPort(t) + "/x?sslmode=disable"
	for _, driver := range drivers {
		for _, args := range [][]string{
			{"emit", "e"}, {"nodes"}, {"sockets"}, {"rooms"}, {"join", "r", "--socket", "id"},
			{"request", "--custom", "1"}, {"tail"},
		} {
			r := run(t, append(args, "--dialect", "legacy", "--postgres", dead, "--driver", driver)...)
			requireFailure(t, r, "connection refused: check that the server runs")
		}
	}
}
