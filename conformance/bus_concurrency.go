package conformance

import (
	"context"
	"fmt"

	"github.com/backplane-go/backplane/transport"
)

var concurrencyChecks = []check[*busCase]{
	{"ConcurrentSessions", "Sessions are independent of each other: opening, using and closing some does not disturb the others. " +
		"Two clusters in one process may share a bus.", concurrentSessions},
}

func concurrentSessions(c *busCase) {
	bus := c.bus()
	steady := c.open(bus, "common")
	const users, rounds = 6, 5
	var waits []func() error
	for u := range users {
		waits = append(waits, c.meanwhile(func() error {
			for i := range rounds {
				if err := c.useSession(bus, fmt.Sprintf("%d %d", u, i)); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	called := fmt.Sprintf("%d goroutines Open, Listen, Publish, Receive and Close", users)
	for _, wait := range waits {
		if err := c.watch(called, wait); err != nil {
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
