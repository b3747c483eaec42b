package conformance

import (
	"github.com/backplane-go/backplane/transport"
)

var logBoundsChecks = []check[*logChecker]{
	{"UnusedChannelHasBounds", "transport.Log.Bounds",
		"Bounds of a channel that was never used is no error: it has an epoch, and Newest is Trimmed. Replay from " +
			"there returns nothing. A node opens a namespace before anybody has sent anything.",
		unusedChannelHasBounds},
	{"BoundsFollowTheLog", "transport.Bounds",
		"Newest is the offset of the latest kept message as soon as Append has returned, on every bus, and every " +
			"message after Trimmed can be replayed. A node that starts takes its position from it.",
		boundsFollowTheLog},
}

func unusedChannelHasBounds(c *logChecker) {
	one, two := c.newLog(), c.newLog()
	c.append(one, keep(c.channel("used"), "x")...)
	epoch := c.bounds(one, c.channel("used")).Epoch
	for _, name := range []string{"unused", "Used", "used ", "unused/%", ""} {
		name = c.channel(name)
		for _, log := range []transport.Log{one, two} {
			b := c.bounds(log, name)
			switch {
			case b.Epoch != epoch || !isEpoch(b.Epoch):
				c.fail("Bounds of a channel that was never used", "the epoch of the log, "+epoch, "%q", b.Epoch)
			case b.Newest != b.Trimmed:
				c.fail("Bounds of a channel that was never used", "a Newest that is Trimmed", "%s and %s", b.Newest,
					b.Trimmed)
			}
			after := transport.Position{Epoch: b.Epoch, Offset: b.Trimmed}
			c.expectPayloads("Replay of a channel that was never used",
				c.replay(log, name, after, transport.ReadLimit{}), nil)
			c.expectPayloads("Latest of a channel that was never used",
				c.latest(log, name, transport.Offset{}, transport.ReadLimit{}), nil)
		}
		c.append(one, skip(name, "not kept")...)
		if b := c.bounds(two, name); b.Newest != b.Trimmed {
			c.fail("Append without Keep, Bounds", "a Newest that is Trimmed", "%s and %s", b.Newest, b.Trimmed)
		}
	}
	name := c.channel("unused")
	begin := c.begin(one, name)
	c.append(two, keep(name, "first")...)
	c.expectPayloads("Bounds of a channel that was never used, Append, Replay from there",
		c.replay(one, name, begin, transport.ReadLimit{}), []string{"first"})
}

func boundsFollowTheLog(c *logChecker) {
	one, two := c.newLog(), c.newLog()
	a := c.channel("a")
	begin := c.begin(one, a)
	for i := range 10 {
		c.append([]transport.Log{one, two}[i%2], keep(a, numberedPayloads("message", 1+i%3)...)...)
		c.append(two, append(keep(c.channel("b"), "other"), skip(a, "not kept")...)...)
		all := c.replayAll(one, a, begin, transport.ReadLimit{})
		for _, log := range []transport.Log{one, two, c.newLog()} {
			b := c.bounds(log, a)
			if want := all[len(all)-1].Position(); b.Epoch != want.Epoch || b.Newest != want.Offset {
				c.fail("Append, Bounds", "Newest at "+showPosition(want), "%s of epoch %q", b.Newest, b.Epoch)
			}
			if b.Trimmed != begin.Offset {
				c.fail("Append, Bounds", "Trimmed as before, at "+begin.Offset.String(), "%s", b.Trimmed)
			}
		}
	}
}
