package worker

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/backplane-go/backplane/internal/child"
)

// Process is a process that writes events.
type Process struct {
	cmd   *exec.Cmd
	input io.WriteCloser
	ended chan struct{} // closed when it has ended and all its output is read
	err   error         // how it ended; read after ended
	note  func(line []byte) (kind string)

	mu     sync.Mutex // guards the fields below and writing to stdin
	heard  map[string]chan struct{}
	stderr tail
}

// Start starts a process. It calls note for each event, one at a time; note returns the kind of the event. Await can
// wait for the kinds in heard. The process ends when the coordinator ends.
func Start(cmd *exec.Cmd, heard []string, note func(line []byte) (kind string)) (*Process, error) {
	p := &Process{cmd: cmd, ended: make(chan struct{}), heard: make(map[string]chan struct{}), note: note}
	for _, kind := range heard {
		p.heard[kind] = make(chan struct{})
	}
	cmd.SysProcAttr = new(syscall.SysProcAttr)
	child.EndWithParent(cmd.SysProcAttr, syscall.SIGKILL)
	cmd.Stderr = &p.stderr
	var err error
	if p.input, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	started := make(chan error)
	go func() { // the signal of EndWithParent depends on the thread that starts the process
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.read(output)
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, <-started
}

// read reads the output of the process until it has ended.
func (p *Process) read(output io.Reader) {
	lines := bufio.NewReaderSize(output, 1<<16)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return // an incomplete line is ignored
		}
		if heard := p.heard[p.note(line)]; heard != nil {
			select {
			case <-heard:
			default:
				close(heard)
			}
		}
	}
}

// Tell sends a command to the process. It fails if the process has ended.
func (p *Process) Tell(command any) error {
	line, err := json.Marshal(command)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err = p.input.Write(append(line, '\n'))
	return err
}

// Signal sends a signal to the process.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Kill kills the process and waits for its end.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // fails only if the process has ended
	<-p.ended
}

// Ended is closed when the process has ended and all its events are read.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Err returns how the process has ended. It must not be called before.
func (p *Process) Err() error { return p.err }

// Stderr returns the end of what the process wrote to its standard error.
func (p *Process) Stderr() string { return p.stderr.String() }

// Await waits for an event of this kind.
func (p *Process) Await(kind string, patience time.Duration) error {
	select {
	case <-p.heard[kind]:
		return nil
	case <-p.ended:
		select {
		case <-p.heard[kind]: // it came just before the end
			return nil
		default:
		}
		return fmt.Errorf("ended without %q: %v: %s", kind, p.err, p.stderr.String())
	case <-time.After(patience):
		return fmt.Errorf("no %q within %v: %s", kind, patience, p.stderr.String())
	}
}

// tail keeps the end of the output.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.buf.Len() > 1<<20 {
		t.buf.Reset()
	}
	return t.buf.Write(p)
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.String()
}
