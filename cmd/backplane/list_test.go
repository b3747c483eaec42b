package main_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/internal/pgtest"
)

func TestNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	uids := []string{w.node.UID(), w.ours.UID()}
	slices.Sort(uids)
	for _, driver := range drivers {
		r := w.run("nodes", "--driver", driver, "--nodes", "2")
		require.Regexp(t, `^UID +ANSWERED +LAST SEEN\n`+
			uids[0]+` +\d+\.\d ms +\d\d:\d\d:\d\d\.\d{3}\n`+uids[1]+` +\d+\.\d ms +\d\d:\d\d:\d\d\.\d{3}\n$`, r.stdout)
		require.Empty(t, r.stderr)
	}
	var got struct {
		Nodes []struct {
			UID      string
			AnswerMS *float64
			LastSeen string
		}
		Complete bool
	}
	w.json(&got, "nodes", "--settle", "1s")
	require.Len(t, got.Nodes, 2)
	require.Equal(t, uids, []string{got.Nodes[0].UID, got.Nodes[1].UID})
	require.NotNil(t, got.Nodes[0].AnswerMS)
	require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`, got.Nodes[0].LastSeen)
	require.True(t, got.Complete)

	peers, err := w.node.Peers(w.ctx)
	require.NoError(t, err)
	require.Equal(t, []string{w.ours.UID()}, peers, "the command must not count as a node")
	require.Equal(t, []string{w.node.UID()}, w.ours.Peers())

	r := run(t, w.args("nodes", "--nodes", "3", "--timeout", "1s")...)
	require.Equal(t, 1, r.code)
	require.Contains(t, r.stdout, uids[1], "the nodes that answered must be listed")
	require.Equal(t, "backplane nodes: only 2 of 3 nodes answered within 1s\n", r.stderr)

	r = run(t, "nodes", "--postgres", w.url, "--nsp", "/elsewhere", "--settle", "100ms", "--json")
	requireFailure(t, r, "no node answered: check the server, --nsp and --prefix")
	require.JSONEq(t, `{"nodes":[],"complete":false}`, r.stdout)
}

// Every adapter answers the command, and none counts it as a node.
func TestNodesWithAllAdapters(t *testing.T) {
	t.Parallel()
	for _, adapter := range []string{interop.Adapter03, interop.Adapter04, interop.Cluster} {
		w := &world{t: t, url: pgtest.Database(t)}
		var cancel context.CancelFunc
		w.ctx, cancel = context.WithTimeout(context.Background(), patience)
		defer cancel()
		peer := interop.Start(t, interop.Config{Adapter: adapter, DatabaseURL: w.url})
		node, err := peer.Namespace(w.ctx, "/chat")
		require.NoError(t, err)
		wanted, uids := "1", []string{node.UID()}
		if adapter == interop.Cluster {
			other, err := peer.Worker(2).Namespace(w.ctx, "/chat")
			require.NoError(t, err)
			wanted, uids = "2", append(uids, other.UID())
		}
		require.NoError(t, node.AwaitServerCount(w.ctx, len(uids)))
		r := w.run("nodes", "--nodes", wanted)
		for _, uid := range uids {
			require.Contains(t, r.stdout, uid, adapter)
		}
		count, err := node.ServerCount(w.ctx)
		require.NoError(t, err)
		require.Equal(t, len(uids), count, adapter)
	}
}

// A node that leaves is not alive, even if it has answered.
func TestNodesOmitsANodeThatHasLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.ours.Close(context.Background()))
	r := w.run("nodes", "--nodes", "1")
	require.NotContains(t, r.stdout, w.ours.UID())
	require.Contains(t, r.stdout, w.node.UID())
}

func TestSockets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.connect(interop.ClientSpec{Rooms: []string{"r1", "r2"}, Data: map[string]any{"bytes": []byte{1}},
		Query: map[string]string{"q": "1"}})
	w.add("ours", nil, "r1", "\x1b[31mred")

	for _, driver := range drivers {
		r := w.run("sockets", "--driver", driver, "--nodes", "2")
		lines := strings.Split(strings.TrimSpace(r.stdout), "\n")
		require.Len(t, lines, 3, r.stdout)
		require.Regexp(t, `^ID +NODE +ADDRESS +ROOMS$`, lines[0])
		require.Regexp(t, `(?m)^`+regexp.QuoteMeta(c.ID())+` +`+w.node.UID()+` +\S+ +r1, r2$`, r.stdout)
		require.Regexp(t, `(?m)^ours +`+w.ours.UID()+` +10\.1\.2\.3 +r1, \\x1b\[31mred$`, r.stdout)
		require.Equal(t, "2 clients on 2 nodes\n", r.stderr)
	}
	r := w.run("sockets", "--nodes", "2", "--room", "r1", "--except", "r2", "--long")
	require.Regexp(t, `^ID +NODE +ADDRESS +CONNECTED +ROOMS +DATA\nours +\w+ +\S+ +20\d\d-.*\{"name":"ours"\}\n$`,
		r.stdout)

	type found struct {
		Sockets []struct {
			ID, Node  string
			Rooms     []string
			Handshake map[string]any
			Data      any
		}
		Complete bool
		Nodes    int
	}
	var got found
	w.json(&got, "sockets", "--nodes", "2", "--room", "r2")
	require.True(t, got.Complete)
	require.Len(t, got.Sockets, 1)
	s := got.Sockets[0]
	require.Equal(t, c.ID(), s.ID)
	require.Equal(t, w.node.UID(), s.Node)
	require.ElementsMatch(t, []string{c.ID(), "r1", "r2"}, s.Rooms)
	require.Equal(t, "1", s.Handshake["query"].(map[string]any)["q"])
	require.Contains(t, s.Handshake, "issued")
	require.Equal(t, map[string]any{"bytes": map[string]any{"type": "Buffer", "base64": "AQ=="}}, s.Data)
}

func TestSocketsWithoutNodesFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := run(t, "sockets", "--postgres", w.url, "--prefix", "other", "--settle", "100ms", "--json")
	requireFailure(t, r, "no node of / answered: check the server, --nsp and --prefix")
	require.JSONEq(t, `{"sockets":[],"complete":false,"nodes":0,"missing":[],"left":[]}`, r.stdout)

	r = run(t, w.args("sockets", "--nodes", "3", "--timeout", "1s")...)
	requireFailure(t, r, "the result is not complete: only 2 of 3 nodes announced themselves within 1s")
}

func TestRooms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.connect(interop.ClientSpec{Rooms: []string{"r1", "r2"}})
	w.connect(interop.ClientSpec{Rooms: []string{"r1"}})
	w.add("ours", nil, "r1", "own")

	r := w.run("rooms", "--nodes", "2")
	require.Equal(t, "CLIENTS  NODES  ROOM\n1        1      own\n3        2      r1\n1        1      r2\n", r.stdout)
	require.Equal(t, "3 rooms, 3 clients on 2 nodes\n", r.stderr)

	var got struct {
		Rooms []struct {
			Room           string
			Clients, Nodes int
		}
		Complete bool
	}
	names := func() (all []string) {
		for _, room := range got.Rooms {
			all = append(all, room.Room)
		}
		return all
	}
	w.json(&got, "rooms", "--nodes", "2", "--socket", c.ID(), "--driver", "pq")
	require.Equal(t, []string{"r1", "r2"}, names())
	w.json(&got, "rooms", "--nodes", "2", "--all", "--room", "r1", "--except", "r2", "--except", "own")
	require.Len(t, got.Rooms, 2, "want r1 and the client's own room")
	require.Equal(t, 1, got.Rooms[0].Clients)

	requireFailure(t, run(t, w.args("rooms", "--nodes", "2", "--socket", "nobody")...),
		`no node has a socket of this id: "nobody"`)
}
