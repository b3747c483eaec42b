package conformance

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var busCloseChecks = []check[*busChecker]{
	{"BusCloseIsIdempotent", "transport.Closer.Close",
		"Closing a bus (transport.Closer) again does nothing, also on several goroutines and with a context that " +
			"has ended; a later Publish or Open works or returns ErrClosed. Two clusters may share one bus, and each " +
			"closes it.", busCloseIsIdempotent},
	{"BusCloseSilencesNoSession", "transport.Closer.Close",
		"When their bus is closed, sessions continue until they are closed themselves, or end with an error. A " +
			"node whose session waits in silence does not know that it receives nothing any more.",
		busCloseSilencesNoSession},
	{"BusCloseEndsPublish", "transport.Closer.Close",
		"A Publish in progress when its bus is closed succeeds or returns an error, and other buses continue. " +
			"Otherwise a server that shuts down hangs, or stops other servers too.", busCloseEndsPublish},
}

// closeVariants returns the ways to close a bus: normally, with a context that has ended, and on several
// goroutines.
func (c *busChecker) closeVariants(closer transport.Closer) []func(called string) {
	return []func(called string){
		func(called string) { c.must(called, closer.Close) },
		func(called string) {
			called += " with a context that has ended"
			if err := c.guard(called, func() error { return closer.Close(c.endedContext()) }); err != nil &&
				!errors.Is(err, context.Canceled) {
				c.fail(called, fmt.Sprintf("no error, or the error %q", context.Canceled), "the error %q", err)
			}
		},
		func(called string) { c.closeConcurrently(called, closer.Close) },
	}
}

// newClosableBus returns a bus, another bus, and one of the ways to close the first. It skips the check if the
// bus has no Close.
func (c *busChecker) newClosableBus(way int) (bus, other transport.Bus, closes func(called string)) {
	c.Helper()
	bus, other = c.newBus(), c.newBus()
	closer, ok := bus.(transport.Closer)
	if !ok {
		c.Skip("the bus does not implement transport.Closer")
	}
	return bus, other, c.closeVariants(closer)[way%3]
}

// allowErrClosed fails the check unless err is nil or ErrClosed.
func (c *busChecker) allowErrClosed(called string, err error) {
	c.Helper()
	if err != nil && !errors.Is(err, transport.ErrClosed) {
		c.fail(called, fmt.Sprintf("no error, or the error %q", transport.ErrClosed), "the error %q", err)
	}
}

func busCloseIsIdempotent(c *busChecker) {
	for way := range 6 {
		bus, other, closes := c.newClosableBus(way)
		s := c.open(other, "a")
		if way < 3 { // the others are closed before they are used
			m := c.message("a", "1")
			c.publish(bus, m)
			c.expect(s, "Publish", m)
		}
		for i := range 3 {
			closes(fmt.Sprintf("Close the bus, call %d", i+1))
		}
		m := c.message("a", "after Close")
		err := c.call("Close the bus, Publish", func(ctx context.Context) error { return bus.Publish(ctx, m) })
		c.allowErrClosed("Close the bus, Publish", err)
		if err == nil {
			c.expect(s, "Close the bus, Publish; a session of another bus", m)
		}
		var own transport.Session
		err = c.call("Close the bus, Open", func(ctx context.Context) (err error) {
			own, err = bus.Open(ctx)
			return err
		})
		c.allowErrClosed("Close the bus, Open", err)
		if err == nil {
			c.listen(own, "a")
			m := c.message("a", "to a later session")
			c.publish(other, m)
			c.expect(own, "Close the bus, Open, Listen, Publish with another bus", m)
			c.close(own, "Close the bus, Open, Close the session")
		}
		closes("Close the bus again")
	}
}

func busCloseSilencesNoSession(c *busChecker) {
	for way := range 6 {
		bus, other, closes := c.newClosableBus(way)
		idle, full, far := c.open(bus, "a"), c.open(bus, "a"), c.open(other, "a")
		before := c.message("a", "before Close")
		c.publish(other, before)
		c.expect(idle, "Publish", before)
		waiting := c.open(bus, "b")
		waits := c.startReceiving(c.Context(), waiting)
		waits.waitBlocked(c.checker)
		const called = "Close the bus of a session"
		closes("Close the bus")
		var sent []transport.Message
		for i := range 3 {
			sent = append(sent, c.message("a", fmt.Sprint("after Close ", i)))
			c.publish(other, sent[i])
		}
		c.expectOrError(idle, called+", Publish with another bus", sent...)
		c.expectOrError(full, called+" that has a message waiting, Publish with another bus",
			append([]transport.Message{before}, sent...)...)
		c.expect(far, called+", Publish with another bus; a session of the other bus",
			append([]transport.Message{before}, sent...)...)

		// A session whose Receive was in progress receives what follows, or ends.
		for start := time.Now(); waits.calls.Load() < 2 && len(waits.done) == 0; time.Sleep(time.Millisecond) {
			c.publish(other, c.message("b", "for the waiting session"))
			if time.Since(start) > c.patience {
				c.fail(called+" while Receive waits, Publish with another bus",
					"Receive returns a message or an error", "it still waits after %v", c.patience)
			}
		}
		for _, s := range []transport.Session{idle, full, waiting} {
			c.close(s, called+", Close the session")
		}
		c.guard(called+", Close the session while Receive waits", waits.waitEnded)
	}
}

// expectOrError fails the check unless s receives want, or the beginning of want and then errors only.
func (c *busChecker) expectOrError(s transport.Session, called string, want ...transport.Message) {
	c.Helper()
	for i, w := range want {
		m, err, waited := c.receiveOrTimeout(s, called)
		nth := fmt.Sprintf("%s as message %d, or an error", showMessage(w), i+1)
		switch {
		case waited:
			c.fail(called+", then Receive", nth, "no message for %v", c.patience)
		case err != nil:
			if m, err, waited := c.receiveOrTimeout(s, called); waited {
				c.fail(called+", then Receive twice", "an error each time", "an error, then nothing for %v", c.patience)
			} else if err == nil {
				c.fail(called+", then Receive twice", "an error each time", "an error, then %s", showMessage(m))
			}
			return
		case !sameMessage(m, w):
			c.fail(called+", then Receive", nth, "%s", showMessage(m))
		}
	}
}

// busCloseEndsPublish closes buses that publish in a loop. Each batch is received before the next one is
// published.
func busCloseEndsPublish(c *busChecker) {
	for way := range c.affordableRounds(30, 3, c.scale(12, 60)) {
		bus, other, closes := c.newClosableBus(way)
		a := fmt.Sprint("a ", way) // each bus has its own channel: the last batch of the previous bus may still arrive
		s := c.open(other, a, "end")
		const called = "Close the bus while it publishes"
		var closed atomic.Bool
		batch := make([]transport.Message, 1+way%2*9)
		publishing := c.startLoop(1+way/3, func(n int) error {
			for i := range batch {
				batch[i] = c.message(a, fmt.Sprintf("%d of batch %d", i, n))
			}
			after := closed.Load()
			if err := bus.Publish(c.Context(), batch...); err != nil {
				if after && !errors.Is(err, transport.ErrClosed) {
					return fmt.Errorf("Publish, called after Close: %w", err)
				}
				return errBusClosed
			}
			ctx, cancel := context.WithTimeout(c.Context(), c.patience)
			defer cancel()
			for _, want := range batch {
				if m, err := s.Receive(ctx); err != nil {
					return fmt.Errorf("receive failed instead of returning %s, which was published: %w",
						showMessage(want), err)
				} else if !sameMessage(m, want) {
					return fmt.Errorf("received %s instead of %s", showMessage(m), showMessage(want))
				}
			}
			if after {
				return errBusClosed
			}
			return nil
		})
		publishing.waitBegun(c.checker)
		closes(called)
		closed.Store(true)
		if err := c.guard(called, publishing.waitEnded); err != errBusClosed {
			c.fail(called, fmt.Sprintf("success, or the error %q", transport.ErrClosed), "the error %q", err)
		}
		// Messages that Publish has sent although it returned an error.
		for i, m := range c.collectUntilEnd(other, s, "end", called) {
			if i >= len(batch) || !sameMessage(m, batch[i]) {
				c.fail(called+", then Receive", "at most the first messages of the last batch", "%s as message %d",
					showMessage(m), i+1)
			}
		}
	}
}

// errBusClosed ends the publishing loop when the bus behaves as it may.
var errBusClosed = errors.New("the bus was closed")
