package conformance

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var deliveryChecks = []check[*busCase]{
	{"OwnMessagesArrive", "Open: a session also receives what its own node publishes. A cluster that does not hear its own " +
		"heartbeat takes itself for cut off and reconnects for ever.", ownMessagesArrive},
	{"EverySessionReceives", "A bus is a broadcast: every session that listens gets every message. If they shared the messages " +
		"out, each client would hear only what its own server happened to get.", everySessionReceives},
	{"NoCrossTalk", "A session receives the channels it listens to and no other. Channels are namespaces: a message that " +
		"strays into another one shows private data to strangers.", noCrossTalk},
	{"PublishNeedsNoListeners", "Publish is no request: it does not matter whether anybody listens. The first node of a " +
		"cluster would otherwise be unable to start.", publishNeedsNoListeners},
	{"EmptyPublishDoesNothing", "Publishing nothing does nothing. An empty batch must neither fail nor send an empty message.",
		emptyPublishDoesNothing},
	{"EqualMessagesAreDistinct", "Equal messages are distinct. A server that merges equal notifications (PostgreSQL does within " +
		"a transaction) loses the second \"hi\" of a chat unless the bus keeps them apart.", equalMessagesAreDistinct},
}

func ownMessagesArrive(c *busCase) {
	bus := c.bus()
	s := c.open(bus, "a")
	m := c.msg("a", "to myself")
	c.publish(bus, m)
	c.expect(s, "Publish and Receive on one bus", m)
}

func everySessionReceives(c *busCase) {
	buses := []transport.Bus{c.bus(), c.bus()}
	sessions := make([]transport.Session, within(time.Second, 2*c.latency(), 4, 20))
	for i := range sessions {
		sessions[i] = c.open(buses[i%2], "a")
	}
	for i, bus := range buses {
		var batch []transport.Message
		for _, size := range c.someSizes(bus) {
			batch = append(batch, c.msg("a", fit(fmt.Sprintf("from bus %d %s", i+1, strings.Repeat("x", size)), size)))
		}
		c.publish(bus, batch...)
		for j, s := range sessions {
			c.expect(s, fmt.Sprintf("Publish on bus %d of two with %d sessions; session %d", i+1, len(sessions), j+1), batch...)
		}
	}
}

// someSizes returns a few sizes of payloads that bus can carry, none of them 0.
func (c *busCase) someSizes(bus transport.Bus) (sizes []int) {
	top := largest(bus.Limits(), 128<<10)
	for _, size := range []int{1, 20, 300, 4096, 64 << 10} {
		if size < top {
			sizes = append(sizes, size)
		}
	}
	return append(sizes, top)
}

func noCrossTalk(c *busCase) {
	one, two := c.bus(), c.bus()
	both, a, b := c.open(two, "a", "b"), c.open(two, "a"), c.open(two, "b")
	c.publish(one, c.msg("a", "1"), c.msg("b", "2"), c.msg("nobody's", "3"), c.msg("a", "4"))
	const called = `Publish on "a", "b", "nobody's", "a"`
	c.expect(both, called, c.msg("a", "1"), c.msg("b", "2"), c.msg("a", "4"))
	c.expectNothing(one, both, "b", called)
	c.expect(a, called, c.msg("a", "1"), c.msg("a", "4"))
	c.expectNothing(one, a, "a", called)
	c.expect(b, called, c.msg("b", "2"))
}

func publishNeedsNoListeners(c *busCase) {
	c.publish(c.bus(), c.msg("nobody's", "1"), c.msg("nobody's", "2"))
}

func emptyPublishDoesNothing(c *busCase) {
	bus := c.bus()
	s := c.open(bus, "a")
	m := c.msg("a", "once")
	c.deliver(bus, s, "Publish", m)
	c.publish(bus)
	c.publish(bus, []transport.Message{}...)
	c.expectNothing(bus, s, "a", "Publish without messages")
}

func equalMessagesAreDistinct(c *busCase) {
	one, two := c.bus(), c.bus()
	s := c.open(two, "a", "b")
	for _, size := range append([]int{0}, c.someSizes(one)...) {
		m, other, and := c.msg("a", strings.Repeat("=", size)), c.msg("b", strings.Repeat("=", size)), c.msg("a", "and")
		called := fmt.Sprintf("Publish equal messages of %d bytes", size)
		c.deliver(one, s, called+" at once, next to each other and not, on two channels", m, m, m, other, m, and, m, other, other)
		for _, bus := range []transport.Bus{one, one, two, two, one} {
			c.deliver(bus, s, called+" one after the other, on two buses", m)
		}
		c.expectNothing(one, s, "a", called)
	}
	for range 6 {
		c.deliver(one, s, "Publish a thousand equal messages at once", slices.Repeat([]transport.Message{c.msg("a", "hi")}, 1000)...)
	}
}
