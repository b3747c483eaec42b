package conformance

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/backplane-go/backplane/transport"
)

// busCase is one run of one check of a bus.
type busCase struct {
	*probe
	harness Harness
	id      string // makes the channel names of this case its own

	ledgers        int // how many there are
	clear, blurred int // errors of calls whose deadline has passed: the context's, and those of a connection with the same deadline
}

func newBusCase(p *probe, h Harness) *busCase { return &busCase{probe: p, harness: h, id: newID()} }

// newID returns what makes the names of one case its own.
func newID() string {
	id := make([]byte, 4)
	rand.Read(id)
	return hex.EncodeToString(id)
}

// channel returns a channel name that only this case uses.
func (c *busCase) channel(name string) string { return c.id + "#" + name }

// msg returns a message on such a channel.
func (c *busCase) msg(channel, payload string) transport.Message {
	return transport.Message{Channel: c.channel(channel), Payload: []byte(payload)}
}

func (c *busCase) bus() transport.Bus {
	c.Helper()
	c.does("Harness.NewBus")
	bus := c.harness.NewBus(c.TB)
	if bus == nil {
		c.Fatal("conformance: Harness.NewBus returned nil")
	}
	return bus
}

// open opens a session that listens to channels, and closes it when the check is over.
func (c *busCase) open(bus transport.Bus, channels ...string) transport.Session {
	c.Helper()
	var s transport.Session
	c.must("Open", func(ctx context.Context) error {
		opened, err := bus.Open(ctx)
		if err == nil && opened != nil {
			c.release(opened.Close) // also if it comes too late for the check
		}
		s = opened
		return err
	})
	for _, channel := range channels {
		c.listen(s, channel)
	}
	return s
}

func (c *busCase) listen(s transport.Session, channel string) {
	c.Helper()
	name := c.channel(channel)
	c.must("Listen "+quote(name), func(ctx context.Context) error { return s.Listen(ctx, name) })
}

func (c *busCase) unlisten(s transport.Session, channel string) {
	c.Helper()
	name := c.channel(channel)
	c.must("Unlisten "+quote(name), func(ctx context.Context) error { return s.Unlisten(ctx, name) })
}

func (c *busCase) publish(bus transport.Bus, msgs ...transport.Message) {
	c.Helper()
	c.must("Publish "+list(msgs), func(ctx context.Context) error { return bus.Publish(ctx, msgs...) })
}

// receive returns the next message, which must come.
func (c *busCase) receive(s transport.Session, called string) transport.Message {
	c.Helper()
	m, err := c.tryReceive(s, called)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		c.fail(called+", then Receive", "the next message", "nothing for %v", c.patience)
	case err != nil:
		c.fail(called+", then Receive", "the next message", "the error %q", err)
	}
	return m
}

func (c *busCase) tryReceive(s transport.Session, called string) (m transport.Message, err error) {
	c.Helper()
	err = c.call(called+", then Receive", func(ctx context.Context) (err error) {
		m, err = s.Receive(ctx)
		return err
	})
	return m, err
}

// expect fails unless the next messages are want.
func (c *busCase) expect(s transport.Session, called string, want ...transport.Message) {
	c.Helper()
	for i, w := range want {
		m, err := c.tryReceive(s, called)
		nth := fmt.Sprintf("%v as message %d of %d", show(w), i+1, len(want))
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			c.fail(called+", then Receive", nth, "nothing for %v", c.patience)
		case err != nil:
			c.fail(called+", then Receive", nth, "the error %q", err)
		case !same(m, w):
			c.fail(called+", then Receive", nth, "%s", show(m))
		}
	}
}

// deliver publishes msgs and receives them meanwhile: a bus need not have room for all of them.
func (c *busCase) deliver(bus transport.Bus, s transport.Session, called string, msgs ...transport.Message) {
	c.Helper()
	published := c.meanwhile(func() error { return bus.Publish(c.Context(), msgs...) })
	c.expect(s, called, msgs...)
	if err := c.watch(called, published); err != nil {
		c.fail(called, "no error", "the error %q", err)
	}
}

// expectNothing fails if a message that was published before, by the same bus, is still to come. The session
// listens to channel.
func (c *busCase) expectNothing(bus transport.Bus, s transport.Session, channel, called string) {
	c.Helper()
	end := c.msg(channel, "the end "+strconv.Itoa(int(ends.Add(1))))
	c.publish(bus, end)
	if m := c.receive(s, called+", Publish the end"); !same(m, end) {
		c.fail(called+", Publish the end, then Receive", "nothing but the end", "%s", show(m))
	}
}

// collect returns what comes before the end, which it publishes itself.
func (c *busCase) collect(bus transport.Bus, s transport.Session, channel, called string) []transport.Message {
	c.Helper()
	end := c.msg(channel, "the end "+strconv.Itoa(int(ends.Add(1))))
	c.publish(bus, end)
	var got []transport.Message
	for {
		m := c.receive(s, called+", Publish the end")
		if same(m, end) {
			return got
		}
		got = append(got, m)
	}
}

// collectDuring returns what comes while f is called and after it, before the end, which it publishes itself, and f's error. So
// a bus need not have room for all.
func (c *busCase) collectDuring(bus transport.Bus, s transport.Session, channel, called string, f func(ctx context.Context) error) (got []transport.Message, err error) {
	c.Helper()
	c.does(called)
	ctx, cancel := context.WithTimeout(c.Context(), c.patience)
	defer cancel()
	end := c.msg(channel, "the end "+strconv.Itoa(int(ends.Add(1))))
	published := c.background(func() error {
		err = f(ctx)
		return bus.Publish(ctx, end)
	})
	for {
		m := c.receive(s, called+", Publish the end")
		if same(m, end) {
			break
		}
		got = append(got, m)
	}
	if err := c.watch(called+", Publish the end", func() error { return <-published }); err != nil {
		c.fail(called+", Publish the end", "no error", "the error %q", err)
	}
	return got, err
}

// expired returns a context that has ended.
func (c *busCase) expired() context.Context { return ended(c.TB) }

// fit cuts s so that it is at most max bytes and still valid UTF-8. 0 is no maximum.
func fit(s string, max int) string {
	if max <= 0 || len(s) <= max {
		return s
	}
	for max > 0 && !utf8.RuneStart(s[max]) {
		max--
	}
	return s[:max]
}
