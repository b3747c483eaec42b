package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// process is a worker, seen from the coordinator.
type process struct {
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   chan reply
}

// spawn starts a worker of a contender on the database at url.
func spawn(ctx context.Context, contender, url, profiles string) (*process, error) {
	var cmd *exec.Cmd
	if contender == "node" {
		cmd = exec.CommandContext(ctx, "node", filepath.Join("bench", "node", "worker.js"), url)
	} else {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		cmd = exec.CommandContext(ctx, self, "-worker", contender, "-postgres", url, "-profiles", profiles)
	}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", contender, err)
	}
	p := &process{name: contender, cmd: cmd, stdin: stdin, out: make(chan reply, 16)}
	go func() {
		defer close(p.out)
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			var r reply
			if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
				fmt.Fprintf(os.Stderr, "%s: %s\n", contender, lines.Text())
				continue
			}
			p.out <- r
		}
	}()
	return p, nil
}

// tell sends a command.
func (p *process) tell(c command) error {
	line, err := json.Marshal(c)
	if err != nil {
		return err
	}
	_, err = p.stdin.Write(append(line, '\n'))
	return err
}

// answer waits for the next reply.
func (p *process) answer(limit time.Duration) (reply, error) {
	select {
	case r, ok := <-p.out:
		if !ok {
			return r, fmt.Errorf("worker %s has ended", p.name)
		}
		return r, nil
	case <-time.After(limit):
		return reply{}, fmt.Errorf("worker %s has not answered within %v", p.name, limit)
	}
}

// ask is tell and answer.
func (p *process) ask(c command, limit time.Duration) (reply, error) {
	if err := p.tell(c); err != nil {
		return reply{}, fmt.Errorf("worker %s: %w", p.name, err)
	}
	return p.answer(limit)
}

// stop ends the worker.
func (p *process) stop() {
	_ = p.stdin.Close() // it ends when its input does
	timer := time.AfterFunc(10*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	_ = p.cmd.Wait()
}
