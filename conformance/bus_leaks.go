package conformance

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/backplane-go/backplane/transport"
)

var leakChecks = []check[*busChecker]{
	{"SessionsLeakNothing", "transport.Session.Close",
		"Close frees what a session holds, however the session has ended, and so does an Open that fails: no " +
			"goroutine and no connection outlives it. Otherwise a server that reconnects for weeks runs out of " +
			"memory.", sessionsLeakNothing},
	{"SessionsLeakNothingAtTheServer", "transport.Session.Close",
		"Close frees what a session holds at the server, however the session has ended, and so does an Open that " +
			"fails: no connection outlives it. Databases allow few connections.", sessionsLeakNothingAtTheServer},
}

// resource is something of which a process has a limited amount.
type resource struct {
	name    string
	count   func() (n int, some string) // how much is in use, and a description of some of it
	before  int
	settled bool // at least one round left no more than before
}

func sessionsLeakNothing(c *busChecker) {
	c.expectNoLeaks(func() []ending { return c.endings(c.newBus()) }, c.endingRepeats())
}

// expectNoLeaks fails the check if endings leave goroutines or files behind. Each ending is repeated often
// times, and that several times.
func (c *busChecker) expectNoLeaks(endings func() []ending, often int) {
	c.Helper()
	// What every round leaves behind is a leak. What only the first ones leave may be a pool that has warmed
	// up.
	const attempts = 5
	count, done := c.trackGoroutines()
	defer done()
	for _, e := range endings() {
		e.endSessions(1)
		resources := []*resource{{name: "goroutines", count: count},
			{name: "open files and connections", count: openFiles}}
		for _, r := range resources {
			r.before, _ = r.count()
		}
		for attempt := 1; slices.ContainsFunc(resources, func(r *resource) bool { return !r.settled }); attempt++ {
			e.endSessions(often)
			patience := c.patience
			if attempt < attempts {
				patience /= 10
			}
			for _, r := range resources {
				left, now, some := waitUntilSettled(r.count, r.before, patience)
				if left && attempt == attempts && !r.settled {
					c.fail(fmt.Sprintf("%s, %d times", e.name, attempts*often),
						"nothing left, or as much after many times as after a few",
						"more %[2]s than before in each round of %[1]d, now %[3]d, among them:\n%[4]s\n", often,
						r.name, now, some)
				}
				r.before, r.settled = now, r.settled || !left
			}
		}
	}
}

// openFiles returns how many files and connections the process has open, and some of their names. It returns 0
// on systems that do not tell.
func openFiles() (n int, some string) {
	const folder = "/dev/fd/"
	open, err := os.ReadDir(folder)
	if err != nil {
		return 0, ""
	}
	var what []string
	for _, file := range open[max(0, len(open)-3):] {
		if target, err := os.Readlink(folder + file.Name()); err == nil {
			what = append(what, target)
		}
	}
	return len(open), strings.Join(what, "\n")
}

// waitUntilSettled waits until there are no more than before. It returns left = true if that does not happen in
// time.
func waitUntilSettled(count func() (int, string), before int, patience time.Duration) (left bool, now int,
	stacks string) {
	for start := time.Now(); ; time.Sleep(2 * time.Millisecond) {
		if now, stacks = count(); now <= before {
			return false, now, stacks
		}
		if time.Since(start) > patience {
			return true, now, stacks
		}
	}
}

func sessionsLeakNothingAtTheServer(c *busChecker) {
	if c.harness.Leftovers == nil {
		c.Skip("Harness.Leftovers is nil: not checked")
	}
	often := c.endingRepeats()
	for _, e := range c.endings(c.newBus()) {
		e.endSessions(often)
		c.expectNoneLeft(fmt.Sprintf("%s, %d times", e.name, often),
			func() []string { return c.harness.Leftovers(c.TB) })
	}
}

// expectNoneLeft fails the check if find still returns something when the patience has passed.
func (c *busChecker) expectNoneLeft(called string, find func() []string) {
	c.Helper()
	start := time.Now()
	for {
		left := find()
		if len(left) == 0 {
			return
		}
		if time.Since(start) > c.patience {
			c.fail(called, "nothing left", "%d left, among them:\n%s\n", len(left),
				strings.Join(left[:min(3, len(left))], "\n\n"))
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// openUnreleased opens a session that the check closes itself.
func (c *busChecker) openUnreleased(bus transport.Bus) (s transport.Session) {
	c.Helper()
	c.must("Open", func(ctx context.Context) (err error) {
		s, err = bus.Open(ctx)
		return err
	})
	return s
}
