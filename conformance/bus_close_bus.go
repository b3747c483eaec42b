package conformance

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var busCloseChecks = []check[*busCase]{
	{"BusCloseIsIdempotent", "Closing a bus (transport.Closer) again does nothing, also on several goroutines and if ctx has ended; a later Publish or " +
		"Open works or returns ErrClosed. Two clusters may have been given one bus, and each closes it.", busCloseIsIdempotent},
	{"BusCloseLeavesNoSilence", "When their bus is closed, sessions go on until they are closed themselves, or end with an error. A node that waits in silence " +
		"would not know that it is deaf.", busCloseLeavesNoSilence},
	{"BusCloseEndsPublish", "A Publish that is under way when its bus is closed succeeds or returns an error, and other buses go on. A server that shuts " +
		"down would otherwise hang, or take others with it.", busCloseEndsPublish},
}

// closers are the ways to close a bus.
func (c *busCase) closers(closer transport.Closer) []func(called string) {
	return []func(called string){
		func(called string) { c.must(called, closer.Close) },
		func(called string) {
			called += " with a context that has ended"
			if err := c.watch(called, func() error { return closer.Close(c.expired()) }); err != nil && !errors.Is(err, context.Canceled) {
				c.fail(called, fmt.Sprintf("no error, or %q", context.Canceled), "the error %q", err)
			}
		},
		func(called string) { c.closeAtOnce(called, closer.Close) },
	}
}

// newBuses returns a bus and another one, and calls of Close for the first. It skips the check if that has none.
func (c *busCase) newBuses(way int) (bus, other transport.Bus, closes func(called string)) {
	c.Helper()
	bus, other = c.bus(), c.bus()
	closer, ok := bus.(transport.Closer)
	if !ok {
		c.Skip("the bus is no transport.Closer")
	}
	return bus, other, c.closers(closer)[way%3]
}

// orClosed fails unless err is nil or ErrClosed.
func (c *busCase) orClosed(called string, err error) {
	c.Helper()
	if err != nil && !errors.Is(err, transport.ErrClosed) {
		c.fail(called, fmt.Sprintf("no error, or %q", transport.ErrClosed), "the error %q", err)
	}
}

func busCloseIsIdempotent(c *busCase) {
	for way := range 6 {
		bus, other, closes := c.newBuses(way)
		s := c.open(other, "a")
		if way < 3 { // the others are closed before they were used
			m := c.msg("a", "1")
			c.publish(bus, m)
			c.expect(s, "Publish", m)
		}
		for i := range 3 {
			closes(fmt.Sprintf("Close the bus, call %d", i+1))
		}
		m := c.msg("a", "after Close")
		err := c.call("Close the bus, Publish", func(ctx context.Context) error { return bus.Publish(ctx, m) })
		c.orClosed("Close the bus, Publish", err)
		if err == nil {
			c.expect(s, "Close the bus, Publish; a session of another bus", m)
		}
		var own transport.Session
		err = c.call("Close the bus, Open", func(ctx context.Context) (err error) {
			own, err = bus.Open(ctx)
			return err
		})
		c.orClosed("Close the bus, Open", err)
		if err == nil {
			c.listen(own, "a")
			m := c.msg("a", "to a later session")
			c.publish(other, m)
			c.expect(own, "Close the bus, Open, Listen, Publish with another bus", m)
			c.close(own, "Close the bus, Open, Close the session")
		}
		closes("Close the bus again")
	}
}

func busCloseLeavesNoSilence(c *busCase) {
	for way := range 6 {
		bus, other, closes := c.newBuses(way)
		idle, full, far := c.open(bus, "a"), c.open(bus, "a"), c.open(other, "a")
		before := c.msg("a", "before Close")
		c.publish(other, before)
		c.expect(idle, "Publish", before)
		waiting := c.open(bus, "b")
		waits := c.loop(0, func(int) error {
			_, err := waiting.Receive(c.Context())
			return err
		})
		waits.parked(c.probe)
		const called = "Close the bus of a session"
		closes("Close the bus")
		var sent []transport.Message
		for i := range 3 {
			sent = append(sent, c.msg("a", fmt.Sprint("after Close ", i)))
			c.publish(other, sent[i])
		}
		c.orEnds(idle, called+", Publish with another bus", sent...)
		c.orEnds(full, called+" that had a message waiting, Publish with another bus", append([]transport.Message{before}, sent...)...)
		c.expect(far, called+", Publish with another bus; a session of that", append([]transport.Message{before}, sent...)...)

		// A session whose Receive was under way receives what follows, or has ended.
		for start := time.Now(); waits.calls.Load() < 2 && len(waits.done) == 0; time.Sleep(time.Millisecond) {
			c.publish(other, c.msg("b", "to whom waits"))
			if time.Since(start) > c.patience {
				c.fail(called+" while Receive waits, Publish with another bus", "that Receive returns a message or an error", "nothing for %v", c.patience)
			}
		}
		for _, s := range []transport.Session{idle, full, waiting} {
			c.close(s, called+", Close the session")
		}
		c.watch(called+", Close the session while Receive waits", waits.ended)
	}
}

// orEnds receives want, or its beginning and then an error.
func (c *busCase) orEnds(s transport.Session, called string, want ...transport.Message) {
	c.Helper()
	for i, w := range want {
		m, err, waited := c.receiveUntil(s, called)
		nth := fmt.Sprintf("%s as message %d, or an error", show(w), i+1)
		switch {
		case waited:
			c.fail(called+", then Receive", nth, "nothing for %v", c.patience)
		case err != nil:
			if m, err, waited := c.receiveUntil(s, called); waited {
				c.fail(called+", then Receive twice", "an error each time", "an error, and nothing for %v", c.patience)
			} else if err == nil {
				c.fail(called+", then Receive twice", "an error each time", "an error, and %s", show(m))
			}
			return
		case !same(m, w):
			c.fail(called+", then Receive", nth, "%s", show(m))
		}
	}
}

// busCloseEndsPublish closes buses that publish in a loop, each time some messages that are received before the next ones.
func busCloseEndsPublish(c *busCase) {
	for way := range c.affordable(30, 3, c.scale(12, 60)) {
		bus, other, closes := c.newBuses(way)
		a := fmt.Sprint("a ", way) // of this bus alone: what was under way when the one before was closed may still arrive
		s := c.open(other, a, "end")
		const called = "Close the bus while it publishes"
		var closed atomic.Bool
		batch := make([]transport.Message, 1+way%2*9)
		publishing := c.loop(1+way/3, func(n int) error {
			for i := range batch {
				batch[i] = c.msg(a, fmt.Sprintf("%d of batch %d", i, n))
			}
			after := closed.Load()
			if err := bus.Publish(c.Context(), batch...); err != nil {
				if after && !errors.Is(err, transport.ErrClosed) {
					return fmt.Errorf("of a Publish that began after Close, %w", err)
				}
				return errUnderWay
			}
			ctx, cancel := context.WithTimeout(c.Context(), c.patience)
			defer cancel()
			for _, want := range batch {
				if m, err := s.Receive(ctx); err != nil {
					return fmt.Errorf("of Receive instead of %s, which was published without an error, %w", show(want), err)
				} else if !same(m, want) {
					return fmt.Errorf("%s instead of %s", show(m), show(want))
				}
			}
			if after {
				return errUnderWay
			}
			return nil
		})
		publishing.began(c.probe)
		closes(called)
		closed.Store(true)
		if err := c.watch(called, publishing.ended); err != errUnderWay {
			c.fail(called, fmt.Sprintf("that it works, or the error %q", transport.ErrClosed), "the error %q", err)
		}
		for i, m := range c.collect(other, s, "end", called) { // what Publish has sent although it failed
			if i >= len(batch) || !same(m, batch[i]) {
				c.fail(called+", then Receive", "at most the first messages of the last batch", "%s as message %d", show(m), i+1)
			}
		}
	}
}

// errUnderWay ends a loop of Publish as it may.
var errUnderWay = errors.New("the bus was closed")
