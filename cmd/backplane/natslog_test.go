package main_test

import (
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/nats/natsdriver"
)

// startJetStream starts a NATS server with JetStream in this process, and returns its address.
func startJetStream(t *testing.T, change func(o *server.Options)) string {
	t.Helper()
	_, address := startNATS(t, func(o *server.Options) {
		o.JetStream, o.StoreDir = true, t.TempDir()
		if change != nil {
			change(o)
		}
	})
	return address
}

func TestNATSHistoryAndLog(t *testing.T) {
	t.Parallel()
	address := startJetStream(t, nil)
	for _, command := range []string{"history", "log", "emit"} {
		args := []string{command, "--nats", "nats://" + address}
		if command == "emit" {
			args = append(args, "--log", "e")
		}
		requireFailure(t, run(t, args...), address+": there is no log, a stream backplane_log: start a node with a log")
	}
	found := doctor(t, 0, "--nats", "nats://"+address)
	require.Equal(t, "there is no stream backplane_log; only nodes with a log need it", found["log"][1])

	w := &logWorld{world: newNATSWorld(t, "nats://"+address)}
	w.world.openNATS(natsdriver.New(w.url), backplane.Config{Log: &backplane.LogConfig{}})
	w.cluster, w.ns = w.world.cluster, w.world.ours
	require.Equal(t, "nothing is kept for that\n", w.run("history").stderr)
	large := strings.Repeat("é", 10_000)
	require.NoError(t, w.ns.Emit(w.ctx, "by a node", 1))
	require.NoError(t, w.ns.Volatile().Emit(w.ctx, "volatile"))
	w.run("emit", "--log", "--room", "r1", "--except", "r3", "one", "1")
	w.run("emit", "--log", "--room", "r2", "large", large)
	w.run("emit", "not kept")
	got := w.history()
	require.Equal(t, []string{"by a node", "one", "large"}, names(got))
	require.Equal(t, []string{"r3"}, got[1].Except)
	require.Equal(t, []any{large}, got[2].Args)
	require.Equal(t, []string{"large"}, names(w.history("--room", "r2", "--limit", "1")))
	require.Equal(t, []string{"one"}, names(w.history("--since", got[0].Position, "--limit", "1")))

	var report logReport
	r := run(t, "log", "--json", "--nats", w.url)
	require.Zero(t, r.code, r.stderr)
	readJSON(t, r.stdout, &report)
	require.Len(t, report.Namespaces, 1)
	require.Equal(t, "/chat", report.Namespaces[0].NSP)
	require.EqualValues(t, 3, report.Namespaces[0].Records)
	require.Len(t, report.Nodes, 1)
	require.Zero(t, *report.Nodes[0].Lag)

	found = doctor(t, 0, "--log", "--nsp", "/chat", "--nats", w.url)
	require.Equal(t, "stream backplane_log, with all rights that a node needs", found["log"][1])
	require.Regexp(t, `messages of the last \S+ are kept: 3; namespaces: 1;`, found["log contents"][1])
	require.Equal(t, "nodes of /chat: 1, all with a log", found["log nodes"][1])
	require.Empty(t, problems(found))
}

// A client that loses its connection comes back to another node, also when its node was killed.
func TestNATSServeRecovers(t *testing.T) {
	t.Parallel()
	serveRecovers(t, "--nats", "nats://"+startJetStream(t, nil))
	d := start(t, "demo", "--addr", "127.0.0.1:0", "--nats", "embedded", "--log", "--recover", "2m")
	url := "nats://127.0.0.1:" + d.stdout.link(t, "over NATS inside this process, 127.0.0.1:")
	say(visit(t, d.links[0], `{}`), "", "from the demo")
	require.Contains(t, run(t, "history", "--nats", url, "--limit", "1000").stdout, "from the demo")
	d.interrupt()
	require.NotContains(t, d.stderr.String(), "level=")
}

func TestNATSLogFailures(t *testing.T) {
	t.Parallel()
	_, without := startNATS(t, nil)
	for _, args := range [][]string{
		{"history"}, {"log"}, {"emit", "--log", "e"}, {"serve", "--log", "--addr", "127.0.0.1:0"},
	} {
		r := run(t, append(args, "--nats", "nats://"+without)...)
		requireFailure(t, r, without+": JetStream is not enabled on the servers")
	}
	found := problems(doctor(t, 1, "--log", "--nats", "nats://"+without))
	require.Contains(t, found["log"][1], "JetStream is not enabled on the servers")
	require.Contains(t, found["log"][2], "enable JetStream on the servers")

	address := startJetStream(t, func(o *server.Options) {
		o.Users = []*server.User{{Username: "app", Password: "secret", Permissions: &server.Permissions{
			Publish:   &server.SubjectPermission{Allow: []string{"backplane.*"}},
			Subscribe: &server.SubjectPermission{Allow: []string{"backplane.*"}},
		}}}
	})
	url := "nats://app:secret@" + address
	found = doctor(t, 0, "--nats", url)
	require.Contains(t, found["log"][1], "not known, because the user's permissions do not allow it")
	found = problems(doctor(t, 1, "--log", "--nats", url))
	require.Contains(t, found["log"][1], "the user may not ")
	require.Contains(t, found["log"][2], "docs/howto/use-nats.md#permissions")
	requireFailure(t, run(t, "serve", "--addr", "127.0.0.1:0", "--log", "--nats", url), "the user may not ")
}
