package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/backplane-go/backplane"
)

// clusterNode is a node that uses backplane.
type clusterNode struct {
	cluster  *backplane.Cluster
	expected *atomic.Pointer[expectation]
	ns       *backplane.Namespace // set while the node has joined
	registry *backplane.Registry
}

func (n *clusterNode) do(ctx context.Context, c command, i uint32) (int, error) {
	target := n.ns.Target
	if c.Rooms > 0 {
		target = target.To(room(int(i), c.Rooms))
	}
	var arg any
	if c.Kind == "bin" {
		arg = binaryArgument(c.Size, c.Run, i)
	} else {
		arg = jsonArgument(c.Size, c.Run, i)
	}
	switch {
	case c.Op == "ack":
		values, err := target.EmitWithAck(ctx, "m", arg)
		return len(values), err
	case c.Op == "fetch":
		sockets, err := target.FetchSockets(ctx)
		return len(sockets), err
	case c.InFlight == 0 && c.Rate == 0:
		for {
			if err := target.EmitAsync("m", arg); !errors.Is(err, backplane.ErrQueueFull) {
				return 0, err
			}
			runtime.Gosched() // the queue is full; every message counts, so try again
		}
	}
	return 0, target.Emit(ctx, "m", arg)
}

func room(i, rooms int) string { return fmt.Sprintf("room-%d", i%rooms) }

func (n *clusterNode) peers(ctx context.Context, count int) error {
	return n.ns.WaitForPeers(ctx, count)
}

func (n *clusterNode) close(ctx context.Context) error { return n.cluster.Close(ctx) }

func (n *clusterNode) join(ctx context.Context) (err error) {
	n.registry = backplane.NewRegistry(backplane.RegistryConfig{})
	n.ns, err = n.cluster.Namespace(ctx, "/", &counter{Registry: n.registry, expected: n.expected})
	return err
}

func (n *clusterNode) leave(ctx context.Context) error { return n.ns.Close(ctx) }

func (n *clusterNode) populate(count, rooms int) {
	for i := range count {
		n.registry.Add(&silentClient{id: fmt.Sprintf("socket-%d", i)}, room(i, rooms))
	}
}

// silentClient is a client that discards events and acknowledges at once.
type silentClient struct{ id string }

func (c *silentClient) ID() string             { return c.id }
func (c *silentClient) Send(*backplane.Packet) {}
func (c *silentClient) Disconnect(bool)        {}

func (c *silentClient) SendAck(_ context.Context, _ *backplane.Packet, answer func(backplane.Value)) {
	v, _ := backplane.NewValue("ok") // a string can always be encoded
	go answer(v)
}

func (c *silentClient) Describe() (backplane.Handshake, backplane.Value) {
	v, _ := backplane.NewValue(map[string]string{"name": c.id}) // strings can always be encoded
	return backplane.Handshake{Address: "127.0.0.1", URL: "/"}, v
}

// counter counts the broadcasts of other nodes and delivers them to its clients.
type counter struct {
	*backplane.Registry
	expected *atomic.Pointer[expectation]
}

func (c *counter) Broadcast(p *backplane.Packet, to backplane.Selector) {
	c.Registry.Broadcast(p, to)
	if e := c.expected.Load(); e != nil {
		e.packet(p)
	}
}
