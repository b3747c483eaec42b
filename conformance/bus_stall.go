package conformance

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/backplane-go/backplane/transport"
)

func callsEndWithTheirContext(c *busCase) {
	if c.harness.Stall == nil {
		c.slowCallsEnd()
		return
	}
	bus, closing := c.bus(), c.bus()
	c.publish(closing, c.msg("nobody's", "this opens a connection, if the bus has one"))
	sessions := []transport.Session{c.open(bus, "a"), c.open(bus)}
	type prepared struct {
		operation
		calls []func(ctx context.Context) error // if the first says that a connection had the same deadline, the others must not
		in    func(after time.Duration) *interruption
	}
	var all []prepared
	for _, op := range c.operations(bus) {
		calls := []func(context.Context) error{op.prepare()}
		for range 2 {
			if c.latency() < noticeable {
				calls = append(calls, op.prepare())
			}
		}
		all = append(all, prepared{op, calls, c.deadline}, prepared{op, []func(context.Context) error{op.prepare()}, c.cancelled})
	}
	resume := c.stall(bus)
	first := c.cancelled(0)
	waiting := c.background(func() error { return bus.Publish(first.ctx, c.msg("nobody's", "this holds up the others")) })
	never := c.background(func() error { return closing.Publish(c.Context(), c.msg("nobody's", "this ends with its bus")) })
	moment := max(2*c.latency(), time.Millisecond)
	for _, p := range all {
		called := p.name + " while the medium swallows everything and another Publish is under way"
		for n, call := range p.calls {
			in := p.in(moment)
			start := time.Now()
			err := c.watch(called, func() error { return call(in.ctx) })
			if err == nil && !p.quiet {
				c.fail(called, fmt.Sprintf("the error %q", in.want), "no error")
			}
			c.soon(called, time.Since(start)-moment)
			in.judge(called, err)
			if !in.blurred(err) {
				break
			}
			if n == 2 {
				c.fail(called, fmt.Sprintf("the error %q", in.want), "the error %q, each time", err)
			}
		}
	}
	closers := []func(context.Context) error{sessions[0].Close, sessions[1].Close}
	if closer, ok := closing.(transport.Closer); ok {
		closers = append(closers, closer.Close)
	}
	for _, close := range closers {
		in := c.deadline(moment)
		start := time.Now()
		c.watch("Close while the medium swallows everything", func() error { close(in.ctx); return nil })
		c.soon("Close while the medium swallows everything", time.Since(start)-moment)
		in.cancel()
	}
	first.cancel()
	c.watch("Publish while the medium swallows everything, and cancel its context", func() error { return <-waiting })
	resume()
	c.watch("Close the bus while Publish is stalled, resume", func() error { <-never; return nil })
	m := c.msg("z", "usable")
	fresh := c.open(bus, "z")
	c.publish(bus, m)
	c.expect(fresh, "interrupt calls while the medium swallows everything, resume, Open, Listen, Publish", m)
}

// soon fails if a call has returned late after its context had ended: not at once would do, on a machine that is busy.
func (c *busCase) soon(called string, late time.Duration) {
	c.Helper()
	if late > c.patience/2 {
		c.fail(called, "that it returns soon after its context has ended", "its return %v later", late)
	}
}

// stall stalls the medium until resume is called, at the latest until the check is over.
func (c *busCase) stall(bus transport.Bus) (resume func()) {
	c.Helper()
	c.does("Harness.Stall")
	resume = sync.OnceFunc(c.harness.Stall(c.TB, bus))
	c.Cleanup(resume)
	return resume
}

// noticeable is how long a call has to take so that it can be told whether it was interrupted.
const noticeable = 20 * time.Millisecond

// slowCallsEnd interrupts what takes noticeably long by itself.
func (c *busCase) slowCallsEnd() {
	bus := c.bus()
	slow := false
	for _, op := range c.operations(bus) {
		if op.quiet {
			slow = c.slowCallEnds(op) || slow
		}
	}
	if !slow {
		c.Skip("Harness.Stall is nil, and no call takes long enough to be interrupted: not proven")
	}
}

// slowCallEnds tells whether a call is slow enough. Of several interrupted ones the fastest must take less than half as long as of those that were not.
func (c *busCase) slowCallEnds(op operation) bool {
	c.Helper()
	called := op.name + ", and its context ends while it is being carried out"
	fastest := func(enough time.Duration, in func() *interruption) time.Duration {
		best := time.Duration(1<<63 - 1)
		for n := 0; n < 3 && best > enough; n++ {
			call, in := op.prepare(), in()
			start := time.Now()
			err := c.watch(called, func() error { return call(in.ctx) })
			best = min(best, time.Since(start))
			in.judge(called, err)
		}
		return best
	}
	uninterrupted := func() time.Duration {
		return fastest(noticeable, func() *interruption { return c.deadline(c.patience) })
	}
	for attempt := 1; ; attempt++ { // a machine may be busy for a while
		usual := uninterrupted()
		if usual <= noticeable {
			return false
		}
		turn, moment := 0, usual/8
		interrupted := fastest(usual/2, func() *interruption {
			if turn++; turn%2 == 0 {
				return c.deadline(moment)
			}
			return c.cancelled(moment)
		})
		if interrupted <= usual/2 {
			usual = min(usual, uninterrupted()) // it may have been busy before, and not be so now
		}
		switch {
		case interrupted <= usual/2 || usual <= noticeable:
			return usual > noticeable
		case attempt == 3:
			c.fail(called, fmt.Sprintf("that it returns soon after: the context ends after %v", moment), "its return after %v; without that it takes %v",
				interrupted, usual)
		}
	}
}
