package conformance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var outageChecks = []check[*busCase]{
	{"PublishAfterOutage", "A Publish after an outage arrives once or returns an error, and so does a batch, from its first message on; the Publish after " +
		"the first error works. A bus that sends again what may have been sent doubles it; one that says nothing loses it unnoticed.", publishAfterOutage},
	{"NoServerFailsAtOnce", "Open and Publish fail, rather than wait, when the server cannot be reached, with an error that is not of a context, and leave " +
		"nothing behind. A node tries again, and tells its users meanwhile.", noServerFailsAtOnce},
}

// outage is a hook that breaks connections.
type outage struct {
	name     string
	call     func(bus transport.Bus)
	sessions bool // those of the bus are broken by it
}

func (c *busCase) outages() (all []outage) {
	if c.harness.SeverPublisher != nil {
		all = append(all, outage{"sever the publisher", func(bus transport.Bus) {
			c.does("Harness.SeverPublisher")
			c.harness.SeverPublisher(c.TB, bus)
		}, false})
	}
	if c.harness.Sever != nil {
		all = append(all, outage{"sever the sessions", c.sever, true})
	}
	return all
}

func publishAfterOutage(c *busCase) {
	outages := c.outages()
	if len(outages) == 0 {
		c.Skip("Harness.SeverPublisher and Harness.Sever are nil: not proven")
	}
	one, two := c.bus(), c.bus()
	l := c.ledger(one, two)
	for n := 0; n < 3 || n < 10 && l.slow(); n++ {
		l.must("Publish one message", 0)
	}
	slow := l.slow()
	for _, o := range outages {
		c.open(one, "a") // or there is nothing to sever
		afterwards := func(shape []int) {
			o.call(one)
			l.reopen("Publish, and "+o.name, two)
			l.afterOutage(o.name, shape)
		}
		for n, shape := range l.shapes(300) {
			l.wide = n/2%2 == 1
			afterwards(shape)
			if n < 4 && !slow {
				afterwards(shape) // again: the first after the second outage
			}
		}
		l.carry(100)
		afterwards(small(1))
		l.carry(c.scale(5000, 100000))
		afterwards(small(1))
		afterwards(small(100))
		rounds := c.affordable(10, 3, c.scale(15, 60))
		for n := range rounds {
			l.meanwhile(o, one, two, small([]int{1, 20, 200}[n%3]), c.latency()*5/4*time.Duration(n)/time.Duration(rounds))
		}
	}
	l.finish("Publish before and after outages", l.afterglow())
}

// afterOutage publishes until it works: only the first Publish may fail.
func (l *ledger) afterOutage(name string, shape []int) {
	l.c.Helper()
	called := fmt.Sprintf("%s, Publish %s", name, plural(len(shape)))
	ctx, cancel := context.WithTimeout(l.c.Context(), l.c.patience)
	defer cancel()
	if err := l.try(ctx, called, shape...); err != nil {
		if ofContext(err) {
			l.c.fail(called, "no error, or one that is not of a context", "the error %q", err)
		}
		called += " with an error"
	}
	for range 2 {
		l.must(called+", Publish one message", 0)
	}
}

// meanwhile publishes batches of these sizes while there is an outage, which begins a while after Publish was called: before it has sent
// anything, or when only the answer is still to come.
func (l *ledger) meanwhile(o outage, one, two transport.Bus, sizes []int, after time.Duration) {
	l.c.Helper()
	called := fmt.Sprintf("%s while Publish sends batches of %d", o.name, len(sizes))
	first := len(l.entries)
	stop := l.stream(called, sizes...)
	time.Sleep(after)
	o.call(one)
	if broken := stop(); broken || o.sessions {
		for n := range l.entries[first:] {
			l.entries[first+n].lost = true
		}
		l.reopen(called, two)
	}
	l.afterOutage(called, small(1))
}

func noServerFailsAtOnce(c *busCase) {
	if c.harness.NoServer == nil {
		c.Skip("Harness.NoServer is nil: not proven")
	}
	c.does("Harness.NoServer")
	bus := c.harness.NoServer(c.TB)
	calls := []operation{
		{name: "Open without a server", prepare: func() func(context.Context) error {
			return func(ctx context.Context) error {
				s, err := bus.Open(ctx)
				if err == nil {
					c.release(s.Close)
				}
				return err
			}
		}},
		{name: "Publish one message without a server", prepare: func() func(context.Context) error {
			return func(ctx context.Context) error { return bus.Publish(ctx, c.msg("a", "1")) }
		}},
		{name: "Publish two messages without a server", prepare: func() func(context.Context) error {
			return func(ctx context.Context) error { return bus.Publish(ctx, c.msg("a", "1"), c.msg("a", "2")) }
		}},
	}
	const wanted = "soon an error that is not of a context"
	fastest := make([]time.Duration, len(calls))
	fails := func() {
		for i, call := range calls {
			start := time.Now()
			ctx, cancel := context.WithCancel(c.Context()) // without a deadline: that is no excuse to wait
			err := c.watch(call.name, func() error { return call.prepare()(ctx) })
			cancel()
			var rejected *transport.RejectedError
			if took := time.Since(start); fastest[i] == 0 || took < fastest[i] {
				fastest[i] = took
			}
			switch {
			case err == nil:
				c.fail(call.name, wanted, "no error")
			case ofContext(err) || errors.Is(err, transport.ErrClosed):
				c.fail(call.name, wanted, "the error %q", err)
			case errors.As(err, &rejected) && rejected.Accepted != 0:
				c.fail(call.name, "an error, and nothing accepted", "a RejectedError with Accepted %d", rejected.Accepted)
			}
		}
	}
	start := time.Now()
	fails()
	before := goroutines()
	done := 0
	for done < rounds && (done < 2 || time.Since(start) < c.patience/4) {
		fails()
		done++
	}
	for i, call := range calls {
		if fastest[i] > c.patience/8 {
			c.fail(call.name, wanted, "an error after %v at the earliest", fastest[i])
		}
	}
	c.eventuallyNone(fmt.Sprintf("Open and Publish without a server, %d times", done), func() []string {
		if left := gained(before); len(left) >= done {
			return left
		}
		return nil
	})
	if closer, ok := bus.(transport.Closer); ok {
		for range 2 {
			c.call("Close without a server", closer.Close)
		}
	}
}
