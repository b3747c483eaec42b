package core

import (
	"context"
	"fmt"
	"strconv"

	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/transport"
)

// counted is the census of a dialect whose nodes are the listeners of a channel. Their names are numbers, so a node
// does not keep its name when another one leaves.
type counted struct {
	ns      *Namespace
	channel string
	counter transport.Counter // nil if the bus is none
}

func newCounted(ns *Namespace, wire dialect.Counted) *counted {
	counter, _ := ns.cluster.config.Bus.(transport.Counter)
	return &counted{ns, wire.CountedChannel(ns.name), counter}
}

// Enter implements dialect.Census. The node counts because it listens.
func (c *counted) Enter(context.Context, string) error {
	if c.counter == nil {
		return &ConfigError{Field: "Bus",
			Reason: fmt.Sprintf("it does not count who listens to a channel, so the dialect %s cannot find out how "+
				"many nodes there are", c.ns.cluster.config.Dialect.Name())}
	}
	return nil
}

// Leave implements dialect.Census.
func (c *counted) Leave(context.Context, string) error { return nil }

// Others implements dialect.Census.
func (c *counted) Others(ctx context.Context, nsp string) (nodes dialect.Nodes, err error) {
	if err := c.Enter(ctx, nsp); err != nil {
		return nodes, err
	}
	counts, err := c.counter.Listeners(ctx, c.channel)
	if err != nil {
		return nodes, err
	}
	if len(counts) != 1 {
		return nodes, fmt.Errorf("%d numbers of listeners for one channel", len(counts))
	}
	others := counts[0]
	if !c.ns.cluster.listener.heardUntil().IsZero() {
		others-- // this node
	}
	for i := range min(others, c.ns.cluster.config.MaxPeers) {
		nodes.Certain = append(nodes.Certain, strconv.Itoa(i+1))
	}
	return nodes, nil
}
