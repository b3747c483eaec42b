package conformance

import (
	"errors"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var receiveChecks = []check[*busChecker]{
	{"ReceiveEndsWithItsContext", "transport.Session.Receive",
		"When its ctx ends, Receive returns ctx.Err() and the session is still usable. Any other error is final: " +
			"the cluster would reconnect, and report a gap, each time it stops waiting.", receiveEndsWithItsContext},
	{"CancelledReceiveLosesNothing", "transport.Session.Receive",
		"When its ctx ends, Receive has lost nothing, even if a message arrives at that very moment. The cluster " +
			"interrupts Receive to call Listen: otherwise each new namespace costs a message.",
		cancelledReceiveLosesNothing},
}

func receiveEndsWithItsContext(c *busChecker) {
	bus := c.newBus()
	s := c.open(bus, "a")
	const called = "Receive until its context ends, nothing to receive"
	interrupt := func(in *interruption) {
		if err := c.guard(called, func() error { return receiveAndDiscard(in.ctx, s) }); err == nil {
			c.fail(called, fmt.Sprintf("the error %q", in.want), "no error")
		} else {
			in.checkError(called, err)
		}
	}
	usable := func(after int) {
		m := c.message("a", fmt.Sprint("usable ", after))
		c.publish(bus, m)
		c.expect(s, fmt.Sprintf("Receive until its context ends, %d times, Publish", after), m)
	}
	for i := range 3 {
		interrupt(c.deadlineAfter(5 * time.Millisecond))
		interrupt(c.cancelledAfter(5 * time.Millisecond))
		usable(i)
	}
	// Thousands of interruptions must cost neither messages nor memory.
	before := goroutines()
	times, budget := c.scale(6000, 200000), max(c.patience, 5*time.Second)
	const together = 100 // calls in one goroutine
	start, n := time.Now(), 0
	for n < times && (n < 2*together || time.Since(start) < budget) {
		var last *interruption
		err := c.guard(called, func() (err error) {
			for range together {
				looks := 1 + n%2
				if n%500 == 0 {
					looks = 4
				}
				last = c.cancelledAfterLooks(looks)
				timer := time.AfterFunc(time.Millisecond, last.cancel) // for a bus that rarely looks at its context
				err = receiveAndDiscard(last.ctx, s)
				timer.Stop()
				if n++; !errors.Is(err, last.want) {
					break
				}
			}
			return err
		})
		if err == nil {
			c.fail(called, fmt.Sprintf("the error %q", last.want), "no error")
		}
		last.checkError(called, err)
		if n%500 == 0 {
			usable(n)
		}
	}
	usable(n)
	c.expectNoneLeft(fmt.Sprintf("%s, %d times", called, n), func() []string {
		if left := newGoroutines(before); len(left) > n/20 {
			return left
		}
		return nil
	})
}

// cancelledReceiveLosesNothing receives messages of all sizes with contexts that end at every moment while a
// message is in flight.
func cancelledReceiveLosesNothing(c *busChecker) {
	one, two := c.newBus(), c.newBus()
	s := c.open(two, "stream")
	rec := &recorder{c: c, bus: one, channels: []string{"stream"}}
	sizes := []int{0, rec.fitSize(4 << 10), 0, rec.fitSize(64 << 10), 1, rec.fitSize(c.scale(256<<10, 4<<20)),
		rec.fitSize(1000)}
	latencies := make([]callLatency, 2*len(sizes)) // first for messages in flight, then for messages that have arrived
	const called = "Publish while the context of Receive ends"
	interruptions, start := 0, time.Now()
	rounds, least, budget := c.scale(1200, 20000), 110*len(sizes), time.Duration(c.scale(100, 20000))*time.Millisecond
	fastest := c.patience
	for n := 0; n < rounds && (n < least || time.Since(start) < budget); n++ {
		if n == 2*len(sizes) && fastest > slowCallTime { // the bus itself is slow, not only the machine busy
			least = 6 * len(sizes)
		}
		kind := n % len(sizes)
		want := rec.messages(n, sizes[kind:kind+1])[0]
		published := c.runAlongside(func() error { return one.Publish(c.Context(), want) })
		sent := time.Now()
		learning, latency := n < 2*len(sizes), &latencies[kind]
		arrived := n%2 == 1
		if arrived {
			err := c.guard(called, published)
			published, latency = func() error { return err }, &latencies[len(sizes)+kind]
		}
		for tries := 0; ; tries++ {
			in := c.deadlineAfter(c.patience)
			if !learning {
				nth := latency.interruptions
				latency.interruptions++
				if in = c.interruption(nth, latency.estimate(nth/3)); arrived && tries == 0 && n/2%2 == 0 {
					in = c.cancelledAfterLooks([]int{2, 1, 2, 3}[nth/2%4])
				}
				interruptions++
			}
			var m transport.Message
			began := time.Now()
			err := c.guard(called, func() (err error) {
				m, err = s.Receive(in.ctx)
				return err
			})
			if err == nil && tries == 0 {
				latency.add(time.Since(began))
			}
			wanted := fmt.Sprintf("%s, after %d interruptions", showMessage(want), interruptions)
			switch {
			case err == nil && !sameMessage(m, want):
				c.fail(called, wanted, "%s", showMessage(m))
			case err != nil && time.Since(sent) > c.patience:
				c.fail(called, wanted, "no message for %v", c.patience)
			}
			in.checkError(called, err)
			if err == nil {
				break
			}
		}
		fastest = min(fastest, time.Since(sent))
		if err := published(); err != nil {
			c.fail(called, "no error from Publish", "the error %q", err)
		}
	}
	c.expectNothing(one, s, "stream", called)
}

// callLatency is the measured latency of a call. The checks use it to interrupt the call in the middle.
type callLatency struct {
	fastest, last time.Duration
	interruptions int // how often the call was interrupted
}

func (a *callLatency) add(d time.Duration) {
	d = max(d, time.Microsecond)
	if a.last = d; a.fastest == 0 || d < a.fastest {
		a.fastest = d
	}
}

// estimate returns the fastest and the last duration alternately: on a busy machine they differ much.
func (a *callLatency) estimate(n int) time.Duration {
	if n%2 == 0 {
		return a.fastest
	}
	return a.last
}
