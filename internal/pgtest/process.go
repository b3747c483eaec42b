package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/backplane-go/backplane/internal/child"
)

// process is a running program.
type process struct{ *child.Process }

func start(cmd *exec.Cmd) (*process, error) {
	p, err := child.Start(cmd)
	return &process{p}, err
}

// attributes returns the process attributes for PostgreSQL's programs. These refuse to run as root.
func attributes() (*syscall.SysProcAttr, error) {
	return child.Unprivileged(quit, "postgres", "nobody")
}

// waitUntilReady waits until the program accepts connections at a URL.
func (p *process) waitUntilReady(ctx context.Context, server string) error {
	for {
		conn, err := pgx.Connect(ctx, server)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-p.Done():
			return errors.Join(fmt.Errorf("the program has ended: %w", p.Err()), err)
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
	return p.End(patience/3, signal, quit)
}
