package chaos

import (
	"context"
	"math"
	"time"

	"github.com/backplane-go/backplane/internal/pgtest"
)

// settle waits until all nodes listen again, lets each send a last message, and waits until that has arrived
// everywhere.
func (r *run) settle(ctx context.Context) error {
	r.log("all faults are over; waiting until all nodes listen again")
	for i, m := range r.nodes {
		if m.process == nil {
			if err := r.start(i, nil); err != nil {
				return err
			}
		}
		if err := m.process.Await(Opened, patience); err != nil {
			r.leak(m.life.Name, "does not open although all faults are over: %v", err)
			r.kill(i)
		}
	}
	r.eventually(ctx, "a node is still deaf",
		func() bool { return !r.anybody(func(n *Node) bool { return n.Deaf && n.Go }) })
	for _, step := range []struct{ do, answer string }{{DoStop, Stopped}, {DoFence, Fenced}} {
		for _, m := range r.nodes {
			if m.process != nil {
				_ = m.process.Tell(Order{Do: step.do}) // await reports if the process has ended
			}
		}
		for _, m := range r.nodes {
			if m.process == nil {
				continue
			}
			if err := m.process.Await(step.answer, patience); err != nil {
				r.leak(m.life.Name, "%v", err)
			}
		}
	}
	r.eventually(ctx, "", r.arrived)
	r.eventually(ctx, "a node's peers are not the running nodes", r.peersAreRight)
	return ctx.Err()
}

// arrived reports whether every running Go node has received the last message of every other one.
func (r *run) arrived() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, to := range r.history.Nodes {
		for _, from := range r.history.Nodes {
			for stream, sent := range from.Sent {
				if !to.Go || !from.Go || to.Ended != math.MaxInt64 || from.Ended != math.MaxInt64 {
					continue
				}
				got := to.Got[Source{from.Number, stream}]
				if len(got) == 0 || got[len(got)-1].Seq < len(sent) {
					return false
				}
			}
		}
	}
	return true
}

// peersAreRight asks the Go nodes for their peers and reports whether their last answers name exactly the other running
// nodes.
func (r *run) peersAreRight() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	there := make(map[string]*Node)
	for _, n := range r.history.Nodes {
		if n.Ended == math.MaxInt64 {
			there[n.UIDs[namespaces[0]]] = n
		}
	}
	all := true
	for _, m := range r.nodes {
		if m.process == nil || !m.life.Go {
			continue
		}
		_ = m.process.Tell(Order{Do: DoPeers}) // fails if the process has ended
		all = all && len(m.life.Peers) == len(there)-1
		for uid := range m.life.Peers {
			all = all && there[uid] != nil && there[uid] != m.life
		}
	}
	return all
}

// eventually waits until so returns true. If that does not happen in time, it adds a leak with the text what,
// unless what is empty.
func (r *run) eventually(ctx context.Context, what string, so func() bool) {
	for end := time.Now().Add(patience / 2); !so(); {
		if time.Now().After(end) || wait(ctx, 50*time.Millisecond) != nil {
			if what != "" {
				r.leak("cluster", "%s", what)
			}
			return
		}
	}
}

// closeAll closes the nodes and checks that no backends are left in the server.
func (r *run) closeAll(ctx context.Context) {
	const ours = "application_name LIKE 'backplane%'"
	nodes := 0
	for _, p := range places {
		if p.driver != "node" {
			nodes++
		}
	}
	for what, condition := range map[string]string{"listen": pgtest.Listeners, "publish": pgtest.Publishers} {
		var count int
		r.eventually(ctx, "the nodes have more connections than necessary to "+what, func() bool {
			count = r.count(ctx, condition+" AND "+ours)
			return count <= nodes
		})
	}
	for i := range r.nodes {
		if err := r.close(ctx, i); err != nil {
			r.leak(places[i].name, "%v", err)
		}
	}
	r.eventually(ctx, "backends are left after all nodes have closed", func() bool { return r.count(ctx, ours) == 0 })
}

func (r *run) anybody(is func(*Node) bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.history.Nodes {
		if n.Ended == math.MaxInt64 && is(n) {
			return true
		}
	}
	return false
}
