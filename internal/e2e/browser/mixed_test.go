package browser_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/browser"
	"github.com/backplane-go/backplane/internal/e2e/nodejs"
	"github.com/backplane-go/backplane/internal/pgtest"
)

// node starts a script of examples/mixed and returns the rest of the line of output that begins with prefix. The script
// is killed when the test ends.
func node(t *testing.T, database, prefix, script string, args ...string) (*exec.Cmd, string) {
	t.Helper()
	path := filepath.Join("..", "..", "..", "examples", "mixed", script)
	cmd := exec.Command("node", append([]string{path}, args...)...)
	cmd.Env = append(os.Environ(), "NODE_PATH="+os.Getenv(nodejs.EnvModules), "DATABASE_URL="+database, "PORT=0")
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewReader(stdout)
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // fails if it has ended
		_, _ = io.Copy(io.Discard, lines)
		_ = cmd.Wait()
	})
	for {
		line, err := lines.ReadString('\n')
		require.NoError(t, err, "%s ended before it wrote %q", script, prefix)
		if rest, found := strings.CutPrefix(line, prefix); found {
			return cmd, strings.TrimSpace(rest)
		}
	}
}

// aNodeJSServerIsInTheDiagram runs the demo over PostgreSQL, together with the Node.js server of examples/mixed.
func aNodeJSServerIsInTheDiagram(t *testing.T, b *browser.Browser) {
	database := pgtest.Database(t)
	d := startDemo(t, "--nodes", "2", "--postgres", database)
	laptop := d.open(b, 0, "laptop", browser.Device{})
	server, url := node(t, database, "Node.js server on ", "server.js")
	laptop.See("#diagram b", "Node.js")
	laptop.See("#summary", "3 nodes, 1 client, over PostgreSQL")
	node(t, database, "ann: ", "client.js", "--name", "ann", url, "hello", "from", "Node.js")
	laptop.See(".theirs .text", "hello from Node.js")
	laptop.See(".theirs .tag", "Node.js")
	laptop.See("#nodes section:has-text('Node.js') li", "ann")
	laptop.Enter("#text", "hello from the page")
	laptop.Until("document.querySelectorAll('#arcs g').length > 0")
	laptop.See("#last", "Node.js")
	laptop.Screenshot("nodejs")
	require.NoError(t, server.Process.Signal(os.Interrupt))
	laptop.See("#diagram .gone", "Node.js")
}
