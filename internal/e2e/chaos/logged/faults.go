package logged

import (
	"context"
	"errors"
	"time"

	"github.com/backplane-go/backplane/internal/e2e/chaos/worker"
	"github.com/backplane-go/backplane/internal/pgtest"
)

// Fault is a kind of fault that can be injected.
type Fault struct {
	name        string
	server      bool // it affects the server, and so all nodes
	clients     bool // it affects only the connections of clients
	rolling     bool // it affects all nodes, one after the other
	crash       bool // the server loses its unlogged tables
	epoch       bool // the server begins a new epoch, because it may have lost messages
	passing     bool // it does not prevent nodes from reading and writing what they keep in the server
	least, most time.Duration
	// after is for how long the fault is felt when it is over: sessions connect again, a node starts.
	after time.Duration
	// do injects the fault and returns when it is over.
	do func(ctx context.Context, r *run, s Step) error
}

const ms1 = time.Millisecond

// commonFaults are the kinds of faults that do not depend on the engine.
var commonFaults = []Fault{
	{name: "half-open", least: 2 * time.Second, most: 8 * time.Second, after: 2 * time.Second,
		do: func(ctx context.Context, r *run, s Step) error {
			proxy := r.members[s.Place].proxy
			proxy.DropPackets()
			defer proxy.CutDropped() // lib/pq cannot end a call on a connection that does not answer
			return wait(ctx, s.For)
		}},
	{name: "stall", least: 300 * ms1, most: 5 * time.Second, after: 2 * time.Second,
		do: func(ctx context.Context, r *run, s Step) error {
			proxy := r.members[s.Place].proxy
			proxy.Stall(pgtest.Direction(1 + s.Dice%3))
			defer proxy.Resume()
			return wait(ctx, s.For)
		}},
	{name: "pause process", least: 300 * ms1, most: 7 * time.Second, after: 2 * time.Second,
		do: func(ctx context.Context, r *run, s Step) error {
			p := r.members[s.Place].process
			if err := p.Signal(worker.Pause); err != nil {
				return err
			}
			defer p.Signal(worker.Resume)
			return wait(ctx, s.For)
		}},
	{name: "kill process", least: 100 * ms1, most: 2 * time.Second, after: 2 * time.Second,
		do: func(ctx context.Context, r *run, s Step) error {
			r.kill(s.Place)
			err := wait(ctx, s.For)
			return errors.Join(err, r.start(s.Place), r.opened(s.Place))
		}},
	{name: "rolling deploy", rolling: true, do: deploy},
	{name: "full queues", passing: true, do: func(_ context.Context, r *run, s Step) error {
		return r.members[s.Place].process.Tell(Order{Do: DoBurst, Count: 5000})
	}},

	{name: "slow client", clients: true, least: 500 * ms1, most: 5 * time.Second,
		do: func(ctx context.Context, r *run, s Step) error {
			links := r.balancer.some(1 + int(s.Dice%4))
			r.balancer.stall(links, true)
			defer r.balancer.stall(links, false)
			return wait(ctx, s.For)
		}},
	{name: "half-open client", clients: true, least: 500 * ms1, most: 8 * time.Second,
		do: func(ctx context.Context, r *run, s Step) error {
			links := r.balancer.some(1 + int(s.Dice%4))
			r.balancer.drop(links)
			defer r.balancer.cut(links)
			return wait(ctx, s.For)
		}},
	{name: "cut clients", clients: true, do: func(_ context.Context, r *run, s Step) error {
		r.balancer.cut(r.balancer.some(1 + int(s.Dice%8)))
		return nil
	}},
}

// deploy replaces all nodes, one after the other: it takes the node out of the balancer, closes it, and starts another.
func deploy(ctx context.Context, r *run, _ Step) error {
	var errs error
	for place, m := range r.members {
		m.fault.Lock()
		done := r.trouble(Trouble{Name: "rolling deploy", Place: place})
		err := r.close(ctx, place)
		if err == nil {
			err = errors.Join(r.start(place), r.opened(place))
		}
		done(time.Second)
		m.fault.Unlock()
		errs = errors.Join(errs, err)
	}
	return errs
}
