package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// process is a running program.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // why it ended; read after done
}

// start runs cmd. The kernel sends the child the signal for the death of its parent as soon as the thread that
// forked it ends. So that thread waits for the child.
func start(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.done)
		}
	}()
	return p, <-started
}

// waitUntilReady waits until the program accepts connections at a URL.
func (p *process) waitUntilReady(ctx context.Context, server string) error {
	for {
		conn, err := pgx.Connect(ctx, server)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-p.done:
			return errors.Join(fmt.Errorf("the program has ended: %w", p.err), err)
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// quit ends a server at once, without notifying its clients.
const quit = syscall.SIGQUIT

// end signals the process and waits for its end. If the process does not end, it sends stronger signals.
func (p *process) end(signal syscall.Signal) error {
	if p == nil {
		return nil
	}
	for _, signal := range []syscall.Signal{signal, quit, syscall.SIGKILL} {
		select {
		case <-p.done:
			return nil
		default:
		}
		_ = p.cmd.Process.Signal(signal) // fails only if the process has ended
		select {
		case <-p.done:
			return nil
		case <-time.After(patience / 3):
		}
	}
	return fmt.Errorf("pgtest: process %d does not end", p.cmd.Process.Pid)
}
