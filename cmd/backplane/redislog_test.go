package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/redistest"
	"github.com/backplane-go/backplane/redis/redisdriver"
)

// newRedisLogWorld starts a node with a log in the namespace /chat.
func newRedisLogWorld(t *testing.T, server *redistest.Server) *logWorld {
	t.Helper()
	w := &logWorld{world: newRedisWorld(t, server)}
	w.openCluster(redisdriver.Config{}, backplane.Config{Log: &backplane.LogConfig{}})
	w.cluster, w.ns = w.world.cluster, w.world.ours
	return w
}

func TestRedisHistoryAndLog(t *testing.T) {
	t.Parallel()
	server := redistest.New(t)
	for _, command := range []string{"history", "log", "emit"} {
		args := []string{command, "--redis", "redis://" + server.Address()}
		if command == "emit" {
			args = append(args, "--log", "e")
		}
		requireFailure(t, run(t, args...), server.Address()+": there is no log {backplane}log: start a node with a log")
	}
	w := newRedisLogWorld(t, server)
	require.Equal(t, "nothing is kept for that\n", w.run("history").stderr)
	file := filepath.Join(t.TempDir(), "bytes")
	require.NoError(t, os.WriteFile(file, []byte{0, 255}, 0o600))
	large := strings.Repeat("é", 10_000)
	require.NoError(t, w.ns.Emit(w.ctx, "by a node", 1))
	require.NoError(t, w.ns.Volatile().Emit(w.ctx, "volatile"))
	w.run("emit", "--log", "--room", "r1", "--room", "r2", "--except", "r3", "bytes", "--binary", file)
	w.run("emit", "--log", "--room", "r2", "large", large)
	w.run("emit", "not kept")
	got := w.history()
	require.Equal(t, []string{"by a node", "bytes", "large"}, names(got))
	require.Equal(t, []any{map[string]any{"type": "Buffer", "base64": "AP8="}}, got[1].Args)
	require.Equal(t, []string{"r1", "r2"}, got[1].Rooms)
	require.Equal(t, []string{"r3"}, got[1].Except)
	require.Equal(t, []any{large}, got[2].Args)
	require.Equal(t, []string{"large"}, names(w.history("--room", "r2", "--limit", "1")))
	require.Equal(t, []string{"bytes"}, names(w.history("--since", got[0].Position, "--limit", "1")))

	var report logReport
	r := run(t, "log", "--json", "--redis", w.url)
	require.Zero(t, r.code, r.stderr)
	readJSON(t, r.stdout, &report)
	require.Len(t, report.Namespaces, 1)
	require.Equal(t, "/chat", report.Namespaces[0].NSP)
	require.EqualValues(t, 3, report.Namespaces[0].Records)
	require.Positive(t, report.Bytes)
	require.Len(t, report.Nodes, 1)
	require.Equal(t, w.ns.UID(), report.Nodes[0].UID)
	require.Zero(t, *report.Nodes[0].Lag)

	found := doctor(t, 0, "--log", "--nsp", "/chat", "--redis", w.url)
	require.Equal(t, "{backplane}log, with all rights that a node needs", found["log"][1])
	require.Regexp(t, `messages of the last \S+ are kept: 3; namespaces: 1;`, found["log contents"][1])
	require.Equal(t, "nodes of /chat: 1, all with a log", found["log nodes"][1])
	require.Empty(t, problems(found))

	server.Do(t, "FLUSHALL") // a new epoch
	require.NoError(t, w.ns.Emit(w.ctx, "after"))
	require.Equal(t, []string{"after"}, names(w.history()))
	requireFailure(t, run(t, w.args("history", "--since", got[0].Position)...), "the log of /chat has what follows")
}

// A client that loses its connection comes back to another node, also when its node was killed.
func TestRedisServeRecovers(t *testing.T) {
	t.Parallel()
	url := "redis://" + redistest.New(t).Address()
	serveRecovers(t, "--redis", url)
	d := start(t, "demo", "--addr", "127.0.0.1:0", "--redis", url, "--log", "--recover", "2m")
	say(visit(t, d.links[0], `{}`), "", "from the demo")
	require.Contains(t, run(t, "history", "--redis", url, "--limit", "1000").stdout, "from the demo")
	d.interrupt()
	require.Empty(t, d.stderr.String())
}

// serveRecovers moves a client between nodes that serve starts on a server, whose flag is given.
func serveRecovers(t *testing.T, flag, url string) {
	t.Helper()
	serve := func() *running {
		return start(t, "serve", "--addr", "127.0.0.1:0", flag, url, "--log", "--recover", "2m")
	}
	one, two := serve(), serve()
	r := roam(t, one.links[0], map[string]any{"name": "ann"})
	first := r.connected()
	require.Equal(t, map[string]any{"ok": true}, r.ask("join", "den"))
	there := visit(t, two.links[0], `{"name":"there"}`)
	say(there, "den", "seen")
	require.Equal(t, "seen", r.next("chat message")["text"])
	comesBack := func(link string) {
		t.Helper()
		say(there, "den", "missed 1")
		say(there, "elsewhere", "not for ann")
		say(there, "", "missed 2")
		r.do("return", map[string]any{"url": link})
		again := r.connected()
		require.True(t, again.Recovered)
		require.Equal(t, first.SID, again.SID)
		say(there, "den", "live")
		for _, text := range []string{"missed 1", "missed 2", "live"} {
			require.Equal(t, text, r.next("chat message")["text"])
		}
	}
	r.do("leave", nil)
	comesBack(two.links[0])
	require.Zero(t, run(t, "sockets", flag, url, "--nodes", "2").code)
	three := serve()
	r.do("leave", nil)
	comesBack(three.links[0])
	for _, s := range []*running{one, three, two} {
		s.interrupt()
		require.NotContains(t, s.stderr.String(), "in a log", "no command must be reported as a node without a log")
	}
}

func TestRedisLogFailures(t *testing.T) {
	t.Parallel()
	server := redistest.New(t)
	server.Do(t, "ACL", "SETUSER", "app", "on", ">secret", "resetchannels", "&{backplane}*", "+publish", "+subscribe",
		"+unsubscribe")
	url := "redis://app:secret@" + server.Address()
	found := doctor(t, 0, "--redis", url)
	require.Contains(t, found["log"][1], "not known, because the user may not run HGET")
	requireFailure(t, run(t, "serve", "--addr", "127.0.0.1:0", "--log", "--redis", url), "NOPERM",
		`the ACL of the user "app" does not allow it`)
	for _, args := range [][]string{{"history"}, {"log"}, {"emit", "--log", "e"}} {
		requireFailure(t, run(t, append(args, "--redis", url)...), "NOPERM", "'hget'",
			`the ACL of the user "app" does not allow it`)
	}
	found = problems(doctor(t, 1, "--log", "--redis", url))
	require.Len(t, found, 1)
	require.Regexp(t, `^INFO "\{backplane\}log\.probe": NOPERM`, found["log"][1])
	_, grants, _ := strings.Cut(found["log"][2], "SETUSER app ")
	server.Do(t, append([]string{"ACL", "SETUSER", "app"}, strings.Fields(grants)...)...)
	found = doctor(t, 0, "--log", "--redis", url)
	require.Contains(t, found["log contents"][1], "the user may not run HGETALL and MEMORY USAGE")
	require.Empty(t, problems(found), "the advice must be enough")
	s := start(t, "serve", "--addr", "127.0.0.1:0", "--log", "--recover", "1m", "--redis", url)
	say(visit(t, s.links[0], `{}`), "", "hello")
	require.Contains(t, run(t, "history", "--redis", url).stdout, `"hello"`)
	requireFailure(t, run(t, "log", "--redis", url), "The user executing the script",
		`of the user "app" does not allow it`)

	admin := "redis://" + server.Address()
	require.Contains(t, doctor(t, 0, "--redis", admin)["eviction"][1], "no limit of memory")
	server.Do(t, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	server.Do(t, "CONFIG", "SET", "maxmemory", "1gb")
	require.Contains(t, doctor(t, 0, "--redis", admin)["eviction"][1], "maxmemory-policy allkeys-lru")
	server.Do(t, "CONFIG", "SET", "maxmemory-policy", "noeviction")
	require.Contains(t, doctor(t, 0, "--redis", admin)["eviction"][1], "maxmemory is 1073741824 bytes")
	server.Do(t, "CONFIG", "SET", "maxmemory", "1")
	requireFailure(t, run(t, "emit", "--log", "e", "--redis", admin), server.Address()+": ", "OOM")
	server.Do(t, "CONFIG", "SET", "maxmemory", "0")
	require.Zero(t, run(t, "emit", "--log", "e", "--redis", admin).code)

	dead := closedPort(t)
	for _, args := range [][]string{{"history"}, {"log"}, {"emit", "--log", "e"}, {"serve", "--log"}} {
		r := run(t, append(args, "--redis", "redis://u:guessed@"+dead)...)
		requireFailure(t, r, dead+": dial tcp "+dead+": connect: connection refused: check that the server runs")
		require.NotContains(t, r.stderr, "guessed")
	}
}

// On a Redis Cluster, the log is on the node of its slot.
func TestRedisLogOnARedisCluster(t *testing.T) {
	t.Parallel()
	nodes := redistest.NewCluster(t).Nodes
	for i, node := range nodes {
		url := fmt.Sprintf("redis://%s?addr=%s", node.Address(), nodes[(i+1)%len(nodes)].Address())
		s := start(t, "serve", "--addr", "127.0.0.1:0", "--log", "--redis", url)
		say(visit(t, s.links[0], `{}`), "", "hello")
		require.Zero(t, run(t, "emit", "--log", "news", "--redis", url).code)
		r := run(t, "history", "--json", "--limit", "1", "--redis", url)
		require.Zero(t, r.code, r.stderr)
		var e keptEvent
		require.NoError(t, json.Unmarshal([]byte(r.stdout), &e), r.stdout)
		require.Equal(t, "news", e.Event)
		require.Zero(t, run(t, "log", "--redis", url).code)
		require.Empty(t, problems(doctor(t, 0, "--log", "--redis", url)))
		s.interrupt()
	}
}
