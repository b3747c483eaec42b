package logged

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/internal/e2e/chaos"
)

// settle waits until all nodes are open and all clients connected, stops the senders, and waits until every event has
// arrived.
func (r *run) settle(ctx context.Context) error {
	r.log("all faults are over; waiting until all nodes are open and all clients connected")
	for place, m := range r.members {
		if m.process == nil {
			if err := r.start(place); err != nil {
				return err
			}
		}
		if err := r.opened(place); err != nil {
			name := r.options.Plan.Engine.places[place].name
			r.violation(chaos.Leak, name, "does not open although all faults are over: %v", err)
			r.kill(place)
		}
	}
	r.eventually(ctx, "a client is not connected although all faults are over", r.allPresent)
	for _, m := range r.members {
		if m.process != nil {
			_ = m.process.Tell(Order{Do: DoStop}) // Await reports if the process has ended
		}
	}
	_ = r.clients.Tell(Order{Do: DoStop})
	for _, m := range r.members {
		if m.process == nil {
			continue
		}
		if err := m.process.Await(Stopped, patience); err != nil {
			r.violation(chaos.Leak, m.life.Name, "%v", err)
		}
	}
	if err := r.clients.Await(Stopped, patience); err != nil {
		return fmt.Errorf("the clients: %w", err)
	}
	r.eventually(ctx, "", r.arrived)
	return ctx.Err()
}

// report asks the clients what they have received and waits for the answers.
func (r *run) report(ctx context.Context) bool {
	select {
	case <-r.reported:
	default:
	}
	if r.clients.Tell(Order{Do: DoReport}) != nil {
		return false
	}
	select {
	case <-r.reported:
		return true
	case <-r.clients.Ended():
		return false
	case <-time.After(patience):
		return false
	case <-ctx.Done():
		return false
	}
}

func (r *run) allPresent(ctx context.Context) bool {
	if !r.report(ctx) {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.history.Clients {
		if !c.Present || len(c.Connects) == 0 || c.Connects[len(c.Connects)-1].Welcomed == 0 {
			return false
		}
	}
	return true
}

// arrived reports whether every client has received the last event that it must receive of each stream.
func (r *run) arrived(ctx context.Context) bool {
	if !r.report(ctx) {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	j := &judge{History: r.history}
	for i, c := range r.history.Clients {
		begin := c.session()
		for name, s := range r.history.Streams {
			if hears(i+1, s.Target, r.options.Rooms) && c.Last[name] < j.lastRequired(i+1, s, begin) {
				return false
			}
		}
	}
	return true
}

// eventually waits until so returns true. If that does not happen in time, it adds a leak with the text what,
// unless what is empty.
func (r *run) eventually(ctx context.Context, what string, so func(context.Context) bool) {
	for end := time.Now().Add(patience); !so(ctx); {
		if time.Now().After(end) || wait(ctx, 200*ms1) != nil {
			if what != "" {
				r.violation(chaos.Leak, "cluster", "%s", what)
			}
			return
		}
	}
}

// closeAll disconnects the clients, closes the nodes, and checks that the server has no sessions and connections left.
func (r *run) closeAll(ctx context.Context) {
	nodes := len(r.members)
	r.eventually(ctx, "the nodes have more connections than necessary", func(ctx context.Context) bool {
		listening, others, _ := r.server.connections(ctx)
		return listening >= 0 && listening <= nodes && others >= 0 && others <= nodes*r.options.Plan.Engine.others
	})
	_ = r.clients.Tell(Order{Do: DoLeave})
	if err := r.clients.Await(Terminated, patience); err != nil {
		r.violation(chaos.Leak, "clients", "%v", err)
	}
	// Sessions of clients that came back as new ones expire. The clock of the server may have jumped.
	left := -1
	for end := time.Now().Add(2*r.options.Away + patience); left != 0; {
		left = r.server.sessions(ctx)
		if left != 0 && (time.Now().After(end) || wait(ctx, 500*ms1) != nil) {
			r.violation(chaos.Leak, "cluster", "%d sessions are left after all clients have disconnected", left)
			break
		}
	}
	var errs error
	for place := range r.members {
		errs = errors.Join(errs, r.close(ctx, place))
	}
	if errs != nil {
		r.violation(chaos.Leak, "cluster", "%v", errs)
	}
	r.eventually(ctx, "connections are left after all nodes have closed", func(ctx context.Context) bool {
		_, _, all := r.server.connections(ctx)
		return all == 0
	})
}
