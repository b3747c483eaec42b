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
	{"ListenIsActiveOnReturn", "transport.Session.Listen",
		"When Listen returns, all messages published from then on arrive. A node announces itself right after " +
			"Listen: if it misses the answers, it knows no peers for seconds and its requests come back empty.",
		listenIsActiveOnReturn},
	{"ListenTwiceDeliversOnce", "transport.Session.Listen",
		"Listening twice has the effect of listening once. After a reconnection a cluster listens to all of its " +
			"channels, perhaps again; its clients must not receive everything twice from then on.",
		listenTwiceDeliversOnce},
	{"UnlistenStopsDelivery", "transport.Session.Unlisten",
		"When Unlisten returns, messages published from then on do not arrive, not even if the session listens " +
			"to the channel again later. A closed namespace must cost nothing, and may be opened again.",
		unlistenStopsDelivery},
	{"UnlistenKeepsOtherChannels", "transport.Session.Unlisten",
		"Unlisten ends one channel, in one session. The other namespaces of the node, and its other sessions, " +
			"continue.", unlistenKeepsOtherChannels},
	{"UnlistenOfUnknownIsNoError", "transport.Session.Unlisten",
		"Unlisten of a channel that the session does not listen to is no error. After a reconnection nobody " +
			"remembers which channels those are.", unlistenOfUnknownIsNoError},
	{"ListenLosesNothing", "transport.Session.Listen",
		"Messages on the channels of a session are neither lost, delivered twice nor reordered while it calls " +
			"Listen, Unlisten or ListenAll, and listening again to a channel changes nothing. Namespaces are created " +
			"and closed while traffic flows.", listenLosesNothing},
}

// affordableRounds returns how often a check can do something that takes as long as the given number of calls
// one after the other. The budget is about two seconds in the quick profile and half a minute in the soak
// profile; the result is between least and most.
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
		if i%4 >= 2 { // other messages wait
			want = append(want, c.message("always", fmt.Sprint("before ", i)))
			c.publish([]transport.Bus{one, two}[i%2], want...)
		}
		m := c.message(name, "the first")
		c.listen(s, name)
		c.publish([]transport.Bus{one, two}[i%2], m)
		c.expect(s, fmt.Sprintf("Listen to channel %d, Publish as soon as Listen has returned", i+2),
			append(want, m)...)
	}
	c.expectNothing(one, s, "always", "Listen to a channel, Publish, Receive, many times")
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

// listenLosesNothing makes every kind of call that changes what a session listens to, while messages of the
// session's other channels wait, arrive and follow.
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
		var arriving []transport.Message // published one after the other, from before the call until it has returned
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
				c.fail(called+", then Receive", fmt.Sprintf("%s, in this order", showMessages(want)),
					"%s as message %d", showMessage(m), j+1)
			}
		}
		c.expect(s, called, want[len(first):]...)
	}
	c.expectNothing(one, s, "a", "Publish, change the channels of the session, many times")
}

// receiveFor receives for the duration d, as a cluster does before it calls Listen.
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
		c.fail(called+", then Receive", "a message, or the context's error", "the error %q", err)
	}
	return msgs
}
