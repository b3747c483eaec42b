package main_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/interop"
)

// startOld starts a server of Socket.IO 2 on the world's database, with a key that no other test uses, and a client.
func (w *world) startOld() (key string, ns *interop.Namespace, c *interop.Client) {
	w.t.Helper()
	key = w.url[strings.LastIndex(w.url, "/test_")+1:][:16]
	peer := interop.Start(w.t, interop.Config{
		Adapter: interop.Legacy, DatabaseURL: w.url, Legacy: interop.LegacyOptions{Key: key},
	})
	ns, err := peer.Namespace(w.ctx, "/chat")
	require.NoError(w.t, err)
	c, err = ns.Connect(w.ctx, interop.ClientSpec{})
	require.NoError(w.t, err)
	return key, ns, c
}

// Two bridges between a server of Socket.IO 2, one of Socket.IO 4 and one in Go. One of them is killed.
func TestBridge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key, old, onOld := w.startOld()
	onNode, onOurs := w.connect(interop.ClientSpec{}), w.add("here", nil)
	bridge := func(driver string) *running {
		return start(t, "bridge", "--postgres", w.url, "--nsp", "chat", "--nsp", "/", "--legacy-prefix", key,
			"--driver", driver, "--report", "100ms")
	}
	talk := func() {
		t.Helper()
		require.NoError(t, old.Emit(w.ctx, interop.Target{}, "old", 1))
		require.NoError(t, w.node.Emit(w.ctx, interop.Target{}, "node", []byte("2")))
		require.NoError(t, w.ours.Emit(w.ctx, "ours", "3"))
		for _, c := range []*interop.Client{onOld, onNode} {
			got := map[any]any{}
			for range 3 {
				e := w.next(c)
				got[e[0]] = e[1]
			}
			require.Equal(t, map[any]any{"old": 1.0, "node": []byte("2"), "ours": "3"}, got)
		}
	}
	first := bridge("pgx")
	require.Contains(t, first.stdout.String(), "backplane bridge: /, /chat\n\n  Socket.IO 2  "+key+", over PostgreSQL")
	first.stdout.await(t, "  active: events are passed on\n")
	second := bridge("pq")
	second.stdout.await(t, "  standing by: another bridge is active\n")
	talk()
	first.stdout.await(t, "  from Socket.IO 2: 1 passed on, 0 lost; to Socket.IO 2: 2 passed on, 0 lost\n")

	require.NoError(t, first.cmd.Process.Kill())
	second.stdout.await(t, "  active: events are passed on\n")
	_ = first.cmd.Wait() // it was killed
	first.stopped = true
	talk()
	second.end(syscall.SIGTERM)
	require.True(t, strings.HasSuffix(second.stdout.String(),
		"  from Socket.IO 2: 1 passed on, 0 lost; to Socket.IO 2: 2 passed on, 0 lost\n"), second.stdout)
	require.Empty(t, first.stderr.String()+second.stderr.String())
	require.NoError(t, old.AwaitServerCount(w.ctx, 1))
	require.NoError(t, w.node.AwaitServerCount(w.ctx, 2))
	for range 6 {
		<-onOurs.events
	}
	require.Empty(t, onOurs.events)
}

func TestBridgeWithoutATable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := run(t, "bridge", "--postgres", w.url, "--table", "missing")
	require.Equal(t, 1, r.code)
	requireOneLine(t, r.stderr)
	require.Contains(t, r.stderr, `the table "missing" does not exist`)
}

// The commands of the guide work, in the order of the page, with a server of Socket.IO 2 that runs already.
func TestGuideForSocketIO2(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/howto/migrate-from-socketio-2.md")
	require.NoError(t, err)
	w := newWorld(t)
	key, _, _ := w.startOld()
	var tail *running // the last one that was started
	done := make(map[string]int)
	for _, m := range regexp.MustCompile(`(?m)^backplane (.*)$`).FindAllStringSubmatch(string(page), -1) {
		line := strings.NewReplacer("myapp", key, `"$DATABASE_URL"`, w.url, " :3000", " 127.0.0.1:0").Replace(m[1])
		args := strings.Fields(line)
		if !slices.Contains(args, "--postgres") {
			args = append(args, "--postgres", w.url)
		}
		done[args[0]]++
		switch args[0] {
		case "serve":
			start(t, args...)
		case "bridge":
			start(t, args...).stdout.await(t, "  active: ")
		case "tail":
			tail = startUntil(t, "listening to ", args...)
		case "emit":
			require.Zero(t, run(t, args...).code, line)
			tail.stdout.await(t, args[slices.Index(args, "bridge-test")+1]) // in the other cluster
		case "nodes":
			r := run(t, args...)
			require.Zero(t, r.code, "%s: %s", line, r.stderr)
			nodes := 3 // the Go node, the one of Socket.IO 4, and the bridge; the server's namespace is not open
			if slices.Contains(args, "legacy") {
				nodes = 2
			}
			require.Equal(t, nodes+1, strings.Count(r.stdout, "\n"), "%s: a line for each node\n%s", line, r.stdout)
		default:
			r := run(t, args...)
			require.Zero(t, r.code, "%s: %s%s", line, r.stdout, r.stderr)
		}
	}
	require.Equal(t, map[string]int{"serve": 1, "bridge": 1, "doctor": 2, "nodes": 2, "tail": 2, "emit": 2}, done)
}

// A bridge between two engines: servers in Node.js with redis-adapter, and servers in Node.js and Go on PostgreSQL.
func TestBridgeBetweenEngines(t *testing.T) {
	t.Parallel()
	onRedis, onPostgres := newClassicWorld(t), newWorld(t)
	clients := []*interop.Client{onRedis.connect(interop.ClientSpec{}), onPostgres.connect(interop.ClientSpec{})}
	args := append([]string{"bridge", "--redis", onRedis.url, "--nsp", "chat", "--report", "100ms",
		"--other-postgres", onPostgres.url}, onRedis.flags...)
	first := start(t, args...)
	first.stdout.await(t, "  active: events are passed on\n")
	require.Contains(t, first.stdout.String(), "  the other cluster  socket.io, over PostgreSQL")
	require.Contains(t, first.stdout.String(), "  the cluster        my app, over Redis")
	second := start(t, args...)
	second.stdout.await(t, "  standing by: another bridge is active\n")
	require.NoError(t, onRedis.node.Emit(onRedis.ctx, interop.Target{}, "redis", 1))
	require.NoError(t, onPostgres.node.Emit(onPostgres.ctx, interop.Target{}, "postgres", []byte("2")))
	require.NoError(t, onPostgres.ours.Emit(onPostgres.ctx, "ours", "3"))
	for i, w := range []*world{onRedis, onPostgres} {
		got := map[any]any{}
		for range 3 {
			e := w.next(clients[i])
			got[e[0]] = e[1]
		}
		require.Equal(t, map[any]any{"redis": 1.0, "postgres": []byte("2"), "ours": "3"}, got)
	}
	first.stdout.await(t, "  from the other cluster: 2 passed on, 0 lost; to the other cluster: 1 passed on, 0 lost\n")
	first.end(syscall.SIGTERM)
	second.stdout.await(t, "  active: events are passed on\n")
	second.end(syscall.SIGTERM)
}

func TestBridgeNeedsTwoClusters(t *testing.T) {
	t.Parallel()
	for flags, want := range map[string]string{
		"--redis redis://127.0.0.1:1": "give the server of the other cluster, for example with --other-postgres URL",
		"PG --other-redis redis://127.0.0.1:1 --legacy-prefix x": "--legacy-prefix: the other cluster is not one of " +
			"Socket.IO 2: omit it",
		"PG --other-dialect classic":                           "no database: give --other-postgres URL",
		"PG --other-redis nonsense":                            "--other-redis",
		"PG --other-redis redis://127.0.0.1:1 --other-table x": "--other-table needs --other-postgres URL",
	} {
		flags = strings.Replace(flags, "PG", "--postgres postgres://127.0.0.1:1/x", 1)
		r := run(t, append([]string{"bridge"}, strings.Fields(flags)...)...)
		require.Equal(t, 2, r.code, flags)
		require.Contains(t, r.stderr, want, flags)
	}
}
