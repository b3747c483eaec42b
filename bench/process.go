package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/backplane-go/backplane/bench/internal/process"
)

// worker is the process of a contender, as the coordinator sees it.
type worker struct{ *process.Process }

// spawn starts a worker that uses the database at url.
func spawn(ctx context.Context, contender, url, profiles string) (*worker, error) {
	var cmd *exec.Cmd
	if adapter := contenderOf(contender).node; adapter != "" {
		cmd = exec.CommandContext(ctx, "node", filepath.Join("bench", "node", "worker.js"), adapter, url)
	} else {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		cmd = exec.CommandContext(ctx, self, "-worker", contender, "-postgres", url, "-profiles", profiles)
	}
	p, err := process.Start(contender, cmd)
	if err != nil {
		return nil, err
	}
	return &worker{p}, nil
}

// answer waits for the next reply.
func (w *worker) answer(limit time.Duration) (r reply, err error) {
	err = w.Answer(limit, &r)
	return r, err
}

// ask sends a command and waits for the reply.
func (w *worker) ask(c command, limit time.Duration) (r reply, err error) {
	err = w.Ask(c, limit, &r)
	return r, err
}
