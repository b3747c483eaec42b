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

// busChecker is one run of one check of a bus.
type busChecker struct {
	*checker
	harness       Harness
	channelPrefix string // makes the channel names of this case its own

	recorders                    int // how many there are
	contextErrors, timeoutErrors int // errors of calls whose deadline has passed: the context's, and those of a connection with the same deadline
}

func newBusChecker(c *checker, h Harness) *busChecker {
	return &busChecker{checker: c, harness: h, channelPrefix: newID()}
}

// newID returns what makes the names of one case its own.
func newID() string {
	id := make([]byte, 4)
	rand.Read(id)
	return hex.EncodeToString(id)
}

// channel returns a channel name that only this case uses.
func (c *busChecker) channel(name string) string { return c.channelPrefix + "#" + name }

// message returns a message on such a channel.
func (c *busChecker) message(channel, payload string) transport.Message {
	return transport.Message{Channel: c.channel(channel), Payload: []byte(payload)}
}

func (c *busChecker) newBus() transport.Bus {
	c.Helper()
	c.noteCall("Harness.NewBus")
	bus := c.harness.NewBus(c.TB)
	if bus == nil {
		c.Fatal("conformance: Harness.NewBus returned nil")
	}
	return bus
}

// open opens a session that listens to channels, and closes it when the check is over.
func (c *busChecker) open(bus transport.Bus, channels ...string) transport.Session {
	c.Helper()
	var s transport.Session
	c.must("Open", func(ctx context.Context) error {
		opened, err := bus.Open(ctx)
		if err == nil && opened != nil {
			c.closeAtEnd(opened.Close) // also if it comes too late for the check
		}
		s = opened
		return err
	})
	for _, channel := range channels {
		c.listen(s, channel)
	}
	return s
}

func (c *busChecker) listen(s transport.Session, channel string) {
	c.Helper()
	name := c.channel(channel)
	c.must("Listen "+quote(name), func(ctx context.Context) error { return s.Listen(ctx, name) })
}

func (c *busChecker) unlisten(s transport.Session, channel string) {
	c.Helper()
	name := c.channel(channel)
	c.must("Unlisten "+quote(name), func(ctx context.Context) error { return s.Unlisten(ctx, name) })
}

func (c *busChecker) publish(bus transport.Bus, msgs ...transport.Message) {
	c.Helper()
	c.must("Publish "+showMessages(msgs), func(ctx context.Context) error { return bus.Publish(ctx, msgs...) })
}

// receive returns the next message, which must come.
func (c *busChecker) receive(s transport.Session, called string) transport.Message {
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

func (c *busChecker) tryReceive(s transport.Session, called string) (m transport.Message, err error) {
	c.Helper()
	err = c.call(called+", then Receive", func(ctx context.Context) (err error) {
		m, err = s.Receive(ctx)
		return err
	})
	return m, err
}

// expect fails unless the next messages are want.
func (c *busChecker) expect(s transport.Session, called string, want ...transport.Message) {
	c.Helper()
	for i, w := range want {
		m, err := c.tryReceive(s, called)
		nth := fmt.Sprintf("%v as message %d of %d", showMessage(w), i+1, len(want))
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			c.fail(called+", then Receive", nth, "nothing for %v", c.patience)
		case err != nil:
			c.fail(called+", then Receive", nth, "the error %q", err)
		case !sameMessage(m, w):
			c.fail(called+", then Receive", nth, "%s", showMessage(m))
		}
	}
}

// publishAndExpect publishes msgs and receives them meanwhile: a bus need not have room for all of them.
func (c *busChecker) publishAndExpect(bus transport.Bus, s transport.Session, called string, msgs ...transport.Message) {
	c.Helper()
	published := c.runAlongside(func() error { return bus.Publish(c.Context(), msgs...) })
	c.expect(s, called, msgs...)
	if err := c.guard(called, published); err != nil {
		c.fail(called, "no error", "the error %q", err)
	}
}

// expectNothing fails if a message that was published before, by the same bus, is still to come. The session
// listens to channel.
func (c *busChecker) expectNothing(bus transport.Bus, s transport.Session, channel, called string) {
	c.Helper()
	end := c.message(channel, "the end "+strconv.Itoa(int(endMarkers.Add(1))))
	c.publish(bus, end)
	if m := c.receive(s, called+", Publish the end"); !sameMessage(m, end) {
		c.fail(called+", Publish the end, then Receive", "nothing but the end", "%s", showMessage(m))
	}
}

// collectUntilEnd returns what comes before the end, which it publishes itself.
func (c *busChecker) collectUntilEnd(bus transport.Bus, s transport.Session, channel, called string) []transport.Message {
	c.Helper()
	end := c.message(channel, "the end "+strconv.Itoa(int(endMarkers.Add(1))))
	c.publish(bus, end)
	var got []transport.Message
	for {
		m := c.receive(s, called+", Publish the end")
		if sameMessage(m, end) {
			return got
		}
		got = append(got, m)
	}
}

// collectWhile returns what comes while f is called and after it, before the end, which it publishes itself, and f's error. So
// a bus need not have room for all.
func (c *busChecker) collectWhile(bus transport.Bus, s transport.Session, channel, called string, f func(ctx context.Context) error) (got []transport.Message, err error) {
	c.Helper()
	c.noteCall(called)
	ctx, cancel := context.WithTimeout(c.Context(), c.patience)
	defer cancel()
	end := c.message(channel, "the end "+strconv.Itoa(int(endMarkers.Add(1))))
	published := c.runInBackground(func() error {
		err = f(ctx)
		return bus.Publish(ctx, end)
	})
	for {
		m := c.receive(s, called+", Publish the end")
		if sameMessage(m, end) {
			break
		}
		got = append(got, m)
	}
	if err := c.guard(called+", Publish the end", func() error { return <-published }); err != nil {
		c.fail(called+", Publish the end", "no error", "the error %q", err)
	}
	return got, err
}

// endedContext returns a context that has ended.
func (c *busChecker) endedContext() context.Context { return endedContext(c.TB) }

// truncate cuts s so that it is at most max bytes and still valid UTF-8. 0 is no maximum.
func truncate(s string, max int) string {
	if max <= 0 || len(s) <= max {
		return s
	}
	for max > 0 && !utf8.RuneStart(s[max]) {
		max--
	}
	return s[:max]
}
