package main_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
)

// say sends a message to a room of the chat, or to all.
func say(v *visitor, room, text string) {
	v.t.Helper()
	require.JSONEq(v.t, `{"ok":true}`, v.ask("chat message", `{"room":"`+room+`","text":"`+text+`"}`))
}

// Nodes with and without a log in one cluster: both say so.
func TestServeNoticesNodesWithoutALog(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	logged := start(t, "serve", "--addr", "127.0.0.1:0", "--postgres", database, "--log")
	plain := start(t, "serve", "--addr", "127.0.0.1:0", "--postgres", database)
	logged.stderr.await(t, "this node keeps the messages of \\\"/\\\" in a log, node ")
	plain.stderr.await(t, "keeps the messages of \\\"/\\\" in a log, this node does not: set Config.Log")
}

// A command that joins a cluster with a log is not reported as a node without one.
func TestServeDoesNotReportCommands(t *testing.T) {
	t.Parallel()
	database := pgtest.Database(t)
	logged := start(t, "serve", "--addr", "127.0.0.1:0", "--postgres", database, "--log")
	say(visit(t, logged.links[0], `{}`), "", "hello")
	for _, driver := range drivers {
		for _, args := range [][]string{{"sockets"}, {"rooms"}, {"emit", "--ack", "--timeout", "1s", "a"}} {
			_ = run(t, append(args, "--nodes", "1", "--postgres", database, "--driver", driver)...)
		}
	}
	_ = start(t, "serve", "--addr", "127.0.0.1:0", "--postgres", database)
	logged.stderr.await(t, "in a log, node ")
	require.Equal(t, 1, strings.Count(logged.stderr.String(), "in a log, node "), logged.stderr.String())
}

func TestLogFlagsAreChecked(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"serve", "--log-age", "1m"}, "--log-age requires --log"},
		{[]string{"demo", "--log-bytes", "1"}, "--log-bytes requires --log"},
		{[]string{"serve", "--log", "--log-order", "none"}, "--log-order must be cluster or local, not none"},
		{[]string{"serve", "--log", "--log-age", "0s"}, "must be more than 0"},
		{[]string{"serve", "--log", "--log-bytes", "-1"}, "must be more than 0"},
		{[]string{"serve", "--log", "--log-age", "1m", "--recover", "2m"},
			"--log-age 1m0s is shorter than --recover 2m0s"},
		{[]string{"demo", "--recover", "-1s"}, "--recover must not be negative"},
		{[]string{"serve", "--log", "--dialect", "legacy", "--postgres", "postgres://localhost/x"},
			"--log: the legacy dialect has no log"},
	} {
		r := run(t, c.args...)
		require.Equal(t, 2, r.code, c.args)
		require.Empty(t, r.stdout, c.args)
		require.Contains(t, r.stderr, c.want)
		requireOneLine(t, r.stderr)
	}
}
