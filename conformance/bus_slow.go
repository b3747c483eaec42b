package conformance

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var slowChecks = []check[*busChecker]{
	{"SlowSessionBlocksNobody", "package transport, Delivery",
		"A session that receives slowly, or not at all, blocks neither Publish nor other sessions for longer " +
			"than a moment, and ends rather than dropping messages: it returns all messages, or all up to a loss and " +
			"then a final error. Otherwise one node that hangs stops the whole cluster, and one that misses messages " +
			"without an error is wrong forever.", slowSessionBlocksNobody},
}

// slowSessionBlocksNobody publishes more than the usual buffers hold: up to 65,536 messages and 64 MiB, if the
// bus is fast.
func slowSessionBlocksNobody(c *busChecker) {
	const attempts = 3 // the machine may have been busy during one, but not during the measurement
	for round := range c.scale(1, 4) {
		for attempt := range attempts {
			late := c.trySlowSession(fmt.Sprintf("a%d %d", round, attempt), []int{1000, 16 << 10}[round%2])
			if late == nil {
				break
			}
			if attempt == attempts-1 {
				c.fail(late.called, late.wanted, "%s, and similar each time", late.got)
			}
		}
	}
}

// trySlowSession returns a problem if the slow session has blocked the others. It fails the check for any other
// problem.
func (c *busChecker) trySlowSession(name string, size int) (late *problem) {
	one, two := c.newBus(), c.newBus()
	near := c.open(one, name)
	timing := c.measureTiming(one, near, name)
	c.call("Close", near.Close)
	count := countWithin(8*c.budget(), 4*timing.perMessage, 6500, c.scale(70_000, 100_000))
	batch := 100
	if timing.latency > 5*time.Millisecond {
		batch = 500
	}
	calls := count / batch
	count = calls * batch
	s := c.newSequence(0, one.Limits(), capPayload(one.Limits(), size), name)
	s.size = func(n int) int {
		if n > 6500 { // the rest fills buffers that count messages; small in the quick profile to save memory
			return capPayload(one.Limits(), c.scale(100, size))
		}
		return capPayload(one.Limits(), size)
	}

	// others makes two sessions receive a part of the sequence.
	others := func(called string, calls int, run func(t *traffic)) {
		t := &traffic{busChecker: c, called: called}
		near, far := c.open(one, name), c.open(two, name)
		t.addSequence(s, slices.Repeat([]int{batch}, calls), one)
		t.addReader("a session of the same bus as the slow one", far, name)
		t.addReader("a session of another bus", near, name)
		run(t)
		c.call("Close", near.Close)
		c.call("Close", far.Close)
	}
	start := time.Now()
	others("Publish while no session is slow", calls/2, func(t *traffic) { t.transfer() })
	usual := 2 * time.Since(start)

	slow := c.open(two, name)
	called := fmt.Sprintf("Publish %d messages of up to %d bytes, while one of three sessions receives slowly or "+
		"not at all", count, s.size(0))
	const inTime = "the slow session delays Publish and the other sessions by a second at most"
	slowReader := &gaplessReader{c: c, called: called + "; the slow session", session: slow, sequence: s}
	others(called, calls, func(t *traffic) {
		t.limit = time.Second + c.patience/2 + 4*usual
		stop := slowReader.receiveSlowly(t, max(c.patience/100, 4*timing.latency))
		defer stop()
		if !t.transfer() {
			late = &problem{called, inTime,
				fmt.Sprintf("the other sessions received only %d messages in %v; without a slow session they "+
					"receive all in %v",
					t.progress.Load(), t.limit, usual)}
		}
		c.report(stop())
	})
	if late != nil {
		c.call("Close", slow.Close)
		return late
	}

	// While the session receives the rest, more messages follow: none may be missing in between.
	for range 20 {
		var more []transport.Message
		for range 3 {
			more = append(more, s.message(count, nil))
			count++
		}
		c.publish(one, more...)
		slowReader.receiveUntil(int(slowReader.next.Load()) + 1)
	}
	slowReader.receiveUntil(count)
	if slowReader.err != nil {
		slowReader.expectErrorForever()
	}
	c.call("Close", slow.Close)
	return nil
}

// receiveSlowly receives nothing until the traffic stops, and then one message per tick. Stop may be called
// again.
func (r *gaplessReader) receiveSlowly(traffic *traffic, each time.Duration) (stop func() *problem) {
	ctx, cancel := context.WithCancel(r.c.Context())
	var found *problem
	done := r.c.runInBackground(func() error {
		tick := time.NewTicker(each)
		defer tick.Stop()
		awake, still, moved := false, 0, int64(-1)
		for found == nil && r.err == nil {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return nil
			}
			if now := traffic.progress.Load(); now != moved {
				moved, still = now, 0
			} else if still++; still == 2 {
				awake = true
			}
			if awake {
				found = r.receiveOne(ctx)
			}
		}
		return nil
	})
	return r.stopFunc(cancel, done, &found)
}
