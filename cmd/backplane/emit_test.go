package main_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/interop"
	"github.com/backplane-go/backplane/internal/pgtest"
)

func TestEmit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one := w.connect(interop.ClientSpec{Rooms: []string{"r1"}})
	both := w.connect(interop.ClientSpec{Rooms: []string{"r1", "r2"}})
	ours := w.add("ours", nil, "r2")
	file := filepath.Join(t.TempDir(), "bytes")
	require.NoError(t, os.WriteFile(file, []byte{0, 1, 255}, 0o600))

	for _, driver := range drivers {
		r := w.run("emit", "--driver", driver, "news", `{"a":1}`, "[1,2]", "text", "null", "", "1e3", `"1"`)
		require.Equal(t, `sent ["news",{"a":1},[1,2],"text",null,"",1e3,"1"] to all clients in /chat`+"\n", r.stdout)
		require.Empty(t, r.stderr)
		want := []any{"news", map[string]any{"a": 1.0}, []any{1.0, 2.0}, "text", nil, "", 1000.0, "1"}
		require.Equal(t, want, w.next(one))
		require.Equal(t, want, w.next(both))
		require.Equal(t, `["news",{"a":1},[1,2],"text",null,"",1e3,"1"]`, ours.next())

		w.run("emit", "--driver", driver, "--room", "r1", "--room", "r2", "--except", "r2", "first", "--volatile",
			"--compress=false")
		w.run("emit", "--driver", driver, "--room", "r2", "second", "--", "-5")
		require.Equal(t, []any{"first"}, w.next(one))
		require.Equal(t, []any{"second", -5.0}, w.next(both),
			"want the second event: the first one excludes the client's room")
		require.Equal(t, `["second",-5]`, ours.next())

		r = w.run("emit", "--driver", driver, "--room", "r1", "file", "7", "--binary", file, "--binary", os.DevNull)
		require.Equal(t, `sent ["file",7,{"type":"Buffer","base64":"AAH/"},{"type":"Buffer… to r1 in /chat`+"\n",
			r.stdout)
		require.Equal(t, []any{"file", 7.0, []byte{0, 1, 255}, []byte{}}, w.next(one))
		require.Equal(t, []any{"file", 7.0, []byte{0, 1, 255}, []byte{}}, w.next(both))

		large := strings.Repeat("é", 10_000)
		w.run("emit", "--driver", driver, "--room", "r2", "large", large)
		require.Equal(t, []any{"large", large}, w.next(both))
		require.Equal(t, `["large","`+large+`"]`, ours.next())
	}
}

func TestEmitFromStdin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.connect(interop.ClientSpec{})
	cmd := command(w.ctx, w.args("emit", "picture", "--binary", "-", "--json")...)
	cmd.Stdin = bytes.NewReader([]byte("\x00picture"))
	out, err := cmd.Output()
	require.NoError(t, err)
	require.JSONEq(t, `{"nsp":"/chat","event":"picture","args":[{"type":"Buffer","base64":"AHBpY3R1cmU="}]}`,
		string(out))
	require.Equal(t, []any{"picture", []byte("\x00picture")}, w.next(c))
}

// The slash of a namespace may be missing, and the database may be in the environment.
func TestEmitAddsTheSlashAndReadsTheEnvironment(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.connect(interop.ClientSpec{})
	cmd := command(w.ctx, "emit", "--nsp", "chat", "a", "--json")
	cmd.Env = append(cmd.Env, "DATABASE_URL="+w.url)
	out, err := cmd.Output()
	require.NoError(t, err)
	require.JSONEq(t, `{"nsp":"/chat","event":"a","args":[]}`, string(out))
	require.Equal(t, []any{"a"}, w.next(c))
}

func TestEmitWithAck(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.connect(interop.ClientSpec{Rooms: []string{"r"}, Ack: interop.Reply("node")})
	w.connect(interop.ClientSpec{Rooms: []string{"r"}, Ack: interop.Reply([]byte{1})})
	w.add("ours", map[string]any{"from": "go"}, "r")
	w.add("other", "not asked")
	for _, driver := range drivers {
		r := w.run("emit", "--ack", "--driver", driver, "--nodes", "2", "--room", "r", "ready?")
		require.ElementsMatch(t, []string{`"node"`, `{"type":"Buffer","base64":"AQ=="}`, `{"from":"go"}`},
			strings.Split(strings.TrimSpace(r.stdout), "\n"))
		require.Equal(t, "3 clients answered\n", r.stderr)
	}
	var got struct {
		Answers       []any
		Complete      bool
		Nodes         int
		Missing, Left []string
	}
	w.json(&got, "emit", "--ack", "--nodes", "2", "--room", "r", "--except", "nobody", "ready?", "--compress")
	require.Len(t, got.Answers, 3)
	require.True(t, got.Complete)
	require.Equal(t, 2, got.Nodes)
	require.Equal(t, []string{}, got.Missing)
	require.Equal(t, []string{}, got.Left)

	require.Eventually(t, func() bool { return len(w.ours.Peers()) == 1 }, patience, pause,
		"the command must leave the cluster")
	require.NoError(t, w.node.AwaitServerCount(w.ctx, 2),
		"the command must leave the cluster for the Node.js node, too")
}

func TestEmitWithAckReportsMissingAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.connect(interop.ClientSpec{Ack: interop.Never()})
	w.add("ours", "yes")
	r := run(t, w.args("emit", "--ack", "--nodes", "2", "--timeout", "2s", "ready?")...)
	require.Equal(t, 1, r.code)
	require.Equal(t, "\"yes\"\n", r.stdout, "the answers that arrived must be printed")
	require.Equal(t, "backplane emit: the result is not complete: 1 client on 1 node did not answer within 2s: "+
		w.node.UID()+"\n", r.stderr)

	r = run(t, w.args("emit", "--ack", "--nodes", "2", "--timeout", "2s", "ready?", "--json")...)
	require.Equal(t, 1, r.code)
	require.JSONEq(t, `{"answers":["yes"],"complete":false,"nodes":2,"missing":["`+w.node.UID()+`"],"left":[]}`,
		r.stdout)
}

// Wrong input is found before anything is sent: the first event that the clients receive is the one of the last
// command.
func TestWrongInputSendsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.connect(interop.ClientSpec{})
	for _, args := range [][]string{
		{"emit", "a", "{", "--strict"},
		{"emit", "a", "1", strings.Repeat("[", 200) + strings.Repeat("]", 200)},
		{"emit", "a", "1", "\xff"},
		{"emit", "a", "--binary", "missing"},
		{"emit", "a", "--room", ""},
		{"emit", "connect"},
		{"emit", "a", "--volatil"},
		{"emit", "a", "--driver", "mysql"},
		{"join", "a"},
		{"disconnect"},
	} {
		r := run(t, w.args(args...)...)
		require.Equal(t, 2, r.code, args)
	}
	// These fail at the server.
	large := strings.Repeat("x", 9000)
	r := run(t, w.args("emit", "a", large, "--table", "nowhere")...)
	requireFailure(t, r, `relation "nowhere" does not exist`, `"backplane schema --table nowhere | psql URL"`)
	pgtest.Exec(t, w.url, `CREATE TABLE other (id int)`)
	r = run(t, w.args("emit", "a", large, "--table", "other", "--driver", "pq")...)
	requireFailure(t, r, `column "payload"`, "other is not the table of a cluster")

	w.run("emit", "right")
	require.Equal(t, []any{"right"}, w.next(c))
}
