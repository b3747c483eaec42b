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
	c            *clusterChecker
	name         string
	config       core.Config
	cluster      *core.Cluster
	registry     *core.Registry
	serverEvents *inbox[serverEvent] // server-side events
	reply        atomic.Pointer[func(codec.Args) (codec.Value, bool)]
	errs         *inbox[error]
	gaps         *inbox[*core.GapError]
	left         *inbox[string] // UIDs of peers that left
}

// serverEvent is a server-side event as the node received it.
type serverEvent struct {
	args        codec.Args
	wantsAnswer bool // the sender wants an answer
}

func (s serverEvent) String() string { return argsJSON(s.args) }

// node starts a node and opens the check's namespace.
func (c *clusterChecker) node(name string, change ...func(*core.Config)) *node {
	c.Helper()
	config := c.newConfig()
	n := &node{c: c, name: name, config: config, serverEvents: newInbox[serverEvent](), errs: newInbox[error](),
		gaps: newInbox[*core.GapError](), left: newInbox[string]()}
	n.registry = core.NewRegistry(core.RegistryConfig{ServerSideEmit: n.handleServerEvent})
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
	c.closeAtEnd(n.cluster.Close)
	n.Namespace = n.open(c.namespace, n.registry)
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

func (n *node) handleServerEvent(args codec.Args, reply func(codec.Value)) {
	n.serverEvents.put(serverEvent{args, reply != nil})
	f := n.reply.Load()
	if reply == nil || f == nil {
		return
	}
	if v, ok := (*f)(args); ok {
		reply(v)
	}
}

// setReply sets how the node's server answers.
func (n *node) setReply(f func(codec.Args) (codec.Value, bool)) { n.reply.Store(&f) }

// waitForPeers returns once each of nodes knows the others.
func (c *clusterChecker) waitForPeers(nodes ...*node) {
	c.Helper()
	for _, n := range nodes {
		c.must(fmt.Sprintf("open %d nodes, WaitForPeers(%d) on %s", len(nodes), len(nodes)-1, n.name),
			func(ctx context.Context) error { return n.WaitForPeers(ctx, len(nodes)-1) })
	}
}

// expectReported waits for an error that the node reports to its ErrorHandler.
func (n *node) expectReported(called, wanted string, is func(error) bool) {
	n.c.Helper()
	if _, err := awaitMatch(n.c, n.errs, is); err != nil {
		n.c.fail(called, "a call of the ErrorHandler of "+n.name+" with "+wanted, "%d other errors in %v: %v",
			n.errs.len(), n.c.patience, n.errs.all())
	}
}

// publishHook wraps a node's bus and calls publish in place of its Publish.
type publishHook struct {
	transport.Bus
	publish func(ctx context.Context, next transport.Bus, msgs []transport.Message) error
}

// withPublishHook returns a change of a node's Config.
func withPublishHook(publish func(ctx context.Context, next transport.Bus,
	msgs []transport.Message) error) func(*core.Config) {
	return func(config *core.Config) { config.Bus = &publishHook{config.Bus, publish} }
}

func (h *publishHook) Publish(ctx context.Context, msgs ...transport.Message) error {
	return h.publish(ctx, h.Bus, msgs)
}

func (h *publishHook) Close(ctx context.Context) error {
	if closer, ok := h.Bus.(transport.Closer); ok {
		return closer.Close(ctx)
	}
	return nil
}

// countPublishes returns a change of a node's Config that reports each Publish of the node.
func countPublishes(published *inbox[int]) func(*core.Config) {
	return withPublishHook(func(ctx context.Context, next transport.Bus, msgs []transport.Message) error {
		err := next.Publish(ctx, msgs...)
		published.put(len(msgs))
		return err
	})
}
