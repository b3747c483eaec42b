package conformance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var receiveChecks = []check[*busCase]{
	{"ReceiveEndsWithItsContext", "When its ctx ends, Receive returns ctx.Err() and the session is still usable. Any other error is " +
		"final: the cluster would reconnect, and report a gap, each time it stops waiting.", receiveEndsWithItsContext},
	{"CancelledReceiveLosesNothing", "When its ctx ends, Receive has lost nothing, even if a message arrives at that very moment. " +
		"The cluster interrupts Receive to Listen: each new namespace would otherwise cost a message.", cancelledReceiveLosesNothing},
	{"EndedContextFailsFast", "What waits, ends with its ctx, and does not begin if that has ended before. A server that shuts down " +
		"must not start to wait for a network.", endedContextFailsFast},
}

func receiveEndsWithItsContext(c *busCase) {
	bus := c.bus()
	s := c.open(bus, "a")
	for i := range 3 {
		ctx, cancel := context.WithTimeout(c.Context(), 5*time.Millisecond)
		c.wantContextError("Receive with a deadline, nothing to receive", context.DeadlineExceeded, func() error {
			_, err := s.Receive(ctx)
			return err
		})
		cancel()
		ctx, cancel = context.WithCancel(c.Context())
		time.AfterFunc(5*time.Millisecond, cancel)
		c.wantContextError("Receive, and cancel its context", context.Canceled, func() error {
			_, err := s.Receive(ctx)
			return err
		})
		m := c.msg("a", fmt.Sprint("usable ", i))
		c.publish(bus, m)
		c.expect(s, "Receive until the context ends, Publish", m)
	}
}

// wantContextError calls f, which must return want in good time.
func (c *busCase) wantContextError(called string, want error, f func() error) {
	c.Helper()
	err := c.watch(called, f)
	if err == nil {
		c.fail(called, fmt.Sprintf("the error %q", want), "no error")
	}
	if !errors.Is(err, want) {
		c.fail(called, fmt.Sprintf("the error %q", want), "the error %q", err)
	}
}

func cancelledReceiveLosesNothing(c *busCase) {
	one, two := c.bus(), c.bus()
	s := c.open(two, "a")
	const called = "Publish while the context of Receive ends"

	// How long a message takes tells where to aim at.
	start := time.Now()
	for range 5 {
		c.publish(one, c.msg("a", "aim"))
		c.expect(s, "Publish", c.msg("a", "aim"))
	}
	travel := time.Since(start) / 5

	const rounds = 100
	for i := range rounds {
		m := c.msg("a", fmt.Sprint(i))
		published := c.meanwhile(func() error { return one.Publish(c.Context(), m) })
		ctx, cancel := context.WithTimeout(c.Context(), 2*travel*time.Duration(i)/rounds)
		var got transport.Message
		err := c.watch(called, func() (err error) {
			got, err = s.Receive(ctx)
			return err
		})
		end := ctx.Err()
		cancel()
		switch {
		case err == nil && !same(got, m):
			c.fail(called, show(m), "%s", show(got))
		case err != nil && (end == nil || !errors.Is(err, end)):
			c.fail(called, "a message, or the error of the context", "the error %q", err)
		case err != nil:
			c.expect(s, called, m)
		}
		if err := published(); err != nil {
			c.fail(called, "no error from Publish", "the error %q", err)
		}
	}
	c.expectNothing(one, s, "a", called)
}

func endedContextFailsFast(c *busCase) {
	bus := c.bus()
	s := c.open(bus, "a")
	ended := c.expired()
	c.wantContextError("Publish with a context that has ended", context.Canceled, func() error {
		return bus.Publish(ended, c.msg("never", "1"))
	})
	c.wantContextError("Open with a context that has ended", context.Canceled, func() error {
		s, err := bus.Open(ended)
		if err == nil {
			c.release(s.Close)
		}
		return err
	})
	c.wantContextError("Receive with a context that has ended", context.Canceled, func() error {
		_, err := s.Receive(ended)
		return err
	})
	m := c.msg("a", "usable")
	c.publish(bus, m)
	c.expect(s, "Publish, Open and Receive with a context that has ended, Publish", m)

	spare := c.open(bus) // it may be of no use after a Listen that failed
	c.wantContextError("Listen with a context that has ended", context.Canceled, func() error {
		return spare.Listen(ended, c.channel("b"))
	})
}
