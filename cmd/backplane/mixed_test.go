package main_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/nodejs"
	"github.com/backplane-go/backplane/internal/pgtest"
)

// mixed runs a script of examples/mixed with Node.js until the test ends.
func mixed(t *testing.T, database, script string, args ...string) (*transcript, *exec.Cmd) {
	t.Helper()
	return runNode(t, database, append([]string{filepath.Join("..", "..", "examples", "mixed", script)}, args...)...)
}

// runNode runs Node.js until the test ends.
func runNode(t *testing.T, database string, args ...string) (*transcript, *exec.Cmd) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("Node.js is not installed: ", err)
	}
	modules := os.Getenv(nodejs.EnvModules)
	if modules == "" {
		t.Skip(nodejs.EnvModules + ", the path of a node_modules folder, is not set")
	}
	cmd := exec.Command(node, args...)
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules, "DATABASE_URL="+database, "PORT=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	written := follow(stdout)
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // fails if it has ended
		written.drain()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s wrote:\n%s%s", args[0], written, stderr.String())
		}
	})
	return written, cmd
}

// The Node.js server of examples/mixed and the demo are one cluster with one chat.
func TestANodeJSServerJoinsTheDemo(t *testing.T) {
	database := pgtest.Database(t)
	server, process := mixed(t, database, "server.js")
	r := start(t, "demo", "--addr", "127.0.0.1:0", "--nodes", "2", "--postgres", database)
	one, two := visit(t, r.links[0], `{"name":"one"}`), visit(t, r.links[1], `{"name":"two"}`)
	awaitNodes(one, r.name(0), r.name(1), "Node.js")
	url := server.link(t, "Node.js server on ")
	ann, _ := mixed(t, database, "client.js", "--name", "ann", "--room", "red", url, "hello", "red")

	require.JSONEq(t, `{"ok":true}`, one.ask("join", `"red"`))
	ann.await(t, "ann in red: hello red\n") // before client one was in the room, or after
	bob, _ := mixed(t, database, "client.js", "--name", "bob", url, "hello", "all")
	var uid string
	for _, v := range []*visitor{one, two} {
		said := v.message("chat message")
		for said["text"] == "hello red" && v == one {
			said = v.message("chat message")
		}
		require.ElementsMatch(t, []string{"from", "node", "room", "text", "at"}, keys(said))
		require.Equal(t, []any{"bob", nil, "hello all"}, []any{said["from"], said["room"], said["text"]})
		require.InDelta(t, time.Now().UnixMilli(), said["at"], float64(patience.Milliseconds()))
		uid = said["node"].(string)
	}
	ann.await(t, "bob: hello all\n")

	require.JSONEq(t, `{"ok":true}`, two.ask("chat message", `{"room":"red","text":"red from Go"}`))
	require.JSONEq(t, `{"ok":true}`, two.ask("chat message", `{"text":"all from Go"}`))
	require.JSONEq(t, `{"ok":true}`, two.ask("image", `{"data":{"_placeholder":true,"num":0}}`, picture))
	require.Equal(t, "red", one.message("chat message")["room"])
	ann.await(t, "two in red: red from Go\n")
	for _, client := range []*transcript{ann, bob} {
		client.await(t, "two: all from Go\n")
		client.await(t, "two sends a picture: image/png, 12008 bytes\n")
	}
	require.NotContains(t, bob.String(), "red from Go", "a client outside the room must not receive the message")

	// The diagram shows the clients and the deliveries.
	awaitClient(one, "ann", uid)
	awaitClient(one, "bob", uid)
	awaitFlow(one, uid)
	require.NoError(t, process.Process.Signal(os.Interrupt))
	awaitNodes(one, r.name(0), r.name(1))
}

// awaitClient waits until the diagram has a client with that name on a node.
func awaitClient(v *visitor, name, node string) {
	v.t.Helper()
	for {
		var s state
		v.next("cluster", &s)
		for _, c := range s.Sockets {
			if c.Name == name && c.Node == node {
				return
			}
		}
	}
}

// awaitFlow waits until the diagram draws a delivery to a node.
func awaitFlow(v *visitor, node string) {
	v.t.Helper()
	for {
		var flow struct {
			To   string
			From map[string]int
		}
		v.next("flow", &flow)
		if flow.To == node && len(flow.From) > 0 {
			return
		}
	}
}
