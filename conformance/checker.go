package conformance

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// checker is what the cases of all suites have in common. Its methods that may fail are called from the check's own goroutine only.
type checker struct {
	testing.TB
	why           string
	patience      time.Duration
	suite         *suite
	start         time.Time
	skipReason    string                 // why
	backgroundErr atomic.Pointer[error]  // the first one in the background
	lastCall      atomic.Pointer[string] // what was called last
	abandoned     atomic.Bool            // the check was given up: it must not report any more
}

func newChecker(tb testing.TB, s *suite, why string) *checker {
	patience := s.currentPatience(tb)
	return &checker{TB: guardedCleanup{tb, hangLimit(patience)}, why: why, patience: patience, suite: s, start: time.Now()}
}

// hangLimit is how long nothing happens until a check is given up.
func hangLimit(patience time.Duration) time.Duration { return max(4*patience, 2*time.Second) }

// guardedCleanup is a testing.TB whose Cleanup may hang or panic, as that of a bus may that is closed in it: the check fails, and the others still run.
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
					c.Errorf("a function given to Cleanup panics: %v\n%s", v, debug.Stack())
				}
			}()
			f()
		}()
		limit := time.NewTimer(c.limit)
		defer limit.Stop()
		select {
		case <-done:
		case <-limit.C:
			c.Errorf("a function given to Cleanup, such as the Close of what the harness returned, still runs after %v", c.limit)
		}
	})
}

// latency is what the slowest usual call of the implementation was measured to take: for a bus, a message from Publish to Receive, or a Listen.
func (c *checker) latency() time.Duration { return c.suite.measureLatency(c.TB) }

// scale returns how many, or how large: quick in the quick profile, soak in that of Soak.
func (c *checker) scale(quick, soak int) int {
	if c.suite.soak {
		return soak
	}
	return quick
}

// runWatched runs a check on a goroutine of its own and returns when it has ended. A panic fails the check, and so does a call that hangs
// where nothing else watches it: then the goroutine is left behind.
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
				called = "what comes after " + *watched
			}
			c.TB.Fatal(c.failureText(called, "that it returns", "nothing for %v", limit))
		}
	}
}

// failOnPanic turns a panic of the check's goroutine into a failure.
func (c *checker) failOnPanic() {
	if v := recover(); v != nil {
		called := "the check"
		if step := c.lastCall.Load(); step != nil {
			called = "what comes after " + *step
		}
		c.fail(called, "no panic", "the panic %v\n%s", v, debug.Stack())
	}
}

// noteCall remembers what is called next, by which a check that hangs is described.
func (c *checker) noteCall(called string) { c.lastCall.Store(&called) }

// fail ends the check.
func (c *checker) fail(called, wanted, format string, args ...any) {
	c.Helper()
	c.Fatal(c.failureText(called, wanted, format, args...))
}

func (c *checker) failureText(called, wanted, format string, args ...any) string {
	came := fmt.Sprintf(format, args...)
	if trouble := c.backgroundErr.Load(); trouble != nil && !strings.Contains(came, strconv.Quote((*trouble).Error())) {
		came += fmt.Sprintf("; meanwhile another goroutine got the error %q", *trouble)
	}
	return fmt.Sprintf("\n called: %s\n wanted: %s\n   came: %s\n    why: %s", called, wanted, came, c.why)
}

// Fatal, Fatalf, Errorf, Skip and Skipf say nothing once the check was given up: the test is over.

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

// panicError is the error of a call that has panicked.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("the panic %v\n%s", p.value, p.stack) }

// runInBackground calls f on a goroutine of its own. A panic is its error.
func (c *checker) runInBackground(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() {
		err := fmt.Errorf("the goroutine was ended by runtime.Goexit, or a test function that ends tests")
		defer func() {
			if v := recover(); v != nil {
				err = &panicError{v, debug.Stack()}
			}
			done <- err
		}()
		err = f()
	}()
	return done
}

// runAlongside calls f in the background. Wait returns its error, which is part of every failure's text.
func (c *checker) runAlongside(f func() error) (wait func() error) {
	done := c.runInBackground(func() error {
		err := f()
		if err != nil {
			c.backgroundErr.CompareAndSwap(nil, &err)
		}
		return err
	})
	return func() error { return <-done }
}

// call calls f with a context that ends after the patience, and fails if f outlives it.
func (c *checker) call(called string, f func(ctx context.Context) error) error {
	c.Helper()
	return c.callWithin(c.patience, called, f)
}

// callWithin is call with another patience, of at most two and a half times the usual one.
func (c *checker) callWithin(patience time.Duration, called string, f func(ctx context.Context) error) error {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), patience)
	defer cancel()
	return c.guardFor(patience, called, func() error { return f(ctx) })
}

// guard calls f and fails if it panics, or takes clearly longer than the patience.
func (c *checker) guard(called string, f func() error) error {
	c.Helper()
	return c.guardFor(c.patience, called, f)
}

func (c *checker) guardFor(patience time.Duration, called string, f func() error) error {
	c.Helper()
	c.noteCall(called)
	done := c.runInBackground(f)
	limit := time.NewTimer(patience + patience/2)
	defer limit.Stop()
	select {
	case err := <-done:
		if v, ok := err.(*panicError); ok {
			c.fail(called, "no panic", "%v", v)
		}
		return err
	case <-limit.C:
		c.Cleanup(func() { // whatever is cleaned up next, such as its session, is not for two goroutines at once
			select {
			case <-done:
			case <-time.After(patience):
			}
		})
		c.fail(called, "that it returns, at the latest when its context ends", "nothing: it still waits after %v", patience+patience/2)
		return nil
	}
}

// must calls f as call does and fails if it returns an error.
func (c *checker) must(called string, f func(ctx context.Context) error) {
	c.Helper()
	if err := c.call(called, f); err != nil {
		c.fail(called, "no error", "the error %q", err)
	}
}

// eventually calls f until it works, which must be before the patience has passed.
func (c *checker) eventually(called string, f func(ctx context.Context) error) {
	c.Helper()
	start := time.Now()
	for {
		err := c.call(called, f)
		if err == nil {
			return
		}
		if time.Since(start) > c.patience {
			c.fail(called, "that it works again", "the error %q, for %v", err, c.patience)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// closeAtEnd calls f when the check is over, whatever has come of it. It waits no longer than the patience.
func (c *checker) closeAtEnd(f func(ctx context.Context) error) {
	c.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), c.patience)
		defer cancel()
		select {
		case <-c.runInBackground(func() error { return f(ctx) }): // what Close must do is a check of its own
		case <-time.After(c.patience + c.patience/2):
		}
	})
}
