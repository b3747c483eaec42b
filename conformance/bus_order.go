package conformance

import (
	"fmt"
	"strings"

	"github.com/backplane-go/backplane/transport"
)

var orderChecks = []check[*busCase]{
	{"OrderIsKept", "Messages of one bus arrive in the order they were published. Otherwise a chat is scrambled, and \"leave the " +
		"room\" may come before the message that was sent to the room.", orderIsKept},
	{"OrderIsKeptAcrossChannels", "The order holds on all channels together, not on each by itself. Of two messages to two " +
		"namespaces the second may only make sense after the first.", orderIsKeptAcrossChannels},
	{"OrderIsKeptBetweenBuses", "What a Publish has sent that has returned arrives before what a later Publish sends, on whichever " +
		"bus. An answer must not come before its question; and a cluster concludes from a message of its own that came back that " +
		"it has missed nothing until then.", orderIsKeptBetweenBuses},
}

func orderIsKept(c *busCase) {
	one, two := c.bus(), c.bus()
	near, far := c.open(one, "a"), c.open(two, "a")
	called, want := c.publishSeries(one, "a")
	c.expect(near, called, want...)
	c.expect(far, called, want...)
}

func orderIsKeptAcrossChannels(c *busCase) {
	one, two := c.bus(), c.bus()
	channels := []string{"a", "b", "c"}
	s := c.open(two, channels...)
	called, want := c.publishSeries(one, channels...)
	c.expect(s, called, want...)
}

func orderIsKeptBetweenBuses(c *busCase) {
	one, two := c.bus(), c.bus()
	near, far := c.open(one, "a", "b"), c.open(two, "a", "b")
	var want []transport.Message
	for i := range 50 {
		question, answer := c.msg("a", fmt.Sprint("question ", i)), c.msg("b", fmt.Sprint("answer ", i))
		c.publish(one, question)
		c.publish(two, answer)
		want = append(want, question, answer)
	}
	const called = "Publish on one bus, and when it has returned on another, 50 times"
	c.expect(near, called, want...)
	c.expect(far, called, want...)
}

// publishSeries publishes messages of all sizes in batches of all sizes.
func (c *busCase) publishSeries(bus transport.Bus, channels ...string) (called string, all []transport.Message) {
	c.Helper()
	large := 4000
	if max := bus.Limits().Payload; max > 0 && max < large {
		large = max
	}
	for size := range 24 {
		var batch []transport.Message
		for range size%8 + 1 {
			i := len(all) + len(batch)
			payload := fmt.Sprintf("%d ", i)
			if i%3 == 0 {
				payload += strings.Repeat("x", large-len(payload))
			}
			batch = append(batch, c.msg(channels[i%len(channels)], payload))
		}
		c.publish(bus, batch...)
		all = append(all, batch...)
	}
	return fmt.Sprintf("Publish 24 batches of 1 to 8 messages, small and large, on %d channels", len(channels)), all
}
