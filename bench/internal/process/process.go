// Package process starts the workers of a benchmark and talks to them, one JSON object a line on standard input and output.
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

// Process is a worker, seen from the coordinator.
type Process struct {
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan []byte
}

// Start starts the command of a worker. What it writes to standard error is shown, and on Linux it ends with this process, also if
// that is killed.
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

// read hands on the lines that are JSON objects, and shows the others.
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

// Answer waits for the next reply, and decodes it into what reply points to.
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
		return fmt.Errorf("worker %s has not answered within %v", p.name, limit)
	}
}

// Ask is Tell and Answer.
func (p *Process) Ask(command any, limit time.Duration, reply any) error {
	if err := p.Tell(command); err != nil {
		return err
	}
	return p.Answer(limit, reply)
}

// Stop ends the worker, and waits until it has ended. A worker ends when its input does; one that has not after ten seconds
// is killed.
func (p *Process) Stop() {
	_ = p.stdin.Close()
	timer := time.AfterFunc(10*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	for range p.lines { // Wait may only be called when all is read
	}
	_ = p.cmd.Wait()
}
