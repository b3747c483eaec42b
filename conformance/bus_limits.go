package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/backplane-go/backplane/transport"
)

var limitChecks = []check[*busChecker]{
	{"LimitsAreConstant", "transport.Bus.Limits",
		"Limits is constant and does no I/O. The cluster reads it once and splits its messages accordingly.",
		limitsAreConstant},
	{"LimitsSuffice", "transport.Limits",
		"Limits.Payload is at least transport.MinPayload, and Limits.Channel at least transport.MinChannel, or " +
			"0. Otherwise references to large messages, or the names of namespaces, do not fit.", limitsSuffice},
	{"LimitIsInclusive", "transport.Limits.Payload",
		"A payload of exactly Limits.Payload bytes is carried; without a limit, so is a megabyte. Otherwise " +
			"messages just below the limit fail now and then.", limitIsInclusive},
	{"OverLimitIsRejectedAlone", "transport.RejectedError",
		"A payload over Limits.Payload makes Publish fail: the bus neither cuts it nor drops it silently. After " +
			"a RejectedError exactly the first Accepted messages were sent, so that the cluster can send the others " +
			"without sending any twice.", overLimitIsRejectedAlone},
	{"NonTextIsRejectedAlone", "transport.Limits.Text",
		"If Limits.Text is set, a payload that is not UTF-8 or contains NUL makes Publish fail; the bus does not " +
			"repair or cut it. The messages around it must not be lost silently with it.", nonTextIsRejectedAlone},
}

func limitsAreConstant(c *busChecker) {
	bus := c.newBus()
	first := bus.Limits()
	if first.Payload < 0 || first.Channel < 0 {
		c.fail("Limits", "no negative limits", "%+v", first)
	}
	again := func(bus transport.Bus, called string) {
		if limits := bus.Limits(); limits != first {
			c.fail(called+", Limits", fmt.Sprintf("%+v", first), "%+v", limits)
		}
	}
	again(c.newBus(), "make another bus")
	s := c.open(bus, "a")
	again(bus, "Open")
	m := c.message("a", "1")
	c.publish(bus, m)
	again(bus, "Publish")
	c.expect(s, "Publish", m)
	bus.Publish(c.endedContext(), m)
	again(bus, "Publish with a context that has ended")
	if c.harness.Stall != nil {
		const called = "Limits, while the medium is stalled"
		resume := c.stall(bus)
		var limits transport.Limits
		c.guard(called, func() error { limits = bus.Limits(); return nil })
		resume()
		if limits != first {
			c.fail(called, fmt.Sprintf("%+v", first), "%+v", limits)
		}
	}
}

func limitsSuffice(c *busChecker) {
	limits := c.newBus().Limits()
	if limits.Payload > 0 && limits.Payload < transport.MinPayload {
		c.fail("Limits", fmt.Sprintf("Payload 0, or at least %d", transport.MinPayload), "%+v", limits)
	}
	if limits.Channel > 0 && limits.Channel < transport.MinChannel {
		c.fail("Limits", fmt.Sprintf("Channel 0, or at least %d", transport.MinChannel), "%+v", limits)
	}
}

// largeLimit is the limit in bytes above which a check sends only what it must.
const largeLimit = 4 << 20

func limitIsInclusive(c *busChecker) {
	one, two := c.newBus(), c.newBus()
	longest := strings.Repeat("n", max(transport.MinChannel, one.Limits().Channel)-len(c.channel("")))
	s := c.open(two, "a", longest)
	size := one.Limits().Payload
	if size == 0 {
		size = 1 << 20
	}
	small := c.message("a", "small")
	batch := []transport.Message{small}
	for _, with := range []string{"x", `"`, "\U0001F389", "\n"} {
		m := c.message("a", strings.Repeat("x", size%len(with))+strings.Repeat(with, size/len(with)))
		c.publishAndExpect(one, s, fmt.Sprintf("Publish %d bytes", len(m.Payload)), m)
		if size > largeLimit {
			return
		}
		batch = append(batch, m, small)
	}
	c.publishAndExpect(one, s, fmt.Sprintf("Publish %d bytes on a channel with a long name", size),
		c.message(longest, strings.Repeat("x", size)))
	c.publishAndExpect(one, s, fmt.Sprintf("Publish %d bytes", size-1), c.message("a", strings.Repeat("x", size-1)))
	c.publishAndExpect(one, s, fmt.Sprintf("Publish messages of %d bytes and small ones in one batch", size), batch...)
	c.publishAndExpect(one, s, fmt.Sprintf("Publish messages of %d bytes and small ones in one batch", size),
		batch[1:]...)
}

func overLimitIsRejectedAlone(c *busChecker) {
	limit := c.newBus().Limits().Payload
	if limit == 0 {
		c.Skip("Limits.Payload is 0: there is no limit to exceed")
	}
	c.expectRejectedAlone("a payload over the limit", c.message("a", strings.Repeat("x", limit+1)))
	if limit > largeLimit {
		return
	}
	c.expectRejectedAlone("a payload far over the limit", c.message("a", strings.Repeat("x", 3*limit)))
	wide := strings.Repeat("x", (limit+1)%2) + strings.Repeat("é", (limit+1)/2)
	c.expectRejectedAlone("a payload over the limit in bytes, not in characters", c.message("a", wide))
	c.expectRejectedAlone("a payload over the limit that ends with a space",
		c.message("a", strings.Repeat("x", limit)+" "))
}

func nonTextIsRejectedAlone(c *busChecker) {
	if !c.newBus().Limits().Text {
		c.Skip("Limits.Text is false: all bytes are allowed")
	}
	c.expectRejectedAlone("a payload with NUL", c.message("a", "a\x00b"))
	c.expectRejectedAlone("a payload that ends with NUL", c.message("a", "a\x00"))
	c.expectRejectedAlone("a payload that is not UTF-8", c.message("a", "a\xffb"))
	c.expectRejectedAlone("a payload with half a character", c.message("a", "a\xe2\x82"))
	c.expectRejectedAlone("a payload with a surrogate", c.message("a", "\xed\xa0\x80"))
	c.expectRejectedAlone("a payload with NUL in two bytes", c.message("a", "\xc0\x80"))
	if limit := c.newBus().Limits().Payload; limit > 0 && limit <= largeLimit {
		c.expectRejectedAlone("a long payload with NUL at its end", c.message("a", strings.Repeat("x", limit-1)+"\x00"))
		c.expectRejectedAlone("a long payload with half a character at its end",
			c.message("a", strings.Repeat("x", limit-1)+"\xc3"))
	}
}

// expectRejectedAlone fails the check unless Publish rejects bad at every place of a batch and loses no other
// message silently.
func (c *busChecker) expectRejectedAlone(kind string, bad transport.Message) {
	c.Helper()
	one, two := c.newBus(), c.newBus()
	s := c.open(two, "a")
	good := func(n int) (msgs []transport.Message) {
		for i := range n {
			msgs = append(msgs, c.message("a", fmt.Sprint(i/2))) // pairs of equal messages
		}
		return msgs
	}
	for _, place := range [][2]int{{0, 0}, {1, 1}, {0, 2}, {4, 0}, {17, 3}, {100, 50}, {300, 1}} {
		before, after := good(place[0]), good(place[1])
		batch := append(append(append([]transport.Message{}, before...), bad), after...)
		called := fmt.Sprintf("Publish %d good messages, %s, %d good messages", len(before), kind, len(after))
		got, err := c.collectWhile(one, s, "a", called,
			func(ctx context.Context) error { return one.Publish(ctx, batch...) })
		if err == nil {
			c.fail(called, "an error", "no error, and %d messages", len(got))
		}
		for i, m := range got {
			if i >= len(before) || !sameMessage(m, before[i]) {
				c.fail(called+", then Receive", fmt.Sprintf("at most the %d messages before the rejected one",
					len(before)), "%s as message %d", showMessage(m), i+1)
			}
		}
		var rejected *transport.RejectedError
		if errors.As(err, &rejected) && len(got) != rejected.Accepted {
			c.fail(called, "as many messages as RejectedError.Accepted says", "Accepted %d, but %d messages",
				rejected.Accepted, len(got))
		}
	}
}
