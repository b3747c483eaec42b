package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/backplane-go/backplane/transport"
)

var limitChecks = []check[*busCase]{
	{"LimitsAreConstant", "Limits is constant and does no I/O. The cluster reads it once and lays out its messages accordingly.", limitsAreConstant},
	{"LimitsSuffice", "Limits.Payload is at least transport.MinPayload, and Limits.Channel at least transport.MinChannel, or 0. References to " +
		"large messages, and the names of namespaces, would otherwise not fit in.", limitsSuffice},
	{"LimitIsInclusive", "A payload of exactly Limits.Payload bytes is carried; without a limit, so is a megabyte. Messages just " +
		"below the limit would otherwise be refused, now and then.", limitIsInclusive},
	{"OverLimitIsRejectedAlone", "A payload over Limits.Payload makes Publish fail: it is neither cut nor dropped silently. After a " +
		"RejectedError exactly the first Accepted messages were sent, so that the cluster can send the others without doubling any.",
		overLimitIsRejectedAlone},
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
	if c.harness.Stall != nil {
		const called = "Limits, while the medium swallows everything"
		resume := c.stall(bus)
		var limits transport.Limits
		c.watch(called, func() error { limits = bus.Limits(); return nil })
		resume()
		if limits != first {
			c.fail(called, fmt.Sprintf("%+v", first), "%+v", limits)
		}
	}
}

func limitsSuffice(c *busCase) {
	limits := c.bus().Limits()
	if limits.Payload > 0 && limits.Payload < transport.MinPayload {
		c.fail("Limits", fmt.Sprintf("a Payload of 0 or at least %d", transport.MinPayload), "%+v", limits)
	}
	if limits.Channel > 0 && limits.Channel < transport.MinChannel {
		c.fail("Limits", fmt.Sprintf("a Channel of 0 or at least %d", transport.MinChannel), "%+v", limits)
	}
}

// large is the limit in bytes from which on a check sends no more than it must.
const large = 4 << 20

func limitIsInclusive(c *busCase) {
	one, two := c.bus(), c.bus()
	longest := strings.Repeat("n", max(transport.MinChannel, one.Limits().Channel)-len(c.channel("")))
	s := c.open(two, "a", longest)
	size := one.Limits().Payload
	if size == 0 {
		size = 1 << 20
	}
	small := c.msg("a", "small")
	batch := []transport.Message{small}
	for _, with := range []string{"x", `"`, "\U0001F389", "\n"} {
		m := c.msg("a", strings.Repeat("x", size%len(with))+strings.Repeat(with, size/len(with)))
		c.deliver(one, s, fmt.Sprintf("Publish %d bytes", len(m.Payload)), m)
		if size > large {
			return
		}
		batch = append(batch, m, small)
	}
	c.deliver(one, s, fmt.Sprintf("Publish %d bytes on a channel with a long name", size), c.msg(longest, strings.Repeat("x", size)))
	c.deliver(one, s, fmt.Sprintf("Publish %d bytes", size-1), c.msg("a", strings.Repeat("x", size-1)))
	c.deliver(one, s, fmt.Sprintf("Publish messages of %d bytes and small ones at once", size), batch...)
	c.deliver(one, s, fmt.Sprintf("Publish messages of %d bytes and small ones at once", size), batch[1:]...)
}

func overLimitIsRejectedAlone(c *busCase) {
	limit := c.bus().Limits().Payload
	if limit == 0 {
		c.Skip("Limits.Payload is 0: there is no limit to exceed")
	}
	c.rejects("a payload over the limit", c.msg("a", strings.Repeat("x", limit+1)))
	if limit > large {
		return
	}
	c.rejects("a payload far over the limit", c.msg("a", strings.Repeat("x", 3*limit)))
	wide := strings.Repeat("x", (limit+1)%2) + strings.Repeat("é", (limit+1)/2)
	c.rejects("a payload over the limit in bytes, not in characters", c.msg("a", wide))
	c.rejects("a payload over the limit that ends with a space", c.msg("a", strings.Repeat("x", limit)+" "))
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
	c.rejects("a payload with NUL in two bytes", c.msg("a", "\xc0\x80"))
	if limit := c.bus().Limits().Payload; limit > 0 && limit <= large {
		c.rejects("a long payload with NUL at its end", c.msg("a", strings.Repeat("x", limit-1)+"\x00"))
		c.rejects("a long payload with half a character at its end", c.msg("a", strings.Repeat("x", limit-1)+"\xc3"))
	}
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
	for _, place := range [][2]int{{0, 0}, {1, 1}, {0, 2}, {4, 0}, {17, 3}, {100, 50}, {300, 1}} {
		before, after := good(place[0]), good(place[1])
		batch := append(append(append([]transport.Message{}, before...), bad), after...)
		called := fmt.Sprintf("Publish %d good messages, %s, %d good messages", len(before), kind, len(after))
		got, err := c.collectDuring(one, s, "a", called, func(ctx context.Context) error { return one.Publish(ctx, batch...) })
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
