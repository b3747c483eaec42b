package conformance

import (
	"fmt"
	"strings"

	"github.com/backplane-go/backplane/transport"
)

var logReadChecks = []check[*logChecker]{
	{"ReadLimitIsRespected", "transport.ReadLimit",
		"Replay and Latest return no more messages and bytes than ReadLimit allows, but at least one if there is " +
			"one, even if it alone is larger. Otherwise a reader runs out of memory, or never gets past a large " +
			"message.", readLimitIsRespected},
	{"LatestReturnsTheEnd", "transport.Log.Latest",
		"Latest returns the last messages before an offset, or of all, in order, and reading backwards with it omits " +
			"nothing. Users scroll back.", latestReturnsTheEnd},
}

func readLimitIsRespected(c *logChecker) {
	log := c.newLog()
	a := c.channel("a")
	begin := c.begin(log, a)
	limit := log.Limits().Payload
	large := 20_000
	if limit > 0 {
		large = limit
	}
	payloads := append(numberedPayloads("small", 20), sizedText(large), "between", sizedText(large))
	payloads = append(payloads, numberedPayloads("small again", 7)...)
	c.append(log, keep(a, payloads...)...)
	all := c.replayAll(log, a, begin, transport.ReadLimit{})
	c.expectPayloads("Append, Replay", all, payloads)

	limits := []transport.ReadLimit{
		{Records: 1}, {Records: 2}, {Records: 7}, {Records: 1000}, {Bytes: 1}, {Bytes: 8}, {Bytes: 100},
		{Bytes: large}, {Bytes: large + 10}, {Bytes: 10 * large}, {Records: 3, Bytes: 20},
		{Records: 3, Bytes: 10 * large},
	}
	for _, limit := range limits {
		name := fmt.Sprintf(" with the limit %+v", limit)
		c.expectSame("Replay"+name, c.replayAll(log, a, begin, limit), all)
		var back []transport.Record
		for {
			before := transport.Offset{}
			if len(back) > 0 {
				before = back[0].Offset
			}
			piece := c.latest(log, a, before, limit)
			if len(piece) == 0 {
				break
			}
			back = append(piece, back...)
			if len(back) > len(all) {
				break
			}
		}
		c.expectPayloads("Latest"+name+", backwards", back, payloads)
	}
}

func latestReturnsTheEnd(c *logChecker) {
	one, two := c.newLog(), c.newLog()
	a := c.channel("a")
	begin := c.begin(one, a)
	none := c.latest(one, a, transport.Offset{}, transport.ReadLimit{})
	c.expectPayloads("Latest of a channel that was never used", none, nil)
	payloads := numberedPayloads("message", 25)
	c.append(one, keep(a, payloads...)...)
	c.append(two, keep(c.channel("b"), strings.Fields("other channel")...)...)
	all := c.replayAll(two, a, begin, transport.ReadLimit{})
	for _, n := range []int{1, 2, 10, 25, 100} {
		got := c.latest(two, a, transport.Offset{}, transport.ReadLimit{Records: n})
		c.expectPayloads(fmt.Sprintf("Latest %d", n), got, payloads[max(0, 25-n):])
		c.expectSamePositions(fmt.Sprintf("Latest %d", n), got, all[max(0, 25-n):])
	}
	last := c.latest(one, a, transport.Offset{}, transport.ReadLimit{})
	if len(last) == 0 || len(last) > len(all) {
		c.fail("Latest without a limit", "some of "+countRecords(len(all)), "%s", countRecords(len(last)))
	}
	c.expectSamePositions("Latest without a limit", last, all[len(all)-len(last):])
	for i, r := range all {
		got := c.latest(two, a, r.Offset, transport.ReadLimit{Records: 3})
		c.expectSamePositions(fmt.Sprintf("Latest 3 before message %d", i+1), got, all[max(0, i-3):i])
	}
	later := transport.Offset{Major: all[24].Offset.Major + 1000}
	c.expectSamePositions("Latest 3 before an offset in the future",
		c.latest(one, a, later, transport.ReadLimit{Records: 3}), all[22:])
}

// expectSamePositions is expectSame, except that the Previous of the first message may be unknown.
func (c *logChecker) expectSamePositions(called string, got, want []transport.Record) {
	c.Helper()
	if len(got) > 0 && len(want) > 0 {
		got[0].Previous = want[0].Previous
	}
	c.expectSame(called, got, want)
}
