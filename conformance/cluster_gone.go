package conformance

import (
	"context"
	"errors"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
)

var clusterGoneChecks = []check[*clusterCase]{
	{"PeerThatClosesEndsRequests", "A peer that says goodbye (type 13) while it is asked is not waited for, and is named in " +
		"PartialError.Left. Every deployment closes nodes.", peerThatClosesEndsRequests},
	{"PeerThatFallsSilentEndsRequests", "A peer that dies while it is asked is not waited for any longer than it takes to know, which " +
		"is the heartbeat timeout, and is named in PartialError.Left.", peerThatFallsSilentEndsRequests},
	{"CloseEndsRequests", "A node that closes ends its own requests with ErrClosed.", closeEndsRequests},
	{"CloseSaysGoodbye", "A node that closes is gone for its peers at once, in every namespace: it says goodbye (type 13), last of all.",
		closeSaysGoodbye},
	{"ClosedNamespaceIsLeft", "A namespace that is closed says goodbye and delivers nothing more; the node's other namespaces go on, and it " +
		"can be opened again.", closedNamespaceIsLeft},
}

func peerThatClosesEndsRequests(c *clusterCase) {
	for kind := range asks {
		a, p := c.partner(kind)
		gone := *p
		gone.uid = c.silent(p, a, "cccccccccccccccc")
		q := c.ask(kind, a, a.Timeout(2*c.patience), p)
		p.answer(kind, q.id, "here")
		gone.say(codec.Envelope{Type: codec.AdapterClose})
		q.partial("one of two peers answers, the other closes", []string{"here"}, nil, []string{gone.uid})
	}
}

func peerThatFallsSilentEndsRequests(c *clusterCase) {
	type pair struct {
		a *node
		p *puppet
		q *asking
	}
	var all []pair
	for kind := range asks {
		a, p := c.partner(kind, sooner)
		all = append(all, pair{a, p, c.ask(kind, a, a.Timeout(2*c.patience), p)})
	}
	for _, t := range all {
		a, p := t.a, t.p
		t.q.partial("the only peer falls silent", nil, nil, []string{p.uid})
		if _, err := await(c, a.left, func(uid string) bool { return uid == p.uid }); err != nil {
			c.fail("a peer falls silent", "Trace.PeerLeft", "nothing")
		}
		if got := a.Peers(); len(got) > 0 {
			c.fail("a peer falls silent, Peers", "none", "%s", quotes(got))
		}
	}
}

func closeEndsRequests(c *clusterCase) {
	for kind := range asks {
		a, p := c.partner(kind)
		q := c.ask(kind, a, a.Timeout(2*c.patience), p)
		a.close()
		if o := q.end("Close while it waits"); !errors.Is(o.err, core.ErrClosed) {
			c.fail(kind+"; Close while it waits", "ErrClosed", "%v", o.err)
		}
		if _, err := asks[kind](c.Context(), a.Target); !errors.Is(err, core.ErrClosed) {
			c.fail("Close, "+kind, "ErrClosed", "%v", err)
		}
	}
}

func closeSaysGoodbye(c *clusterCase) {
	a, b := c.node("A"), c.node("B")
	cl := a.client("1")
	c.meet(a, b)
	p := c.puppet("aaaaaaaaaaaaaaaa")
	if err := b.EmitAsync("last"); err != nil {
		c.fail("EmitAsync on B", "no error", "the error %q", err)
	}
	b.close()
	const called = "EmitAsync, Close on B"
	cl.expect(called, `["last"]`)
	p.hears(called, b, codec.AdapterClose)
	if _, err := await(c, a.left, func(uid string) bool { return uid == b.UID() }); err != nil {
		c.fail(called, "Trace.PeerLeft on A", "nothing for %v", c.patience)
	}
	if got := a.Peers(); len(got) > 0 {
		c.fail(called+", Peers on A", "none", "%s", quotes(got))
	}
	said := false
	for _, env := range p.heard.all() {
		if said && env.UID == b.UID() {
			c.fail(called, "ADAPTER_CLOSE as its last message", "%v after it", env.Type)
		}
		said = said || env.UID == b.UID() && env.Type == codec.AdapterClose
	}
}

func closedNamespaceIsLeft(c *clusterCase) {
	a, b := c.node("A"), c.node("B")
	c.meet(a, b)
	cl := b.client("1")
	other := core.NewRegistry(core.RegistryConfig{})
	stays := &client{c: c, id: "stays", got: newInbox[packet](), kicked: newInbox[bool]()}
	other.Add(stays)
	b.open(c.nsp+"/other", other)
	sender := a.open(c.nsp+"/other", core.NewRegistry(core.RegistryConfig{}))
	c.must("Close the namespace on B", b.Close)
	const called = "Close one of two namespaces on B"
	if _, err := await(c, a.left, func(uid string) bool { return uid == b.UID() }); err != nil {
		c.fail(called, "Trace.PeerLeft on A", "nothing for %v", c.patience)
	}
	c.emit(a, a.Target, "too late")
	c.emit(a, sender.Target, "hi")
	stays.expect(called+", Emit in both on A", `["hi"]`)
	if err := c.call(called+", Emit on B", func(ctx context.Context) error { return b.Emit(ctx, "a") }); !errors.Is(err, core.ErrClosed) {
		c.fail(called+", Emit in it", "ErrClosed", "%v", err)
	}
	b.Namespace = b.open(c.nsp, b.registry)
	c.meet(a, b)
	c.emit(a, a.Target, "again")
	cl.expect(called+", open it again, Emit on A", `["again"]`)
}
