package conformance

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// checker is the part of a check's run that all suites share: deadlines, background calls and failure texts.
// Its methods that may fail the check must be called on the check's own goroutine.
type checker struct {
	testing.TB
	rule, why     string // of the check
	patience      time.Duration
	suite         *suite
	start         time.Time
	skipReason    string                 // of a skipped check
	backgroundErr atomic.Pointer[error]  // the first error in the background
	lastCall      atomic.Pointer[string] // the last step that was started
	abandoned     atomic.Bool            // the check hung and was given up: it must not report any more
}

func newChecker(tb testing.TB, s *suite, rule, why string) *checker {
	patience := s.currentPatience(tb)
	return &checker{TB: guardedCleanup{tb, hangLimit(patience)}, rule: rule, why: why, patience: patience, suite: s,
		start: time.Now()}
}

// hangLimit is how long a check may make no progress before it is given up.
func hangLimit(patience time.Duration) time.Duration { return max(4*patience, 2*time.Second) }

// guardedCleanup is a testing.TB that tolerates cleanup funcs that hang or panic, such as the Close of a broken
// bus: the check fails, and the other checks still run.
type guardedCleanup struct {
	testing.TB
	limit time.Duration
}

func (c guardedCleanup) Cleanup(f func()) {
	c.TB.Cleanup(func() {
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() {
				if v := recover(); v != nil {
					c.Errorf("a func passed to Cleanup panicked: %v\n%s", v, debug.Stack())
				}
			}()
			f()
		}()
		limit := time.NewTimer(c.limit)
		defer limit.Stop()
		select {
		case <-done:
		case <-limit.C:
			c.Errorf("a func passed to Cleanup, such as the Close of a bus or store of the harness, still runs "+
				"after %v", c.limit)
		}
	})
}

// latency returns the measured duration of the implementation's slowest usual call: for a bus, of a message
// from Publish to Receive, or of a Listen.
func (c *checker) latency() time.Duration { return c.suite.measureLatency(c.TB) }

// scale returns quick in the quick profile and soak in the soak profile.
func (c *checker) scale(quick, soak int) int {
	if c.suite.soak {
		return soak
	}
	return quick
}

// runWatched runs a check on its own goroutine and returns when it has ended. A panic fails the check, and so
// does a call that hangs and that nothing else watches: its goroutine is left behind.
func (c *checker) runWatched(body func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer c.failOnPanic()
		body()
	}()
	limit := hangLimit(c.patience)
	watched, since := c.lastCall.Load(), time.Now()
	for tick := time.NewTicker(limit / 8); ; {
		select {
		case <-done:
			tick.Stop()
			return
		case <-tick.C:
		}
		if now := c.lastCall.Load(); now != watched {
			watched, since = now, time.Now()
		} else if time.Since(since) > limit {
			tick.Stop()
			c.abandoned.Store(true)
			called := "the check"
			if watched != nil {
				called = "the step after " + *watched
			}
			c.TB.Fatal(c.failureText(called, "a return", "it still runs after %v", limit))
		}
	}
}

// failOnPanic turns a panic of the check's goroutine into a failure.
func (c *checker) failOnPanic() {
	if v := recover(); v != nil {
		called := "the check"
		if step := c.lastCall.Load(); step != nil {
			called = "the step after " + *step
		}
		c.fail(called, "no panic", "the panic %v\n%s", v, debug.Stack())
	}
}

// noteCall stores the step that starts now. It describes a check that hangs.
func (c *checker) noteCall(called string) { c.lastCall.Store(&called) }

// problem is why a check fails.
type problem struct{ called, wanted, got string }

// report fails the check if p is not nil.
func (c *checker) report(p *problem) {
	c.Helper()
	if p != nil {
		c.fail(p.called, p.wanted, "%s", p.got)
	}
}

// fail ends the check with a failure.
func (c *checker) fail(called, wanted, format string, args ...any) {
	c.Helper()
	c.Fatal(c.failureText(called, wanted, format, args...))
}

func (c *checker) failureText(called, wanted, format string, args ...any) string {
	came := fmt.Sprintf(format, args...)
	if trouble := c.backgroundErr.Load(); trouble != nil && !strings.Contains(came, strconv.Quote((*trouble).Error())) {
		came += fmt.Sprintf("; meanwhile a call on another goroutine returned the error %q", *trouble)
	}
	return fmt.Sprintf("\n called: %s\n wanted: %s\n    got: %s\n   rule: %s\n    why: %s", called, wanted, came,
		c.rule, c.why)
}

// Fatal, Fatalf, Errorf, Skip and Skipf end the goroutine silently if the check was given up, because its test
// is over.

func (c *checker) Fatal(args ...any) {
	c.Helper()
	c.exitIfAbandoned()
	c.TB.Fatal(args...)
}

func (c *checker) Fatalf(format string, args ...any) {
	c.Helper()
	c.Fatal(fmt.Sprintf(format, args...))
}

func (c *checker) Errorf(format string, args ...any) {
	c.Helper()
	c.exitIfAbandoned()
	c.TB.Errorf(format, args...)
}

func (c *checker) Skip(args ...any) {
	c.Helper()
	c.exitIfAbandoned()
	c.skipReason = strings.TrimSuffix(fmt.Sprintln(args...), "\n")
	c.TB.Skip(args...)
}

func (c *checker) Skipf(format string, args ...any) {
	c.Helper()
	c.Skip(fmt.Sprintf(format, args...))
}

func (c *checker) exitIfAbandoned() {
	if c.abandoned.Load() {
		runtime.Goexit()
	}
}
