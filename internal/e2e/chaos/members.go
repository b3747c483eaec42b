package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/backplane-go/backplane/internal/e2e/chaos/worker"
)

// start starts a process at a place. It joins its error with before.
func (r *run) start(place int, before error) error {
	m, p := r.nodes[place], places[place]
	r.mu.Lock()
	life := r.history.Add(p.name, p.driver != "node")
	life.Name = fmt.Sprintf("%s #%d", p.name, life.Number)
	r.mu.Unlock()
	config := nodeConfig{Number: life.Number, Driver: p.driver, URL: m.proxy.URL(), Rate: r.options.Rate,
		Heartbeat: p.heartbeat, Visits: p.visits, Secret: r.options.Secret,
		Seed: r.options.Plan.Seed<<8 | uint64(life.Number)}
	cmd, err := r.command(config)
	if err != nil {
		return errors.Join(before, err)
	}
	if p.processors > 0 {
		cmd.Env = append(cmd.Env, fmt.Sprintf("GOMAXPROCS=%d", p.processors))
	}
	process, err := worker.Start(cmd, []string{Opened, Stopped, Fenced, Closed}, func(line []byte) string {
		var e Event
		if err := json.Unmarshal(line, &e); err != nil {
			e = Event{Kind: Remarked, At: now(), Text: fmt.Sprintf("unreadable line: %v: %s", err, line)}
		}
		r.mu.Lock()
		life.Note(e)
		if r.options.Events != nil {
			fmt.Fprintf(r.options.Events, "%d %s\n", life.Number, bytes.TrimSpace(line))
		}
		r.mu.Unlock()
		switch e.Kind {
		case Opened, Gap, Deaf:
			r.log("    %s: %s at %s: %.150s", life.Name, e.Kind, Clock(e.At), e.Text)
		}
		return e.Kind
	})
	r.mu.Lock()
	m.life, m.process = life, process
	r.mu.Unlock()
	return errors.Join(before, err)
}

// running returns the process at a place, nil if there is none.
func (r *run) running(place int) *worker.Process {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.nodes[place].process
}

// gone records that the process at a place has ended.
func (r *run) gone(place int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nodes[place].process = nil
}

// command returns the command that runs a node.
func (r *run) command(c nodeConfig) (*exec.Cmd, error) {
	arg, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	if c.Driver == "node" {
		_, here, _, _ := runtime.Caller(0)
		cmd := exec.Command("node", filepath.Join(filepath.Dir(here), "witness.js"), string(arg))
		cmd.Env = append(os.Environ(), "NODE_PATH="+r.options.Modules)
		return cmd, nil
	}
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path)
	cmd.Env = append(os.Environ(), envNode+"="+string(arg))
	return cmd, nil
}

// kill kills the process at a place.
func (r *run) kill(place int) {
	m := r.nodes[place]
	select {
	case <-m.process.Ended():
		r.violation(Crash, m.life.Name, "ended unexpectedly: %v: %s", m.process.Err(), m.process.Stderr())
	default:
	}
	r.mu.Lock()
	m.life.Ended, m.life.Killed = now(), true
	r.mu.Unlock()
	m.process.Kill()
	r.gone(place)
}

// close closes the node at a place and waits until its process has ended. A node that has not opened yet is killed.
func (r *run) close(ctx context.Context, place int) error {
	m := r.nodes[place]
	if m.process == nil {
		return nil
	}
	if m.process.Await(Opened, patience) != nil {
		r.kill(place)
		return nil
	}
	_ = m.process.Tell(Order{Do: DoClose}) // await reports if the process has ended
	err := m.process.Await(Closed, patience)
	if err != nil {
		_ = m.process.Signal(syscall.SIGQUIT) // makes a Go process print its goroutines; fails if the process has ended
		select {
		case <-m.process.Ended():
		case <-time.After(5 * time.Second):
		}
		r.leak(m.life.Name, "did not close: %v: %s", err, m.process.Stderr())
		r.kill(place)
		return nil
	}
	select {
	case <-m.process.Ended():
		if m.process.Err() != nil {
			r.violation(Crash, m.life.Name, "ended with an error: %v: %s", m.process.Err(), m.process.Stderr())
		}
		r.gone(place)
		return nil
	case <-time.After(patience):
		r.leak(m.life.Name, "did not end after it had closed")
		r.kill(place)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// killAll kills all processes that still run.
func (r *run) killAll() {
	for i, m := range r.nodes {
		if m.process != nil {
			r.kill(i)
		}
	}
}

// witnessed returns how many messages of other nodes the Node.js nodes have received.
func (r *run) witnessed() (count int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.history.Nodes {
		for source, got := range n.Got {
			if !n.Go && source.Node != n.Number {
				count += len(got)
			}
		}
	}
	return count
}

// revive restarts a Node.js node that no longer receives anything: its adapter does not notice a silently lost
// connection.
func (r *run) revive() {
	for i, m := range r.nodes {
		if places[i].driver != "node" || !m.fault.TryLock() {
			continue
		}
		r.log("%s receives nothing any more; restarting it", m.life.Name)
		r.kill(i)
		if err := r.start(i, nil); err != nil {
			r.log("%s: %v", places[i].name, err)
		}
		m.fault.Unlock()
	}
}
