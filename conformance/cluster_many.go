package conformance

import (
	"context"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport"
)

var clusterManyChecks = []check[*clusterCase]{
	{"ManyNamespacesListenAgain", "A node with many namespaces listens to all of them again after an outage: in few round trips if its sessions are " +
		"transport.MultiListeners, else one by one. One that is left out stays silent for ever.", manyNamespacesListenAgain},
}

func manyNamespacesListenAgain(c *clusterCase) {
	if c.harness.Sever == nil {
		c.Skip("ClusterHarness.Sever is nil: not proven")
	}
	a, b := c.node("A"), c.node("B", c.notices)
	n := c.scale(100, 1000)
	if !c.multi(b.config.Bus) { // each takes as long as all
		n = int(min(time.Duration(n), max(2, c.patience/4/(c.latency()+time.Microsecond))))
	}
	first := b.client("first")
	clients, senders := make([]*client, n), make([]*core.Namespace, n)
	for _, open := range []func(i int) *core.Namespace{
		func(i int) *core.Namespace {
			registry, cl := c.lone(fmt.Sprint("client ", i))
			clients[i] = cl
			return c.begin(b, i, registry)
		},
		func(i int) *core.Namespace {
			senders[i] = c.begin(a, i, nobody())
			return senders[i]
		},
	} {
		all := make([]*core.Namespace, n)
		for i := range all {
			all[i] = open(i)
		}
		for i := range all {
			c.must(fmt.Sprintf("open %d namespaces, WaitReady", n), all[i].WaitReady)
		}
	}
	for round := range c.scale(2, 5) {
		if round > 0 {
			b.severed(round)
		}
		called := fmt.Sprintf("open %d namespaces, sever B %d times, Emit in each of them on A", n, round)
		c.delivers(called, a.Target, first)
		portions(n, portion, func(i int) { c.async(a, senders[i].Target, "hi", round) }, func(i int) {
			clients[i].expect(called, fmt.Sprintf(`["hi",%d]`, round))
		})
	}
}

// begin opens a namespace and does not wait for it.
func (c *clusterCase) begin(n *node, i int, local core.LocalSockets) *core.Namespace {
	c.Helper()
	ns, err := n.cluster.NamespaceAsync(fmt.Sprint(c.nsp, "/", i), local)
	if err != nil {
		c.fail("NamespaceAsync on "+n.name, "no error", "the error %q", err)
	}
	return ns
}

// multi tells whether the sessions of a bus can listen to many channels at once.
func (c *clusterCase) multi(bus transport.Bus) (can bool) {
	c.Helper()
	c.must("Open a session", func(ctx context.Context) error {
		session, err := bus.Open(ctx)
		if err != nil {
			return err
		}
		_, can = session.(transport.MultiListener)
		return session.Close(ctx)
	})
	return can
}
