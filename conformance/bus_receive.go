package conformance

import (
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
	const called = "Receive until its context ends, nothing to receive"
	interrupt := func(in *interruption) {
		if err := c.watch(called, func() error { return received(in.ctx, s) }); err == nil {
			c.fail(called, fmt.Sprintf("the error %q", in.want), "no error")
		} else {
			in.judge(called, err)
		}
	}
	usable := func(after int) {
		m := c.msg("a", fmt.Sprint("usable ", after))
		c.publish(bus, m)
		c.expect(s, fmt.Sprintf("Receive until its context ends, %d times, Publish", after), m)
	}
	for i := range 3 {
		interrupt(c.deadline(5 * time.Millisecond))
		interrupt(c.cancelled(5 * time.Millisecond))
		usable(i)
	}
	// Thousands of interruptions cost neither messages nor memory.
	before := goroutines()
	times, budget := c.scale(6000, 200000), max(c.patience, 5*time.Second)
	const together = 100 // in one goroutine
	start, n := time.Now(), 0
	for n < times && (n < 2*together || time.Since(start) < budget) {
		var last *interruption
		err := c.watch(called, func() (err error) {
			for range together {
				looks := 1 + n%2
				if n%500 == 0 {
					looks = 4
				}
				last = c.lookedAt(looks)
				timer := time.AfterFunc(time.Millisecond, last.cancel) // a bus need not look so often
				err = received(last.ctx, s)
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
		last.judge(called, err)
		if n%500 == 0 {
			usable(n)
		}
	}
	usable(n)
	c.eventuallyNone(fmt.Sprintf("%s, %d times", called, n), func() []string {
		if left := gained(before); len(left) > n/20 {
			return left
		}
		return nil
	})
}

// cancelledReceiveLosesNothing receives a stream of messages of all sizes with contexts that end at all moments while one is on its way.
func cancelledReceiveLosesNothing(c *busCase) {
	one, two := c.bus(), c.bus()
	s := c.open(two, "stream")
	l := &ledger{c: c, bus: one, channels: []string{"stream"}}
	sizes := []int{0, l.fit(4 << 10), 0, l.fit(64 << 10), 1, l.fit(c.scale(256<<10, 4<<20)), l.fit(1000)}
	aims := make([]aim, 2*len(sizes)) // of a message that is on its way, and of one that is there
	const called = "Publish while the context of Receive ends"
	interruptions, start := 0, time.Now()
	rounds, least, budget := c.scale(1200, 20000), 110*len(sizes), time.Duration(c.scale(100, 20000))*time.Millisecond
	fastest := c.patience
	for n := 0; n < rounds && (n < least || time.Since(start) < budget); n++ {
		if n == 2*len(sizes) && fastest > noticeable { // not a machine that is busy, but a bus that is slow
			least = 6 * len(sizes)
		}
		kind := n % len(sizes)
		want := l.messages(n, sizes[kind:kind+1])[0]
		published := c.meanwhile(func() error { return one.Publish(c.Context(), want) })
		sent := time.Now()
		learning, aim := n < 2*len(sizes), &aims[kind]
		arrived := n%2 == 1
		if arrived {
			err := c.watch(called, published)
			published, aim = func() error { return err }, &aims[len(sizes)+kind]
		}
		for tries := 0; ; tries++ {
			in := c.deadline(c.patience)
			if !learning {
				turn := aim.turns
				aim.turns++
				if in = c.interruption(turn, aim.at(turn/3)); arrived && tries == 0 && n/2%2 == 0 {
					in = c.lookedAt([]int{2, 1, 2, 3}[turn/2%4])
				}
				interruptions++
			}
			var m transport.Message
			began := time.Now()
			err := c.watch(called, func() (err error) {
				m, err = s.Receive(in.ctx)
				return err
			})
			if err == nil && tries == 0 {
				aim.took(time.Since(began))
			}
			wanted := fmt.Sprintf("%s, after %d interruptions", show(want), interruptions)
			switch {
			case err == nil && !same(m, want):
				c.fail(called, wanted, "%s", show(m))
			case err != nil && time.Since(sent) > c.patience:
				c.fail(called, wanted, "nothing for %v", c.patience)
			}
			in.judge(called, err)
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

// aim is how long a call was seen to take, by which it is interrupted in the middle.
type aim struct {
	fastest, latest time.Duration
	turns           int // how often it was interrupted
}

func (a *aim) took(d time.Duration) {
	d = max(d, time.Microsecond)
	if a.latest = d; a.fastest == 0 || d < a.fastest {
		a.fastest = d
	}
}

// at returns the one and the other in turn: when a machine is busy they are far apart.
func (a *aim) at(n int) time.Duration {
	if n%2 == 0 {
		return a.fastest
	}
	return a.latest
}
