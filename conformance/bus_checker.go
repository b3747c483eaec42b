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

// busChecker runs one check of a bus.
type busChecker struct {
	*checker
	harness       Harness
	channelPrefix string // starts all channel names of this check

	recorders int // how many recorders the check has made, so that each has its own channels
	// How many calls failed after their deadline with the context's error, and with the timeout of a connection
	// that has the same deadline.
	contextErrors, timeoutErrors int
}

func newBusChecker(c *checker, h Harness) *busChecker {
	return &busChecker{checker: c, harness: h, channelPrefix: newID()}
}

// newID returns a random prefix for the names that one check uses.
func newID() string {
	id := make([]byte, 4)
	rand.Read(id)
	return hex.EncodeToString(id)
}

// channel returns a channel name that only this check uses.
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

// open opens a session that listens to channels. It is closed at the end of the check.
func (c *busChecker) open(bus transport.Bus, channels ...string) transport.Session {
	c.Helper()
	var s transport.Session
	c.must("Open", func(ctx context.Context) error {
		opened, err := bus.Open(ctx)
		if err == nil && opened != nil {
			c.closeAtEnd(opened.Close) // even if Open returns too late for the check
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

// receive returns the next message. It fails the check if no message arrives.
func (c *busChecker) receive(s transport.Session, called string) transport.Message {
	c.Helper()
	m, err := c.tryReceive(s, called)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		c.fail(called+", then Receive", "the next message", "no message for %v", c.patience)
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

// expect fails the check unless the next messages are want.
func (c *busChecker) expect(s transport.Session, called string, want ...transport.Message) {
	c.Helper()
	for i, w := range want {
		m, err := c.tryReceive(s, called)
		nth := fmt.Sprintf("%v as message %d of %d", showMessage(w), i+1, len(want))
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			c.fail(called+", then Receive", nth, "no message for %v", c.patience)
		case err != nil:
			c.fail(called+", then Receive", nth, "the error %q", err)
		case !sameMessage(m, w):
			c.fail(called+", then Receive", nth, "%s", showMessage(m))
		}
	}
}

// publishAndExpect publishes msgs and receives them at the same time, because a bus need not buffer all of
// them.
func (c *busChecker) publishAndExpect(bus transport.Bus, s transport.Session, called string,
	msgs ...transport.Message) {
	c.Helper()
	published := c.runAlongside(func() error { return bus.Publish(c.Context(), msgs...) })
	c.expect(s, called, msgs...)
	c.mustGuard(called, published)
}

// expectNothing fails the check if a message that bus has published before is still to arrive. The session
// listens to channel.
func (c *busChecker) expectNothing(bus transport.Bus, s transport.Session, channel, called string) {
	c.Helper()
	end := c.message(channel, "end marker "+strconv.Itoa(int(endMarkers.Add(1))))
	c.publish(bus, end)
	if m := c.receive(s, called+", Publish an end marker"); !sameMessage(m, end) {
		c.fail(called+", Publish an end marker, then Receive", "the end marker and nothing before it", "%s",
			showMessage(m))
	}
}

// collectUntilEnd publishes an end marker and returns the messages that arrive before it.
func (c *busChecker) collectUntilEnd(bus transport.Bus, s transport.Session, channel,
	called string) []transport.Message {
	c.Helper()
	end := c.message(channel, "end marker "+strconv.Itoa(int(endMarkers.Add(1))))
	c.publish(bus, end)
	var got []transport.Message
	for {
		m := c.receive(s, called+", Publish an end marker")
		if sameMessage(m, end) {
			return got
		}
		got = append(got, m)
	}
}

// collectWhile calls f, publishes an end marker, and returns the messages that arrive before the marker and f's
// error. It receives while f runs, because a bus need not buffer all messages.
func (c *busChecker) collectWhile(bus transport.Bus, s transport.Session, channel, called string,
	f func(ctx context.Context) error) (got []transport.Message, err error) {
	c.Helper()
	c.noteCall(called)
	ctx, cancel := context.WithTimeout(c.Context(), c.patience)
	defer cancel()
	end := c.message(channel, "end marker "+strconv.Itoa(int(endMarkers.Add(1))))
	published := c.runInBackground(func() error {
		err = f(ctx)
		return bus.Publish(ctx, end)
	})
	for {
		m := c.receive(s, called+", Publish an end marker")
		if sameMessage(m, end) {
			break
		}
		got = append(got, m)
	}
	c.mustGuard(called+", Publish an end marker", func() error { return <-published })
	return got, err
}

// endedContext returns a context that has ended.
func (c *busChecker) endedContext() context.Context { return endedContext(c.TB) }

// truncate cuts s to at most max bytes of valid UTF-8. A max of 0 means no limit.
func truncate(s string, max int) string {
	if max <= 0 || len(s) <= max {
		return s
	}
	for max > 0 && !utf8.RuneStart(s[max]) {
		max--
	}
	return s[:max]
}
