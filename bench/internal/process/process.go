// Package process starts the workers of a benchmark and talks to them in lines of JSON on standard input and output.
package process

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/backplane-go/backplane/internal/child"
)

// Process is a worker, as the coordinator sees it.
type Process struct {
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan []byte
}

// Start starts the command of a worker. Its standard error goes to that of this process. On Linux it is killed when
// this process ends for any reason.
func Start(name string, cmd *exec.Cmd) (*Process, error) {
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = new(syscall.SysProcAttr)
	child.EndWithParent(cmd.SysProcAttr, syscall.SIGKILL)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &Process{name: name, cmd: cmd, stdin: stdin, lines: make(chan []byte, 16)}
	go p.read(stdout)
	return p, nil
}

// read forwards the lines that are JSON and prints all others.
func (p *Process) read(stdout io.Reader) {
	defer close(p.lines)
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := append([]byte(nil), lines.Bytes()...)
		if !json.Valid(line) {
			fmt.Fprintf(os.Stderr, "%s: %s\n", p.name, line)
			continue
		}
		p.lines <- line
	}
}

// Tell sends a command.
func (p *Process) Tell(command any) error {
	line, err := json.Marshal(command)
	if err != nil {
		return err
	}
	if _, err = p.stdin.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("worker %s: %w", p.name, err)
	}
	return nil
}

// Answer waits for the next reply and decodes it into reply, a pointer.
func (p *Process) Answer(limit time.Duration, reply any) error {
	select {
	case line, ok := <-p.lines:
		if !ok {
			return fmt.Errorf("worker %s has ended", p.name)
		}
		if err := json.Unmarshal(line, reply); err != nil {
			return fmt.Errorf("worker %s: %w", p.name, err)
		}
		return nil
	case <-time.After(limit):
		return fmt.Errorf("worker %s did not answer within %v", p.name, limit)
	}
}

// Ask sends a command and waits for the reply.
func (p *Process) Ask(command any, limit time.Duration, reply any) error {
	if err := p.Tell(command); err != nil {
		return err
	}
	return p.Answer(limit, reply)
}

// Kill kills the worker at once. Stop must be called too.
func (p *Process) Kill() { _ = p.cmd.Process.Kill() } // fails only if the process has ended

// Stop closes the worker's standard input and waits until the worker has ended. It kills the worker after ten seconds.
func (p *Process) Stop() {
	_ = p.stdin.Close()
	timer := time.AfterFunc(10*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	for range p.lines { // Wait must not be called before all output is read
	}
	_ = p.cmd.Wait()
}
