package conformance

import (
	"context"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport"
)

var clusterManyChecks = []check[*clusterChecker]{
	{"ManyNamespacesListenAgain", "transport.MultiListener",
		"A node with many namespaces listens to all of them again after an outage: in few round trips if its " +
			"sessions are transport.MultiListeners, otherwise one by one. A namespace that is left out stays silent " +
			"forever.", manyNamespacesListenAgain},
}

func manyNamespacesListenAgain(c *clusterChecker) {
	c.requireSever()
	a, b := c.node("A"), c.node("B", c.detectBrokenSession)
	n := c.scale(100, 1000)
	if !c.hasMultiListener(b.config.Bus) { // each Listen takes as long as one ListenAll
		n = int(min(time.Duration(n), max(2, c.patience/4/(c.latency()+time.Microsecond))))
	}
	first := b.client("first")
	clients, senders := make([]*client, n), make([]*core.Namespace, n)
	for _, open := range []func(i int) *core.Namespace{
		func(i int) *core.Namespace {
			registry, cl := c.registryWithClient(fmt.Sprint("client ", i))
			clients[i] = cl
			return c.openNamespaceAsync(b, i, registry)
		},
		func(i int) *core.Namespace {
			senders[i] = c.openNamespaceAsync(a, i, emptyRegistry())
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
			b.severAndRecover(round)
		}
		called := fmt.Sprintf("open %d namespaces, sever B %d times, Emit in each of them on A", n, round)
		c.expectDelivery(called, a.Target, first)
		inBatches(n, batchSize, func(i int) { c.emitAsync(a, senders[i].Target, "hi", round) }, func(i int) {
			clients[i].expect(called, fmt.Sprintf(`["hi",%d]`, round))
		})
	}
}

// openNamespaceAsync opens a namespace and does not wait until it is ready.
func (c *clusterChecker) openNamespaceAsync(n *node, i int, local core.LocalSockets) *core.Namespace {
	c.Helper()
	ns, err := n.cluster.NamespaceAsync(fmt.Sprint(c.namespace, "/", i), local)
	if err != nil {
		c.fail("NamespaceAsync on "+n.name, "no error", "the error %q", err)
	}
	return ns
}

// hasMultiListener tells whether the sessions of a bus can listen to many channels at once.
func (c *clusterChecker) hasMultiListener(bus transport.Bus) (can bool) {
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
