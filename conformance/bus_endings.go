package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// sessionsAtOnce is how many sessions end at the same time.
const sessionsAtOnce = 10

// endingRepeats returns how many sessions end in each way before the check looks for leaks.
func (c *busChecker) endingRepeats() int { return c.affordableRounds(100, 20, c.scale(40, 200)) }

// ending is one of the ways in which sessions, or entries of a roster, end.
type ending struct {
	name string
	// endSessions ends n sessions, or entries, in this way.
	endSessions func(n int)
}

// endings returns the endings that the harness allows. Most sessions listen to "a".
func (c *busChecker) endings(bus transport.Bus) []ending {
	endings := c.sessionEndings(bus)
	endings = append(endings, ending{"Open with a context that ends", func(n int) { c.openInterrupted(bus, n) }})
	if c.harness.Stall != nil {
		endings = append(endings, c.stalledEndings(bus)...)
	}
	if c.harness.SeverPublisher != nil {
		endings = append(endings, ending{"sever the publisher, Publish", func(n int) {
			for range n {
				c.noteCall("Harness.SeverPublisher")
				c.harness.SeverPublisher(c.TB, bus)
				c.call("sever the publisher, Publish",
					func(ctx context.Context) error { return bus.Publish(ctx, c.message("b", "1")) })
				c.publish(bus, c.message("b", "2"))
			}
		}})
	}
	if _, ok := bus.(transport.Closer); ok {
		endings = append(endings, ending{"Close the bus, Close its sessions", c.closeBuses})
	}
	return endings
}

// sessionEndings returns the endings of a session that listens. The func before, if any, runs once all sessions
// are open.
func (c *busChecker) sessionEndings(bus transport.Bus) []ending {
	var endings []ending
	add := func(name string, before func(), end func(ctx context.Context, s transport.Session, i int) error) {
		endings = append(endings, ending{name, func(n int) {
			for n > 0 {
				some := min(n, sessionsAtOnce)
				c.endInParallel(bus, name, some, before, end)
				n -= some
			}
		}})
	}
	closes := func(ctx context.Context, s transport.Session, _ int) error { return s.Close(ctx) }
	add("Listen to many channels, and again, Unlisten, Close", nil,
		func(ctx context.Context, s transport.Session, i int) error {
			most := 12
			if i == 0 {
				most = 100
			}
			for _, name := range append(manyNames(countWithin(time.Second, c.latency(), 2, most)), "a") {
				if err := s.Listen(ctx, c.channel(name)); err != nil {
					return err
				}
			}
			if err := s.Unlisten(ctx, c.channel("a")); err != nil {
				return err
			}
			return s.Close(ctx)
		})
	publishes := func() { c.publish(bus, c.message("a", "1")) }
	add("Listen, Close", nil, closes)
	add("Publish, Close", publishes, closes)
	add("Publish, Receive, Close", publishes, func(ctx context.Context, s transport.Session, _ int) error {
		if _, err := s.Receive(ctx); err != nil {
			return err
		}
		return s.Close(ctx)
	})
	if c.overflowsSoon(bus) {
		add("Publish more than a session may hold, Close", func() { c.flood(bus, c.patience/2) }, closes)
	}
	add("Receive until its context ends, Close", nil, func(ctx context.Context, s transport.Session, i int) error {
		soon, cancel := context.WithTimeout(ctx, c.latency()*time.Duration(i%2*i)/8)
		defer cancel()
		s.Receive(soon)
		return s.Close(ctx)
	})
	add("Close while Receive waits", nil, func(ctx context.Context, s transport.Session, i int) error {
		waiting := c.startReceiving(ctx, s)
		if i%2 == 0 {
			waiting.waitBlocked(c.checker)
		}
		err := s.Close(ctx)
		waiting.waitEnded()
		return err
	})
	add("Close with a context that has ended", nil, func(ctx context.Context, s transport.Session, _ int) error {
		if err := s.Close(c.endedContext()); !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	})
	some := c.openUnreleased(bus)
	c.close(some, "Open, Close")
	for _, call := range listenCalls(some) {
		add(call.name+" with a context that ends, Close", nil,
			func(ctx context.Context, s transport.Session, i int) error {
				soon, cancel := context.WithTimeout(ctx, c.latency()*time.Duration(i%2*i)/8)
				defer cancel()
				call.call(soon, s, c.channel("b"))
				return s.Close(ctx)
			})
	}
	if limit := bus.Limits().Channel; limit > 0 {
		add("Listen with a name over the limit, Close", nil,
			func(ctx context.Context, s transport.Session, _ int) error {
				s.Listen(ctx, c.channel(strings.Repeat("n", limit)))
				return s.Close(ctx)
			})
	}
	if c.harness.Sever != nil {
		severs := func() { c.sever(bus) }
		add("sever the session, Close", severs, closes)
		add("sever the session, Receive its final error, Close", severs,
			func(ctx context.Context, s transport.Session, _ int) error {
				for {
					if _, err := s.Receive(ctx); err != nil {
						return s.Close(ctx)
					}
				}
			})
		add("sever the session, Listen, Close", severs, func(ctx context.Context, s transport.Session, _ int) error {
			s.Listen(ctx, c.channel("b"))
			return s.Close(ctx)
		})
	}
	return endings
}

// stalledEndings interrupts calls while the medium is stalled. Their effects happen, or are dropped, after it
// resumes.
func (c *busChecker) stalledEndings(bus transport.Bus) (endings []ending) {
	add := func(name string, call func(ctx context.Context, s transport.Session, i int) error) {
		name += " with a context that ends while the medium is stalled"
		endings = append(endings, ending{name, func(n int) {
			sessions := make([]transport.Session, n)
			c.inParallel("Open", n, func(ctx context.Context, i int) (err error) {
				sessions[i], err = bus.Open(ctx)
				return err
			})
			resume := c.stall(bus)
			c.interruptInParallel(name, n, func(ctx context.Context, i int) { call(ctx, sessions[i], i) })
			resume()
			c.inParallel(name+", Close", n, func(ctx context.Context, i int) error { return sessions[i].Close(ctx) })
		}})
	}
	add("Publish", func(ctx context.Context, _ transport.Session, i int) error {
		return bus.Publish(ctx, c.message("a", fmt.Sprint("nobody receives ", i)))
	})
	some := c.openUnreleased(bus)
	c.close(some, "Open, Close")
	for _, call := range listenCalls(some) {
		add(call.name, func(ctx context.Context, s transport.Session, _ int) error {
			return call.call(ctx, s, c.channel("b"))
		})
	}
	return append(endings, ending{"Open with a context that ends while the medium is stalled", func(n int) {
		resume := c.stall(bus)
		c.interruptInParallel("Open while the medium is stalled", n, func(ctx context.Context, _ int) {
			if s, err := bus.Open(ctx); err == nil {
				s.Close(ctx)
			}
		})
		resume()
	}})
}

// overflowsSoon tells whether a session that receives nothing ends soon. The quick profile does not wait for
// slower ones.
func (c *busChecker) overflowsSoon(bus transport.Bus) bool {
	c.Helper()
	s := c.openUnreleased(bus)
	c.listen(s, "a")
	c.flood(bus, min(max(time.Duration(c.scale(50, 5000))*time.Millisecond, 20*c.latency()), c.patience))
	err := c.call("Publish, Listen", func(ctx context.Context) error { return s.Listen(ctx, c.channel("b")) })
	c.close(s, "Publish, Listen, Close")
	return err != nil
}

// flood publishes to sessions that receive nothing. The sessions may end, or Publish may wait for them: then
// flood interrupts it after a while, and stops after two interruptions.
func (c *busChecker) flood(bus transport.Bus, while time.Duration) {
	batch := make([]transport.Message, 100)
	for i := range batch {
		batch[i] = c.message("a", fmt.Sprint("nobody receives message ", i))
	}
	c.guard("Publish", func() error {
		interrupted := 0
		for n := 0; n < c.scale(60, 1000) && interrupted < 2; n++ {
			ctx, cancel := context.WithTimeout(c.Context(), while)
			if bus.Publish(ctx, batch...) != nil {
				interrupted++
			}
			cancel()
		}
		return nil
	})
}

// openInterrupted opens sessions with contexts that have ended or end during the call.
func (c *busChecker) openInterrupted(bus transport.Bus, n int) {
	c.Helper()
	start := time.Now()
	usual := c.openUnreleased(bus)
	took := time.Since(start)
	c.close(usual, "Open, Close")
	for ; n > 0; n -= sessionsAtOnce {
		c.inParallel("Open with a context that ends", min(n, sessionsAtOnce), func(ctx context.Context, i int) error {
			soon, cancel := context.WithTimeout(ctx, took*time.Duration(i%2*i)/sessionsAtOnce)
			defer cancel()
			s, err := bus.Open(soon)
			if err != nil {
				return nil
			}
			return s.Close(ctx)
		})
	}
}

// closeBuses creates, uses, closes and releases buses.
func (c *busChecker) closeBuses(n int) {
	c.Helper()
	for i := range (n + 1) / 2 { // a bus takes longer than a session
		own := &cleanupScope{TB: c.TB}
		func() {
			defer own.runCleanups()
			bus := c.harness.NewBus(own)
			idle, waiting := c.openUnreleased(bus), c.openUnreleased(bus)
			for _, s := range []transport.Session{idle, waiting} {
				c.listen(s, "a")
			}
			c.publish(bus, c.message("b", "1"))
			loop := c.startReceiving(c.Context(), waiting)
			ctx := c.Context()
			if i%2 == 1 {
				ctx = c.endedContext()
			}
			c.guard("Close the bus", func() error { return bus.(transport.Closer).Close(ctx) })
			c.close(idle, "Close the bus, Close a session")
			c.close(waiting, "Close the bus, Close a session while Receive waits")
			c.guard("Close the bus, Close a session while Receive waits", loop.waitEnded)
		}()
	}
}
