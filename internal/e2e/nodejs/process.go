package nodejs

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// EnvModules names the environment variable with the path of the node_modules directory.
const EnvModules = "BACKPLANE_TEST_NODE_MODULES"

// patience limits how long the start and the end of a process may take.
const patience = 30 * time.Second

// ErrExited is the error of commands to a process that has ended.
var ErrExited = errors.New("the process has ended")

// Config describes a process.
type Config struct {
	// Name names the process in messages.
	Name string
	// Script is the path of the script. It executes commands in the format of lines.js and reports the event "ready"
	// when it has started. Its argument is Arg as JSON.
	Script string
	Arg    any
	// Event is called for each event except "ready", in order. It must not wait for the process. Its error is printed
	// with the standard error of the process.
	Event func(line []byte) error
}

// Process is a Node.js process.
type Process struct {
	name   string
	event  func(line []byte) error
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stderr lockedBuffer
	ready  chan struct{} // closed by the ready event
	exited chan struct{} // closed when the process has ended and all its lines are handled

	suspended atomic.Bool

	writing sync.Mutex // guards stdin

	mu      sync.Mutex // guards the fields below
	lastID  int
	replies map[int]chan reply
}

// Start starts a process and waits until it is ready. It skips the test if Node.js or the packages (EnvModules) are
// missing. The process ends with the test.
func Start(t testing.TB, c Config) *Process {
	t.Helper()
	modules := os.Getenv(EnvModules)
	if modules == "" {
		t.Skip(EnvModules + ", the path of a node_modules folder, is not set")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("Node.js is not installed: ", err)
	}
	arg, err := json.Marshal(c.Arg)
	if err != nil {
		t.Fatal(err)
	}
	p := &Process{
		name: c.Name, event: c.Event,
		cmd:     exec.Command(node, c.Script, string(arg)),
		ready:   make(chan struct{}),
		exited:  make(chan struct{}),
		replies: make(map[int]chan reply),
	}
	p.cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	p.cmd.Stderr = &p.stderr
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal("start Node.js: ", err)
	}
	go p.read(stdout)
	t.Cleanup(func() { p.finish(t) })

	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.ready:
	case <-p.exited:
		t.Fatalf("%s ended during its start: %s", p.name, p.stderr.String())
	case <-timer.C:
		t.Fatalf("%s is not ready after %v: %s", p.name, patience, p.stderr.String())
	}
	return p
}

// finish ends the process. If the test failed, it prints the standard error of the process.
func (p *Process) finish(t testing.TB) {
	if p.suspended.Load() {
		p.Kill()
	}
	p.CloseInput() // ends the process
	select {
	case <-p.exited:
	case <-time.After(patience / 3):
		t.Errorf("%s did not end after its stdin was closed", p.name)
		p.Kill()
	}
	if text := p.stderr.String(); t.Failed() && text != "" {
		t.Logf("stderr of %s:\n%s", p.name, text)
	}
}

// read handles the output of the process until that ends.
func (p *Process) read(stdout io.Reader) {
	defer close(p.exited)
	in := bufio.NewReaderSize(stdout, 1<<16)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			_ = p.cmd.Wait()
			p.abandon()
			return
		}
		var kind struct {
			Ev string `json:"ev"`
		}
		switch err := json.Unmarshal(line, &kind); {
		case err != nil:
			_, _ = p.stderr.Write(line)
		case kind.Ev == "":
			p.reply(line)
		case kind.Ev == "ready":
			close(p.ready)
		case p.event != nil:
			if err := p.event(line); err != nil {
				p.complain("unreadable event: %v: %s", err, line)
			}
		}
	}
}

// CloseInput closes the stdin of the process, which makes it exit.
func (p *Process) CloseInput() { _ = p.stdin.Close() }

// Exited waits until the process has ended.
func (p *Process) Exited(ctx context.Context) error {
	select {
	case <-p.exited:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Kill ends the process with SIGKILL: it sends no leave message.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// Suspend stops the process with SIGSTOP: it hangs until Resume is called. A process that the test does not resume is
// killed at its end.
func (p *Process) Suspend() error {
	p.suspended.Store(true)
	return p.signal("-STOP")
}

// Resume lets a suspended process go on.
func (p *Process) Resume() error {
	p.suspended.Store(false)
	return p.signal("-CONT")
}

// signal uses a command, because package syscall does not have these signals on all systems.
func (p *Process) signal(name string) error {
	return exec.Command("kill", name, strconv.Itoa(p.cmd.Process.Pid)).Run()
}

// complain appends to the standard error of the process.
func (p *Process) complain(format string, args ...any) {
	_, _ = fmt.Fprintf(&p.stderr, format, args...)
}

// lockedBuffer is a bytes.Buffer that is safe for concurrent use.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
