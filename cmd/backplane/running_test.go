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

// running is a command that runs until it is interrupted.
type running struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser
	links []string // to its nodes' pages, without the slash at the end

	stdout, stderr *transcript
	stopped        bool
}

// transcript is what a command writes, line by line.
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

// await returns once the text contains want.
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
		require.False(t, ended, "it ended without %q:\n%s", want, text)
		select {
		case <-changed:
		case <-limit:
			require.Fail(t, "it does not write that", "%q:\n%s", want, text)
		}
	}
}

var pageLink = regexp.MustCompile(`http://\S+:\d+/`)

// link returns what is written after a prefix, once it is.
func (tr *transcript) link(t *testing.T, prefix string) string {
	t.Helper()
	tr.await(t, prefix)
	_, rest, _ := strings.Cut(tr.String(), prefix)
	return strings.TrimSpace(strings.SplitN(rest, "\n", 2)[0])
}

// start starts a demo or a server, and returns once it has printed its links. It is interrupted when the test ends.
func start(t *testing.T, args ...string) *running {
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
	r.stdout.await(t, "Ctrl-C ends it.")
	for _, link := range pageLink.FindAllString(r.stdout.String(), -1) {
		r.links = append(r.links, strings.TrimSuffix(link, "/"))
	}
	return r
}

// interrupt ends it as Ctrl-C does, which is no failure and nothing to write about.
func (r *running) interrupt() {
	r.t.Helper()
	r.end(os.Interrupt)
}

// end ends it with a signal.
func (r *running) end(signal os.Signal) {
	r.t.Helper()
	r.stopped = true
	require.NoError(r.t, r.cmd.Process.Signal(signal))
	ended := make(chan struct{})
	go func() {
		select {
		case <-ended:
		case <-time.After(patience):
			_ = r.cmd.Process.Kill() // it fails below
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

// drain waits for the end of what is written: exec.Cmd.Wait must not come before.
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

// typed types a line.
func (r *running) typed(line string) {
	r.t.Helper()
	_, err := io.WriteString(r.stdin, line+"\n")
	require.NoError(r.t, err)
}

// name is what a node is called.
func (r *running) name(node int) string {
	link := r.links[node]
	return link[strings.LastIndex(link, ":")+1:]
}
