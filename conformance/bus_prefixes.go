package conformance

import (
	"context"
	"fmt"

	"github.com/backplane-go/backplane/transport"
)

var prefixChecks = []check[*busChecker]{
	{"PrefixesAreHeard", "transport.PrefixListener",
		"A session that listens to a prefix receives what is published on each channel whose name begins with it, in " +
			"order and once, with the name of the prefix as the channel, until Unlisten. A node hears the rooms of a " +
			"namespace this way.", prefixesAreHeard},
	{"PrefixesAreData", "transport.PrefixName",
		"A prefix is compared with names byte by byte, whatever its characters. Clients choose the names of " +
			"namespaces: one with a star in it must not hear the others.", prefixesAreData},
	{"PrefixesAndChannelsAreSeparate", "transport.PrefixListener",
		"A session that listens to a channel and to prefixes of its name receives a message once for each, and " +
			"Unlisten ends one of them. Namespaces whose names begin like another one come and go.",
		prefixesAreSeparate},
}

var counterChecks = []check[*busChecker]{
	{"ListenersAreCounted", "transport.Counter.Listeners",
		"Listeners returns for each channel, in their order, how many sessions of all buses listen to it: each once, " +
			"from its Listen to its Unlisten or Close, and none that listens to a prefix. Requests wait for as many " +
			"answers.", listenersAreCounted},
}

// newPrefixListener returns a bus whose sessions listen to prefixes.
func (c *busChecker) newPrefixListener() transport.Bus {
	c.Helper()
	bus := c.newBus()
	if p, ok := bus.(transport.PrefixListener); !ok || !p.ListensToPrefixes() {
		c.Skip("the bus is no transport.PrefixListener, or ListensToPrefixes is false")
	}
	return bus
}

// prefix returns the name that stands for the channels of this check that begin with text.
func (c *busChecker) prefix(text string) string { return transport.PrefixName(c.channel(text)) }

func (c *busChecker) listenPrefix(s transport.Session, name string) {
	c.Helper()
	c.must("Listen "+quote(name), func(ctx context.Context) error { return s.Listen(ctx, name) })
}

// as returns m as it arrives at a session that listens to a prefix.
func (c *busChecker) as(prefix string, m transport.Message) transport.Message {
	return transport.Message{Channel: c.prefix(prefix), Payload: m.Payload}
}

func prefixesAreHeard(c *busChecker) {
	one, two := c.newPrefixListener(), c.newBus()
	s := c.open(two)
	c.listenPrefix(s, c.prefix("a#"))
	const called = "Listen to a prefix, Publish on channels with and without it"
	for round := range c.affordableRounds(4, 3, 10) {
		var sent, want []transport.Message
		for i, channel := range []string{"a#", "a", "a#b", "A#b", "a#b#", "xa#", "a#a#", "b", "a#日本"} {
			m := c.message(channel, fmt.Sprint("message ", round, " ", i))
			sent = append(sent, m)
			if len(channel) > 1 && channel[:2] == "a#" {
				want = append(want, c.as("a#", m))
			}
		}
		c.publish([]transport.Bus{one, two}[round%2], sent...)
		c.expect(s, called, want...)
	}
	c.listen(s, "end")
	c.must("Unlisten a prefix", func(ctx context.Context) error { return s.Unlisten(ctx, c.prefix("a#")) })
	c.publish(one, c.message("a#b", "after Unlisten"))
	c.expectNothing(one, s, "end", "Unlisten a prefix, Publish")
}

func prefixesAreData(c *busChecker) {
	bus := c.newPrefixListener()
	for _, name := range oddNames {
		s := c.open(bus, "end "+name)
		c.listenPrefix(s, c.prefix(name))
		var sent, want []transport.Message
		for i, other := range append(oddNames, "axb#", "aab", "a^b#", `a\\b`) {
			m := c.message(other, fmt.Sprint("message ", i))
			sent = append(sent, m)
			if len(other) >= len(name) && other[:len(name)] == name {
				want = append(want, c.as(name, m))
			}
		}
		called := "Listen " + quote(c.prefix(name)) + ", Publish on channels with similar names"
		c.publish(bus, sent...)
		c.expect(s, called, want...)
		c.expectNothing(bus, s, "end "+name, called)
	}
}

func prefixesAreSeparate(c *busChecker) {
	bus := c.newPrefixListener()
	s := c.open(bus, "end", "a#b#")
	for _, prefix := range []string{"a#", "a#b#"} {
		c.listenPrefix(s, c.prefix(prefix))
	}
	expect := func(called string, payload string, channels ...string) {
		c.Helper()
		c.publish(bus, c.message("a#b#", payload))
		missing := make(map[string]bool)
		for _, channel := range channels {
			missing[channel] = true
		}
		for range channels {
			m := c.receive(s, called)
			if !missing[m.Channel] || string(m.Payload) != payload {
				c.fail(called+", Publish, then Receive",
					fmt.Sprintf("the message once on each of %s", namesOf(channels)), "%s", showMessage(m))
			}
			delete(missing, m.Channel)
		}
		c.expectNothing(bus, s, "end", called)
	}
	channel, outer, inner := c.channel("a#b#"), c.prefix("a#"), c.prefix("a#b#")
	expect("Listen to a channel and two prefixes", "1", channel, outer, inner)
	for i, left := range [][]string{{outer, inner}, {inner}} {
		called := []string{"Unlisten the channel", "Unlisten one of two prefixes"}[i]
		name := []string{channel, outer}[i]
		c.must(called, func(ctx context.Context) error { return s.Unlisten(ctx, name) })
		expect(called, fmt.Sprint(i+2), left...)
	}
}

// newCounters returns two buses that count who listens.
func (c *busChecker) newCounters() (one, two transport.Bus, count func(called string, want ...int)) {
	c.Helper()
	one, two = c.newBus(), c.newBus()
	counter, ok := one.(transport.Counter)
	if !ok {
		c.Skip("the bus is no transport.Counter")
	}
	return one, two, func(called string, want ...int) {
		c.Helper()
		var got []int
		c.must(called+", Listeners", func(ctx context.Context) (err error) {
			got, err = counter.Listeners(ctx, c.channel("a"), c.channel("nobody"), c.channel("b"))
			return err
		})
		if fmt.Sprint(got) != fmt.Sprint(want) {
			c.fail(called+", Listeners of two channels, and between them of one that nobody uses",
				fmt.Sprint(want), "%v", got)
		}
	}
}

func listenersAreCounted(c *busChecker) {
	one, two, count := c.newCounters()
	count("no Listen", 0, 0, 0)
	var sessions []transport.Session
	for i := range c.affordableRounds(6, 3, 10) {
		s := c.open([]transport.Bus{one, two}[i%2], "a")
		sessions = append(sessions, s)
		count(fmt.Sprintf("Listen in %d sessions", i+1), i+1, 0, 0)
	}
	first, n := sessions[0], len(sessions)
	c.listen(first, "a")
	c.listen(first, "b")
	count("Listen again, and to another channel", n, 0, 1)
	if p, ok := one.(transport.PrefixListener); ok && p.ListensToPrefixes() {
		c.listenPrefix(first, c.prefix(""))
		count("Listen to a prefix", n, 0, 1)
	}
	c.unlisten(first, "a")
	count("Unlisten", n-1, 0, 1)
	c.close(first, "Close")
	c.eventually("Listeners after Close", func(ctx context.Context) error {
		counts, err := one.(transport.Counter).Listeners(ctx, c.channel("b"))
		if err == nil && counts[0] != 0 {
			err = fmt.Errorf("%d instead of 0", counts[0])
		}
		return err
	})
	count("Close", n-1, 0, 0)
	ctx := c.endedContext()
	if _, err := one.(transport.Counter).Listeners(ctx, c.channel("a")); err == nil {
		c.fail("Listeners with a context that has ended", "its error", "no error")
	}
}
