package conformance

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var deliveryChecks = []check[*busChecker]{
	{"OwnMessagesArrive", "transport.Bus.Open",
		"A session also receives what its own node publishes. A cluster that does not receive its own heartbeats " +
			"concludes that its connection is broken and reconnects forever.", ownMessagesArrive},
	{"EverySessionReceives", "transport.Bus.Publish",
		"A bus is a broadcast: every session that listens gets every message. If sessions shared the messages " +
			"out, each client would hear only what its own server happened to get.", everySessionReceives},
	{"NoCrossTalk", "transport.Session.Listen",
		"A session receives the channels it listens to and no others. Channels are namespaces: a message that " +
			"strays into another one shows private data to the wrong users.", noCrossTalk},
	{"PublishNeedsNoListeners", "transport.Bus.Publish",
		"Publish succeeds whether or not anybody listens. Otherwise the first node of a cluster cannot start.",
		publishNeedsNoListeners},
	{"EmptyPublishDoesNothing", "transport.Bus.Publish",
		"Publishing nothing does nothing. An empty batch must neither fail nor send an empty message.",
		emptyPublishDoesNothing},
	{"EqualMessagesAreDistinct", "package transport, Delivery",
		"Equal messages are distinct. A server that merges equal notifications (PostgreSQL does so within a " +
			"transaction) loses the second \"hi\" of a chat unless the bus makes the messages differ.",
		equalMessagesAreDistinct},
}

func ownMessagesArrive(c *busChecker) {
	bus := c.newBus()
	s := c.open(bus, "a")
	m := c.message("a", "to myself")
	c.publish(bus, m)
	c.expect(s, "Publish and Receive on one bus", m)
}

func everySessionReceives(c *busChecker) {
	buses := []transport.Bus{c.newBus(), c.newBus()}
	sessions := make([]transport.Session, countWithin(time.Second, 2*c.latency(), 4, 20))
	for i := range sessions {
		sessions[i] = c.open(buses[i%2], "a")
	}
	for i, bus := range buses {
		var batch []transport.Message
		for _, size := range c.sampleSizes(bus) {
			batch = append(batch, c.message("a", truncate(fmt.Sprintf("from bus %d %s", i+1,
				strings.Repeat("x", size)), size)))
		}
		c.publish(bus, batch...)
		for j, s := range sessions {
			c.expect(s, fmt.Sprintf("Publish on bus %d of two with %d sessions; session %d", i+1, len(sessions), j+1),
				batch...)
		}
	}
}

// sampleSizes returns a few payload sizes that bus can carry, none of them 0.
func (c *busChecker) sampleSizes(bus transport.Bus) (sizes []int) {
	top := capPayload(bus.Limits(), 128<<10)
	for _, size := range []int{1, 20, 300, 4096, 64 << 10} {
		if size < top {
			sizes = append(sizes, size)
		}
	}
	return append(sizes, top)
}

func noCrossTalk(c *busChecker) {
	one, two := c.newBus(), c.newBus()
	both, a, b := c.open(two, "a", "b"), c.open(two, "a"), c.open(two, "b")
	c.publish(one, c.message("a", "1"), c.message("b", "2"), c.message("nobody's", "3"), c.message("a", "4"))
	const called = `Publish on "a", "b", "nobody's", "a"`
	c.expect(both, called, c.message("a", "1"), c.message("b", "2"), c.message("a", "4"))
	c.expectNothing(one, both, "b", called)
	c.expect(a, called, c.message("a", "1"), c.message("a", "4"))
	c.expectNothing(one, a, "a", called)
	c.expect(b, called, c.message("b", "2"))
}

func publishNeedsNoListeners(c *busChecker) {
	c.publish(c.newBus(), c.message("nobody's", "1"), c.message("nobody's", "2"))
}

func emptyPublishDoesNothing(c *busChecker) {
	bus := c.newBus()
	s := c.open(bus, "a")
	m := c.message("a", "once")
	c.publishAndExpect(bus, s, "Publish", m)
	c.publish(bus)
	c.publish(bus, []transport.Message{}...)
	c.expectNothing(bus, s, "a", "Publish without messages")
}

func equalMessagesAreDistinct(c *busChecker) {
	one, two := c.newBus(), c.newBus()
	s := c.open(two, "a", "b")
	for _, size := range append([]int{0}, c.sampleSizes(one)...) {
		m, other, and := c.message("a", strings.Repeat("=", size)), c.message("b", strings.Repeat("=", size)),
			c.message("a", "and")
		called := fmt.Sprintf("Publish equal messages of %d bytes", size)
		c.publishAndExpect(one, s, called+" at once, next to each other and not, on two channels", m, m, m, other, m,
			and, m, other, other)
		for _, bus := range []transport.Bus{one, one, two, two, one} {
			c.publishAndExpect(bus, s, called+" one after the other, on two buses", m)
		}
		c.expectNothing(one, s, "a", called)
	}
	for range 6 {
		c.publishAndExpect(one, s, "Publish a thousand equal messages at once",
			slices.Repeat([]transport.Message{c.message("a", "hi")}, 1000)...)
	}
}
