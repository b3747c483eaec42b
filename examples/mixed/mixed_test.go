package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/pgtest"
)

// patience bounds every step. The servers may need a heartbeat (five seconds) to learn of each other.
const patience = 20 * time.Second

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
	goURL := (&process{lines(out)}).address(t, "Go server on ")

	events := follow(t, goURL+"/events")
	client := start(t, modules, database, "node", "client.js", nodeURL)
	client.expect(t, "connected as ")

	say(t, goURL, "hello from Go")
	require.Contains(t, client.expect(t, "somebody on Go: "), "hello from Go")
	require.Contains(t, expect(t, events, "data: "), `["said","somebody on Go","hello from Go"]`)

	start(t, modules, database, "node", "client.js", nodeURL, "hello", "from", "Node")
	require.Contains(t, client.expect(t, "a client on Node.js: "), "hello from Node")
	require.Contains(t, expect(t, events, "data: "), `["said","a client on Node.js","hello from Node"]`)

	large := strings.Repeat("large ", 20000)
	say(t, goURL, large)
	require.Contains(t, client.expect(t, "somebody on Go: "), large)

	require.Eventually(t, func() bool { return strings.Count(get(t, goURL+"/who"), "client ") == 3 }, patience, 100*time.Millisecond,
		"the Go server lists its own client and the two of Node.js")
}

// nodeModules is where the Node.js packages are: installed here, or those of the interoperability tests.
func nodeModules(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("needs Node.js")
	}
	for _, dir := range []string{"node_modules", "../../internal/interop/node/node_modules"} {
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
type process struct{ lines <-chan string }

func start(t *testing.T, modules, database, name string, args ...string) *process {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules, "DATABASE_URL="+database, "PORT=0")
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	p := &process{lines(stdout)}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		for range p.lines { // until it has ended
		}
		_ = cmd.Wait()
	})
	return p
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

// follow is a client of the Go server.
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
	response, err := http.Post(url+"/say", "text/plain", strings.NewReader(text))
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
