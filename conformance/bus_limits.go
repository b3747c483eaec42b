package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/backplane-go/backplane/transport"
)

var limitChecks = []check[*busCase]{
	{"LimitsAreConstant", "Limits is constant. The cluster reads it once and lays out its messages accordingly.", limitsAreConstant},
	{"LimitIsInclusive", "A payload of exactly Limits.Payload bytes is carried; without a limit, so is a megabyte. Messages just " +
		"below the limit would otherwise be refused, now and then.", limitIsInclusive},
	{"ChannelLimitIsInclusive", "A channel name of exactly Limits.Channel bytes works, in Publish and in Listen. A namespace of that " +
		"length would otherwise be deaf.", channelLimitIsInclusive},
	{"OverLimitIsRejectedAlone", "A payload over Limits.Payload makes Publish fail: it is neither cut nor dropped silently. After a " +
		"RejectedError exactly the first Accepted messages were sent, so that the cluster can send the others without doubling any.",
		overLimitIsRejectedAlone},
	{"OverLongChannelIsRejected", "A channel name over Limits.Channel is an error of Publish and of Listen. A name that is cut silently " +
		"joins two namespaces, or hears nothing for ever.", overLongChannelIsRejected},
	{"NonTextIsRejectedAlone", "If Limits.Text is set, a payload that is not UTF-8 or holds NUL makes Publish fail, and is not " +
		"repaired or cut. The messages around it must not be lost with it unnoticed.", nonTextIsRejectedAlone},
}

func limitsAreConstant(c *busCase) {
	bus := c.bus()
	first := bus.Limits()
	if first.Payload < 0 || first.Channel < 0 {
		c.fail("Limits", "no negative limit", "%+v", first)
	}
	again := func(bus transport.Bus, called string) {
		if limits := bus.Limits(); limits != first {
			c.fail(called+", Limits", fmt.Sprintf("%+v", first), "%+v", limits)
		}
	}
	again(c.bus(), "make another bus")
	s := c.open(bus, "a")
	again(bus, "Open")
	m := c.msg("a", "1")
	c.publish(bus, m)
	again(bus, "Publish")
	c.expect(s, "Publish", m)
	bus.Publish(c.expired(), m)
	again(bus, "Publish with a context that has ended")
}

func limitIsInclusive(c *busCase) {
	one, two := c.bus(), c.bus()
	s := c.open(two, "a")
	size := one.Limits().Payload
	if size == 0 {
		size = 1 << 20
	}
	wide := strings.Repeat("\U0001F389", size/4)
	batch := []transport.Message{
		c.msg("a", strings.Repeat("x", size)),
		c.msg("a", strings.Repeat(`"`, size)),
		c.msg("a", wide+strings.Repeat("x", size-len(wide))),
		c.msg("a", strings.Repeat("x", size-1)),
	}
	for _, m := range batch {
		c.deliver(one, s, fmt.Sprintf("Publish %d bytes", len(m.Payload)), m)
	}
	c.deliver(one, s, fmt.Sprintf("Publish %d messages of about %d bytes at once", len(batch), size), batch...)
}

func channelLimitIsInclusive(c *busCase) {
	one, two := c.bus(), c.bus()
	limit := one.Limits().Channel
	if limit == 0 {
		limit = 1000
	}
	size := limit - len(c.channel(""))
	wide := strings.Repeat("é", size/2)
	names := []string{strings.Repeat("n", size), strings.Repeat(`"`, size), wide + strings.Repeat("n", size-len(wide))}
	s := c.open(two, names...)
	for _, name := range names {
		m := c.msg(name, "x")
		c.publish(one, m)
		c.expect(s, fmt.Sprintf("Publish on a channel with a name of %d bytes", len(m.Channel)), m)
	}
}

func overLimitIsRejectedAlone(c *busCase) {
	limit := c.bus().Limits().Payload
	if limit == 0 {
		c.Skip("Limits.Payload is 0: there is no limit to exceed")
	}
	c.rejects("a payload over the limit", c.msg("a", strings.Repeat("x", limit+1)))
	c.rejects("a payload far over the limit", c.msg("a", strings.Repeat("x", 3*limit)))
	wide := strings.Repeat("é", limit/2+1)
	c.rejects("a payload over the limit in bytes, not in characters", c.msg("a", wide))
}

func overLongChannelIsRejected(c *busCase) {
	bus := c.bus()
	limit := bus.Limits().Channel
	if limit == 0 {
		c.Skip("Limits.Channel is 0: there is no limit to exceed")
	}
	name := strings.Repeat("n", limit+1-len(c.channel("")))
	c.rejects("a channel name over the limit", c.msg(name, "x"))
	s := c.open(bus)
	called := fmt.Sprintf("Listen to a channel with a name of %d bytes, the limit being %d", limit+1, limit)
	if err := c.call(called, func(ctx context.Context) error { return s.Listen(ctx, c.channel(name)) }); err == nil {
		c.fail(called, "an error", "none")
	}
}

func nonTextIsRejectedAlone(c *busCase) {
	if !c.bus().Limits().Text {
		c.Skip("Limits.Text is false: all bytes are allowed")
	}
	c.rejects("a payload with NUL", c.msg("a", "a\x00b"))
	c.rejects("a payload that ends with NUL", c.msg("a", "a\x00"))
	c.rejects("a payload that is not UTF-8", c.msg("a", "a\xffb"))
	c.rejects("a payload with half a character", c.msg("a", "a\xe2\x82"))
	c.rejects("a payload with a surrogate", c.msg("a", "\xed\xa0\x80"))
}

// rejects proves that bad is refused at every place of a batch, and that nothing else is lost unnoticed.
func (c *busCase) rejects(kind string, bad transport.Message) {
	c.Helper()
	one, two := c.bus(), c.bus()
	s := c.open(two, "a")
	good := func(n int) (msgs []transport.Message) {
		for i := range n {
			msgs = append(msgs, c.msg("a", fmt.Sprint(i/2))) // in pairs of equal ones
		}
		return msgs
	}
	for _, place := range [][2]int{{0, 0}, {1, 1}, {0, 2}, {4, 0}, {100, 50}} {
		before, after := good(place[0]), good(place[1])
		batch := append(append(append([]transport.Message{}, before...), bad), after...)
		called := fmt.Sprintf("Publish %d good messages, %s, %d good messages", len(before), kind, len(after))
		err := c.call(called, func(ctx context.Context) error { return one.Publish(ctx, batch...) })
		got := c.collect(one, s, "a", called)
		if err == nil {
			c.fail(called, "an error", "none; %d messages arrived", len(got))
		}
		for i, m := range got {
			if i >= len(before) || !same(m, before[i]) {
				c.fail(called+", then Receive", fmt.Sprintf("at most the %d messages before it", len(before)), "%s as message %d", show(m), i+1)
			}
		}
		var rejected *transport.RejectedError
		if errors.As(err, &rejected) && len(got) != rejected.Accepted {
			c.fail(called, "as many messages as RejectedError.Accepted says", "Accepted %d, and %d messages", rejected.Accepted, len(got))
		}
	}
}
