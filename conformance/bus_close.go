package conformance

import (
	"context"
	"errors"
	"fmt"

	"github.com/backplane-go/backplane/transport"
)

var closeChecks = []check[*busCase]{
	{"ReceiveAfterCloseIsFinal", "After Close, the methods of a session return ErrClosed. The cluster tells by it that it ended the " +
		"session itself, and does not reconnect.", receiveAfterCloseIsFinal},
	{"CloseIsIdempotent", "Closing again does nothing. Whoever cleans up need not know who cleaned up before.", closeIsIdempotent},
	{"CloseDropsWhatWaits", "Close ends the session at once, also when messages wait that nobody will receive. A server would " +
		"otherwise hang when it shuts down under load.", closeDropsWhatWaits},
	{"CloseEndsOnlyItsSession", "Close ends one session: the bus and its other sessions go on. The cluster closes a session whenever " +
		"it reconnects.", closeEndsOnlyItsSession},
	{"BusCloseIsIdempotent", "Closing a bus again does nothing; a later Publish works or returns ErrClosed. Two clusters may have been " +
		"given one bus, and each closes it.", busCloseIsIdempotent},
}

func (c *busCase) close(s transport.Session, called string) {
	c.Helper()
	c.must(called, s.Close)
}

func receiveAfterCloseIsFinal(c *busCase) {
	bus := c.bus()
	s := c.open(bus, "a")
	c.publish(bus, c.msg("a", "nobody receives this"))
	c.close(s, "Close")
	for range 2 {
		m, err := c.tryReceive(s, "Close")
		if err == nil {
			c.fail("Close, then Receive", fmt.Sprintf("the error %q", transport.ErrClosed), "%s", show(m))
		}
		c.wantClosed("Receive", err)
		c.wantClosed("Listen", c.call("Close, then Listen", func(ctx context.Context) error { return s.Listen(ctx, c.channel("b")) }))
		c.wantClosed("Unlisten", c.call("Close, then Unlisten", func(ctx context.Context) error { return s.Unlisten(ctx, c.channel("a")) }))
	}
}

func (c *busCase) wantClosed(method string, err error) {
	c.Helper()
	switch {
	case err == nil:
		c.fail("Close, then "+method, fmt.Sprintf("the error %q", transport.ErrClosed), "no error")
	case !errors.Is(err, transport.ErrClosed):
		c.fail("Close, then "+method, fmt.Sprintf("the error %q", transport.ErrClosed), "the error %q", err)
	}
}

func closeIsIdempotent(c *busCase) {
	bus := c.bus()
	unused, used := c.open(bus), c.open(bus, "a")
	m := c.msg("a", "1")
	c.publish(bus, m)
	c.expect(used, "Publish", m)
	for _, s := range []transport.Session{unused, used} {
		for i := range 3 {
			c.close(s, fmt.Sprintf("Close, call %d", i+1))
		}
	}
}

func closeDropsWhatWaits(c *busCase) {
	one, two := c.bus(), c.bus()
	s := c.open(two, "a")
	batch := make([]transport.Message, 500)
	for i := range batch {
		batch[i] = c.msg("a", fmt.Sprint("nobody receives message ", i))
	}
	for range 4 {
		c.publish(one, batch...)
	}
	c.receive(s, "Publish 2000 messages")
	c.close(s, "Publish 2000 messages, Receive one, Close")
}

func closeEndsOnlyItsSession(c *busCase) {
	bus := c.bus()
	first, second := c.open(bus, "a"), c.open(bus, "a")
	m := c.msg("a", "1")
	c.close(first, "Close")
	c.publish(bus, m)
	c.expect(second, "Close another session of the bus, Publish", m)
	third := c.open(bus, "a")
	c.publish(bus, m)
	c.expect(third, "Close a session, Open another, Publish", m)
	c.expect(second, "Close another session of the bus, Publish", m)
}

func busCloseIsIdempotent(c *busCase) {
	bus, other := c.bus(), c.bus()
	closer, ok := bus.(transport.Closer)
	if !ok {
		c.Skip("the bus is no transport.Closer")
	}
	s := c.open(other, "a")
	m := c.msg("a", "1")
	c.publish(bus, m)
	c.expect(s, "Publish", m)
	for i := range 3 {
		c.must(fmt.Sprintf("Close the bus, call %d", i+1), closer.Close)
	}
	err := c.call("Close the bus, Publish", func(ctx context.Context) error { return bus.Publish(ctx, m) })
	if err != nil && !errors.Is(err, transport.ErrClosed) {
		c.fail("Close the bus, Publish", fmt.Sprintf("no error, or %q", transport.ErrClosed), "the error %q", err)
	}
	if err == nil {
		c.expect(s, "Close the bus, Publish; a session of another bus", m)
		c.must("Close the bus again", closer.Close)
	}
}
