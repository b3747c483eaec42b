// Package child helps tests and benchmarks with the processes that they start.
//
// # Files
//
//   - child.go: starting a program and ending it
//   - account_unix.go, account_other.go: the account that runs a program
//   - parent_linux.go, parent_other.go: a child that ends with its parent
package child

import (
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Process is a running program.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // why it ended; read after done
}

// Start runs cmd. The kernel sends the child the signal for the death of its parent as soon as the thread that
// forked it ends. So that thread waits for the child.
func Start(cmd *exec.Cmd) (*Process, error) {
	p := &Process{cmd: cmd, done: make(chan struct{})}
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

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err says why the program has ended. It may be called after Done is closed.
func (p *Process) Err() error { return p.err }

// Signal sends a signal to the program.
func (p *Process) Signal(signal syscall.Signal) error { return p.cmd.Process.Signal(signal) }

// End sends the signals one after the other, then SIGKILL, until the program has ended. After each it waits for
// patience. A nil Process has ended.
func (p *Process) End(patience time.Duration, signals ...syscall.Signal) error {
	if p == nil {
		return nil
	}
	for _, signal := range append(signals, syscall.SIGKILL) {
		select {
		case <-p.done:
			return nil
		default:
		}
		_ = p.Signal(signal) // fails only if the process has ended
		select {
		case <-p.done:
			return nil
		case <-time.After(patience):
		}
	}
	return fmt.Errorf("child: process %d does not end", p.cmd.Process.Pid)
}
