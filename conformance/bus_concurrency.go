package conformance

import (
	"context"
	"fmt"

	"github.com/backplane-go/backplane/transport"
)

var concurrencyChecks = []check[*busCase]{
	{"ConcurrentPublishIsSafe", "A Bus is safe for concurrent use: nothing is lost, and each publisher's own order is kept. All of a " +
		"server's clients publish at once.", concurrentPublishIsSafe},
	{"ConcurrentSessions", "Sessions are independent of each other: opening, using and closing some does not disturb the others. " +
		"Two clusters in one process may share a bus.", concurrentSessions},
}

func concurrentPublishIsSafe(c *busCase) {
	one, two := c.bus(), c.bus()
	near, far := c.open(one, "a"), c.open(two, "a")
	const publishers, rounds = 8, 20
	perPublisher := 0
	for i := range rounds {
		perPublisher += i%3 + 1
	}
	published := make([]func() error, publishers)
	for p := range publishers {
		published[p] = c.meanwhile(func() error {
			for i, n := 0, 0; i < rounds; i++ {
				var batch []transport.Message
				for range i%3 + 1 {
					batch = append(batch, c.msg("a", fmt.Sprintf("%d %d", p, n)))
					n++
				}
				if err := one.Publish(c.Context(), batch...); err != nil {
					return err
				}
			}
			return nil
		})
	}
	called := fmt.Sprintf("Publish %d messages on each of %d goroutines", perPublisher, publishers)
	for _, s := range []transport.Session{near, far} {
		var next [publishers]int
		for i := range publishers * perPublisher {
			m := c.receive(s, fmt.Sprintf("%s, Receive %d", called, i))
			var p, n int
			if _, err := fmt.Sscanf(string(m.Payload), "%d %d", &p, &n); err != nil || p < 0 || p >= publishers {
				c.fail(called, "a message that was published", "%s", show(m))
			}
			if n != next[p] {
				c.fail(called, fmt.Sprintf("message %d of publisher %d", next[p], p), "its message %d", n)
			}
			next[p]++
		}
	}
	for _, wait := range published {
		if err := wait(); err != nil {
			c.fail(called, "no error", "the error %q", err)
		}
	}
}

func concurrentSessions(c *busCase) {
	bus := c.bus()
	steady := c.open(bus, "common")
	const users, rounds = 6, 5
	errs := make(chan error, users)
	for u := range users {
		go func() {
			var err error
			for i := range rounds {
				if err = c.useSession(bus, fmt.Sprintf("%d %d", u, i)); err != nil {
					break
				}
			}
			errs <- err
		}()
	}
	called := fmt.Sprintf("%d goroutines Open, Listen, Publish, Receive and Close", users)
	for range users {
		if err := <-errs; err != nil {
			c.fail(called, "no error", "the error %q", err)
		}
	}
	for i := range users * rounds {
		c.receive(steady, fmt.Sprintf("%s; another session, Receive %d", called, i))
	}
	c.expectNothing(bus, steady, "common", called+"; another session")
}

// useSession uses one session from beginning to end.
func (c *busCase) useSession(bus transport.Bus, name string) error {
	ctx, cancel := context.WithTimeout(c.Context(), c.patience)
	defer cancel()
	s, err := bus.Open(ctx)
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	defer s.Close(ctx)
	m := c.msg(name, name)
	if err := s.Listen(ctx, m.Channel); err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	if err := bus.Publish(ctx, m, c.msg("common", name)); err != nil {
		return fmt.Errorf("publishing: %w", err)
	}
	got, err := s.Receive(ctx)
	if err != nil {
		return fmt.Errorf("receiving: %w", err)
	}
	if !same(got, m) {
		return fmt.Errorf("received %s instead of %s", show(got), show(m))
	}
	return s.Close(ctx)
}
