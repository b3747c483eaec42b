package main_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/internal/redistest"
	"github.com/backplane-go/backplane/redis/redisdriver"
)

// The standard dialect, on a server that is shared with others.
func TestRedisCommands(t *testing.T) {
	t.Parallel()
	server := redistest.New(t)
	for _, driver := range []redisdriver.Config{{}, {Prefix: "my {app}"}} {
		w := newRedisWorld(t, server)
		w.openCluster(driver, backplane.Config{})
		w.flags = nil
		if driver.Prefix != "" {
			w.flags = []string{"--redis-prefix", driver.Prefix}
		}
		ours := w.add("ours", "yes", "r1")
		r := w.run("nodes", "--nodes", "1")
		require.Regexp(t, `^UID +ANSWERED +LAST SEEN\n`+w.ours.UID()+` +\d+\.\d ms +\S+\n$`, r.stdout)

		tl := w.tail()
		w.run("emit", "--room", "r1", "news", "1", "two")
		require.Equal(t, `["news",1,"two"]`, ours.next())
		m := tl.next("BROADCAST")
		require.Equal(t, []any{1.0, "two"}, m["args"])
		require.Equal(t, "/chat", m["nsp"])
		require.Equal(t, "emitter", m["uid"])
		require.Len(t, w.ours.Peers(), 0, "no command must count as a node")
		require.NoError(t, w.ours.Emit(w.ctx, "large", strings.Repeat("x", 100_000)))
		require.Greater(t, tl.next("BROADCAST")["bytes"], 100_000.0)
		require.Contains(t, ours.next(), "large")
		tl.interrupt()

		require.Equal(t, `"yes"`+"\n", w.run("emit", "--ack", "--nodes", "1", "ready?").stdout)
		require.Contains(t, w.run("sockets", "--nodes", "1").stdout, "ours  "+w.ours.UID()+"  10.1.2.3  r1\n")
		require.Equal(t, "CLIENTS  NODES  ROOM\n1        1      r1\n", w.run("rooms", "--nodes", "1").stdout)
		require.Equal(t, `["stats",1]`+"\n", w.run("request", "--nodes", "1", "stats", "1").stdout)
		w.run("join", "--all", "vip")
		w.run("disconnect", "--room", "vip")
		require.False(t, receive(w, ours.gone))
	}
	w := newRedisWorld(t, server)
	w.flags = []string{"--redis-prefix", "nobody"}
	requireFailure(t, run(t, w.args("nodes")...), "no node answered: check the server, --nsp and --prefix")
}

// The URL says whether the server is one, a Redis Cluster or Sentinel.
func TestRedisURLs(t *testing.T) {
	t.Parallel()
	emits := func(url string, args ...string) {
		t.Helper()
		r := run(t, append([]string{"emit", "--redis", url, "hello"}, args...)...)
		require.Zero(t, r.code, r.stderr)
	}
	t.Run("Cluster", func(t *testing.T) {
		t.Parallel()
		nodes := redistest.NewCluster(t).Nodes
		url := "redis://" + nodes[0].Address()
		for _, flags := range [][]string{nil, {"--dialect", "classic"}} {
			emits(url+"?addr="+nodes[1].Address(), flags...)
			emits(url+"?addr="+nodes[0].Address(), flags...)
			args := append([]string{"emit", "hello", "--redis", url}, flags...)
			requireFailure(t, run(t, args...), "add ?addr=HOST:PORT of another node to the URL of a Redis Cluster")
		}
		found := doctor(t, 0, "--redis", url+"?addr="+nodes[1].Address())
		require.Regexp(t, `^a Redis Cluster, whose node 127\.0\.0\.1:\d+ has the channels \{backplane\}\*$`,
			found["mode"][1])
		found = doctor(t, 0, "--redis", url+"?addr="+nodes[1].Address(), "--dialect", "classic")
		require.Equal(t, "a Redis Cluster, all nodes of which pass on each message", found["mode"][1])
		found = doctor(t, 1, "--redis", url)
		require.Contains(t, found["mode"][1], "this is a node of a Redis Cluster")
		require.Contains(t, found["mode"][2], "?addr=HOST:PORT")
		require.NotContains(t, found, "rights", "checks that require the mode must be skipped")
	})
	t.Run("Sentinel", func(t *testing.T) {
		t.Parallel()
		sentinel := redistest.NewSentinel(t)
		url := "redis://" + sentinel.Address()
		emits(url + "?master_name=" + redistest.MasterName)
		found := doctor(t, 0, "--redis", url+"?master_name="+redistest.MasterName)
		require.Equal(t, "the server that Sentinel names", found["mode"][1])
		require.Contains(t, found["connection"][1], "main of "+sentinel.Address()+` as "default"`)
		requireFailure(t, run(t, "emit", "hello", "--redis", url), "?master_name=NAME to that of Sentinel")
		found = doctor(t, 1, "--redis", url)
		require.Contains(t, found["mode"][1], "this is a Sentinel")
		require.Contains(t, found["mode"][2], "add ?master_name=NAME")
		r := run(t, "emit", "hello", "--redis", url+"?master_name=nobody")
		require.Equal(t, 1, r.code)
		requireOneLine(t, r.stderr)
	})
}

func TestRedisWithTLS(t *testing.T) {
	t.Parallel()
	server, address, _ := redistest.NewTLS(t)
	url := "rediss://" + address + "?skip_verify=true"
	require.Zero(t, run(t, "emit", "hello", "--redis", url).code)
	require.Empty(t, problems(doctor(t, 0, "--redis", url)))
	requireFailure(t, run(t, "emit", "hello", "--redis", "rediss://"+address), "x509: certificate")
	requireFailure(t, run(t, "emit", "hello", "--timeout", "2s", "--redis", "rediss://"+server.Address()),
		server.Address()+": no answer within 2s: check that a Redis server with TLS is at that address")
}

func TestRedisFailures(t *testing.T) {
	t.Parallel()
	server := redistest.New(t, "requirepass secret")
	address := server.Address()
	replica := redistest.New(t).NewReplica(t).Address()
	dead := closedPort(t)
	for _, dialect := range []string{"standard", "classic"} {
		for _, args := range [][]string{
			{"emit", "e"}, {"emit", "e", "--ack"}, {"nodes"}, {"sockets"}, {"rooms"}, {"join", "r", "--socket", "id"},
			{"request", "stats"}, {"request", "stats", "--no-ack"}, {"disconnect", "--all"}, {"tail"},
		} {
			fails := func(url, want string) {
				t.Helper()
				r := run(t, append(args, "--dialect", dialect, "--redis", url)...)
				requireFailure(t, r, want)
				require.NotContains(t, r.stdout+r.stderr, "guessed")
			}
			fails("redis://u:guessed@"+dead, dead+": dial tcp "+dead+": connect: connection refused: check that the "+
				"server runs and that the address in the URL is right")
			fails("redis://u:guessed@"+address, address+": WRONGPASS")
			fails("redis://:guessed@"+address, "check the user and password in the URL")
			fails("redis://"+address, "check the user and password in the URL")
			fails("redis://"+replica, replica+": this server is a replica: give the URL of the primary")
		}
	}
	server.Freeze(t)
	defer server.Thaw(t)
	for _, args := range [][]string{{"emit", "e"}, {"sockets"}, {"nodes"}, {"nodes", "--dialect", "classic"}} {
		r := run(t, append(args, "--timeout", "1s", "--redis", "redis://:secret@"+address)...)
		requireFailure(t, r, address+": no answer within 1s: check that a Redis server is at that address")
	}
}

// demo and serve on one Redis server, with a Node.js node.
func TestRedisServe(t *testing.T) {
	t.Parallel()
	w := newClassicWorld(t)
	root, err := w.peer.Namespace(w.ctx, "/")
	require.NoError(t, err)
	theirs, err := root.Connect(w.ctx, interop.ClientSpec{})
	require.NoError(t, err)
	args := append([]string{"serve", "--addr", "127.0.0.1:0", "--redis", w.url}, w.flags...)
	one, two := start(t, args...), start(t, args...)
	require.Contains(t, one.stdout.String(), ", over Redis, "+w.redis.Address()+"\n")
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
	for ok := false; !ok; { // the page knows both nodes of this chat, and that there are clients of others
		var shown state
		here.next("cluster", &shown)
		names := make(map[string]int)
		for _, n := range shown.Nodes {
			names[n.Name] = n.Sockets
		}
		ok = len(names) == 3 && names[one.name(0)] == 1 && names[two.name(0)] == 1 && names["Node.js"] == 1
	}
	nodes := append([]string{"nodes", "--redis", w.url}, w.flags...)
	require.Equal(t, 2, strings.Count(run(t, nodes...).stdout, " backplane "))
	one.interrupt()
	two.interrupt()
	require.NotContains(t, one.stderr.String()+two.stderr.String(), "level=")
	require.NotContains(t, run(t, nodes...).stdout, " backplane ", "the servers must not be counted any more")
}

func TestRedisDemo(t *testing.T) {
	t.Parallel()
	server := redistest.New(t)
	r := start(t, "demo", "--addr", "127.0.0.1:0", "--nodes", "2", "--redis", "redis://"+server.Address())
	require.Contains(t, r.stdout.String(), "2 Socket.IO servers in one cluster, over Redis, "+server.Address()+"\n")
	here, there := visit(t, r.links[0], `{"name":"here"}`), visit(t, r.links[1], `{"name":"there"}`)
	require.JSONEq(t, `{"ok":true}`, here.ask("chat message", `{"text":"hello"}`))
	require.Equal(t, "hello", there.message("chat message")["text"])
	require.Equal(t, 3, strings.Count(run(t, "nodes", "--redis", "redis://"+server.Address()).stdout, "\n"))
	r.interrupt()
	require.Empty(t, r.stderr.String())
	requireFailure(t, run(t, "demo", "--addr", "127.0.0.1:0", "--redis", "redis://"+closedPort(t)),
		"connection refused: check that the server runs")
}
