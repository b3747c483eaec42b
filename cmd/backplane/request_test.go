package main_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/e2e/interop"
)

func TestRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.node.OnServerSide(w.ctx, "stats", interop.Reply(map[string]any{"clients": 1.0})))
	for _, driver := range drivers {
		r := w.run("request", "--driver", driver, "--nodes", "2", "stats", "1", "two")
		require.ElementsMatch(t, []string{`{"clients":1}`, `["stats",1,"two"]`},
			strings.Split(strings.TrimSpace(r.stdout), "\n"))
		require.Equal(t, "2 servers answered\n", r.stderr)
		e, err := w.node.NextServerSide(w.ctx)
		require.NoError(t, err)
		require.True(t, e.WithAck)
		require.Equal(t, []interop.Value{{V: 1.0}, {V: "two"}}, e.Args)
	}
}

func TestRequestWithoutAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.node.OnServerSide(w.ctx, "reload", nil))
	r := w.run("request", "reload", `{"what":"config"}`, "--no-ack")
	require.Equal(t, `sent ["reload",{"what":"config"}] to the servers of /chat`+"\n", r.stdout)
	var got map[string]any
	w.json(&got, "request", "reload", "--no-ack", "--driver", "pq")
	require.Equal(t, map[string]any{"nsp": "/chat", "event": "reload", "args": []any{}}, got)
	for _, want := range [][]interop.Value{{{V: map[string]any{"what": "config"}}}, {}} {
		e, err := w.node.NextServerSide(w.ctx)
		require.NoError(t, err)
		require.False(t, e.WithAck)
		require.Equal(t, want, e.Args)
	}
}

func TestCustomRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.node.OnServerSide(w.ctx, "customRequest", interop.Reply("node")))
	w.ours.OnCustomRequest(func(data backplane.Value, answer func(any)) { answer(data) })
	var got struct {
		Answers  []any
		Complete bool
	}
	w.json(&got, "request", "--custom", "--nodes", "2", `{"a":1}`)
	require.ElementsMatch(t, []any{"node", map[string]any{"a": 1.0}}, got.Answers)
	require.True(t, got.Complete)
}

func TestRequestNamesTheNodesThatDidNotAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.node.OnServerSide(w.ctx, "silence", interop.Reply(1)))
	r := run(t, w.args("request", "silence", "--nodes", "2", "--timeout", "2s")...)
	requireFailure(t, r, "the result is not complete: 1 of 2 nodes did not answer within 2s: "+w.ours.UID())
	require.Equal(t, "1\n", r.stdout)
}
