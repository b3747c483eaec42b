package main_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/internal/redistest"
)

func TestClassicEmit(t *testing.T) {
	t.Parallel()
	w := newClassicWorld(t)
	one := w.connect(interop.ClientSpec{Rooms: []string{"r1"}, Ack: interop.Reply("node")})
	both := w.connect(interop.ClientSpec{Rooms: []string{"r1", "r2"}, Ack: interop.Reply("node")})
	ours := w.add("ours", "go", "r2")
	r := w.run("emit", "news", `{"a":1}`, "text", "null")
	require.Equal(t, `sent ["news",{"a":1},"text",null] to all clients in /chat`+"\n", r.stdout)
	require.Empty(t, r.stderr)
	for _, c := range []*interop.Client{one, both} {
		require.Equal(t, []any{"news", map[string]any{"a": 1.0}, "text", nil}, w.next(c))
	}
	require.Equal(t, `["news",{"a":1},"text",null]`, ours.next())

	large := strings.Repeat("é", 40_000)
	w.run("emit", "--room", "r2", "large", large, "--binary", os.DevNull)
	require.Equal(t, []any{"large", large, []byte{}}, w.next(both))
	require.Contains(t, ours.next(), large)

	w.run("emit", "--room", "r1", "--room", "r2", "--except", one.ID(), "most")
	require.Equal(t, []any{"most"}, w.next(both))
	require.Equal(t, `["most"]`, ours.next())

	r = w.run("emit", "--ack", "ready?")
	require.ElementsMatch(t, []string{`"node"`, `"node"`, `"go"`}, strings.Fields(r.stdout))
	require.Equal(t, "3 clients answered\n", r.stderr)
	require.Equal(t, []any{"ready?"}, w.next(one), "an excluded client must not receive the event before")
	w.mute()
	r = run(t, w.args("emit", "--ack", "--timeout", "2s", "ready?")...)
	requireFailure(t, r, "the result is not complete: 1 of 3 nodes did not answer within 2s: unknown node")
	require.ElementsMatch(t, []string{`"node"`, `"node"`, `"go"`}, strings.Fields(r.stdout))
}

func TestClassicNodes(t *testing.T) {
	t.Parallel()
	w := newClassicWorld(t)
	r := w.run("nodes")
	require.Regexp(t, `^UID +SERVER +ANSWERED\n`+w.ours.UID()+` +backplane +\d+\.\d ms\n\? +Node\.js +\d+\.\d ms\n$`,
		r.stdout)
	require.Equal(t, "listeners of /chat: 2, all of which have answered\n", r.stderr)
	type found struct {
		Nodes []struct {
			UID       string
			Backplane bool
			AnswerMS  float64
		}
		Counted  int
		Complete bool
	}
	var got found
	w.json(&got, "nodes", "--nodes", "2")
	require.True(t, got.Complete)
	require.Equal(t, 2, got.Counted)
	require.Len(t, got.Nodes, 2)
	require.Equal(t, w.ours.UID(), got.Nodes[0].UID)
	require.True(t, got.Nodes[0].Backplane)
	require.Empty(t, got.Nodes[1].UID)
	require.Positive(t, got.Nodes[1].AnswerMS)
	require.Len(t, w.ours.Peers(), 1, "the command must not count as a node")

	r = run(t, w.args("nodes", "--nodes", "3", "--timeout", "1s", "--json")...)
	requireFailure(t, r, "there are only 2 of 3 nodes after 1s")
	r = run(t, "nodes", "--redis", w.url, "--dialect", "classic", "--prefix", "nobody", "--json")
	requireFailure(t, r, "there is no node of /: check the server, --nsp and --prefix")
	require.JSONEq(t, `{"nodes":[],"counted":0,"complete":false}`, r.stdout)

	w.mute()
	r = run(t, w.args("nodes", "--timeout", "2s", "--json")...)
	requireFailure(t, r, "only 2 of 3 nodes answered within 2s")
	got = found{}
	readJSON(t, r.stdout, &got)
	require.Equal(t, 3, got.Counted)
	require.Len(t, got.Nodes, 2)
	require.False(t, got.Complete)
}

func TestClassicSocketsAndRooms(t *testing.T) {
	t.Parallel()
	w := newClassicWorld(t)
	c := w.connect(interop.ClientSpec{Rooms: []string{"r1", "r2"}, Data: map[string]any{"name": "n"}})
	w.add("ours", nil, "r1", "own")
	r := w.run("sockets")
	require.Regexp(t, `^ID +NODE +ADDRESS +ROOMS\n`+c.ID()+` +\? +\S+ +r1, r2\nours +`+w.ours.UID()+
		` +10\.1\.2\.3 +own, r1\n$|^ID +NODE +ADDRESS +ROOMS\n`+c.ID()+` +\? +\S+ +r1, r2\nours +`+w.ours.UID()+
		` +10\.1\.2\.3 +r1, own\n$`, r.stdout)
	require.Equal(t, "2 clients on 2 nodes\n", r.stderr)
	var got struct {
		Sockets []struct {
			ID, Node string
			Rooms    []string
			Data     json.RawMessage
		}
		Complete bool
		Nodes    int
	}
	w.json(&got, "sockets", "--room", "r1", "--except", "own")
	require.True(t, got.Complete)
	require.Equal(t, 2, got.Nodes)
	require.Len(t, got.Sockets, 1)
	require.Equal(t, c.ID(), got.Sockets[0].ID)
	require.Empty(t, got.Sockets[0].Node, "Node.js's servers do not say who they are")
	require.JSONEq(t, `{"name":"n"}`, string(got.Sockets[0].Data))

	r = w.run("rooms", "--nodes", "2")
	require.Equal(t, "CLIENTS  NODES  ROOM\n1        1      own\n2        ?      r1\n1        ?      r2\n", r.stdout)
	require.Equal(t, "3 rooms, 2 clients on 2 nodes\n", r.stderr)
	require.JSONEq(t, `{"rooms":[{"room":"own","clients":1,"nodes":1},{"room":"r1","clients":1,"nodes":1}],
		"complete":true,"nodes":2,"missing":[],"left":[]}`, w.run("rooms", "--socket", "ours", "--json").stdout)
	requireFailure(t, run(t, w.args("rooms", "--socket", "nobody")...), `no node has a socket of this id: "nobody"`)
	requireFailure(t, run(t, "sockets", "--redis", w.url, "--dialect", "classic", "--prefix", "nobody"),
		"there is no node of /: check the server, --nsp and --prefix")
	require.NoError(t, w.node.AwaitServerCount(w.ctx, 2), "the commands must leave the cluster")
}

func TestClassicChangesOfClients(t *testing.T) {
	t.Parallel()
	w := newClassicWorld(t)
	c := w.connect(interop.ClientSpec{Rooms: []string{"r"}})
	ours := w.add("ours", nil, "r")
	require.Equal(t, "join many: sent to r in /chat\n", w.run("join", "--room", "r", "many").stdout)
	require.NoError(t, c.Joined(w.ctx, "many"))
	for _, id := range []string{c.ID(), "ours"} {
		require.Equal(t, "join a, b: done for "+id+" in /chat\n", w.run("join", "--socket", id, "a", "b").stdout)
		w.run("leave", "--socket", id, "a")
		r := w.run("rooms", "--socket", id)
		for _, room := range []string{"b", "many", "r"} {
			require.Contains(t, r.stdout, " "+room+"\n")
		}
		require.NotContains(t, r.stdout, " a\n")
	}
	requireFailure(t, run(t, w.args("join", "--socket", "nobody", "a")...), "no node has a socket of this id")
	w.run("disconnect", "--socket", c.ID())
	reason, err := c.Disconnected(w.ctx)
	require.NoError(t, err)
	require.Equal(t, "io server disconnect", reason)
	w.run("disconnect", "--all", "--close")
	require.True(t, receive(w, ours.gone))
}

func TestClassicRequest(t *testing.T) {
	t.Parallel()
	w := newClassicWorld(t)
	require.NoError(t, w.node.OnServerSide(w.ctx, "stats", interop.Reply("node")))
	r := w.run("request", "stats", "1", "two")
	require.ElementsMatch(t, []string{`"node"`, `["stats",1,"two"]`},
		strings.Split(strings.TrimSpace(r.stdout), "\n"))
	require.Equal(t, "2 servers answered\n", r.stderr)
	_, err := w.node.NextServerSide(w.ctx)
	require.NoError(t, err)
	require.NoError(t, w.node.OnServerSide(w.ctx, "reload", nil))
	w.run("request", "reload", `{"what":"config"}`, "--no-ack")
	e, err := w.node.NextServerSide(w.ctx)
	require.NoError(t, err)
	require.Equal(t, "reload", e.Event)
	r = run(t, w.args("request", "silence", "--timeout", "2s")...)
	requireFailure(t, r, "2 of 2 nodes did not answer within 2s: unknown node, unknown node")
}

func TestClassicTail(t *testing.T) {
	t.Parallel()
	w := newClassicWorld(t)
	c := w.connect(interop.ClientSpec{Rooms: []string{"r"}})
	tl := w.tail()
	require.NoError(t, w.node.Emit(w.ctx, interop.Target{To: []string{"r"}, Volatile: true}, "news", "é", []byte{1}))
	m := tl.next("BROADCAST")
	require.Len(t, m["uid"], 6, "a uid of Node.js")
	require.Equal(t, "/chat", m["nsp"])
	require.Equal(t, "news", m["event"])
	require.Equal(t, []any{"r"}, m["to"])
	require.Equal(t, []any{"é", map[string]any{"type": "Buffer", "base64": "AQ=="}}, m["args"])
	require.NoError(t, w.ours.Emit(w.ctx, "ours"))
	require.Equal(t, w.ours.UID(), tl.next("BROADCAST")["uid"])

	_, err := w.ours.FetchSockets(w.ctx)
	require.NoError(t, err)
	question := tl.next("FETCH_SOCKETS")
	require.Equal(t, w.ours.UID(), question["uid"])
	response := tl.next("FETCH_SOCKETS_RESPONSE")
	require.Equal(t, "", response["uid"], "Node.js's answers do not name their sender")
	require.Equal(t, question["requestId"], response["requestId"])
	require.Contains(t, response["sockets"].([]any)[0].(map[string]any)["id"], c.ID())
	require.NoError(t, w.node.Join(w.ctx, interop.To("r"), "new"))
	require.Equal(t, []any{"new"}, tl.next("SOCKETS_JOIN")["rooms"])
	require.NoError(t, w.node.ServerSideEmit(w.ctx, "hello", 1))
	require.Equal(t, "hello", tl.next("SERVER_SIDE_EMIT")["event"])
	require.Len(t, w.ours.Peers(), 1, "a tail must not count as a node")

	w.redis.Do(t, "PUBLISH", "my app-request#/elsewhere#", `{"type":0,"uid":"u","requestId":"1","rooms":[]}`)
	w.redis.Do(t, "PUBLISH", "my app-request#/chat#", "garbage")
	m = receive(w, tl.lines)
	require.Equal(t, "garbage", m["payload"])
	require.Equal(t, "/chat", m["nsp"])
	require.Contains(t, m["error"], "malformed")
	w.redis.KillSubscribers(t)
	require.Contains(t, receive(w, tl.stderr), "the connection was lost")
	require.Contains(t, receive(w, tl.stderr), "listening again")
	w.run("emit", "again")
	for m := tl.next("BROADCAST"); m["event"] != "again"; m = tl.next("BROADCAST") {
	}
	tl.interrupt()
}

// Servers that answer only the node that has asked, and servers on a Redis Cluster.
func TestClassicOptionsOfNodeJS(t *testing.T) {
	t.Parallel()
	cluster := redistest.NewCluster(t)
	for name, options := range map[string]interop.RedisOptions{
		"publishOnSpecificResponseChannel": {SpecificResponses: true, Client: interop.IORedis},
		"Redis Cluster":                    {Client: interop.IORedisCluster},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var w *world
			if options.Client == interop.IORedisCluster {
				w = newRedisWorld(t, cluster.Nodes[0])
				w.url += "?addr=" + cluster.Nodes[1].Address()
			} else {
				w = newRedisWorld(t, redistest.New(t))
			}
			w.startNode(options)
			c := w.connect(interop.ClientSpec{Rooms: []string{"r"}, Ack: interop.Reply("node")})
			require.Regexp(t, `^UID +SERVER +ANSWERED\n\? +Node\.js +\d+\.\d ms\n$`, w.run("nodes").stdout)
			tl := w.tail()
			require.Equal(t, `"node"`+"\n", w.run("emit", "--ack", "--room", "r", "ready?").stdout)
			require.Equal(t, []any{"ready?"}, w.next(c))
			require.NotEmpty(t, tl.next("BROADCAST")["requestId"])
			require.Equal(t, "node", tl.next("BROADCAST_ACK")["value"])
			require.Contains(t, w.run("sockets").stdout, c.ID())
			require.Len(t, tl.next("FETCH_SOCKETS_RESPONSE")["sockets"], 1)
			tl.interrupt()
			require.Empty(t, problems(w.doctor(0)))
		})
	}
}
