package main_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/dialect/redissharded"
	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/internal/redistest"
	"github.com/backplane-go/backplane/redis/redisdriver"
)

// newShardedWorld returns a Redis server with a Node.js node that has createShardedAdapter and a Go node, which are
// peers in the namespace /chat.
func newShardedWorld(t *testing.T, mode redissharded.Mode) *world {
	t.Helper()
	w := newRedisWorld(t, redistest.New(t))
	w.startNode(interop.RedisOptions{Sharded: mode.String()})
	w.openCluster(redisdriver.Config{RawNames: true, Sharded: true},
		backplane.Config{Dialect: redissharded.Dialect{Mode: mode}, ChannelPrefix: "my app"})
	require.NoError(t, w.node.AwaitServerCount(w.ctx, 2))
	require.NoError(t, w.ours.WaitForPeers(w.ctx, 1))
	w.flags = []string{"--dialect", "sharded", "--prefix", "my app", "--subscription-mode", mode.String()}
	return w
}

func TestSharded(t *testing.T) {
	t.Parallel()
	for _, mode := range []redissharded.Mode{redissharded.Static, redissharded.Dynamic, redissharded.DynamicPrivate} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			w := newShardedWorld(t, mode)
			theirs := w.connect(interop.ClientSpec{Rooms: []string{"r1", "r2"}, Ack: interop.Reply("node"),
				Data: map[string]any{"name": "n"}})
			ours := w.add("ours", "go", "r2")
			w.emits(theirs, ours)
			w.inspects(theirs)
			w.requestsNamed()
			w.changes(theirs, ours)
			require.Empty(t, w.peer.Errors.Take(), "the Node.js node must not notice the commands")
			require.NoError(t, w.node.AwaitServerCount(w.ctx, 2), "the commands must leave the cluster")
		})
	}
}

// emits sends events to all clients, to a room and to single clients.
func (w *world) emits(theirs *interop.Client, ours *client) {
	w.t.Helper()
	r := w.run("emit", "news", `{"a":1}`, "text", "null")
	require.Equal(w.t, `sent ["news",{"a":1},"text",null] to all clients in /chat`+"\n", r.stdout)
	require.Equal(w.t, []any{"news", map[string]any{"a": 1.0}, "text", nil}, w.next(theirs))
	require.Equal(w.t, `["news",{"a":1},"text",null]`, ours.next())
	w.run("emit", "--room", "r1", "room")
	require.Equal(w.t, []any{"room"}, w.next(theirs))
	w.run("emit", "--room", theirs.ID(), "one")
	require.Equal(w.t, []any{"one"}, w.next(theirs))
	w.run("emit", "--room", "r2", "--except", theirs.ID(), "most")
	require.Equal(w.t, `["most"]`, ours.next())
	r = w.run("emit", "--ack", "ready?")
	require.ElementsMatch(w.t, []string{`"node"`, `"go"`}, strings.Fields(r.stdout))
	require.Equal(w.t, []any{"ready?"}, w.next(theirs))
	require.Equal(w.t, `["ready?"]`, ours.next())
}

// inspects lists nodes, clients and rooms.
func (w *world) inspects(theirs *interop.Client) {
	w.t.Helper()
	r := w.run("nodes")
	require.Regexp(w.t, `^UID +ANSWERED\n(?:\w+ +\d+\.\d ms\n){2}$`, r.stdout)
	require.Contains(w.t, r.stdout, w.ours.UID()+" ")
	require.Equal(w.t, "listeners of /chat: 2, all of which have answered\n", r.stderr)
	var nodes struct {
		Nodes    []map[string]any
		Counted  int
		Complete bool
	}
	w.json(&nodes, "nodes", "--nodes", "2")
	require.True(w.t, nodes.Complete)
	require.Equal(w.t, 2, nodes.Counted)
	require.Len(w.t, nodes.Nodes, 2)
	require.NotContains(w.t, nodes.Nodes[0], "backplane", "nobody knows whose they are")

	var found struct {
		Sockets []struct {
			ID, Node string
			Data     json.RawMessage
		}
		Nodes int
	}
	w.json(&found, "sockets", "--room", "r1")
	require.Equal(w.t, 2, found.Nodes)
	require.Len(w.t, found.Sockets, 1)
	require.Equal(w.t, theirs.ID(), found.Sockets[0].ID)
	require.JSONEq(w.t, `{"name":"n"}`, string(found.Sockets[0].Data))
	require.Contains(w.t, w.run("rooms").stderr, "2 clients on 2 nodes\n")
	doctor := w.run("doctor")
	for _, want := range []string{`server  .*redis [789]`, `rights  .*the ACL allows`,
		`messages  .*a message came back`, `nodes  .*nodes of /chat that have answered: 2, the last after \d+\.\d ms$`} {
		require.Regexp(w.t, `(?m)^ok +`+want, doctor.stdout)
	}
	// While a command listens, it counts as a node: the number of listeners is all that a node knows.
	require.Eventually(w.t, func() bool { return len(w.ours.Peers()) == 1 }, patience, pause,
		"no command may count as a node after its end")
}

func (w *world) requestsNamed() {
	w.t.Helper()
	require.NoError(w.t, w.node.OnServerSide(w.ctx, "stats", interop.Reply("node")))
	r := w.run("request", "stats", "1", "two")
	require.ElementsMatch(w.t, []string{`"node"`, `["stats",1,"two"]`},
		strings.Split(strings.TrimSpace(r.stdout), "\n"))
	require.Equal(w.t, "2 servers answered\n", r.stderr)
}

// changes lets clients join and leave rooms, and disconnects them.
func (w *world) changes(theirs *interop.Client, ours *client) {
	w.t.Helper()
	for _, id := range []string{theirs.ID(), "ours"} {
		require.Equal(w.t, "join a, b: done for "+id+" in /chat\n", w.run("join", "--socket", id, "a", "b").stdout)
		w.run("leave", "--socket", id, "a")
		r := w.run("rooms", "--socket", id)
		require.Contains(w.t, r.stdout, " b\n")
		require.NotContains(w.t, r.stdout, " a\n")
	}
	w.run("disconnect", "--socket", theirs.ID())
	reason, err := theirs.Disconnected(w.ctx)
	require.NoError(w.t, err)
	require.Equal(w.t, "io server disconnect", reason)
	w.run("disconnect", "--all", "--close")
	require.True(w.t, receive(w, ours.gone))
}

// serve in a cluster with a Node.js node, in the default mode of both.
func TestShardedServe(t *testing.T) {
	t.Parallel()
	w := newRedisWorld(t, redistest.New(t))
	w.startNode(interop.RedisOptions{Sharded: redissharded.Dynamic.String()})
	root, err := w.peer.Namespace(w.ctx, "/")
	require.NoError(t, err)
	theirs, err := root.Connect(w.ctx, interop.ClientSpec{})
	require.NoError(t, err)
	flags := []string{"--redis", w.url, "--dialect", "sharded", "--prefix", "my app"}
	one := start(t, append([]string{"serve", "--addr", "127.0.0.1:0"}, flags...)...)
	two := start(t, append([]string{"serve", "--addr", "127.0.0.1:0"}, flags...)...)
	here, there := visit(t, one.links[0], `{"name":"here"}`), visit(t, two.links[0], `{"name":"there"}`)
	require.JSONEq(t, `{"ok":true}`, there.ask("join", `"r"`))
	require.JSONEq(t, `{"ok":true}`, here.ask("join", `"r"`))
	require.JSONEq(t, `{"ok":true}`, here.ask("chat message", `{"text":"hello"}`))
	require.Equal(t, "hello", there.message("chat message")["text"])
	e, err := theirs.Next(w.ctx)
	require.NoError(t, err)
	require.Equal(t, "chat message", e.Event)
	require.JSONEq(t, `{"ok":true}`, here.ask("chat message", `{"text":"in the room","room":"r"}`))
	for there.message("chat message")["text"] != "in the room" {
	}
	require.Contains(t, run(t, append([]string{"nodes", "--nodes", "3"}, flags...)...).stderr, "3, all of which")
	one.interrupt()
	two.interrupt()
	require.NotContains(t, one.stderr.String()+two.stderr.String(), "level=")
}

func TestShardedOnARedisCluster(t *testing.T) {
	t.Parallel()
	servers := redistest.NewCluster(t)
	w := newRedisWorld(t, servers.Nodes[0])
	w.url += "?addr=" + servers.Nodes[1].Address()
	w.startNode(interop.RedisOptions{Sharded: redissharded.Dynamic.String(), Client: interop.IORedisCluster})
	w.flags = []string{"--dialect", "sharded", "--prefix", "my app"}
	theirs := w.connect(interop.ClientSpec{Rooms: []string{"r"}, Ack: interop.Reply("node")})
	require.Regexp(t, `^UID +ANSWERED\n\w+ +\d+\.\d ms\n$`, w.run("nodes").stdout)
	require.Equal(t, `"node"`+"\n", w.run("emit", "--ack", "--room", "r", "ready?").stdout)
	require.Equal(t, []any{"ready?"}, w.next(theirs))
	w.run("emit", "--room", "r", "room")
	require.Equal(t, []any{"room"}, w.next(theirs))
	require.Contains(t, w.run("sockets").stdout, theirs.ID())
	found := w.doctor(0)
	require.Equal(t, "a Redis Cluster, each node of which has some of the channels", found["mode"][1])
	require.Empty(t, problems(found))
}

func TestShardedRightsAndUsage(t *testing.T) {
	t.Parallel()
	server := redistest.New(t)
	user := func(name string, rules ...string) string {
		server.Do(t, append([]string{"ACL", "SETUSER", name, "on", ">secret", "resetchannels"}, rules...)...)
		return "redis://" + name + ":secret@" + server.Address()
	}
	// What docs/howto/use-redis.md says is enough.
	least := user("least", "&socket.io*", "&backplane#*", "+spublish", "+ssubscribe", "+sunsubscribe", "+pubsub")
	require.Empty(t, problems(doctor(t, 0, "--redis", least, "--dialect", "sharded")))
	require.Zero(t, start(t, "serve", "--addr", "127.0.0.1:0", "--redis", least, "--dialect", "sharded").links == nil)
	less := user("less", "&socket.io*", "+ssubscribe", "+sunsubscribe", "+pubsub")
	found := problems(doctor(t, 1, "--redis", less, "--dialect", "sharded"))
	require.Contains(t, found["rights"][1], "may not spublish socket.io-watch#")
	require.Contains(t, found["rights"][1], "ssubscribe backplane#")
	_, grants, _ := strings.Cut(found["rights"][2], "SETUSER less ")
	server.Do(t, append([]string{"ACL", "SETUSER", "less"}, strings.Fields(grants)...)...)
	require.Empty(t, problems(doctor(t, 0, "--redis", less, "--dialect", "sharded")), "the advice must be enough")

	const none = "--redis=redis://u:secret@127.0.0.1:1"
	for _, command := range clusterCommands {
		with := func(flags ...string) []string { return append(append([]string{}, command...), flags...) }
		requireUsage(t, "--dialect sharded needs --redis URL, not --postgres", with(nowhere, "--dialect", "sharded")...)
		requireUsage(t, "--dialect sharded needs --redis URL, not --nats",
			with("--nats", "nats://127.0.0.1:1", "--dialect", "sharded")...)
		requireUsage(t, "--subscription-mode needs --dialect sharded", with(none, "--subscription-mode", "static")...)
		requireUsage(t, "--subscription-mode must be dynamic, dynamic-private or static, not all",
			with(none, "--dialect", "sharded", "--subscription-mode", "all")...)
		requireUsage(t, "--codec: the sharded dialect has its own codec",
			with(none, "--dialect", "sharded", "--codec", "cbor")...)
	}
	requireUsage(t, "tail: the sharded dialect has no message for it", "tail", none, "--dialect", "sharded")
	requireUsage(t, "--log: the sharded dialect has no log", "serve", none, "--dialect", "sharded", "--log")
	requireUsage(t, "--recover needs --subscription-mode static", "serve", none, "--dialect", "sharded",
		"--recover", "1m")
}
