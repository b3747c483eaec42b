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

// cancelledReceiveLosesNothing receives a stream of messages of all sizes with contexts that end at all moments while one is on its way.
func cancelledReceiveLosesNothing(c *busCase) {
	one, two := c.bus(), c.bus()
	s := c.open(two, "stream")
	l := &ledger{c: c, bus: one, channels: []string{"stream"}}
	sizes := []int{0, l.fit(4 << 10), 0, l.fit(64 << 10), 1, l.fit(c.scale(256<<10, 4<<20)), l.fit(1000)}
	usual := make([]time.Duration, len(sizes))
	const called = "Publish while the context of Receive ends"
	c.useAndClose(one)
	before := goroutines()
	interruptions, start := 0, time.Now()
	rounds, budget := c.scale(600, 20000), time.Duration(c.scale(150, 20000))*time.Millisecond
	for n := 0; n < rounds && (n < 4*len(sizes) || time.Since(start) < budget); n++ {
		kind := n % len(sizes)
		m := l.messages(n, sizes[kind:kind+1])[0]
		published := c.meanwhile(func() error { return one.Publish(c.Context(), m) })
		sent := time.Now()
		for got := false; !got; {
			in := c.deadline(c.patience) // how long a message takes tells where to aim at
			if n >= 2*len(sizes) {
				in = c.interruption(interruptions, usual[kind])
			}
			var m2 transport.Message
			err := c.watch(called, func() (err error) {
				m2, err = s.Receive(in.ctx)
				return err
			})
			switch {
			case err == nil && !same(m, m2):
				c.fail(called, fmt.Sprintf("%s, after %d interruptions", show(m), interruptions), "%s", show(m2))
			case err == nil:
				got = true
			case time.Since(sent) > c.patience:
				c.fail(called, fmt.Sprintf("%s, after %d interruptions", show(m), interruptions), "nothing for %v", c.patience)
			}
			in.judge(called, err)
			interruptions++
		}
		if took := time.Since(sent); n < 2*len(sizes) {
			usual[kind] = max(took, 10*time.Microsecond)
		}
		if err := published(); err != nil {
			c.fail(called, "no error from Publish", "the error %q", err)
		}
	}
	c.expectNothing(one, s, "stream", called)
	c.eventuallyNone(fmt.Sprintf("Receive, interrupted %d times", interruptions), func() []string {
		if left := gained(before); len(left) > interruptions/20 {
			return left
		}
		return nil
	})
}
