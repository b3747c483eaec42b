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

// settled returns once a node has dealt with all that p has said.
func (c *clusterCase) settled(p *puppet, n *node) {
	c.Helper()
	end := fmt.Sprintf("the end %d", ends.Add(1))
	p.say(codec.Envelope{Type: codec.ServerSideEmit, Args: c.args(end)})
	if _, err := await(c, n.side, func(s sideEvent) bool { return s.args.Event() == end }); err != nil {
		c.fail("publish a SERVER_SIDE_EMIT as a peer", "it on "+n.name, "nothing for %v", c.patience)
	}
}
