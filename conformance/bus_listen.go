package conformance

import (
	"context"
	"fmt"
	"strings"

	"github.com/backplane-go/backplane/transport"
)

var listenChecks = []check[*busCase]{
	{"ListenIsActiveOnReturn", "Listen returns once messages published from now on are sure to arrive. A node announces itself " +
		"right after it: if the answers are missed, it knows no peers for seconds and its requests come back empty.",
		listenIsActiveOnReturn},
	{"ListenTwiceDeliversOnce", "Listening twice is as once. After a reconnection a cluster listens to all of its channels, " +
		"perhaps again; its clients must not hear everything twice from then on.", listenTwiceDeliversOnce},
	{"ListenKeepsWhatWaits", "Listen and Unlisten lose nothing that has arrived and was not received yet. Namespaces are created " +
		"while traffic flows.", listenKeepsWhatWaits},
	{"UnlistenStops", "Unlisten returns once messages published from now on do not arrive. A namespace that was closed must not " +
		"cost anything.", unlistenStops},
	{"UnlistenKeepsTheOthers", "Unlisten ends one channel, in one session. The other namespaces of the node, and its other " +
		"sessions, go on.", unlistenKeepsTheOthers},
	{"UnlistenOfUnknownIsNoError", "Unlisten of a channel that is not listened to is no error. After a reconnection nobody " +
		"remembers.", unlistenOfUnknownIsNoError},
	{"ListenAgainAfterUnlisten", "A channel can be listened to again. A namespace that was closed may be opened again.",
		listenAgainAfterUnlisten},
	{"ListenAllListensToEach", "ListenAll (transport.MultiListener) is Listen for each of the channels: when it returns, later " +
		"messages on all of them are sure to arrive, once. A cluster listens to its namespaces in this way after an outage; one " +
		"that is left out is deaf for good.", listenAllListensToEach},
	{"ListenAllKeepsWhatWaits", "ListenAll loses nothing that has arrived and was not received yet, and ends no channel that is " +
		"listened to. Namespaces are created while traffic flows.", listenAllKeepsWhatWaits},
}

func listenIsActiveOnReturn(c *busCase) {
	one, two := c.bus(), c.bus()
	s := c.open(two, "always")
	for i := range 50 {
		name := fmt.Sprint("new ", i)
		m := c.msg(name, "the first")
		c.listen(s, name)
		c.publish(one, m)
		called := "Listen, and Publish as soon as it has returned"
		got := c.collect(one, s, "always", called)
		if len(got) != 1 || !same(got[0], m) {
			c.fail(called, show(m), "%s", list(got))
		}
	}
}

func listenTwiceDeliversOnce(c *busCase) {
	one, two := c.bus(), c.bus()
	s := c.open(two, "a", "b", "a", "a")
	m := c.msg("a", "once")
	c.publish(one, m)
	const called = "Listen three times, Publish one message"
	c.expect(s, called, m)
	c.expectNothing(one, s, "b", called)
	c.unlisten(s, "a")
	c.publish(one, m)
	c.expectNothing(one, s, "b", "Listen three times, Unlisten once, Publish one message")
}

func listenKeepsWhatWaits(c *busCase) {
	one, two := c.bus(), c.bus()
	s := c.open(two, "a")
	for i := range 20 {
		m, n := c.msg("a", fmt.Sprint("before ", i)), c.msg("a", fmt.Sprint("between ", i))
		name := fmt.Sprint("new ", i)
		c.publish(one, m)
		c.listen(s, name)
		c.publish(one, n)
		c.unlisten(s, name)
		c.expect(s, "Publish, Listen to another channel, Publish, Unlisten it", m, n)
	}
}

func unlistenStops(c *busCase) {
	one, two := c.bus(), c.bus()
	s := c.open(two, "a", "b")
	for i := range 10 {
		c.listen(s, "a")
		m := c.msg("a", fmt.Sprint("heard ", i))
		c.publish(one, m)
		c.expect(s, "Listen, Publish", m)
		c.unlisten(s, "a")
		c.publish(one, c.msg("a", fmt.Sprint("not heard ", i)))
		c.expectNothing(one, s, "b", "Unlisten, Publish")
	}
}

func unlistenKeepsTheOthers(c *busCase) {
	one, two := c.bus(), c.bus()
	s, other := c.open(two, "a", "b", "c"), c.open(two, "a")
	c.unlisten(s, "a")
	a, b, d := c.msg("a", "1"), c.msg("b", "2"), c.msg("c", "3")
	c.publish(one, a, b, d)
	const called = `Listen to "a", "b" and "c", Unlisten "a", Publish on all`
	c.expect(s, called, b, d)
	c.expect(other, called+"; another session", a)
}

func unlistenOfUnknownIsNoError(c *busCase) {
	bus := c.bus()
	s := c.open(bus)
	c.unlisten(s, "never listened to")
	c.listen(s, "a")
	c.unlisten(s, "a")
	c.unlisten(s, "a")
	c.listen(s, "b")
	m := c.msg("b", "still usable")
	c.publish(bus, m)
	c.expect(s, "Unlisten of unknown channels, Listen, Publish", m)
}

func listenAgainAfterUnlisten(c *busCase) {
	one, two := c.bus(), c.bus()
	s := c.open(two, "a")
	c.unlisten(s, "a")
	c.publish(one, c.msg("a", "not heard"))
	c.listen(s, "a")
	m := c.msg("a", "heard")
	c.publish(one, m)
	c.expect(s, "Listen, Unlisten, Publish, Listen, Publish", m)
}

// listenAll listens to many channels at once, and skips the check when the session cannot.
func (c *busCase) listenAll(s transport.Session, channels ...string) {
	c.Helper()
	multi, ok := s.(transport.MultiListener)
	if !ok {
		c.Skip("the session is no transport.MultiListener")
	}
	names := make([]string, len(channels))
	for i, channel := range channels {
		names[i] = c.channel(channel)
	}
	c.must(fmt.Sprintf("ListenAll of %d channels", len(names)), func(ctx context.Context) error { return multi.ListenAll(ctx, names...) })
}

func listenAllListensToEach(c *busCase) {
	one, two := c.bus(), c.bus()
	s := c.open(two)
	for _, n := range []int{0, 1, 2, 1000} {
		var channels []string
		var want []transport.Message
		for i := range n {
			channels = append(channels, fmt.Sprintf(`%d of %d "'$$;`, i, n))
			want = append(want, c.msg(channels[i], "the first"))
		}
		c.listenAll(s, channels...)
		c.deliver(one, s, fmt.Sprintf("ListenAll of %d channels, Publish on each as soon as it has returned", n), want...)
	}
	c.listenAll(s, "a", "b", "a")
	c.listenAll(s, "a", "b")
	m := c.msg("a", "once")
	c.publish(one, m)
	c.expect(s, "ListenAll with a channel twice, and twice, Publish", m)
	c.expectNothing(one, s, "b", "ListenAll with a channel twice, and twice, Publish")
}

func listenAllKeepsWhatWaits(c *busCase) {
	one, two := c.bus(), c.bus()
	s := c.open(two, "a")
	for i := range 10 {
		m := c.msg("a", fmt.Sprint("before ", i))
		c.publish(one, m)
		c.listenAll(s, fmt.Sprint("new ", i), fmt.Sprint("another ", i), strings.Repeat("x", i))
		n := c.msg("a", fmt.Sprint("after ", i))
		c.publish(one, n)
		c.expect(s, "Publish, ListenAll of other channels, Publish", m, n)
	}
}
