package conformance

import (
	"context"
	"fmt"

	"github.com/backplane-go/backplane/transport"
)

var concurrencyChecks = []check[*busChecker]{
	{"SessionsAreIndependent", "transport.Bus.Open",
		"Sessions are independent of each other: opening, using and closing one does not disturb the others. Two " +
			"clusters in one process may share a bus.", sessionsAreIndependent},
}

func sessionsAreIndependent(c *busChecker) {
	bus := c.newBus()
	steady := c.open(bus, "common")
	const users, rounds = 6, 5
	var waits []func() error
	for u := range users {
		waits = append(waits, c.runAlongside(func() error {
			for i := range rounds {
				if err := c.exerciseSession(bus, fmt.Sprintf("%d %d", u, i)); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	called := fmt.Sprintf("%d goroutines call Open, Listen, Publish, Receive and Close", users)
	for _, wait := range waits {
		c.mustGuard(called, wait)
	}
	for i := range users * rounds {
		c.receive(steady, fmt.Sprintf("%s; another session, Receive %d", called, i))
	}
	c.expectNothing(bus, steady, "common", called+"; another session")
}

// exerciseSession opens a session, uses it and closes it.
func (c *busChecker) exerciseSession(bus transport.Bus, name string) error {
	ctx, cancel := context.WithTimeout(c.Context(), c.patience)
	defer cancel()
	s, err := bus.Open(ctx)
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	defer s.Close(ctx)
	m := c.message(name, name)
	if err := s.Listen(ctx, m.Channel); err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	if err := bus.Publish(ctx, m, c.message("common", name)); err != nil {
		return fmt.Errorf("publishing: %w", err)
	}
	got, err := s.Receive(ctx)
	if err != nil {
		return fmt.Errorf("receiving: %w", err)
	}
	if !sameMessage(got, m) {
		return fmt.Errorf("received %s instead of %s", showMessage(got), showMessage(m))
	}
	return s.Close(ctx)
}
