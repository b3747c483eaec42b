package conformance

import (
	"context"
	"fmt"
	"slices"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
)

var clusterRequestChecks = []check[*clusterChecker]{
	{"PeersAreKnown", "core.Namespace.Peers",
		"Nodes know each other as soon as they have started, not only after a heartbeat. Requests ask the known " +
			"peers, so the first requests would come back empty.", peersAreKnown},
	{"EmitWithAckAsksEveryClient", "core.Target.EmitWithAck",
		"EmitWithAck returns one answer from each selected client of every node, and ends when the last answer " +
			"has arrived, not at the timeout.", emitWithAckAsksEveryClient},
	{"ServerSideEmitReachesOtherNodes", "core.Target.ServerSideEmit",
		"ServerSideEmit reaches the server of every other node, but not the sender's own server, and no client.",
		serverSideEmitReachesOtherNodes},
	{"ServerSideEmitWithAckAsksOtherNodes", "core.Target.ServerSideEmitWithAck",
		"ServerSideEmitWithAck returns the first answer of each other node, and ends with the last of them.",
		serverSideEmitWithAckAsksOtherNodes},
	{"ManyRequestsAtOnce", "core.Target.EmitWithAck",
		"Each of many concurrent requests gets its own answers.", manyRequestsAtOnce},
}

func peersAreKnown(c *clusterChecker) {
	all := []*node{c.node("A"), c.node("B"), c.node("C")}
	c.waitForPeers(all...)
	for _, n := range all {
		var want []string
		for _, other := range all {
			if other != n {
				want = append(want, other.UID())
			}
		}
		slices.Sort(want)
		if got := n.Peers(); !slices.Equal(got, want) {
			c.fail("open three nodes, Peers on "+n.name, quoteAll(want), "%s", quoteAll(got))
		}
	}
}

func emitWithAckAsksEveryClient(c *clusterChecker) {
	a, b, d := c.node("A"), c.node("B"), c.node("C")
	c.waitForPeers(a, b, d)
	a.client("a1", "x")
	b.client("b1", "x")
	b.client("b2", "x")
	b.client("b3")
	const called = `To("x").EmitWithAck on A`
	got := valuesJSON(c.acks(a, a.To("x"), called))
	slices.Sort(got)
	if want := []string{`"a1"`, `"b1"`, `"b2"`}; !slices.Equal(got, want) {
		c.fail(called+", with clients on A, two on B, none on C", fmt.Sprint(want), "%v", got)
	}
	if got := c.acks(d, d.To("none"), `To("none").EmitWithAck on C`); len(got) != 0 {
		c.fail(`To("none").EmitWithAck on C`, "no answers, no error", "%v", valuesJSON(got))
	}
}

// acks sends an event to the clients and returns all of their answers.
func (c *clusterChecker) acks(n *node, to core.Target, called string) (values []codec.Value) {
	c.Helper()
	c.must(called, func(ctx context.Context) (err error) {
		values, err = to.EmitWithAck(ctx, "question")
		return err
	})
	return values
}

func serverSideEmitReachesOtherNodes(c *clusterChecker) {
	a, b, d := c.node("A"), c.node("B"), c.node("C")
	cl := b.client("1")
	const called = "ServerSideEmit on A"
	c.must(called, func(ctx context.Context) error { return a.ServerSideEmit(ctx, "hi", 1, "two") })
	c.must("ServerSideEmit on B", func(ctx context.Context) error { return b.ServerSideEmit(ctx, "from B") })
	for _, t := range []struct {
		n    *node
		want []string
	}{{d, []string{`["hi",1,"two"]`, `["from B"]`}}, {b, []string{`["hi",1,"two"]`}}, {a, []string{`["from B"]`}}} {
		for _, want := range t.want {
			got, ok := takeNext(c, t.n.serverEvents)
			if !ok || got.String() != want || got.wantsAnswer {
				c.fail(called+" and on B; "+t.n.name+"'s server", want+", without a request for an answer",
					"%v, request for an answer: %v (event received: %v)", got, got.wantsAnswer, ok)
			}
		}
	}
	c.expectNothingMore(called, a, cl)
}

func serverSideEmitWithAckAsksOtherNodes(c *clusterChecker) {
	a, b, d := c.node("A"), c.node("B"), c.node("C")
	c.waitForPeers(a, b, d)
	for _, n := range []*node{a, b, d} {
		n.setReply(func(args codec.Args) (codec.Value, bool) {
			return c.value(map[string]any{"name": n.name, "got": args.Value()}), true
		})
	}
	var values []codec.Value
	const called = "ServerSideEmitWithAck on A"
	c.must(called, func(ctx context.Context) (err error) {
		values, err = a.ServerSideEmitWithAck(ctx, "question", 42)
		return err
	})
	var got []string
	for _, v := range values {
		var r struct{ Name, Got any }
		if err := v.Decode(&r); err != nil {
			c.fail(called, "answers that decode", "%s (%v)", v, err)
		}
		got = append(got, fmt.Sprintf("%v got %v", r.Name, r.Got))
	}
	slices.Sort(got)
	if want := []string{"B got [question 42]", "C got [question 42]"}; !slices.Equal(got, want) {
		c.fail(called, quoteAll(want), "%s", quoteAll(got))
	}
}

func manyRequestsAtOnce(c *clusterChecker) {
	a, b := c.node("A"), c.node("B")
	c.waitForPeers(a, b)
	a.client("near")
	b.client("far").setAnswer(func(args codec.Args) (codec.Value, bool) { return args.Value(), true })
	ended := make(chan error, batchSize)
	ask := func(i int) {
		ctx, cancel := context.WithTimeout(c.Context(), c.patience)
		defer cancel()
		values, err := a.To("far").EmitWithAck(ctx, "question", i)
		if want := fmt.Sprintf(`["question",%d]`, i); err == nil && (len(values) != 1 || values[0].String() != want) {
			err = fmt.Errorf("request %d was answered with %v", i, valuesJSON(values))
		}
		ended <- err
	}
	inBatches(c.scale(10*batchSize, 1000*batchSize), batchSize/2, func(i int) { go ask(i) }, func(int) {
		c.must("EmitWithAck on A, several at a time", func(context.Context) error { return <-ended })
	})
}
