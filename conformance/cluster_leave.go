package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
)

var clusterLeaveChecks = []check[*clusterChecker]{
	{"CloseAnnouncesLeaving", "core.Cluster.Close",
		"When a node closes, its peers remove it at once: what it sent before arrives, and requests that wait " +
			"for it end and name it in PartialError.Left. Every deployment closes nodes.", closeAnnouncesLeaving},
	{"HeartbeatsArrive", "backplane.Config.HeartbeatInterval",
		"The heartbeats of a node that sends nothing else reach its peers and the node itself. Otherwise its " +
			"peers consider it dead, and the node considers its session broken and opens another one again and again.",
		heartbeatsArrive},
	{"ClosedNamespaceAnnouncesLeaving", "core.Namespace.Close",
		"A namespace that is closed sends a leave message and delivers nothing more; the node's other namespaces " +
			"continue, and the namespace can be opened again.", closedNamespaceAnnouncesLeaving},
}

// requestKinds are the kinds of requests.
var requestKinds = map[string]func(ctx context.Context, to core.Target) error{
	"EmitWithAck": func(ctx context.Context, to core.Target) error {
		_, err := to.EmitWithAck(ctx, "question")
		return err
	},
	"ServerSideEmitWithAck": func(ctx context.Context, to core.Target) error {
		_, err := to.ServerSideEmitWithAck(ctx, "question")
		return err
	},
	"FetchSockets": func(ctx context.Context, to core.Target) error { _, err := to.FetchSockets(ctx); return err },
}

// partialPeers returns why a request is incomplete: because these peers left or did not answer.
func partialPeers(err error) (left, missing []string) {
	if p := new(core.PartialError); errors.As(err, &p) {
		return p.Left, p.Missing
	}
	return nil, nil
}

func closeAnnouncesLeaving(c *clusterChecker) {
	a, b := c.node("A"), c.node("B")
	c.waitForPeers(a, b)
	cl := a.client("1")
	asked := newInbox[string]()
	silent := func(args codec.Args) (codec.Value, bool) { asked.put(""); return codec.Value{}, false }
	b.client("silent").setAnswer(silent)
	b.setReply(silent)
	ended := make(map[string]func() error)
	for kind := range requestKinds {
		if kind != "FetchSockets" { // its own node answers FetchSockets
			ended[kind] = c.runAlongside(func() error {
				return requestKinds[kind](c.Context(), a.Timeout(2*c.patience))
			})
			if _, ok := takeNext(c, asked); !ok {
				c.fail(kind+" on A", "B receives the request", "no request for %v", c.patience)
			}
			if kind == "EmitWithAck" {
				cl.expect(kind+" on A", `["question"]`)
			}
		}
	}
	c.emitAsync(b, b.Target, "last")
	c.must("Close B", b.cluster.Close)
	cl.expect("EmitAsync, Close on B", `["last"]`)
	for kind, wait := range ended {
		err := c.guard(kind+" on A, Close B", wait)
		if left, _ := partialPeers(err); !slices.Equal(left, []string{b.UID()}) {
			c.fail(kind+" on A, Close B while it is asked", "a *PartialError with Left "+quoteAll([]string{b.UID()}),
				"%v", err)
		}
	}
	if got := a.Peers(); len(got) > 0 {
		c.fail("Close B, Peers on A", "no peers", "%s", quoteAll(got))
	}
}

func heartbeatsArrive(c *clusterChecker) {
	beats := newInbox[int]()
	interval := 20*time.Millisecond + 2*c.latency()
	a, b := c.node("A"), c.node("B", countPublishes(beats),
		func(config *core.Config) { config.HeartbeatInterval = interval })
	c.waitForPeers(a, b)
	called := fmt.Sprintf("let B send 5 heartbeats, with a HeartbeatInterval of %v", interval)
	c.eventually(called, func(ctx context.Context) error { // a busy machine may delay one
		lost, received := b.cluster.Stats().SessionsLost, a.cluster.Stats().Received
		for range 5 {
			if _, err := beats.find(ctx, anyLaterItem(beats)); err != nil {
				return err
			}
		}
		if more := b.cluster.Stats().SessionsLost - lost; more > 0 {
			return fmt.Errorf("node B gave up %d sessions", more)
		}
		if more := a.cluster.Stats().Received - received; more < 4 { // the last one may be in flight
			return fmt.Errorf("node A received %d of 5 heartbeats", more)
		}
		return nil
	})
}

func closedNamespaceAnnouncesLeaving(c *clusterChecker) {
	a, b := c.node("A"), c.node("B")
	c.waitForPeers(a, b)
	cl := b.client("1")
	registry, stays := c.registryWithClient("stays")
	b.open(c.namespace+"/other", registry)
	sender := a.open(c.namespace+"/other", emptyRegistry())
	c.must("Close the namespace on B", b.Close)
	const called = "Close one of two namespaces on B"
	if _, err := awaitMatch(c, a.left, func(uid string) bool { return uid == b.UID() }); err != nil {
		c.fail(called, "a call of Trace.PeerLeft on A", "no call for %v", c.patience)
	}
	c.emit(a, a.Target, "too late")
	c.emit(a, sender.Target, "hi")
	stays.expect(called+", Emit in both on A", `["hi"]`)
	b.Namespace = b.open(c.namespace, b.registry)
	c.waitForPeers(a, b)
	c.emit(a, a.Target, "again")
	cl.expect(called+", open it again, Emit on A", `["again"]`)
}
