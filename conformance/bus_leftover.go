package conformance

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var leftoverChecks = []check[*busCase]{
	{"NothingIsLeft", "Close frees what a session holds: no goroutine outlives it. A server that reconnects for weeks would " +
		"otherwise run out of memory.", nothingIsLeft},
	{"NothingIsLeftOutside", "Close frees what a session holds, also at the server: no connection outlives it. Databases have few of them.",
		nothingIsLeftOutside},
}

// rounds is how often a session is used and closed: what is left each time is a leak, what is left once is a
// pool that was warmed up.
const rounds = 10

func nothingIsLeft(c *busCase) {
	bus := c.bus()
	c.useAndClose(bus)
	before := goroutines()
	for range rounds {
		c.useAndClose(bus)
	}
	c.eventuallyNone(fmt.Sprintf("Open, Listen, Publish, Receive and Close, %d times", rounds), func() []string {
		var left []string
		for id, stack := range goroutines() {
			if _, ok := before[id]; !ok {
				left = append(left, stack)
			}
		}
		if len(left) < rounds {
			return nil
		}
		return left
	})
}

func nothingIsLeftOutside(c *busCase) {
	if c.harness.Leftovers == nil {
		c.Skip("Harness.Leftovers is nil: not proven")
	}
	bus := c.bus()
	for range rounds {
		c.useAndClose(bus)
	}
	c.eventuallyNone(fmt.Sprintf("Open, Listen, Publish, Receive and Close, %d times", rounds), func() []string {
		return c.harness.Leftovers(c.TB)
	})
}

// useAndClose uses three sessions and closes one after a message, one unused, one with a message that waits.
func (c *busCase) useAndClose(bus transport.Bus) {
	c.Helper()
	const called = "Publish"
	open := func() (s transport.Session) {
		c.must("Open", func(ctx context.Context) (err error) {
			s, err = bus.Open(ctx)
			return err
		})
		return s
	}
	used, unused, full := open(), open(), open()
	c.listen(used, "a")
	c.listen(full, "a")
	m := c.msg("a", "1")
	c.publish(bus, m)
	c.expect(used, called, m)
	ctx, cancel := context.WithTimeout(c.Context(), time.Millisecond)
	used.Receive(ctx)
	cancel()
	for _, s := range []transport.Session{used, unused, full} {
		c.close(s, "Close")
	}
}

// eventuallyNone fails if find still finds something when the patience has passed.
func (c *busCase) eventuallyNone(called string, find func() []string) {
	c.Helper()
	start := time.Now()
	for {
		left := find()
		if len(left) == 0 {
			return
		}
		if time.Since(start) > c.patience {
			c.fail(called, "nothing left", "%d left, among them:\n%s\n", len(left), strings.Join(left[:min(3, len(left))], "\n\n"))
		}
		time.Sleep(5 * time.Millisecond)
	}
}
