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

var clusterRequestChecks = []check[*clusterCase]{
	{"EmitWithAckAsksEveryClient", "EmitWithAck returns one answer of each selected client of every node, and ends when the last has come, " +
		"not at the timeout.", emitWithAckAsksEveryClient},
	{"ServerSideEmitReachesTheOthers", "ServerSideEmit reaches every other node's server, not this one's and no client.",
		serverSideEmitReachesTheOthers},
	{"ServerSideEmitAsksTheOthers", "ServerSideEmitWithAck returns the first answer of each other node, and ends with the last.",
		serverSideEmitAsksTheOthers},
	{"NobodyToAskIsNoWaiting", "A request that has nobody else to ask ends at once, and publishes nothing that wants an answer.",
		nobodyToAskIsNoWaiting},
	{"PartialAnswersNameTheMissing", "At its deadline a request returns the answers that came, with a *PartialError that names the nodes " +
		"whose are missing. Half an answer is worth more than none, if one knows which half.", partialAnswersNameTheMissing},
	{"DuplicateAnswersCountOnce", "A repeated answer counts once. Requests would otherwise end before all have answered.",
		duplicateAnswersCountOnce},
	{"StrangersDoNotCount", "An answer of a node that was not asked does not count, nor does one to another request.", strangersDoNotCount},
}

func emitWithAckAsksEveryClient(c *clusterCase) {
	a, b, d := c.node("A"), c.node("B"), c.node("C")
	c.meet(a, b, d)
	a.client("a1", "x")
	b.client("b1", "x")
	b.client("b2", "x")
	b.client("b3")
	const called = `To("x").EmitWithAck on A`
	start := time.Now()
	got := texts(c.acks(a, a.To("x"), called))
	slices.Sort(got)
	if want := []string{`"a1"`, `"b1"`, `"b2"`}; !slices.Equal(got, want) {
		c.fail(called+", with clients on A, two on B, none on C", fmt.Sprint(want), "%v", got)
	}
	if took := time.Since(start); took >= c.patience {
		c.fail(called, "that it ends when all have answered", "that it took %v", took)
	}
	if got := c.acks(d, d.To("none"), `To("none").EmitWithAck on C`); len(got) != 0 {
		c.fail(`To("none").EmitWithAck on C`, "no answers, no error", "%v", texts(got))
	}
}

func serverSideEmitReachesTheOthers(c *clusterCase) {
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
			got, ok := take(c, t.n.side)
			if !ok || got.String() != want || got.wanted {
				c.fail(called+" and on B; "+t.n.name+"'s server", want+", no answer wanted", "%v, answer wanted %v (any: %v)", got, got.wanted, ok)
			}
		}
	}
	cl.expectNothing(called, a)
	if err := c.call("ServerSideEmit(connect)", func(ctx context.Context) error { return a.ServerSideEmit(ctx, "connect") }); err == nil {
		c.fail(`ServerSideEmit("connect")`, "a *ReservedEventError", "no error")
	}
}

func serverSideEmitAsksTheOthers(c *clusterCase) {
	a, b, d := c.node("A"), c.node("B"), c.node("C")
	c.meet(a, b, d)
	for _, n := range []*node{a, b, d} {
		n.answers(func(args codec.Args) (codec.Value, bool) {
			return c.value(map[string]any{"name": n.name, "got": args.Value()}), true
		})
	}
	var values []codec.Value
	const called = "ServerSideEmitWithAck on A"
	c.must(called, func(ctx context.Context) (err error) {
		values, err = a.Timeout(c.patience).ServerSideEmitWithAck(ctx, "question", 42)
		return err
	})
	var got []string
	for _, v := range values {
		var r struct{ Name, Got any }
		if err := v.Decode(&r); err != nil {
			c.fail(called, "answers", "%s (%v)", v, err)
		}
		got = append(got, fmt.Sprintf("%v got %v", r.Name, r.Got))
	}
	slices.Sort(got)
	if want := []string{"B got [question 42]", "C got [question 42]"}; !slices.Equal(got, want) {
		c.fail(called, quotes(want), "%s", quotes(got))
	}
}

func nobodyToAskIsNoWaiting(c *clusterCase) {
	a := c.node("A")
	a.client("1")
	for kind, want := range map[string]int{"EmitWithAck": 1, "FetchSockets": 1, "ServerSideEmitWithAck": 0} {
		start := time.Now()
		var answers []string
		c.must(kind+" on the only node", func(ctx context.Context) (err error) {
			answers, err = asks[kind](ctx, a.Timeout(c.patience))
			return err
		})
		if took, n := time.Since(start), len(answers); n != want || took >= c.patience {
			c.fail(kind+" on the only node", fmt.Sprintf("%d answers, at once", want), "%d after %v", n, took)
		}
	}
}

func partialAnswersNameTheMissing(c *clusterCase) {
	timeout := c.patience / 10 // long enough for an answer on a busy machine
	var all []*asking
	const silent = "cccccccccccccccc"
	for kind := range asks {
		a, p := c.partner(kind)
		c.silent(p, a, silent)
		q := c.ask(kind, a, a.Timeout(timeout), p)
		p.answer(kind, q.id, "here")
		all = append(all, q)
	}
	for _, q := range all {
		o := q.partial("one of two peers answers", []string{"here"}, []string{silent}, nil)
		if !errors.Is(o.err, core.ErrTimeout) || o.took < timeout {
			c.fail(fmt.Sprintf("Timeout(%v).%s; one of two peers answers", timeout, q.kind), "ErrTimeout after that time", "%v after %v", o.err, o.took)
		}
	}
}

func duplicateAnswersCountOnce(c *clusterCase) {
	for kind := range asks {
		a, p := c.partner(kind)
		other := *p
		other.uid = c.silent(p, a, "cccccccccccccccc")
		q := c.ask(kind, a, a.Timeout(c.patience), p)
		for range 3 {
			p.answer(kind, q.id, "one")
		}
		other.answer(kind, q.id, "other")
		q.complete("one of two peers answers three times, then the other", "one", "other")
	}
}

func strangersDoNotCount(c *clusterCase) {
	for kind := range asks {
		a, p := c.partner(kind)
		q := c.ask(kind, a, a.Timeout(c.patience), p)
		stranger, emitter := *p, *p
		stranger.uid, emitter.uid = "dddddddddddddddd", codec.EmitterUID
		stranger.answer(kind, q.id, "stranger")
		emitter.answer(kind, q.id, "emitter")
		p.answer(kind, "another request", "another request")
		p.answer(kind, q.id, "peer")
		q.complete("a stranger answers, the peer to another request, then the peer", "peer")
	}
}
