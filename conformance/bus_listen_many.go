package conformance

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var listenManyChecks = []check[*busChecker]{
	{"ManyChannelsDeliver", "transport.Session.Listen",
		"A session may listen to many channels: each delivers, once, and none delivers the messages of another. " +
			"A node listens to one channel for each of its namespaces, and remote clients may choose those.",
		manyChannelsDeliver},
	{"ListenAllListensToEach", "transport.MultiListener.ListenAll",
		"ListenAll (transport.MultiListener) has the effect of Listen for each channel: when it returns, later " +
			"messages on all of them arrive, once. A cluster listens to its namespaces this way after an outage; a " +
			"namespace that is left out receives nothing any more.", listenAllListensToEach},
	{"ListenAllTakesOneRoundTrip", "transport.MultiListener.ListenAll",
		"ListenAll takes about as long as one Listen, however many channels there are. A node with thousands of " +
			"namespaces receives nothing until it listens to all of them again.", listenAllTakesOneRoundTrip},
	{"UnlistenAllStopsEach", "transport.MultiUnlistener.UnlistenAll",
		"UnlistenAll (transport.MultiUnlistener) has the effect of Unlisten for each channel, and no other: a node " +
			"leaves the channels of rooms this way. Afterwards it may listen to them again.", unlistenAllStopsEach},
}

// channelBatch is how many channels a check publishes on before it receives: a bus need not buffer many more
// messages.
const channelBatch = 50

// expectEachChannel publishes a message on each channel, and on channels with similar names that nobody listens
// to. It fails the check unless exactly the messages of the channels arrive, except those that silent selects.
func (c *busChecker) expectEachChannel(bus transport.Bus, s transport.Session, called string, channels []string,
	silent func(i int) bool) {
	c.Helper()
	for len(channels) > 0 {
		n := min(len(channels), channelBatch)
		var sent, want []transport.Message
		for i, name := range channels[:n] {
			m := c.message(name, fmt.Sprint("message ", endMarkers.Add(1)))
			sent = append(sent, c.message(name+"x", "another"), m, c.message(strings.ToUpper(name), "another"))
			if silent == nil || !silent(i) {
				want = append(want, m)
			}
		}
		c.publish(bus, sent...)
		c.expect(s, called, want...)
		channels = channels[n:]
	}
}

// manyNames returns n channel names.
func manyNames(n int) (channels []string) {
	for i := range n {
		channels = append(channels, fmt.Sprint("many ", i+1))
	}
	return channels
}

func manyChannelsDeliver(c *busChecker) {
	one, two := c.newBus(), c.newBus()
	s := c.open(two)
	channels := manyNames(c.affordableRounds(2, 20, c.scale(1000, 5000)))
	third := func(i int) bool { return i%3 == 1 }
	for _, channel := range channels {
		c.listen(s, channel)
	}
	called := fmt.Sprintf("Listen to %d channels", len(channels))
	c.expectEachChannel(one, s, called+", Publish on each", channels, nil)
	each := func(f func(s transport.Session, channel string)) {
		for start := 0; start < len(channels); start += channelBatch {
			for i, channel := range channels[start:min(start+channelBatch, len(channels))] {
				if third(i) {
					f(s, channel)
				}
			}
		}
	}
	each(c.unlisten)
	c.expectEachChannel(one, s, called+", Unlisten a third of them, Publish on each", channels, third)
	each(c.listen)
	c.expectEachChannel(one, s, called+", Unlisten a third of them, Listen to those again, Publish on each", channels,
		nil)
	c.expectNothing(one, s, channels[0], called+", Publish on each")
}

// listenAll listens to many channels in one call. It skips the check if the session cannot.
func (c *busChecker) listenAll(s transport.Session, channels ...string) {
	c.Helper()
	multi, ok := s.(transport.MultiListener)
	if !ok {
		c.Skip("the session does not implement transport.MultiListener")
	}
	names := make([]string, len(channels))
	for i, channel := range channels {
		names[i] = c.channel(channel)
	}
	c.must(fmt.Sprintf("ListenAll of %d channels", len(names)),
		func(ctx context.Context) error { return multi.ListenAll(ctx, names...) })
}

func listenAllListensToEach(c *busChecker) {
	one, two := c.newBus(), c.newBus()
	s := c.open(two)
	c.listenAll(s)
	for _, n := range []int{1, 2, 17, 64, 100, 257, c.scale(1025, 10000)} {
		channels := manyNames(n)
		c.listenAll(s, channels...) // the session listens to some of them already
		if n == 17 {
			c.listenAll(s)
		}
		slices.Reverse(channels) // the last channel is the last one to be listened to
		c.expectEachChannel(one, s,
			fmt.Sprintf("ListenAll of %d channels, Publish on each as soon as ListenAll has returned", n), channels,
			nil)
	}
	c.unlisten(s, "many 2")
	c.listenAll(s, "a", "many 1", "a", "a")
	c.listenAll(s, "b", "a")
	c.expectEachChannel(one, s, "ListenAll with a channel twice, and again, Publish",
		[]string{"many 1", "a", "many 3", "b"}, nil)
	c.publish(one, c.message("many 2", "not heard"))
	c.unlisten(s, "a")
	c.publish(one, c.message("a", "not heard"))
	c.expectNothing(one, s, "b", "ListenAll with a channel twice, and again, Unlisten, Publish")
}

func unlistenAllStopsEach(c *busChecker) {
	one, two := c.newBus(), c.newBus()
	s := c.open(two)
	multi, ok := s.(transport.MultiUnlistener)
	if !ok {
		c.Skip("the session does not implement transport.MultiUnlistener")
	}
	unlistenAll := func(channels ...string) {
		names := make([]string, len(channels))
		for i, channel := range channels {
			names[i] = c.channel(channel)
		}
		c.must(fmt.Sprintf("UnlistenAll of %d channels", len(names)),
			func(ctx context.Context) error { return multi.UnlistenAll(ctx, names...) })
	}
	unlistenAll()
	channels := manyNames(c.affordableRounds(1, 20, 300))
	for _, channel := range channels {
		c.listen(s, channel)
	}
	odd := func(i int) bool { return i%2 == 1 }
	for _, start := range []int{0, 1} { // a channel twice, and channels that the session does not listen to
		left := []string{"never", channels[1], channels[1]}
		for i := range channels {
			if odd(i) && i > start {
				left = append(left, channels[i])
			}
		}
		unlistenAll(left...)
		called := fmt.Sprintf("UnlistenAll of %d channels, Publish on each", len(left))
		c.expectEachChannel(one, s, called, channels, odd)
	}
	for i, channel := range channels {
		if odd(i) {
			c.listen(s, channel)
		}
	}
	c.expectEachChannel(one, s, "UnlistenAll, Listen again, Publish on each", channels, nil)
}

// listenAllTakesOneRoundTrip compares times: only a bus whose server is far away takes clearly longer for many
// calls of Listen.
func listenAllTakesOneRoundTrip(c *busChecker) {
	const far, few, many, attempts = time.Millisecond, 5, 1000, 3
	bus := c.newBus()
	s := c.open(bus)
	c.listenAll(s)
	quickest := func(n int, f func(names []string)) (best time.Duration) {
		for i := range attempts {
			var names []string
			for j := range n {
				names = append(names, fmt.Sprintf("%d %d of %d", i, j, n))
			}
			start := time.Now()
			f(names)
			if took := time.Since(start); i == 0 || took < best {
				best = took
			}
		}
		return best
	}
	all := quickest(many, func(names []string) { c.listenAll(s, names...) })
	single := quickest(few, func(names []string) {
		for _, name := range names {
			c.listen(s, name)
		}
	}) / few
	if single < far { // the time of the server and of this machine counts more than that of the way
		return
	}
	if most := many / 2 * single; all > most {
		c.fail(fmt.Sprintf("ListenAll of %d channels", many),
			fmt.Sprintf("about as long as one Listen, which takes %v, and less than %v", single, most), "%v", all)
	}
}
