package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/nodejs"
	"github.com/backplane-go/backplane/internal/pgtest"
)

// patience is the time limit of each step. The servers may need a heartbeat (five seconds) to know each other.
const patience = 2 * time.Minute

func TestBothServersAreOneCluster(t *testing.T) {
	database := pgtest.Database(t)
	modules := nodeModules(t)

	node := start(t, modules, database, "node", "server.js")
	nodeURL := node.address(t, "Node.js server on ")

	out, in := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, "127.0.0.1:0", database, in) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	goURL := (&process{lines: lines(out)}).address(t, "Go server on ")

	events, red := follow(t, goURL+"/events"), follow(t, goURL+"/events?room=red")
	client := start(t, modules, database, "node", "client.js", nodeURL)
	client.expect(t, "connected as ")

	say(t, goURL+"/say", "hello from Go")
	require.Contains(t, client.expect(t, name+": "), "hello from Go")
	onGo := said(t, events)
	require.Equal(t, chat{From: name, Text: "hello from Go"}, onGo.of())

	ann := start(t, modules, database, "node", "client.js", "--name", "ann", "--room", "red", nodeURL, "hello", "red")
	require.Equal(t, "ann in red: hello red", ann.expect(t, "ann"))
	said(t, red)
	require.Equal(t, chat{From: "ann", Room: "red", Text: "hello red"}, said(t, red).of())
	say(t, goURL+"/say?room=red", "red from Go")
	require.Equal(t, name+" in red: red from Go", ann.expect(t, name))
	start(t, modules, database, "node", "client.js", nodeURL, "hello", "from", "Node")
	require.Contains(t, client.expect(t, "somebody on Node.js: "), "hello from Node")
	onNode := said(t, events) // this client received nothing from the room red
	require.Equal(t, chat{From: "somebody on Node.js", Text: "hello from Node"}, onNode.of())
	require.Regexp(t, "^[0-9a-f]{16}$", onNode.Node)
	require.NotEqual(t, onGo.Node, onNode.Node)
	require.NotZero(t, onNode.At)
	require.Equal(t, chat{From: name, Room: "red", Text: "red from Go"}, said(t, red).of())

	large := strings.Repeat("large ", 20000)
	say(t, goURL+"/say", large)
	require.Contains(t, client.expect(t, name+": "), large)

	count := func(what string) int { return strings.Count(get(t, goURL+"/who"), what) }
	require.Eventually(t, func() bool { return count("client ") == 5 }, patience, 100*time.Millisecond,
		"the Go server lists its own two clients and the three of Node.js")
	node.interrupt(t)
	require.Eventually(t, func() bool { return count("server ") == 2 }, patience, 100*time.Millisecond,
		"the Go server does not wait for a server that was ended with Ctrl-C, and does not list its clients")
}

// chat is a message without the parts that differ each time.
type chat struct{ From, Room, Text string }

func (m message) of() chat {
	c := chat{From: m.From, Text: m.Text}
	if m.Room != nil {
		c.Room = *m.Room
	}
	return c
}

// said returns the next message that a client of the Go server receives.
func said(t *testing.T, events <-chan string) message {
	t.Helper()
	var event string
	var m message
	line := strings.TrimPrefix(expect(t, events, "data: "), "data: ")
	require.NoError(t, json.Unmarshal([]byte(line), &[]any{&event, &m}))
	require.Equal(t, "chat message", event)
	return m
}

// nodeModules returns the folder of the Node.js packages: installed here, or those of the interoperability tests.
func nodeModules(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("needs Node.js")
	}
	shared := "../../internal/e2e/interop/node/node_modules"
	for _, dir := range []string{"node_modules", os.Getenv(nodejs.EnvModules), shared} {
		if _, err := os.Stat(filepath.Join(dir, "socket.io")); err == nil {
			path, err := filepath.Abs(dir)
			require.NoError(t, err)
			return path
		}
	}
	t.Skip("needs the Node.js packages: npm install in this directory, or make interop")
	return ""
}

// process is a server or a client and the lines it prints.
type process struct {
	lines <-chan string
	cmd   *exec.Cmd
}

func start(t *testing.T, modules, database, name string, args ...string) *process {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules, "DATABASE_URL="+database, "PORT=0")
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	p := &process{lines(stdout), cmd}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		for range p.lines { // until the process has ended
		}
		_ = cmd.Wait()
	})
	return p
}

// interrupt ends the process like Ctrl-C.
func (p *process) interrupt(t *testing.T) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
	limit := time.After(patience)
	for {
		select {
		case _, open := <-p.lines:
			if !open {
				return
			}
		case <-limit:
			require.Fail(t, "the process does not end after an interrupt")
		}
	}
}

func (p *process) address(t *testing.T, prefix string) string {
	t.Helper()
	return strings.TrimPrefix(p.expect(t, prefix), prefix)
}

func (p *process) expect(t *testing.T, prefix string) string {
	t.Helper()
	return expect(t, p.lines, prefix)
}

// expect returns the next line that starts with prefix.
func expect(t *testing.T, lines <-chan string, prefix string) string {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case line, open := <-lines:
			require.True(t, open, "ended before it printed %q", prefix)
			if strings.HasPrefix(line, prefix) {
				return line
			}
		case <-timeout:
			require.Fail(t, "no line in time", "wanted one that starts with %q", prefix)
		}
	}
}

func lines(r io.Reader) <-chan string {
	all := make(chan string, 64)
	go func() {
		defer close(all)
		scanner := bufio.NewScanner(r)
		scanner.Buffer(nil, 1<<20)
		for scanner.Scan() {
			all <- scanner.Text()
		}
	}()
	return all
}

// follow connects a client to the Go server.
func follow(t *testing.T, url string) <-chan string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	t.Cleanup(func() { response.Body.Close() })
	all := lines(response.Body)
	expect(t, all, ": connected as ")
	return all
}

func say(t *testing.T, url, text string) {
	t.Helper()
	response, err := http.Post(url, "text/plain", strings.NewReader(text))
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
}

func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(body)
}
