package conformance

import (
	"context"
	"errors"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var severChecks = []check[*busChecker]{
	{"SeveredListenFails", "transport.Session.Listen",
		"When its connection breaks, the session's Listen fails too: it must not promise what it cannot keep.",
		severedListenFails},
}

// requireSever skips the check if the harness has no Sever.
func (c *busChecker) requireSever() {
	c.Helper()
	if c.harness.Sever == nil {
		c.Skip("Harness.Sever is nil: not checked")
	}
}

func (c *busChecker) sever(bus transport.Bus) {
	c.Helper()
	c.noteCall("Harness.Sever")
	c.harness.Sever(c.TB, bus)
}

// receiveFinalError receives until Receive fails, and returns that error.
func (c *busChecker) receiveFinalError(s transport.Session, called string) error {
	c.Helper()
	start := time.Now()
	for {
		_, err := c.tryReceive(s, called)
		switch {
		case errors.Is(err, context.DeadlineExceeded) && time.Since(start) >= c.patience:
			c.fail(called+", then Receive", "an error that is not a context's error", "no error for %v", c.patience)
		case isContextError(err):
			c.fail(called+", then Receive", "an error that is not a context's error", "the error %q", err)
		case err != nil:
			return err
		}
	}
}

// isContextError tells whether err is the error of a context.
func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

func severedListenFails(c *busChecker) {
	c.requireSever()
	bus := c.newBus()
	s := c.open(bus, "a")
	c.sever(bus)
	c.receiveFinalError(s, "sever the session")
	const called = "sever the session, Receive its final error, Listen"
	if err := c.call(called, func(ctx context.Context) error { return s.Listen(ctx, c.channel("b")) }); err == nil {
		c.fail(called, "an error", "no error")
	}
}
