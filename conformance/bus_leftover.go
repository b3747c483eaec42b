package conformance

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var leftoverChecks = []check[*busCase]{
	{"NothingIsLeft", "Close frees what a session holds, however it has ended, and so does an Open that fails: no goroutine outlives it. A server " +
		"that reconnects for weeks would otherwise run out of memory.", nothingIsLeft},
	{"NothingIsLeftOutside", "Close frees what a session holds, also at the server, however it has ended, and so does an Open that fails: no " +
		"connection outlives it. Databases have few of them.", nothingIsLeftOutside},
}

func nothingIsLeft(c *busCase) {
	// What is left each time is a leak. What is left at first may be a pool that has become warm.
	const attempts = 5
	count, done := c.ownGoroutines()
	defer done()
	often := c.often()
	for _, e := range c.endings(c.bus()) {
		e.run(1)
		before, _ := count()
		for attempt := 1; ; attempt++ {
			e.run(often)
			patience := c.patience
			if attempt < attempts {
				patience /= 10
			}
			left, now, stacks := settles(count, before, patience)
			if !left {
				break
			}
			if attempt == attempts {
				c.fail(fmt.Sprintf("%s, %d times", e.name, attempts*often), "nothing left, or as much after many times as after a few",
					"each %d times more goroutines than before, now %d, among them:\n%s\n", often, now, stacks)
			}
			before = now
		}
	}
}

// settles waits until there are no more than before.
func settles(count func() (int, string), before int, patience time.Duration) (left bool, now int, stacks string) {
	for start := time.Now(); ; time.Sleep(2 * time.Millisecond) {
		if now, stacks = count(); now <= before {
			return false, now, stacks
		}
		if time.Since(start) > patience {
			return true, now, stacks
		}
	}
}

func nothingIsLeftOutside(c *busCase) {
	if c.harness.Leftovers == nil {
		c.Skip("Harness.Leftovers is nil: not proven")
	}
	often := c.often()
	for _, e := range c.endings(c.bus()) {
		e.run(often)
		c.eventuallyNone(fmt.Sprintf("%s, %d times", e.name, often), func() []string { return c.harness.Leftovers(c.TB) })
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

// openUnreleased opens a session that the check closes itself.
func (c *busCase) openUnreleased(bus transport.Bus) (s transport.Session) {
	c.Helper()
	c.must("Open", func(ctx context.Context) (err error) {
		s, err = bus.Open(ctx)
		return err
	})
	return s
}
