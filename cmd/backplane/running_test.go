package main_test

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// running is a command that runs until it is stopped.
type running struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser
	links []string // to the pages of its nodes, without the slash at the end

	stdout, stderr *transcript
	stopped        bool
}

// transcript collects the lines that a command writes.
type transcript struct {
	mu      sync.Mutex // guards the fields below
	text    strings.Builder
	changed chan struct{} // closed by the next line
	ended   bool
}

func follow(r io.Reader) *transcript {
	tr := &transcript{changed: make(chan struct{})}
	go func() {
		in := bufio.NewReader(r)
		for {
			line, err := in.ReadString('\n')
			tr.mu.Lock()
			tr.text.WriteString(line)
			tr.ended = err != nil
			close(tr.changed)
			tr.changed = make(chan struct{})
			tr.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return tr
}

func (tr *transcript) String() string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.text.String()
}

// await waits until the text contains want.
func (tr *transcript) await(t *testing.T, want string) {
	t.Helper()
	limit := time.After(patience)
	for {
		tr.mu.Lock()
		text, changed, ended := tr.text.String(), tr.changed, tr.ended
		tr.mu.Unlock()
		if strings.Contains(text, want) {
			return
		}
		require.False(t, ended, "the command ended without writing %q:\n%s", want, text)
		select {
		case <-changed:
		case <-limit:
			require.Fail(t, "the command must write this in time", "%q:\n%s", want, text)
		}
	}
}

var pageLink = regexp.MustCompile(`http://\S+:\d+/`)

// link waits for a prefix and returns the rest of its line.
func (tr *transcript) link(t *testing.T, prefix string) string {
	t.Helper()
	tr.await(t, prefix)
	_, rest, _ := strings.Cut(tr.String(), prefix)
	return strings.TrimSpace(strings.SplitN(rest, "\n", 2)[0])
}

// start starts a demo or a server, and waits until it has printed its links. It is stopped when the test ends.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	r := startUntil(t, "", args...)
	r.stdout.await(t, "Ctrl-C stops the ")
	for _, link := range pageLink.FindAllString(r.stdout.String(), -1) {
		r.links = append(r.links, strings.TrimSuffix(link, "/"))
	}
	return r
}

// startUntil starts a command that runs until it is stopped, and waits until it has written a remark to the standard
// error. It is stopped when the test ends.
func startUntil(t *testing.T, remark string, args ...string) *running {
	t.Helper()
	r := &running{t: t, cmd: command(context.Background(), args...)}
	var err error
	r.stdin, err = r.cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := r.cmd.StdoutPipe()
	require.NoError(t, err)
	stderr, err := r.cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, r.cmd.Start())
	r.stdout, r.stderr = follow(stdout), follow(stderr)
	t.Cleanup(func() {
		if !r.stopped {
			r.interrupt()
		}
	})
	r.stderr.await(t, remark)
	return r
}

// interrupt stops it like Ctrl-C.
func (r *running) interrupt() {
	r.t.Helper()
	r.end(os.Interrupt)
}

// end stops it with a signal. It must succeed and not mention the signal.
func (r *running) end(signal os.Signal) {
	r.t.Helper()
	r.stopped = true
	require.NoError(r.t, r.cmd.Process.Signal(signal))
	ended := make(chan struct{})
	go func() {
		select {
		case <-ended:
		case <-time.After(patience):
			_ = r.cmd.Process.Kill() // Wait returns an error then
		}
	}()
	for _, tr := range []*transcript{r.stdout, r.stderr} {
		tr.drain()
	}
	err := r.cmd.Wait()
	close(ended)
	require.NoError(r.t, err, "%s\n%s", r.stdout, r.stderr)
	require.NotContains(r.t, r.stdout.String()+r.stderr.String(), "interrupted")
}

// kill ends it with SIGKILL.
func (r *running) kill() {
	r.t.Helper()
	r.stopped = true
	require.NoError(r.t, r.cmd.Process.Kill())
	for _, tr := range []*transcript{r.stdout, r.stderr} {
		tr.drain()
	}
	_ = r.cmd.Wait() // says that it was killed
}

// drain waits until all output is read: exec.Cmd.Wait must not be called before.
func (tr *transcript) drain() {
	for {
		tr.mu.Lock()
		changed, ended := tr.changed, tr.ended
		tr.mu.Unlock()
		if ended {
			return
		}
		<-changed
	}
}

// typed writes a line to the standard input.
func (r *running) typed(line string) {
	r.t.Helper()
	_, err := io.WriteString(r.stdin, line+"\n")
	require.NoError(r.t, err)
}

// name returns the name of a node.
func (r *running) name(node int) string {
	link := r.links[node]
	return link[strings.LastIndex(link, ":")+1:]
}
