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

// asks are the kinds of requests: each returns how many answers came.
var asks = map[string]func(ctx context.Context, to core.Target) (int, error){
	"EmitWithAck": func(ctx context.Context, to core.Target) (int, error) {
		values, err := to.EmitWithAck(ctx, "question")
		return len(values), err
	},
	"FetchSockets": func(ctx context.Context, to core.Target) (int, error) {
		sockets, err := to.FetchSockets(ctx)
		return len(sockets), err
	},
	"ServerSideEmitWithAck": func(ctx context.Context, to core.Target) (int, error) {
		values, err := to.ServerSideEmitWithAck(ctx, "question")
		return len(values), err
	},
}

// requestTypes tell as what a request is published.
var requestTypes = map[string]codec.Type{
	"EmitWithAck": codec.Broadcast, "FetchSockets": codec.FetchSockets, "ServerSideEmitWithAck": codec.ServerSideEmit,
}

// answer answers a request as a node with one client would.
func (p *puppet) answer(kind, id string) {
	p.c.Helper()
	switch kind {
	case "EmitWithAck":
		p.say(codec.Envelope{Type: codec.BroadcastClientCount, RequestID: id, ClientCount: 1})
		p.say(codec.Envelope{Type: codec.BroadcastAck, RequestID: id, Value: p.c.value(p.uid)})
	case "FetchSockets":
		p.say(codec.Envelope{Type: codec.FetchSocketsResponse, RequestID: id, Sockets: []codec.Socket{{ID: p.uid, Rooms: []string{p.uid}}}})
	case "ServerSideEmitWithAck":
		p.say(codec.Envelope{Type: codec.ServerSideEmitResponse, RequestID: id, Value: p.c.value(p.uid)})
	}
}

// outcome is how a request ended.
type outcome struct {
	n    int
	err  error
	took time.Duration
}

// asking is a request under way.
type asking struct {
	c    *clusterCase
	kind string
	id   string
	done chan outcome
}

// ask begins a request on a node, which p hears.
func (c *clusterCase) ask(kind string, n *node, to core.Target, p *puppet) *asking {
	c.Helper()
	q := &asking{c: c, kind: kind, done: make(chan outcome, 1)}
	start := time.Now()
	go func() {
		count, err := asks[kind](c.Context(), to)
		q.done <- outcome{count, err, time.Since(start)}
	}()
	q.id = p.hears(kind, n, requestTypes[kind]).RequestID
	return q
}

// end waits for the request to end, and fails if it does not end in time, or not with this number of answers.
func (q *asking) end(called string, want int) outcome {
	q.c.Helper()
	select {
	case o := <-q.done:
		if o.n != want {
			q.c.fail(q.kind+"; "+called, fmt.Sprintf("%d answers", want), "%d answers, error %v", o.n, o.err)
		}
		return o
	case <-time.After(q.c.patience):
		q.c.fail(q.kind+"; "+called, "that the request ends", "nothing for %v", q.c.patience)
		return outcome{}
	}
}

// complete is end, and wants no error.
func (q *asking) complete(called string, want int) {
	q.c.Helper()
	if o := q.end(called, want); o.err != nil {
		q.c.fail(q.kind+"; "+called, "no error", "the error %q", o.err)
	}
}

// partial is end, and wants a *PartialError with these nodes.
func (q *asking) partial(called string, want int, missing, left []string) outcome {
	q.c.Helper()
	o := q.end(called, want)
	var p *core.PartialError
	if !errors.As(o.err, &p) {
		q.c.fail(q.kind+"; "+called, "a *PartialError", "%v", o.err)
	}
	if !slices.Equal(p.Missing, missing) || !slices.Equal(p.Left, left) {
		q.c.fail(q.kind+"; "+called, fmt.Sprintf("Missing %s, Left %s", quotes(missing), quotes(left)), "Missing %s, Left %s", quotes(p.Missing), quotes(p.Left))
	}
	return o
}

// acks asks the clients and returns all of their answers.
func (c *clusterCase) acks(n *node, to core.Target, called string) (values []codec.Value) {
	c.Helper()
	c.must(called, func(ctx context.Context) (err error) {
		values, err = to.Timeout(c.patience).EmitWithAck(ctx, "question")
		return err
	})
	return values
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
		var n int
		c.must(kind+" on the only node", func(ctx context.Context) (err error) {
			n, err = asks[kind](ctx, a.Timeout(c.patience))
			return err
		})
		if took := time.Since(start); n != want || took >= c.patience {
			c.fail(kind+" on the only node", fmt.Sprintf("%d answers, at once", want), "%d after %v", n, took)
		}
	}
}

func partialAnswersNameTheMissing(c *clusterCase) {
	for kind := range asks {
		a, p := c.partner(kind)
		silent := c.silent(p, a, "cccccccccccccccc")
		q := c.ask(kind, a, a.Timeout(100*time.Millisecond), p)
		p.answer(kind, q.id)
		o := q.partial("one of two peers answers", 1, []string{silent}, nil)
		if !errors.Is(o.err, core.ErrTimeout) || o.took < 100*time.Millisecond {
			c.fail("Timeout(100 ms)."+kind+"; one of two peers answers", "ErrTimeout after 100 ms", "%v after %v", o.err, o.took)
		}
	}
}

// partner makes a node and a peer that knows it, in a namespace of their own.
func (c *clusterCase) partner(name string, change ...func(*core.Config)) (*node, *puppet) {
	c.Helper()
	own := *c
	own.nsp = c.nsp + "/" + name
	n := own.node("A", change...)
	return n, own.puppet("bbbbbbbbbbbbbbbb").known(n)
}

// silent makes a node know a peer that never says anything else. It speaks through p.
func (c *clusterCase) silent(p *puppet, n *node, uid string) string {
	c.Helper()
	mute := *p
	mute.uid = uid
	mute.known(n)
	return uid
}

func duplicateAnswersCountOnce(c *clusterCase) {
	for kind := range asks {
		a, p := c.partner(kind)
		other := *p
		other.uid = c.silent(p, a, "cccccccccccccccc")
		q := c.ask(kind, a, a.Timeout(c.patience), p)
		for range 3 {
			p.answer(kind, q.id)
		}
		c.settled(p, a)
		select {
		case o := <-q.done:
			c.fail(kind+"; one of two peers answers three times", "that it waits for the other", "%d answers, error %v", o.n, o.err)
		default:
		}
		other.answer(kind, q.id)
		q.complete("one of two peers answers three times, then the other", 2)
	}
}

func strangersDoNotCount(c *clusterCase) {
	for kind := range asks {
		a, p := c.partner(kind)
		q := c.ask(kind, a, a.Timeout(c.patience), p)
		stranger, emitter := *p, *p
		stranger.uid, emitter.uid = "dddddddddddddddd", codec.EmitterUID
		stranger.answer(kind, q.id)
		emitter.answer(kind, q.id)
		p.answer(kind, "another request")
		c.settled(p, a)
		select {
		case o := <-q.done:
			c.fail(kind+"; a stranger answers, and the peer to another request", "that it waits", "%d answers, error %v", o.n, o.err)
		default:
		}
		p.answer(kind, q.id)
		q.complete("a stranger answers, the peer to another request, then the peer", 1)
	}
}

// settled returns once a node has dealt with all that p has said.
func (c *clusterCase) settled(p *puppet, n *node) {
	c.Helper()
	end := fmt.Sprintf("the end %d", ends.Add(1))
	p.say(codec.Envelope{Type: codec.ServerSideEmit, Args: c.args(end)})
	if _, err := await(c, n.side, func(s sideEvent) bool { return s.args.Event() == end }); err != nil {
		c.fail("publish a SERVER_SIDE_EMIT as a peer", "it on "+n.name, "nothing for %v", c.patience)
	}
}
