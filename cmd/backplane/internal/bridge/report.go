package bridge

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/backplane-go/backplane/bridge"
	"github.com/backplane-go/backplane/cmd/backplane/internal/cli"
)

// reporter prints what a bridge does. Errors are printed by a goroutine, because the bridge must not wait.
type reporter struct {
	terminal *cli.Terminal
	other    string // the name of the other cluster
	errors   chan string
	states   chan bool // whether the bridge is active
	group    sync.WaitGroup

	mu      sync.Mutex // guards the fields below, and the output
	omitted int        // errors that did not fit into the channel
	closed  bool
}

func newReporter(t *cli.Terminal, other string) *reporter {
	r := &reporter{terminal: t, other: other, errors: make(chan string, 16), states: make(chan bool, 16)}
	r.group.Go(r.printErrors)
	return r
}

// warn returns a function that prints errors as warnings. A flood of them is shortened.
func (r *reporter) warn(where string) func(error) {
	return func(err error) {
		text := where + ": " + err.Error()
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.closed {
			return
		}
		select {
		case r.errors <- text:
		default:
			r.omitted++
		}
	}
}

// pause is the time between two errors that are printed.
const pause = 100 * time.Millisecond

func (r *reporter) printErrors() {
	for text := range r.errors {
		r.mu.Lock()
		r.terminal.Note("backplane bridge: warning: %s", text)
		if r.omitted > 0 && len(r.errors) == 0 {
			r.terminal.Note("backplane bridge: warning: %d more errors are not shown", r.omitted)
			r.omitted = 0
		}
		closed := r.closed
		r.mu.Unlock()
		if !closed {
			time.Sleep(pause)
		}
	}
}

// active notes whether the bridge passes on, for follow. It does not wait.
func (r *reporter) active(active bool) {
	select {
	case r.states <- active:
	default: // it has changed many times since follow has looked
	}
}

// follow prints whether the bridge is active, and the counts at each interval, until ctx ends.
func (r *reporter) follow(ctx context.Context, stats func() bridge.Stats, interval time.Duration) {
	if !stats().Active {
		r.line("standing by: another bridge is active")
	}
	var ticks <-chan time.Time
	if interval > 0 {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		ticks = ticker.C
	}
	for {
		select {
		case active := <-r.states:
			if active {
				r.line("active: events are passed on")
			} else {
				r.line("not active: events are not passed on")
			}
		case <-ticks:
			r.counts(stats())
		case <-ctx.Done():
			return
		}
	}
}

// counts prints the counts since the start.
func (r *reporter) counts(s bridge.Stats) {
	r.line("from " + r.other + ": " + counts(s.AToB) + "; to " + r.other + ": " + counts(s.BToA))
}

func counts(d bridge.Direction) string {
	text := fmt.Sprintf("%d passed on, %d lost", d.Passed, d.Lost)
	if d.Withheld > 0 {
		text += fmt.Sprintf(", %d with acknowledgements not passed on", d.Withheld)
	}
	return text
}

// line prints a line with the time.
func (r *reporter) line(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.terminal.Out, "%s  %s\n", time.Now().Format(time.TimeOnly), text)
}

// close prints the errors that are left.
func (r *reporter) close() {
	r.mu.Lock()
	r.closed = true
	close(r.errors)
	r.mu.Unlock()
	r.group.Wait()
}
