package conformance

import (
	"context"
	"fmt"
	"slices"

	"github.com/backplane-go/backplane/codec"
)

var clusterPeerChecks = []check[*clusterCase]{
	{"PeersAreKnown", "Nodes know each other as soon as they have started, not after a heartbeat: Peers, ServerCount, PeerJoined. Requests " +
		"ask the peers that are known, so the first ones would come back empty.", peersAreKnown},
	{"WaitForPeers", "WaitForPeers returns once enough nodes are there, and with its context's error when they do not come.",
		waitForPeers},
	{"AnnouncementsAreAnswered", "A node that announces itself (type 1) is answered with a sign of life (type 2) at once. Node.js " +
		"nodes learn of us that way.", announcementsAreAnswered},
	{"EmitterIsNoPeer", "An emitter outside of the cluster is delivered like anybody, but is no peer: requests must not wait for one " +
		"who cannot answer.", emitterIsNoPeer},
	{"LateMessageDoesNotRevive", "A late message of a peer that has said goodbye is delivered, but does not bring it back: every request " +
		"would wait for it until it expires. Announcing itself again does.", lateMessageDoesNotRevive},
	{"ForgedGoodbyeIsNotBelieved", "A goodbye in the name of a node that it did not say itself changes nothing: whoever may publish could " +
		"make requests come back without that node's answers, and without an error.", forgedGoodbyeIsNotBelieved},
}

func peersAreKnown(c *clusterCase) {
	a, b, d := c.node("A"), c.node("B"), c.node("C")
	c.meet(a, b, d)
	all := []*node{a, b, d}
	for _, n := range all {
		var want []string
		for _, other := range all {
			if other != n {
				want = append(want, other.UID())
			}
		}
		slices.Sort(want)
		if got := n.Peers(); !slices.Equal(got, want) {
			c.fail("open three nodes, Peers on "+n.name, quotes(want), "%s", quotes(got))
		}
		if got := n.ServerCount(); got != 3 {
			c.fail("open three nodes, ServerCount on "+n.name, "3", "%d", got)
		}
		for _, uid := range want {
			if _, err := await(c, n.joined, func(got string) bool { return got == uid }); err != nil {
				c.fail("open three nodes, Trace.PeerJoined on "+n.name, "a call for each of "+quotes(want), "%s", quotes(n.joined.all()))
			}
		}
	}
}

func waitForPeers(c *clusterCase) {
	a := c.node("A")
	ctx, cancel := context.WithCancel(c.Context())
	cancel()
	if err := a.WaitForPeers(ctx, 1); err == nil {
		c.fail("WaitForPeers(1) alone, its context ended", "the context's error", "no error")
	}
	if err := a.WaitForPeers(ctx, 0); err != nil {
		c.fail("WaitForPeers(0)", "no error", "the error %q", err)
	}
	came := c.meanwhile(func() error { return a.WaitForPeers(c.Context(), 2) })
	c.node("B")
	c.node("C")
	if err := c.watch("WaitForPeers(2), open two more nodes", came); err != nil {
		c.fail("WaitForPeers(2), open two more nodes", "no error", "the error %q", err)
	}
}

func announcementsAreAnswered(c *clusterCase) {
	a := c.node("A")
	p := c.puppet("aaaaaaaaaaaaaaaa")
	p.say(codec.Envelope{Type: codec.InitialHeartbeat})
	p.hears("publish INITIAL_HEARTBEAT as a peer", a, codec.Heartbeat)
	b := c.node("B")
	p.hears("open B", b, codec.InitialHeartbeat)
}

func emitterIsNoPeer(c *clusterCase) {
	a := c.node("A")
	cl := a.client("1")
	p := c.puppet(codec.EmitterUID)
	p.say(codec.Envelope{Type: codec.Broadcast, Args: c.args("hi")})
	const called = "publish a BROADCAST as an emitter"
	cl.expect(called, `["hi"]`)
	if got := a.Peers(); len(got) != 0 {
		c.fail(called+", Peers", "none", "%s", quotes(got))
	}
	if acks := c.acks(a, a.Target, called+", EmitWithAck"); len(acks) != 1 {
		c.fail(called+", EmitWithAck", "one answer", "%v", texts(acks))
	}
}

func lateMessageDoesNotRevive(c *clusterCase) {
	a := c.node("A")
	cl := a.client("1")
	p := c.puppet("aaaaaaaaaaaaaaaa").known(a)
	p.say(codec.Envelope{Type: codec.AdapterClose})
	p.say(codec.Envelope{Type: codec.Heartbeat})
	p.say(codec.Envelope{Type: codec.SocketsJoin, Rooms: []string{"x"}})
	p.say(codec.Envelope{Type: codec.Broadcast, Args: c.args("late")})
	const called = "publish as a peer a goodbye, and then more"
	cl.expect(called, `["late"]`)
	if got := a.Peers(); len(got) != 0 {
		c.fail(called, "no peers", "%s", quotes(got))
	}
	p.say(codec.Envelope{Type: codec.InitialHeartbeat})
	c.must(called+", and then INITIAL_HEARTBEAT: WaitForPeers(1)", func(ctx context.Context) error { return a.WaitForPeers(ctx, 1) })
	if got := a.Peers(); !slices.Equal(got, []string{p.uid}) {
		c.fail(called+", and then INITIAL_HEARTBEAT", fmt.Sprintf("the peer %q", p.uid), "%s", quotes(got))
	}
}

func forgedGoodbyeIsNotBelieved(c *clusterCase) {
	a, b := c.node("A"), c.node("B")
	c.meet(a, b)
	p := c.puppet("aaaaaaaaaaaaaaaa").known(a)
	for _, key := range []string{"", "0f5a3c2e9d81b746c3a1e0d95b72f468"} {
		p.say(codec.Envelope{Type: codec.AdapterClose, UID: b.UID(), CloseKey: key})
		c.settled(p, a)
		if got := a.Peers(); !slices.Contains(got, b.UID()) {
			c.fail("publish a goodbye in the name of B with the key "+quote(key)+", Peers on A", "B among them", "%s", quotes(got))
		}
	}
}
