package browser_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/backplane-go/backplane/internal/e2e/browser"
)

// binary is the backplane command, built once.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "backplane-browser")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "backplane")
	code := 1
	if out, err := exec.Command("go", "build", "-o", binary, "../../../cmd/backplane").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// demo is a running demo.
type demo struct {
	t     *testing.T
	stdin io.Writer
	said  chan string // lines of its stderr
	links []string    // to its pages, without the slash at the end
}

var link = regexp.MustCompile(`http://127\.0\.0\.1:\d+/`)

// startDemo starts a demo on free ports. It ends with the test.
func startDemo(t *testing.T, args ...string) *demo {
	t.Helper()
	return startDemoAt(t, "127.0.0.1:0", args...)
}

func startDemoAt(t *testing.T, addr string, args ...string) *demo {
	t.Helper()
	cmd := exec.Command(binary, append([]string{"demo", "--addr", addr}, args...)...)
	d := &demo{t: t, said: make(chan string, 1024)}
	var err error
	d.stdin, err = cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	go func() {
		defer close(d.said)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			d.said <- lines.Text()
		}
	}()
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		_, _ = io.Copy(io.Discard, stdout) // until it has ended
		for range d.said {
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

// name is what a node is called.
func (d *demo) name(node int) string {
	return d.links[node][strings.LastIndex(d.links[node], ":")+1:]
}

// toggle stops a node, or starts it again, and waits for the demo to say so.
func (d *demo) toggle(node int, wanted string) {
	d.t.Helper()
	_, err := io.WriteString(d.stdin, d.name(node)+"\n")
	require.NoError(d.t, err)
	limit := time.After(browser.Patience)
	for {
		select {
		case line, open := <-d.said:
			require.True(d.t, open, "the demo has ended")
			if line == "node "+d.name(node)+" "+wanted {
				return
			}
		case <-limit:
			require.Fail(d.t, "the demo does not say that the node "+wanted)
		}
	}
}

// open opens the page of a node for somebody of that name, and waits until it shows all clients that are there by then.
func (d *demo) open(b *browser.Browser, node int, name string, device browser.Device) *browser.Page {
	d.t.Helper()
	p := b.Open(name, d.links[node]+"/?name="+name, device)
	p.See("body.connected #stations .own", d.name(node))
	p.Until(fmt.Sprintf("document.querySelectorAll('#nodes li.own').length === 1 && document.querySelectorAll('#stations li').length >= %d", len(d.links)))
	return p
}
