package chaos

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

// process is the process of a node.
type process struct {
	cmd   *exec.Cmd
	input io.WriteCloser
	ended chan struct{} // closed when it has ended and all its output is read
	err   error         // how it ended; read after ended

	mu     sync.Mutex // guards the fields below and writing to stdin
	heard  map[string]chan struct{}
	stderr tail
}

// startProcess starts a node. It calls note for each event, one at a time.
func startProcess(cmd *exec.Cmd, note func(Event)) (*process, error) {
	p := &process{cmd: cmd, ended: make(chan struct{}), heard: make(map[string]chan struct{})}
	for _, kind := range []string{Opened, Stopped, Fenced, Closed} {
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
		p.read(output, note)
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, <-started
}

// read reads the output of the process until it has ended.
func (p *process) read(output io.Reader, note func(Event)) {
	lines := bufio.NewReaderSize(output, 1<<16)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return // an incomplete line is ignored
		}
		var e Event
		if err := json.Unmarshal(line, &e); err != nil {
			e = Event{Kind: Remarked, At: now(), Text: fmt.Sprintf("unreadable line: %v: %s", err, line)}
		}
		note(e)
		if heard := p.heard[e.Kind]; heard != nil {
			select {
			case <-heard:
			default:
				close(heard)
			}
		}
	}
}

// tell sends a command to the process. It fails if the process has ended.
func (p *process) tell(o Order) error {
	line, err := json.Marshal(o)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, err = p.input.Write(append(line, '\n'))
	return err
}

func (p *process) signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// kill kills the process and waits for its end.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // fails only if the process has ended
	<-p.ended
}

// await waits for an event of this kind.
func (p *process) await(kind string, patience time.Duration) error {
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
