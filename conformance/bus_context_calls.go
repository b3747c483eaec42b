package conformance

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/backplane-go/backplane/transport"
)

func callsEndWithTheirContext(c *busChecker) {
	if c.harness.Stall == nil {
		c.slowCallsEnd()
		return
	}
	bus, closing := c.newBus(), c.newBus()
	c.publish(closing, c.message("nobody's", "opens the connection, if the bus has one"))
	sessions := []transport.Session{c.open(bus, "a"), c.open(bus)}
	var entry transport.Entry
	if r, ok := bus.(transport.Roster); ok {
		entry = c.enter(r, "open")
	}
	type prepared struct {
		operation
		// The next is called if the one before returned the timeout of a connection with the same deadline.
		calls []func(ctx context.Context) error
		in    func(after time.Duration) *interruption
	}
	var all []prepared
	for _, op := range c.operations(bus) {
		calls := []func(context.Context) error{op.prepare()}
		for range 2 {
			if c.latency() < slowCallTime {
				calls = append(calls, op.prepare())
			}
		}
		all = append(all, prepared{op, calls, c.deadlineAfter},
			prepared{op, []func(context.Context) error{op.prepare()}, c.cancelledAfter})
	}
	resume := c.stall(bus)
	first := c.cancelledAfter(0)
	waiting := c.runInBackground(func() error {
		return bus.Publish(first.ctx, c.message("nobody's", "blocks the others"))
	})
	never := c.runInBackground(func() error {
		return closing.Publish(c.Context(), c.message("nobody's", "ends with its bus"))
	})
	moment := max(2*c.latency(), time.Millisecond)
	for _, p := range all {
		called := p.name + " while the medium is stalled and another Publish is in progress"
		for n, call := range p.calls {
			in := p.in(moment)
			start := time.Now()
			err := c.guard(called, func() error { return call(in.ctx) })
			if err == nil && !p.mayReturnNil {
				c.fail(called, fmt.Sprintf("the error %q", in.want), "no error")
			}
			c.expectPromptReturn(called, time.Since(start)-moment)
			in.checkError(called, err)
			if !in.isConnectionTimeout(err) {
				break
			}
			if n == 2 {
				c.fail(called, fmt.Sprintf("the error %q", in.want), "the error %q each time", err)
			}
		}
	}
	closers := []func(context.Context) error{sessions[0].Close, sessions[1].Close}
	if entry != nil {
		closers = append(closers, entry.Close)
	}
	if closer, ok := closing.(transport.Closer); ok {
		closers = append(closers, closer.Close)
	}
	for _, close := range closers {
		in := c.deadlineAfter(moment)
		start := time.Now()
		c.guard("Close while the medium is stalled", func() error { close(in.ctx); return nil })
		c.expectPromptReturn("Close while the medium is stalled", time.Since(start)-moment)
		in.cancel()
	}
	first.cancel()
	c.guard("Publish while the medium is stalled, cancel its context", func() error { return <-waiting })
	resume()
	c.guard("Publish while the medium is stalled, Close the bus, resume", func() error { <-never; return nil })
	m := c.message("z", "usable")
	fresh := c.open(bus, "z")
	c.publish(bus, m)
	c.expect(fresh, "interrupt calls while the medium is stalled, resume, Open, Listen, Publish", m)
}

// expectPromptReturn fails the check if a call has returned too late after its context had ended. It allows for
// a busy machine.
func (c *busChecker) expectPromptReturn(called string, late time.Duration) {
	c.Helper()
	if late > c.patience/2 {
		c.fail(called, "a return soon after its context has ended", "it returned %v later", late)
	}
}

// stall stalls the medium until resume is called, at the latest until the end of the check.
func (c *busChecker) stall(bus transport.Bus) (resume func()) {
	c.Helper()
	c.noteCall("Harness.Stall")
	resume = sync.OnceFunc(c.harness.Stall(c.TB, bus))
	c.Cleanup(resume)
	return resume
}

// slowCallTime is how long a call must take so that the check can tell whether it was interrupted.
const slowCallTime = 20 * time.Millisecond

// slowCallsEnd interrupts the calls that take long without a stalled medium.
func (c *busChecker) slowCallsEnd() {
	bus := c.newBus()
	slow := false
	for _, op := range c.operations(bus) {
		if op.mayReturnNil {
			slow = c.slowCallEnds(op) || slow
		}
	}
	if !slow {
		c.Skip("Harness.Stall is nil, and no call takes long enough to be interrupted: not checked")
	}
}

// slowCallEnds tells whether op is slow enough to be interrupted. The fastest interrupted call must take less
// than half as long as the fastest uninterrupted one.
func (c *busChecker) slowCallEnds(op operation) bool {
	c.Helper()
	called := op.name + ", and its context ends during the call"
	fastest := func(enough time.Duration, in func() *interruption) time.Duration {
		best := time.Duration(1<<63 - 1)
		for n := 0; n < 3 && best > enough; n++ {
			call, in := op.prepare(), in()
			start := time.Now()
			err := c.guard(called, func() error { return call(in.ctx) })
			best = min(best, time.Since(start))
			in.checkError(called, err)
		}
		return best
	}
	uninterrupted := func() time.Duration {
		return fastest(slowCallTime, func() *interruption { return c.deadlineAfter(c.patience) })
	}
	for attempt := 1; ; attempt++ { // the machine may be busy for a while
		usual := uninterrupted()
		if usual <= slowCallTime {
			return false
		}
		calls, moment := 0, usual/8
		interrupted := fastest(usual/2, func() *interruption {
			if calls++; calls%2 == 0 {
				return c.deadlineAfter(moment)
			}
			return c.cancelledAfter(moment)
		})
		if interrupted <= usual/2 {
			usual = min(usual, uninterrupted()) // the machine may have been busy for the first measurement
		}
		switch {
		case interrupted <= usual/2 || usual <= slowCallTime:
			return usual > slowCallTime
		case attempt == 3:
			c.fail(called, fmt.Sprintf("a return soon after its context ends, which is after %v", moment),
				"it returned after %v; uninterrupted, it takes %v",
				interrupted, usual)
		}
	}
}
