package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var listenChecks = []check[*busChecker]{
	{"ListenIsActiveOnReturn", "Listen returns once messages published from now on are sure to arrive. A node announces itself " +
		"right after it: if the answers are missed, it knows no peers for seconds and its requests come back empty.",
		listenIsActiveOnReturn},
	{"ListenTwiceDeliversOnce", "Listening twice is as once. After a reconnection a cluster listens to all of its channels, " +
		"perhaps again; its clients must not hear everything twice from then on.", listenTwiceDeliversOnce},
	{"UnlistenStopsDelivery", "Unlisten returns once messages published from now on do not arrive, not even if the channel is listened to " +
		"again. A namespace that was closed must not cost anything, and may be opened again.", unlistenStopsDelivery},
	{"UnlistenKeepsOtherChannels", "Unlisten ends one channel, in one session. The other namespaces of the node, and its other " +
		"sessions, go on.", unlistenKeepsOtherChannels},
	{"UnlistenOfUnknownIsNoError", "Unlisten of a channel that is not listened to is no error. After a reconnection nobody " +
		"remembers.", unlistenOfUnknownIsNoError},
	{"ListenLosesNothing", "Whatever flows on the channels of a session while it calls Listen, Unlisten or ListenAll is neither lost, doubled " +
		"nor reordered, and listening again to a channel changes nothing. Namespaces are created and closed while traffic flows.",
		listenLosesNothing},
}

// affordableRounds returns how often something can be done that takes as long as so many messages, or calls of Listen, one after the other: for
// about two seconds in the quick profile and half a minute in the other, between least and most times.
func (c *busChecker) affordableRounds(calls, least, most int) int {
	each := time.Duration(calls) * c.latency()
	if each <= 0 {
		return most
	}
	budget := time.Duration(c.scale(2, 30)) * time.Second
	return int(min(max(budget/each, time.Duration(least)), time.Duration(most)))
}

func listenIsActiveOnReturn(c *busChecker) {
	one, two := c.newBus(), c.newBus()
	s := c.open(two, "always")
	for i := range c.affordableRounds(3, 20, c.scale(1000, 5000)) {
		name := fmt.Sprint("new ", i)
		var want []transport.Message
		if i%4 >= 2 { // others wait
			want = append(want, c.message("always", fmt.Sprint("before ", i)))
			c.publish([]transport.Bus{one, two}[i%2], want...)
		}
		m := c.message(name, "the first")
		c.listen(s, name)
		c.publish([]transport.Bus{one, two}[i%2], m)
		c.expect(s, fmt.Sprintf("Listen to channel %d, and Publish as soon as it has returned", i+2), append(want, m)...)
	}
	c.expectNothing(one, s, "always", "Listen to a channel, Publish, Receive, again and again")
}

func listenTwiceDeliversOnce(c *busChecker) {
	one, two := c.newBus(), c.newBus()
	s := c.open(two, "a", "b", "a", "a")
	m := c.message("a", "once")
	c.publish(one, m)
	const called = "Listen three times, Publish one message"
	c.expect(s, called, m)
	c.expectNothing(one, s, "b", called)
	c.unlisten(s, "a")
	c.publish(one, m)
	c.expectNothing(one, s, "b", "Listen three times, Unlisten once, Publish one message")
}

func unlistenStopsDelivery(c *busChecker) {
	one, two := c.newBus(), c.newBus()
	s := c.open(two, "a", "b")
	for i := range c.affordableRounds(6, 20, c.scale(300, 5000)) {
		publisher := []transport.Bus{one, two}[i%2]
		before, after := c.message("a", fmt.Sprint("heard ", i)), c.message("a", fmt.Sprint("heard again ", i))
		c.publish(publisher, before)
		c.expect(s, "Listen, Publish", before)
		c.unlisten(s, "a")
		for j := range i%3 + 1 {
			c.publish(publisher, c.message("a", fmt.Sprintf("not heard %d %d", i, j)))
		}
		if i%2 == 0 {
			c.expectNothing(publisher, s, "b", "Unlisten, Publish")
		}
		c.listen(s, "a")
		c.publish(publisher, after)
		c.expect(s, "Unlisten, Publish, Listen, Publish", after)
	}
}

func unlistenKeepsOtherChannels(c *busChecker) {
	one, two := c.newBus(), c.newBus()
	s, other := c.open(two, "a", "b", "c"), c.open(two, "a")
	c.unlisten(s, "a")
	a, b, d := c.message("a", "1"), c.message("b", "2"), c.message("c", "3")
	c.publish(one, a, b, d)
	const called = `Listen to "a", "b" and "c", Unlisten "a", Publish on all`
	c.expect(s, called, b, d)
	c.expect(other, called+"; another session", a)
}

func unlistenOfUnknownIsNoError(c *busChecker) {
	bus := c.newBus()
	s := c.open(bus)
	c.unlisten(s, "never listened to")
	c.listen(s, "a")
	c.unlisten(s, "a")
	c.unlisten(s, "a")
	c.listen(s, "b")
	m := c.message("b", "still usable")
	c.publish(bus, m)
	c.expect(s, "Unlisten of unknown channels, Listen, Publish", m)
}

// listenLosesNothing calls everything that changes what a session listens to while messages of its other channels wait, arrive, and
// follow.
func listenLosesNothing(c *busChecker) {
	one, two := c.newBus(), c.newBus()
	flowing := []string{"a", "b", "c"}
	s := c.open(two, flowing...)
	calls := []struct {
		called string
		f      func(i int)
	}{
		{"Listen to another channel", func(i int) { c.listen(s, fmt.Sprint("new ", i)) }},
		{"Listen to one of its channels again", func(int) { c.listen(s, "a") }},
		{"Unlisten another channel", func(i int) { c.unlisten(s, fmt.Sprint("new ", i-2)) }},
		{"Unlisten an unknown channel", func(i int) { c.unlisten(s, "unknown") }},
		{"Listen to a channel with a longer name", func(i int) { c.listen(s, fmt.Sprint("a", i)) }},
		{"ListenAll of its channels and others", func(i int) {
			if _, ok := s.(transport.MultiListener); ok {
				c.listenAll(s, fmt.Sprint("newer ", i), "a", fmt.Sprint("newest ", i), "a")
			}
		}},
	}
	n := 0
	some := func(howMany int) (msgs []transport.Message) {
		for range howMany {
			n++
			msgs = append(msgs, c.message(flowing[n%3], fmt.Sprint(n)))
		}
		return msgs
	}
	for i := range c.affordableRounds(6, 2*len(calls), c.scale(100, 1000)*len(calls)) {
		call := calls[i%len(calls)]
		called := "Publish, Publish and at the same time " + call.called + ", Publish"
		early, waiting := some(3), some(3)
		c.publish(one, early...)
		first := c.receiveFor(s, called, c.latency()*time.Duration(i%5)/4)
		c.publish(one, waiting...)
		var arriving []transport.Message // one after the other, from before the call until it has returned
		begun, returned := make(chan struct{}), make(chan struct{})
		published := c.runAlongside(func() error {
			defer close(begun)
			for j := range 40 {
				m := some(1)
				arriving = append(arriving, m...)
				if err := one.Publish(c.Context(), m...); err != nil {
					return err
				}
				if j == 0 {
					begun <- struct{}{}
				}
				select {
				case <-returned:
					return nil
				case <-time.After(20 * time.Microsecond):
				}
			}
			return nil
		})
		<-begun
		call.f(i)
		close(returned)
		if err := c.guard(called, published); err != nil {
			c.fail(called, "no error from Publish", "the error %q", err)
		}
		following := some(1)
		c.publish(one, following...)
		want := slices.Concat(early, waiting, arriving, following)
		for j, m := range first {
			if j >= len(want) || !sameMessage(m, want[j]) {
				c.fail(called+", then Receive", fmt.Sprintf("%s, in this order", showMessages(want)), "%s as message %d", showMessage(m), j+1)
			}
		}
		c.expect(s, called, want[len(first):]...)
	}
	c.expectNothing(one, s, "a", "Publish, and change what is listened to, again and again")
}

// receiveFor receives for that long, as a cluster that is about to Listen.
func (c *busChecker) receiveFor(s transport.Session, called string, d time.Duration) (msgs []transport.Message) {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), d)
	defer cancel()
	err := c.guard(called, func() error {
		for {
			m, err := s.Receive(ctx)
			if err != nil {
				return err
			}
			msgs = append(msgs, m)
		}
	})
	if ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
		c.fail(called+", then Receive", "a message, or the error of the context", "the error %q", err)
	}
	return msgs
}
