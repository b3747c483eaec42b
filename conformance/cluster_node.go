package conformance

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
	"github.com/backplane-go/backplane/transport"
)

// node is one node with one namespace, and what happened to it.
type node struct {
	*core.Namespace
	c        *clusterCase
	name     string
	config   core.Config
	cluster  *core.Cluster
	registry *core.Registry
	side     *inbox[sideEvent] // server-side events
	reply    atomic.Pointer[func(codec.Args) (codec.Value, bool)]
	errs     *inbox[error]
	gaps     *inbox[*core.GapError]
	left     *inbox[string] // peers
}

// sideEvent is a server-side event as it was received.
type sideEvent struct {
	args   codec.Args
	wanted bool // an answer
}

func (s sideEvent) String() string { return text(s.args) }

// node starts a node and opens the case's namespace.
func (c *clusterCase) node(name string, change ...func(*core.Config)) *node {
	c.Helper()
	config := c.config()
	n := &node{c: c, name: name, config: config, side: newInbox[sideEvent](), errs: newInbox[error](),
		gaps: newInbox[*core.GapError](), left: newInbox[string]()}
	n.registry = core.NewRegistry(core.RegistryConfig{ServerSideEmit: n.serverSide})
	n.config.ErrorHandler = n.errs.put
	n.config.Trace = core.Trace{
		SessionRecovered: n.gaps.put,
		PeerLeft:         func(_, uid string, _ bool) { n.left.put(uid) },
	}
	used := n.config
	for _, f := range change {
		f(&used)
	}
	c.must("Open "+name, func(ctx context.Context) (err error) {
		n.cluster, err = core.Open(ctx, used)
		return err
	})
	c.release(n.cluster.Close)
	n.Namespace = n.open(c.nsp, n.registry)
	return n
}

// open opens a namespace.
func (n *node) open(nsp string, local core.LocalSockets) (ns *core.Namespace) {
	n.c.Helper()
	n.c.must("Namespace "+quote(nsp)+" on "+n.name, func(ctx context.Context) (err error) {
		ns, err = n.cluster.Namespace(ctx, nsp, local)
		return err
	})
	return ns
}

func (n *node) serverSide(args codec.Args, reply func(codec.Value)) {
	n.side.put(sideEvent{args, reply != nil})
	f := n.reply.Load()
	if reply == nil || f == nil {
		return
	}
	if v, ok := (*f)(args); ok {
		reply(v)
	}
}

// answers says how the node's server answers.
func (n *node) answers(f func(codec.Args) (codec.Value, bool)) { n.reply.Store(&f) }

// meet returns once each of nodes knows the others.
func (c *clusterCase) meet(nodes ...*node) {
	c.Helper()
	for _, n := range nodes {
		c.must(fmt.Sprintf("open %d nodes, WaitForPeers(%d) on %s", len(nodes), len(nodes)-1, n.name),
			func(ctx context.Context) error { return n.WaitForPeers(ctx, len(nodes)-1) })
	}
}

// wantError waits for an error that the node reports to its ErrorHandler.
func (n *node) wantError(called, wanted string, is func(error) bool) {
	n.c.Helper()
	if _, err := await(n.c, n.errs, is); err != nil {
		n.c.fail(called, "that the ErrorHandler of "+n.name+" is told of "+wanted, "%d other errors in %v: %v", n.errs.len(), n.c.patience, n.errs.all())
	}
}

// gate sees what a node publishes. It is put upon the node's bus.
type gate struct {
	transport.Bus
	publish func(ctx context.Context, next transport.Bus, msgs []transport.Message) error
}

// gated is a change of a node's Config.
func gated(publish func(ctx context.Context, next transport.Bus, msgs []transport.Message) error) func(*core.Config) {
	return func(config *core.Config) { config.Bus = &gate{config.Bus, publish} }
}

func (g *gate) Publish(ctx context.Context, msgs ...transport.Message) error {
	return g.publish(ctx, g.Bus, msgs)
}

func (g *gate) Close(ctx context.Context) error {
	if closer, ok := g.Bus.(transport.Closer); ok {
		return closer.Close(ctx)
	}
	return nil
}

// counted is a change of a node's Config that notes each time the node has published.
func counted(published *inbox[int]) func(*core.Config) {
	return gated(func(ctx context.Context, next transport.Bus, msgs []transport.Message) error {
		err := next.Publish(ctx, msgs...)
		published.put(len(msgs))
		return err
	})
}
