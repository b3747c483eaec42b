package conformance

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var slowChecks = []check[*busCase]{
	{"SlowSessionHoldsUpNobody", "A session that is read slowly, or not at all, holds up neither Publish nor other sessions for longer than " +
		"a moment, and ends rather than drops: it returns all, or all up to a loss and then a final error. One node that hangs would stop " +
		"the whole cluster otherwise, and one that misses messages without being told is wrong for ever.", slowSessionHoldsUpNobody},
}

// slowSessionHoldsUpNobody publishes more than the usual buffers hold: of 64 to 65,536 messages, and up to 64 MiB, if the bus is quick.
func slowSessionHoldsUpNobody(c *busCase) {
	for round := range c.scale(1, 4) {
		c.slowSession([]int{1000, 16 << 10}[round%2])
	}
}

func (c *busCase) slowSession(size int) {
	one, two := c.bus(), c.bus()
	near := c.open(one, "a")
	pace := c.pace(one, near, "a")
	c.call("Close", near.Close)
	count := within(2*c.budget(), 4*pace.message, 6500, c.scale(70_000, 100_000))
	batch := 100
	if pace.travel > 5*time.Millisecond {
		batch = 500
	}
	calls := count / batch
	count = calls * batch
	s := c.newStream(0, one.Limits(), largest(one.Limits(), size), "a")
	s.size = func(n int) int {
		if n > 6500 { // the rest is there to fill buffers that count messages; in quick without much memory
			return largest(one.Limits(), c.scale(100, size))
		}
		return largest(one.Limits(), size)
	}

	// others receives a part of the stream in two sessions and returns how long it took.
	others := func(called string, calls int, run func(t *traffic)) time.Duration {
		t := &traffic{busCase: c, called: called}
		near, far := c.open(one, "a"), c.open(two, "a")
		t.publish(s, slices.Repeat([]int{batch}, calls), one)
		t.read("a session of the same bus as the slow one", far, "a")
		t.read("a session of another bus", near, "a")
		start := time.Now()
		run(t)
		took := time.Since(start)
		c.call("Close", near.Close)
		c.call("Close", far.Close)
		return took
	}
	usual := func() time.Duration { return 2 * others("Publish while no session is slow", calls/2, (*traffic).run) }
	before := usual()
	held := func(usual time.Duration) time.Duration { return time.Second + c.patience/2 + usual }

	slow := c.open(two, "a")
	called := fmt.Sprintf("Publish %d messages of up to %d bytes, which one of three sessions receives slowly or not at all", count, s.size(0))
	const inTime = "that it holds up Publish and the other sessions for a second at most"
	sleepy := &tail{c: c, called: called + "; the slow session", session: slow, stream: s}
	took := others(called, calls, func(t *traffic) {
		t.limit, t.inTime = held(20*before), inTime
		stop := sleepy.slowly(t, max(c.patience/100, 4*pace.travel))
		defer stop()
		t.run()
		if found := stop(); found != nil {
			c.fail(found.called, found.wanted, "%s", found.came)
		}
	})

	// While the rest is received, others follow: nothing may be missing between.
	for range 20 {
		var more []transport.Message
		for range 3 {
			more = append(more, s.at(count, nil))
			count++
		}
		c.publish(one, more...)
		sleepy.until(int(sleepy.next.Load()) + 1)
	}
	sleepy.until(count)
	if sleepy.err != nil {
		sleepy.stays()
	}
	c.call("Close", slow.Close)

	// If it took long, that may be the machine, which may be busy now and not then.
	if took > held(4*before) {
		if after := max(before, usual()); took > held(4*after) {
			c.fail(called, inTime, "all messages in %v, %v without a slow session", took, after)
		}
	}
}

// slowly receives nothing until t comes to a halt, and then one message each time. Stop may be called again.
func (t *tail) slowly(traffic *traffic, each time.Duration) (stop func() *finding) {
	ctx, cancel := context.WithCancel(t.c.Context())
	var found *finding
	done := t.c.background(func() error {
		tick := time.NewTicker(each)
		defer tick.Stop()
		awake, still, moved := false, 0, int64(-1)
		for found == nil && t.err == nil {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return nil
			}
			if now := traffic.moved.Load(); now != moved {
				moved, still = now, 0
			} else if still++; still == 2 {
				awake = true
			}
			if awake {
				found = t.receive(ctx)
			}
		}
		return nil
	})
	return t.stopping(cancel, done, &found)
}
