package conformance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/core"
)

var clusterSeverChecks = []check[*clusterCase]{
	{"SeveredNodeReconnects", "A node whose session breaks opens another, listens to all of its namespaces again and says how long it was deaf, " +
		"however often that happens. A node that is deaf and does not know is the worst of all.", severedNodeReconnects},
	{"SeveredNodeKeepsItsPeers", "A node that was deaf for a moment does not take its peers for gone: they could not be heard.",
		severedNodeKeepsItsPeers},
}

// severed breaks the sessions of a node and waits until it has recovered.
func (n *node) severed(round int) {
	n.c.Helper()
	if n.c.harness.Sever == nil {
		n.c.Skip("ClusterHarness.Sever is nil: not proven")
	}
	gaps, before := n.gaps.len(), time.Now()
	n.c.harness.Sever(n.c.TB, n.config)
	ctx, cancel := context.WithTimeout(n.c.Context(), n.c.patience)
	defer cancel()
	seen := 0
	gap, err := n.gaps.find(ctx, func(*core.GapError) bool { seen++; return seen > gaps })
	if err != nil {
		n.c.fail(fmt.Sprintf("sever B for the %d. time", round), "that B recovers and says so: Trace.SessionRecovered", "nothing for %v", n.c.patience)
	}
	if gap.Err == nil || gap.Deaf <= 0 || gap.Since.After(time.Now()) || gap.Since.Add(gap.Deaf).Before(before) {
		n.c.fail(fmt.Sprintf("sever B for the %d. time", round), "a GapError with the session's error, since when B was deaf and for how long", "%+v", *gap)
	}
	n.wantError("sever B", "the *GapError", func(err error) bool { return errors.As(err, new(*core.GapError)) })
}

func severedNodeReconnects(c *clusterCase) {
	a, b := c.node("A"), c.node("B")
	near, far := a.client("near"), b.client("far")
	registry := core.NewRegistry(core.RegistryConfig{})
	second := &client{c: c, id: "second", got: newInbox[packet](), kicked: newInbox[bool]()}
	registry.Add(second)
	b.open(c.nsp+"/second", registry)
	sender := a.open(c.nsp+"/second", core.NewRegistry(core.RegistryConfig{}))
	for round := 1; round <= 3; round++ {
		b.severed(round)
		called := fmt.Sprintf("sever B for the %d. time, wait until it has recovered, Emit", round)
		c.arrives(called+" on A", a.Target, far)
		c.arrives(called+" on A in another namespace", sender.Target, second)
		c.arrives(called+" on B", b.Target, near)
	}
	if lost := b.cluster.Stats().SessionsLost; lost < 3 {
		c.fail("sever B three times, Stats().SessionsLost", "3", "%d", lost)
	}
}

// arrives emits until the client gets it: the sender, too, may have been severed, and may not have noticed yet.
func (c *clusterCase) arrives(called string, from core.Target, to *client) {
	c.Helper()
	start := time.Now()
	for i := 0; ; i++ {
		mark := fmt.Sprintf("mark %d", ends.Add(1))
		err := c.call(called, func(ctx context.Context) error { return from.Emit(ctx, mark) })
		if err == nil {
			ctx, cancel := context.WithTimeout(c.Context(), 50*time.Millisecond+time.Since(start)/2)
			_, err = to.got.find(ctx, func(p packet) bool { return p.args.Event() == mark })
			cancel()
		}
		if err == nil {
			break
		}
		if time.Since(start) > c.patience {
			c.fail(called, "that it arrives", "nothing for %v: %v", c.patience, err)
		}
	}
}

func severedNodeKeepsItsPeers(c *clusterCase) {
	a, b := c.node("A"), c.node("B")
	c.meet(a, b)
	far := b.client("far")
	for round := 1; round <= 2; round++ {
		b.severed(round)
		c.arrives(fmt.Sprintf("sever B for the %d. time, wait until it has recovered, Emit on A", round), a.Target, far)
		if got := b.Peers(); len(got) != 1 || got[0] != a.UID() {
			c.fail("sever B, Peers", "A: "+quote(a.UID()), "%s", quotes(got))
		}
	}
	if b.left.len() > 0 || a.left.len() > 0 {
		c.fail("sever B, Trace.PeerLeft", "no call", "on A %s, on B %s", quotes(a.left.all()), quotes(b.left.all()))
	}
}
