package conformance

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/transport"
)

var clusterSizeChecks = []check[*clusterChecker]{
	{"MessagesOfAnySizeArrive", "backplane.Config.Store",
		"A message arrives whatever its size: near the limit of the bus, to the byte, and a megabyte. The " +
			"largest message of the week must not be the one that gets lost.", messagesOfAnySizeArrive},
	{"AnswersOfAnySizeArrive", "backplane.Config.Store",
		"Acknowledgements and the data of sockets arrive whatever their size. They are transported like " +
			"messages, but only the requester reads them.", answersOfAnySizeArrive},
	{"LargeMessagesOfAllNodesArrive", "backplane.Config.Store",
		"All nodes can read what several nodes put into the store at the same time, and no node reads another " +
			"message in its place. An id that two nodes use at the same time merges two messages.",
		largeMessagesOfAllNodesArrive},
}

// maxMessage is the default limit of a message, core.Config.MaxMessageBytes.
const maxMessage = 16 << 20

// textSizes returns sizes of texts in bytes, in ascending order: small ones, those with which an event is about
// as large as the bus can carry, and, if there is a store or no limit, large ones. Measure returns the size of
// a published event with a text of the given size.
func (c *clusterChecker) textSizes(n *node, measure func(text int) int) (all []int) {
	limit, unlimited := n.config.Bus.Limits().Payload, n.config.Store != nil
	if t := n.config.PayloadThreshold; t > 0 && (limit == 0 || t < limit) {
		limit = t
	}
	unlimited = unlimited || limit == 0
	for _, size := range []int{0, 1, 100, 1000, 4 << 10, 8 << 10, 64 << 10, 64<<10 + 1, 1 << 20,
		c.scale(2<<20, 8<<20)} {
		if unlimited || 2*size+500 < limit {
			all = append(all, size)
		}
	}
	if limit == 0 || limit > maxMessage/2 {
		return all
	}
	few, more := measure(300), measure(420) // codecs that write base64 need four bytes for three
	if more <= few {
		return all // they exceeded the limit already
	}
	largest := 300 + (limit-few)*120/(more-few)
	for size := largest - 5; size <= largest+4; size++ {
		if unlimited || size < largest-4 {
			all = append(all, size)
		}
	}
	slices.Sort(all)
	return all
}

func messagesOfAnySizeArrive(c *clusterChecker) {
	var published atomic.Int64
	a := c.node("A", withPublishHook(func(ctx context.Context, next transport.Bus, msgs []transport.Message) error {
		for _, m := range msgs {
			published.Store(max(published.Load(), int64(len(m.Payload))))
		}
		return next.Publish(ctx, msgs...)
	}))
	cl := c.node("B").client("1")
	sizes := c.textSizes(a, func(text int) int {
		published.Store(0)
		c.emit(a, a.Target, "size", strings.Repeat("x", text))
		cl.next("Emit a small text on A", "the event")
		return int(published.Load())
	})
	small := 0
	for small < len(sizes) && sizes[small] <= 8<<10 {
		small++
	}
	send := func(i int) { c.emitAsync(a, a.Target, "size", strings.Repeat("x", sizes[i])) }
	arrived := func(i int) {
		called := fmt.Sprintf("EmitAsync a text of %d bytes on A", sizes[i])
		var got string
		if err := cl.next(called, "the event").args.Decode(&got); err != nil || got != strings.Repeat("x", sizes[i]) {
			c.fail(called, fmt.Sprintf("%d bytes on B", sizes[i]), "%d bytes, error %v", len(got), err)
		}
	}
	inBatches(small, batchSize, send, arrived)
	sizes = sizes[small:]
	inBatches(len(sizes), 2, send, arrived) // few at a time: the store and the queues may limit bytes as well
	if limit := a.config.Bus.Limits().Payload; a.config.Store != nil || limit == 0 {
		wide := strings.Repeat("é", 100+min(limit, maxMessage/4)/2)
		c.emit(a, a.Target, "wide", wide)
		cl.expect("Emit a text with more bytes than characters", fmt.Sprintf(`["wide",%q]`, wide))
	}
}

func answersOfAnySizeArrive(c *clusterChecker) {
	a, b := c.node("A"), c.node("B")
	c.waitForPeers(a, b)
	cl := b.client("1")
	sizes := []int{1, 100}
	if a.config.Store != nil || a.config.Bus.Limits().Payload == 0 {
		sizes = append(sizes, 4<<10, 64<<10, c.scale(256<<10, 4<<20))
	}
	for _, size := range sizes {
		text := strings.Repeat("x", size)
		cl.setAnswer(func(codec.Args) (codec.Value, bool) { return c.value(text), true })
		b.setReply(func(codec.Args) (codec.Value, bool) { return c.value(text), true })
		cl.setDescription(cl.handshake, c.value(text))
		acks := c.acks(a, a.Target, fmt.Sprintf("EmitWithAck on A, answered with %d bytes on B", size))
		c.must("ServerSideEmitWithAck on A", func(ctx context.Context) error {
			answers, err := a.ServerSideEmitWithAck(ctx, "question")
			acks = append(acks, answers...)
			return err
		})
		for _, s := range c.fetch(a, a.Target, "FetchSockets") {
			acks = append(acks, s.Data())
		}
		for i, kind := range []string{"EmitWithAck", "ServerSideEmitWithAck", "FetchSockets"} {
			called := fmt.Sprintf("%s on A, answered with %d bytes on B", kind, size)
			if len(acks) != 3 {
				c.fail(called, "one answer to each of three requests", "%d answers in total", len(acks))
			}
			var got string
			if err := acks[i].Decode(&got); err != nil || got != text {
				c.fail(called, "the answer", "%d bytes, error %v", len(got), err)
			}
		}
	}
}

func largeMessagesOfAllNodesArrive(c *clusterChecker) {
	var nodes []*node
	var clients []*client
	for _, name := range []string{"A", "B", "C"} {
		n := c.node(name)
		nodes, clients = append(nodes, n), append(clients, n.client("of "+name))
	}
	if nodes[0].config.Store == nil {
		c.Skip("Config.Store is nil: no messages are stored")
	}
	size := min(max(nodes[0].config.Bus.Limits().Payload, 32<<10), maxMessage/2)
	const called = "EmitAsync large texts on A, B and C at the same time"
	for round := range c.scale(5, 100) {
		wanted := make(map[string]bool)
		for _, n := range nodes {
			event := fmt.Sprint(n.name, " ", round)
			wanted[event] = true
			c.emitAsync(n, n.Target, event, strings.Repeat(n.name, size))
		}
		for _, cl := range clients {
			came := make(map[string]bool)
			for range nodes {
				p := cl.next(called, fmt.Sprintf("one of %v, except those that have arrived (%v),",
					slices.Sorted(maps.Keys(wanted)), slices.Sorted(maps.Keys(came))))
				event, text := p.args.Event(), ""
				if err := p.args.Decode(&text); err != nil || !wanted[event] || came[event] ||
					text != strings.Repeat(event[:1], size) {
					c.fail(called, fmt.Sprintf("each text once, with %d bytes, for client %q", size, cl.id),
						"%q with %d bytes that begin with %q (%v)",
						event, len(text), text[:min(1, len(text))], err)
				}
				came[event] = true
			}
		}
	}
}
