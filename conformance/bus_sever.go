package conformance

import (
	"context"
	"errors"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var severChecks = []check[*busCase]{
	{"SeveredListenFails", "When its connection breaks, a session's Listen fails too: it must not promise what cannot be kept.",
		severedListenFails},
}

// needsSever skips the check if nothing can be severed.
func (c *busCase) needsSever() {
	c.Helper()
	if c.harness.Sever == nil {
		c.Skip("Harness.Sever is nil: not proven")
	}
}

func (c *busCase) sever(bus transport.Bus) {
	c.Helper()
	c.does("Harness.Sever")
	c.harness.Sever(c.TB, bus)
}

// final receives until there is an error, and returns that.
func (c *busCase) final(s transport.Session, called string) error {
	c.Helper()
	start := time.Now()
	for {
		_, err := c.tryReceive(s, called)
		switch {
		case errors.Is(err, context.DeadlineExceeded) && time.Since(start) >= c.patience:
			c.fail(called+", then Receive", "an error that is not of a context", "nothing for %v", c.patience)
		case ofContext(err):
			c.fail(called+", then Receive", "an error that is not of a context", "the error %q", err)
		case err != nil:
			return err
		}
	}
}

func ofContext(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

func severedListenFails(c *busCase) {
	c.needsSever()
	bus := c.bus()
	s := c.open(bus, "a")
	c.sever(bus)
	c.final(s, "sever the session")
	const called = "sever the session, Receive its final error, Listen"
	if err := c.call(called, func(ctx context.Context) error { return s.Listen(ctx, c.channel("b")) }); err == nil {
		c.fail(called, "an error", "none")
	}
}
