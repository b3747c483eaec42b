package browser_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/browser"
)

// demo is a running demo.
type demo struct {
	t      *testing.T
	stdin  io.Writer
	stderr chan string // lines
	links  []string    // to the pages of its nodes, without the slash at the end
}

var link = regexp.MustCompile(`http://127\.0\.0\.1:\d+/`)

// startDemo starts a demo on free ports. It is stopped when the test ends.
func startDemo(t *testing.T, args ...string) *demo {
	t.Helper()
	return startDemoAt(t, "127.0.0.1:0", args...)
}

func startDemoAt(t *testing.T, addr string, args ...string) *demo {
	t.Helper()
	cmd := exec.Command(binary, append([]string{"demo", "--addr", addr}, args...)...)
	d := &demo{t: t, stderr: make(chan string, 1024)}
	var err error
	d.stdin, err = cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	go func() {
		defer close(d.stderr)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			d.stderr <- lines.Text()
		}
	}()
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		_, _ = io.Copy(io.Discard, stdout) // Wait must not be called before all output is read
		for range d.stderr {
		}
		require.NoError(t, cmd.Wait())
	})
	lines := bufio.NewReader(stdout)
	for {
		line, err := lines.ReadString('\n')
		require.NoError(t, err, "the demo ended before it was ready")
		if found := link.FindString(line); found != "" {
			d.links = append(d.links, strings.TrimSuffix(found, "/"))
		}
		if strings.HasPrefix(line, "Ctrl-C") {
			return d
		}
	}
}

// name returns the name of a node, which is its port.
func (d *demo) name(node int) string {
	return d.links[node][strings.LastIndex(d.links[node], ":")+1:]
}

// toggle stops a node, or starts it again, and waits until the demo reports that.
func (d *demo) toggle(node int, report string) {
	d.t.Helper()
	_, err := io.WriteString(d.stdin, d.name(node)+"\n")
	require.NoError(d.t, err)
	limit := time.After(browser.Patience)
	for {
		select {
		case line, open := <-d.stderr:
			require.True(d.t, open, "the demo must be running")
			if line == "node "+d.name(node)+" "+report {
				return
			}
		case <-limit:
			require.Fail(d.t, "the demo does not report that the node "+report)
		}
	}
}

// open opens the page of a node for a user, and waits until it shows all nodes and the user.
func (d *demo) open(b *browser.Browser, node int, name string, device browser.Device) *browser.Page {
	d.t.Helper()
	p := b.Open(name, d.links[node]+"/?name="+name, device)
	p.See("body.connected #diagram .own", d.name(node))
	p.Until(fmt.Sprintf("document.querySelectorAll('#nodes li.own').length === 1 && "+
		"document.querySelectorAll('#diagram li').length >= %d", len(d.links)))
	return p
}
