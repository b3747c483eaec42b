package main_test

import (
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/nats/natsdriver"
)

// All commands, on one server that is shared with others, and on a NATS cluster.
func TestNATSCommands(t *testing.T) {
	t.Parallel()
	_, single := startNATS(t, nil)
	for name, c := range map[string]struct {
		url    string
		driver natsdriver.Config
		flags  []string
	}{
		"one server": {url: "nats://" + single},
		"prefix": {url: "nats://" + single, driver: natsdriver.Config{Prefix: "eu.my app"},
			flags: []string{"--nats-prefix", "eu.my app"}},
		"cluster": {url: "nats://" + strings.Join(startNATSCluster(t), ",nats://")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newNATSWorld(t, c.url)
			w.flags = c.flags
			w.openNATSCluster(c.driver)
			ours := w.add("ours", "yes", "r1")
			r := w.run("nodes", "--nodes", "1")
			require.Regexp(t, `^UID +ANSWERED +LAST SEEN\n`+w.ours.UID()+` +\d+\.\d ms +\S+\n$`, r.stdout)

			tl := w.tail()
			w.run("emit", "--room", "r1", "news", "1", "two")
			require.Equal(t, `["news",1,"two"]`, ours.next())
			m := tl.next("BROADCAST")
			require.Equal(t, []any{1.0, "two"}, m["args"])
			require.Equal(t, "/chat", m["nsp"])
			require.Len(t, w.ours.Peers(), 0, "no command must count as a node")
			require.NoError(t, w.ours.Emit(w.ctx, "large", strings.Repeat("x", 100_000)))
			require.Greater(t, tl.next("BROADCAST")["bytes"], 100_000.0)
			require.Contains(t, ours.next(), "large")
			tl.interrupt()

			require.Equal(t, `"yes"`+"\n", w.run("emit", "--ack", "--nodes", "1", "ready?").stdout)
			require.Contains(t, w.run("sockets", "--nodes", "1").stdout, "ours  "+w.ours.UID()+"  10.1.2.3  r1\n")
			require.Equal(t, "CLIENTS  NODES  ROOM\n1        1      r1\n", w.run("rooms", "--nodes", "1").stdout)
			require.Equal(t, `["stats",1]`+"\n", w.run("request", "--nodes", "1", "stats", "1").stdout)
			require.Empty(t, problems(w.doctor(0)))
			w.run("join", "--all", "vip")
			w.run("leave", "--all", "r1")
			w.run("disconnect", "--room", "vip")
			require.False(t, receive(w, ours.gone))
		})
	}
	w := newNATSWorld(t, "nats://"+single)
	w.flags = []string{"--nats-prefix", "nobody"}
	requireFailure(t, run(t, w.args("nodes")...), "no node answered: check the server, --nsp and --prefix")
}

func TestNATSServeAndDemo(t *testing.T) {
	t.Parallel()
	_, address := startNATS(t, nil)
	url := "nats://" + address
	one := start(t, "serve", "--addr", "127.0.0.1:0", "--nats", url)
	two := start(t, "demo", "--addr", "127.0.0.1:0", "--nodes", "2", "--nats", url)
	require.Contains(t, one.stdout.String(), ", over NATS, "+address+"\n")
	require.Contains(t, two.stdout.String(), "2 Socket.IO servers in one cluster, over NATS, "+address+"\n")
	here, there := visit(t, one.links[0], `{"name":"here"}`), visit(t, two.links[1], `{"name":"there"}`)
	require.JSONEq(t, `{"ok":true}`, here.ask("chat message", `{"text":"hello"}`))
	require.Equal(t, "hello", there.message("chat message")["text"])
	require.Equal(t, 4, strings.Count(run(t, "nodes", "--nats", url, "--nodes", "3").stdout, "\n"))
	one.interrupt()
	two.interrupt()
	require.Empty(t, one.stderr.String()+two.stderr.String())
	requireFailure(t, run(t, "demo", "--addr", "127.0.0.1:0", "--nats", "nats://"+closedPort(t)),
		"connection refused: check that the server runs")
}

// The server inside the process of the demo is one that other commands can use.
func TestEmbeddedNATS(t *testing.T) {
	t.Parallel()
	r := start(t, "demo", "--addr", "127.0.0.1:0", "--nats", "embedded", "--nats-prefix", "shown")
	const over = "3 Socket.IO servers in one cluster, over NATS inside this process, 127.0.0.1:"
	url := "nats://127.0.0.1:" + r.stdout.link(t, over)
	require.Len(t, r.links, 3)
	here, there := visit(t, r.links[0], `{"name":"here"}`), visit(t, r.links[2], `{"name":"there"}`)
	require.JSONEq(t, `{"ok":true}`, here.ask("chat message", `{"text":"hello"}`))
	require.Equal(t, "hello", there.message("chat message")["text"])
	nodes := []string{"nodes", "--nats", url, "--nats-prefix", "shown", "--nodes"}
	require.Equal(t, 4, strings.Count(run(t, append(nodes, "3")...).stdout, "\n"))
	r.typed(r.name(1))
	r.stderr.await(t, "node "+r.name(1)+" has stopped")
	require.Equal(t, 3, strings.Count(run(t, append(nodes, "2")...).stdout, "\n"))
	r.typed(r.name(1))
	r.stderr.await(t, "node "+r.name(1)+" is back")
	require.JSONEq(t, `{"ok":true}`, visit(t, r.links[1], `{}`).ask("chat message", `{"text":"again"}`))
	require.Equal(t, "again", there.message("chat message")["text"])
	r.interrupt()
	require.NotContains(t, r.stderr.String(), "level=")
	requireFailure(t, run(t, append(nodes, "1")...), "connection refused")

	for want, args := range map[string][]string{
		"--nats embedded is only for demo":             {"serve", "--nats", "embedded"},
		"--nats embedded is only for demo, which runs": {"nodes", "--nats", "embedded"},
		"the embedded server has no users":             {"demo", "--nats", "embedded", "--nats-creds", "main_test.go"},
		"the embedded server has no certificate":       {"demo", "--nats", "embedded", "--nats-ca", "main_test.go"},
		"--nats-max-payload: the embedded server":      {"demo", "--nats=embedded", "--nats-max-payload", "99999999"},
		"--nats-max-payload must be more than 0":       {"demo", "--nats", "embedded", "--nats-max-payload", "0"},
		"--postgres and --nats: give one of them":      {"demo", "--nats", "embedded", nowhere},
		"--nats-prefix is empty: omit it for the":      {"demo", "--nats", "embedded", "--nats-prefix", ""},
		"--nats-max-payload needs --nats URL (see":     {"demo", "--nats-max-payload", "1"},
		"--redis-prefix needs --redis URL, not --nats": {"demo", "--nats", "embedded", "--redis-prefix", "p"},
	} {
		requireUsage(t, want, args...)
	}
}

func TestNATSFailures(t *testing.T) {
	t.Parallel()
	_, address := startNATS(t, func(o *server.Options) {
		o.Users = []*server.User{{Username: "app", Password: "secret"}}
	})
	_, small := startNATS(t, func(o *server.Options) { o.MaxPayload = 4096 })
	dead, other := closedPort(t), closedPort(t)
	for _, args := range [][]string{
		{"emit", "e"}, {"emit", "e", "--ack"}, {"nodes"}, {"sockets"}, {"rooms"}, {"join", "r", "--socket", "id"},
		{"request", "stats"}, {"request", "stats", "--no-ack"}, {"disconnect", "--all"}, {"tail"},
	} {
		fails := func(url string, want ...string) {
			t.Helper()
			r := run(t, append(args, "--nats", url)...)
			requireFailure(t, r, want...)
			require.NotContains(t, r.stdout+r.stderr, "guessed")
			require.NotContains(t, r.stderr, "natsdriver")
		}
		refused := dead + ": dial tcp " + dead + ": connect: connection refused"
		fails("nats://u:guessed@"+dead, args[0]+": "+refused+": check that the server runs and that the address")
		fails("nats://u:guessed@"+dead+",nats://u:guessed@"+other, args[0]+": "+dead+", "+other+": ", refused,
			"dial tcp "+other+": connect: connection refused")
		fails("nats://app:guessed@"+address, address+": Authorization Violation: check the user and password")
		fails("nats://guessed@"+address, "check the user and password in the URL, or the file of --nats-creds")
		fails("nats://"+address, "check the user and password in the URL")
		fails("tls://app:guessed@"+address, address+": the server does not offer TLS")
		fails("nats://"+small, "the server's max_payload is smaller",
			"4096 bytes, not 1044480: give --nats-max-payload")
	}
	require.Zero(t, run(t, "emit", "e", "--nats", "nats://"+small, "--nats-max-payload", "4096").code)
	requireFailure(t, run(t, "emit", "e", strings.Repeat("x", 5000), "--nats", "nats://"+small, "--nats-max-payload",
		"4096"), "")
}
