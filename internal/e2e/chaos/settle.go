package chaos

import (
	"context"
	"math"
	"time"

	"github.com/backplane-go/backplane/internal/pgtest"
)

// settle waits until all nodes hear again, lets them say a last word, and waits until it has arrived everywhere.
func (r *run) settle(ctx context.Context) error {
	r.log("all is mended; waiting until everybody hears again")
	for i, m := range r.nodes {
		if m.process == nil {
			if err := r.start(i, nil); err != nil {
				return err
			}
		}
		if err := m.process.await(Opened, patience); err != nil {
			r.leak(m.life.Name, "does not open although all is well: %v", err)
			r.kill(i)
		}
	}
	r.eventually(ctx, "a node is still deaf", func() bool { return !r.anybody(func(n *Node) bool { return n.Deaf && n.Go }) })
	for _, step := range []struct{ do, answer string }{{DoStop, Stopped}, {DoFence, Fenced}} {
		for _, m := range r.nodes {
			if m.process != nil {
				_ = m.process.tell(Order{Do: step.do}) // if it has ended, await says so
			}
		}
		for _, m := range r.nodes {
			if m.process == nil {
				continue
			}
			if err := m.process.await(step.answer, patience); err != nil {
				r.leak(m.life.Name, "%v", err)
			}
		}
	}
	r.eventually(ctx, "", r.arrived)
	r.eventually(ctx, "a node knows others than those that are there", r.acquainted)
	return ctx.Err()
}

// arrived reports whether every Go node that runs has got the last message of every other one.
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

// acquainted asks the Go nodes whom they know, and reports whether by their last answers that is everybody else who is there, and
// nobody who has gone.
func (r *run) acquainted() bool {
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
		_ = m.process.tell(Order{Do: DoPeers}) // if it has ended, it does not answer
		all = all && len(m.life.Peers) == len(there)-1
		for uid := range m.life.Peers {
			all = all && there[uid] != nil && there[uid] != m.life
		}
	}
	return all
}

// eventually waits until something is so, and notes a leak if it never is and what is not empty.
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

// closeAll closes the nodes and looks at what is left in the server.
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
		r.eventually(ctx, "the nodes have more connections than they need to "+what, func() bool {
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
