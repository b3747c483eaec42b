package logged

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/backplane-go/backplane/internal/e2e/chaos"
	"github.com/backplane-go/backplane/internal/e2e/chaos/worker"
)

// start starts a process at a place.
func (r *run) start(place int) error {
	m, p := r.members[place], r.options.Plan.Engine.places[place]
	r.mu.Lock()
	number := len(r.history.Nodes)
	life := &Node{Name: fmt.Sprintf("%s #%d", p.name, number), Place: place, Ended: math.MaxInt64}
	r.history.Nodes = append(r.history.Nodes, life)
	m.life = life
	r.mu.Unlock()
	config, err := json.Marshal(nodeConfig{Number: number, Driver: p.driver, URL: m.proxy.URL(), Rooms: r.options.Rooms,
		Rate: float64(r.options.Rate) / 2 / float64(len(r.options.Plan.Engine.places)), Away: r.options.Away})
	if err != nil {
		return err
	}
	path, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(path)
	cmd.Env = append(os.Environ(), envNode+"="+string(config))
	process, err := worker.Start(cmd, []string{Opened, Stopped, Closed}, func(line []byte) string {
		var e Event
		if err := json.Unmarshal(line, &e); err != nil {
			e = Event{Kind: Remarked, At: now(), Text: fmt.Sprintf("unreadable line: %v: %s", err, line)}
		}
		r.mu.Lock()
		r.history.noteNode(life, e)
		r.event(life.Name, line)
		current := m.life == life
		r.mu.Unlock()
		switch e.Kind {
		case Opened:
			if current {
				r.balancer.set(place, e.Address)
			}
			r.log("    %s: open", life.Name)
		case Gap, Wrong:
			r.log("    %s: %s filled=%v %.200s", life.Name, e.Kind, e.Filled, e.Text)
		}
		return e.Kind
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	m.process = process
	return nil
}

// opened waits until the process at a place is open.
func (r *run) opened(place int) error {
	m := r.members[place]
	if m.process == nil {
		return fmt.Errorf("there is no process of %s", r.options.Plan.Engine.places[place].name)
	}
	if err := m.process.Await(Opened, patience); err != nil {
		return fmt.Errorf("%s: %w", m.life.Name, err)
	}
	return nil
}

// kill kills the process at a place.
func (r *run) kill(place int) {
	m := r.members[place]
	if m.process == nil {
		return
	}
	select {
	case <-m.process.Ended():
		r.violation(chaos.Crash, m.life.Name, "ended unexpectedly: %v: %s", m.process.Err(), m.process.Stderr())
	default:
	}
	r.mu.Lock()
	if m.life.Ended == math.MaxInt64 {
		m.life.Ended, m.life.Killed = now(), true
	}
	r.mu.Unlock()
	m.process.Kill()
	r.balancer.set(place, "")
	r.gone(place)
}

func (r *run) gone(place int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.members[place].process = nil
}

// close takes the node at a place out of the balancer, closes it and waits until its process has ended. A node that has
// not opened yet is killed.
func (r *run) close(ctx context.Context, place int) error {
	m := r.members[place]
	if m.process == nil {
		return nil
	}
	r.balancer.set(place, "")
	if m.process.Await(Opened, patience) != nil {
		r.kill(place)
		return nil
	}
	_ = m.process.Tell(Order{Do: DoClose}) // Await reports if the process has ended
	if err := m.process.Await(Closed, patience); err != nil {
		_ = m.process.Signal(syscall.SIGQUIT) // makes it print its goroutines; fails if it has ended
		select {
		case <-m.process.Ended():
		case <-time.After(5 * time.Second):
		}
		r.violation(chaos.Leak, m.life.Name, "did not close: %v: %s", err, m.process.Stderr())
		r.kill(place)
		return nil
	}
	select {
	case <-m.process.Ended():
		if m.process.Err() != nil {
			r.violation(chaos.Crash, m.life.Name, "ended with an error: %v: %s", m.process.Err(), m.process.Stderr())
		}
		r.gone(place)
		return nil
	case <-time.After(patience):
		r.violation(chaos.Leak, m.life.Name, "did not end after it had closed")
		r.kill(place)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// killAll kills all processes that still run.
func (r *run) killAll() {
	for place := range r.members {
		r.kill(place)
	}
	if r.clients != nil {
		r.clients.Kill()
	}
}
