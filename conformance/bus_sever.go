package conformance

import (
	"context"
	"errors"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var severChecks = []check[*busCase]{
	{"SeveredReceiveFails", "When its connection breaks, Receive returns a final error, not that of a context, and stays at it. The " +
		"cluster reconnects when it sees one; without it, a node is deaf and does not know.", severedReceiveFails},
	{"SeveredListenFails", "When its connection breaks, a session's Listen fails too: it must not promise what cannot be kept.",
		severedListenFails},
	{"CloseAfterSever", "Close frees what a session holds, also after a final error. Each reconnection would otherwise leave " +
		"something behind.", closeAfterSever},
	{"OpenAfterSever", "Open works as soon as the server does, whatever has happened to other sessions. That is how a cluster " +
		"reconnects.", openAfterSever},
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

// drain receives until there is an error.
func drain(ctx context.Context, s transport.Session) error {
	for {
		if _, err := s.Receive(ctx); err != nil {
			return err
		}
	}
}

func ofContext(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

func severedReceiveFails(c *busCase) {
	c.needsSever()
	bus := c.bus()
	waiting, idle := c.open(bus, "a"), c.open(bus, "a")
	const called, final = "sever the session while Receive waits", "an error that is not of a context"
	got := make(chan error, 1)
	go func() { got <- drain(c.Context(), waiting) }()
	c.sever(bus)
	err := c.call(called, func(ctx context.Context) error {
		select {
		case err := <-got:
			return err
		case <-ctx.Done():
			return nil
		}
	})
	switch {
	case err == nil:
		c.fail(called, final, "nothing for %v", c.patience)
	case ofContext(err):
		c.fail(called, final, "the error %q", err)
	}
	c.final(idle, "sever the session before Receive")
	m := c.msg("a", "after the end")
	c.call("Publish", func(ctx context.Context) error { return bus.Publish(ctx, m) })
	for _, s := range []transport.Session{waiting, idle} {
		if m, err := c.tryReceive(s, "sever the session, Receive its final error, Publish"); err == nil {
			c.fail("sever the session, Receive its final error, Publish, then Receive", final, "%s", show(m))
		} else if errors.Is(err, context.DeadlineExceeded) {
			c.fail("sever the session, Receive its final error, then Receive", final, "nothing for %v", c.patience)
		}
	}
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

func closeAfterSever(c *busCase) {
	c.needsSever()
	bus := c.bus()
	seen, unseen := c.open(bus, "a"), c.open(bus, "a")
	c.sever(bus)
	c.final(seen, "sever the session")
	for range 2 {
		c.close(seen, "sever the session, Receive its final error, Close")
		c.close(unseen, "sever the session, Close")
	}
	for _, s := range []transport.Session{seen, unseen} {
		_, err := c.tryReceive(s, "sever the session, Close")
		c.wantClosed("Receive of a severed session", err)
	}
}

func openAfterSever(c *busCase) {
	c.needsSever()
	one, two := c.bus(), c.bus()
	old := c.open(two, "a")
	for range 3 {
		c.sever(two)
		fresh := c.open(two, "a")
		m := c.msg("a", "after the outage")
		c.eventually("sever the sessions, Publish", func(ctx context.Context) error { return one.Publish(ctx, m) })
		c.expect(fresh, "sever the sessions, Open, Listen, Publish", m)
	}
	c.final(old, "sever the session, and Open another")
}
