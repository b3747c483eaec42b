package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
)

// asks are the kinds of requests. Each returns the answers: values in JSON, or the ids of sockets, quoted as well.
var asks = map[string]func(ctx context.Context, to core.Target) ([]string, error){
	"EmitWithAck": func(ctx context.Context, to core.Target) ([]string, error) {
		values, err := to.EmitWithAck(ctx, "question")
		return texts(values), err
	},
	"FetchSockets": func(ctx context.Context, to core.Target) (ids []string, err error) {
		sockets, err := to.FetchSockets(ctx)
		for _, socket := range sockets {
			ids = append(ids, strconv.Quote(socket.ID()))
		}
		return ids, err
	},
	"ServerSideEmitWithAck": func(ctx context.Context, to core.Target) ([]string, error) {
		values, err := to.ServerSideEmitWithAck(ctx, "question")
		return texts(values), err
	},
}

// requestTypes tell as what a request is published.
var requestTypes = map[string]codec.Type{
	"EmitWithAck": codec.Broadcast, "FetchSockets": codec.FetchSockets, "ServerSideEmitWithAck": codec.ServerSideEmit,
}

// answer answers a request as a node with one client would. The text is the client's answer, or its id.
func (p *puppet) answer(kind, id, text string) {
	p.c.Helper()
	switch kind {
	case "EmitWithAck":
		p.say(codec.Envelope{Type: codec.BroadcastClientCount, RequestID: id, ClientCount: 1})
		p.say(codec.Envelope{Type: codec.BroadcastAck, RequestID: id, Value: p.c.value(text)})
	case "FetchSockets":
		p.say(codec.Envelope{Type: codec.FetchSocketsResponse, RequestID: id, Sockets: []codec.Socket{{ID: text, Rooms: []string{text}}}})
	case "ServerSideEmitWithAck":
		p.say(codec.Envelope{Type: codec.ServerSideEmitResponse, RequestID: id, Value: p.c.value(text)})
	}
}

// outcome is how a request ended.
type outcome struct {
	answers []string
	err     error
	took    time.Duration
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
		answers, err := asks[kind](c.Context(), to)
		q.done <- outcome{answers, err, time.Since(start)}
	}()
	q.id = p.hears(kind, n, requestTypes[kind]).RequestID
	return q
}

// end waits for the request to end, and fails if it does not end in time, or not with these answers. Which answers came tells
// whether it has waited for the right ones, however long it took.
func (q *asking) end(called string, want ...string) outcome {
	q.c.Helper()
	wanted := make([]string, 0, len(want))
	for _, text := range want {
		wanted = append(wanted, strconv.Quote(text))
	}
	slices.Sort(wanted)
	select {
	case o := <-q.done:
		if slices.Sort(o.answers); !slices.Equal(o.answers, wanted) {
			q.c.fail(q.kind+"; "+called, fmt.Sprint("the answers ", wanted), "%v, error %v", o.answers, o.err)
		}
		return o
	case <-time.After(q.c.patience):
		q.c.fail(q.kind+"; "+called, "that the request ends", "nothing for %v", q.c.patience)
		return outcome{}
	}
}

// complete is end, and wants no error.
func (q *asking) complete(called string, want ...string) {
	q.c.Helper()
	if o := q.end(called, want...); o.err != nil {
		q.c.fail(q.kind+"; "+called, "no error", "the error %q", o.err)
	}
}

// partial is end, and wants a *PartialError with these nodes.
func (q *asking) partial(called string, want, missing, left []string) outcome {
	q.c.Helper()
	o := q.end(called, want...)
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
