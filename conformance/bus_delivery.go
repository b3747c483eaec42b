package conformance

import (
	"fmt"

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
	one, two := c.bus(), c.bus()
	sessions := []transport.Session{c.open(one, "a"), c.open(one, "a"), c.open(two, "a"), c.open(two, "a")}
	for i, bus := range []transport.Bus{one, two} {
		m := c.msg("a", fmt.Sprintf("from bus %d", i+1))
		c.publish(bus, m)
		for j, s := range sessions {
			c.expect(s, fmt.Sprintf("Publish on bus %d with two sessions on each of two buses; session %d of 4", i+1, j+1), m)
		}
	}
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
	c.publish(bus)
	c.publish(bus, []transport.Message{}...)
	c.expectNothing(bus, s, "a", "Publish without messages")
}

func equalMessagesAreDistinct(c *busCase) {
	one, two := c.bus(), c.bus()
	s := c.open(two, "a", "b")
	hi, other := c.msg("a", "hi"), c.msg("b", "hi")
	cases := []struct {
		called string
		batch  []transport.Message
	}{
		{"Publish three equal messages", []transport.Message{hi, hi, hi}},
		{"Publish equal messages with another between them", []transport.Message{hi, c.msg("a", "and"), hi}},
		{"Publish equal payloads on two channels, twice", []transport.Message{hi, other, hi, other}},
		{"Publish an empty message twice", []transport.Message{c.msg("a", ""), c.msg("a", "")}},
	}
	for _, tc := range cases {
		c.publish(one, tc.batch...)
		c.expect(s, tc.called, tc.batch...)
		c.expectNothing(one, s, "a", tc.called)
	}
	for range 3 {
		c.publish(one, hi)
	}
	c.expect(s, "Publish one message, three times", hi, hi, hi)
	c.publish(one, hi)
	c.publish(two, hi)
	c.expect(s, "Publish equal messages on two buses", hi, hi)
}
