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

// probe is what the cases of all suites have in common. Its methods that may fail are called from the check's own goroutine only.
type probe struct {
	testing.TB
	why      string
	patience time.Duration
	trial    *trial
	start    time.Time
	skipped  string                 // why
	trouble  atomic.Pointer[error]  // the first one in the background
	step     atomic.Pointer[string] // what was called last
	given    atomic.Bool            // the check was given up: it must not report any more
}

func newProbe(tb testing.TB, tr *trial, why string) *probe {
	patience := tr.waits(tb)
	return &probe{TB: cleaning{tb, hang(patience)}, why: why, patience: patience, trial: tr, start: time.Now()}
}

// hang is how long nothing happens until a check is given up.
func hang(patience time.Duration) time.Duration { return max(4*patience, 2*time.Second) }

// cleaning is a testing.TB whose Cleanup may hang or panic, as that of a bus may that is closed in it: the check fails, and the others still run.
type cleaning struct {
	testing.TB
	limit time.Duration
}

func (c cleaning) Cleanup(f func()) {
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
func (p *probe) latency() time.Duration { return p.trial.takes(p.TB) }

// scale returns how many, or how large: quick in the quick profile, soak in that of Soak.
func (p *probe) scale(quick, soak int) int {
	if p.trial.soak {
		return soak
	}
	return quick
}

// do runs a check on a goroutine of its own and returns when it has ended. A panic fails the check, and so does a call that hangs
// where nothing else watches it: then the goroutine is left behind.
func (p *probe) do(body func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer p.catch()
		body()
	}()
	limit := hang(p.patience)
	watched, since := p.step.Load(), time.Now()
	for tick := time.NewTicker(limit / 8); ; {
		select {
		case <-done:
			tick.Stop()
			return
		case <-tick.C:
		}
		if now := p.step.Load(); now != watched {
			watched, since = now, time.Now()
		} else if time.Since(since) > limit {
			tick.Stop()
			p.given.Store(true)
			called := "the check"
			if watched != nil {
				called = "what comes after " + *watched
			}
			p.TB.Fatal(p.text(called, "that it returns", "nothing for %v", limit))
		}
	}
}

// catch turns a panic of the check's goroutine into a failure.
func (p *probe) catch() {
	if v := recover(); v != nil {
		called := "the check"
		if step := p.step.Load(); step != nil {
			called = "what comes after " + *step
		}
		p.fail(called, "no panic", "the panic %v\n%s", v, debug.Stack())
	}
}

// does remembers what is called next, by which a check that hangs is described.
func (p *probe) does(called string) { p.step.Store(&called) }

// fail ends the check.
func (p *probe) fail(called, wanted, format string, args ...any) {
	p.Helper()
	p.Fatal(p.text(called, wanted, format, args...))
}

func (p *probe) text(called, wanted, format string, args ...any) string {
	came := fmt.Sprintf(format, args...)
	if trouble := p.trouble.Load(); trouble != nil && !strings.Contains(came, strconv.Quote((*trouble).Error())) {
		came += fmt.Sprintf("; meanwhile another goroutine got the error %q", *trouble)
	}
	return fmt.Sprintf("\n called: %s\n wanted: %s\n   came: %s\n    why: %s", called, wanted, came, p.why)
}

// Fatal, Fatalf, Errorf, Skip and Skipf say nothing once the check was given up: the test is over.

func (p *probe) Fatal(args ...any) {
	p.Helper()
	p.ifGiven()
	p.TB.Fatal(args...)
}

func (p *probe) Fatalf(format string, args ...any) {
	p.Helper()
	p.Fatal(fmt.Sprintf(format, args...))
}

func (p *probe) Errorf(format string, args ...any) {
	p.Helper()
	p.ifGiven()
	p.TB.Errorf(format, args...)
}

func (p *probe) Skip(args ...any) {
	p.Helper()
	p.ifGiven()
	p.skipped = strings.TrimSuffix(fmt.Sprintln(args...), "\n")
	p.TB.Skip(args...)
}

func (p *probe) Skipf(format string, args ...any) {
	p.Helper()
	p.Skip(fmt.Sprintf(format, args...))
}

func (p *probe) ifGiven() {
	if p.given.Load() {
		runtime.Goexit()
	}
}

// panicked is the error of a call that has panicked.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("the panic %v\n%s", p.value, p.stack) }

// background calls f on a goroutine of its own. A panic is its error.
func (p *probe) background(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() {
		err := fmt.Errorf("the goroutine was ended by runtime.Goexit, or a test function that ends tests")
		defer func() {
			if v := recover(); v != nil {
				err = &panicked{v, debug.Stack()}
			}
			done <- err
		}()
		err = f()
	}()
	return done
}

// meanwhile calls f in the background. Wait returns its error, which is part of every failure's text.
func (p *probe) meanwhile(f func() error) (wait func() error) {
	done := p.background(func() error {
		err := f()
		if err != nil {
			p.trouble.CompareAndSwap(nil, &err)
		}
		return err
	})
	return func() error { return <-done }
}

// call calls f with a context that ends after the patience, and fails if f outlives it.
func (p *probe) call(called string, f func(ctx context.Context) error) error {
	p.Helper()
	return p.callFor(p.patience, called, f)
}

// callFor is call with another patience, of at most two and a half times the usual one.
func (p *probe) callFor(patience time.Duration, called string, f func(ctx context.Context) error) error {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), patience)
	defer cancel()
	return p.watchFor(patience, called, func() error { return f(ctx) })
}

// watch calls f and fails if it panics, or takes clearly longer than the patience.
func (p *probe) watch(called string, f func() error) error {
	p.Helper()
	return p.watchFor(p.patience, called, f)
}

func (p *probe) watchFor(patience time.Duration, called string, f func() error) error {
	p.Helper()
	p.does(called)
	done := p.background(f)
	limit := time.NewTimer(patience + patience/2)
	defer limit.Stop()
	select {
	case err := <-done:
		if v, ok := err.(*panicked); ok {
			p.fail(called, "no panic", "%v", v)
		}
		return err
	case <-limit.C:
		p.Cleanup(func() { // whatever is cleaned up next, such as its session, is not for two goroutines at once
			select {
			case <-done:
			case <-time.After(patience):
			}
		})
		p.fail(called, "that it returns, at the latest when its context ends", "nothing: it still waits after %v", patience+patience/2)
		return nil
	}
}

// must calls f as call does and fails if it returns an error.
func (p *probe) must(called string, f func(ctx context.Context) error) {
	p.Helper()
	if err := p.call(called, f); err != nil {
		p.fail(called, "no error", "the error %q", err)
	}
}

// eventually calls f until it works, which must be before the patience has passed.
func (p *probe) eventually(called string, f func(ctx context.Context) error) {
	p.Helper()
	start := time.Now()
	for {
		err := p.call(called, f)
		if err == nil {
			return
		}
		if time.Since(start) > p.patience {
			p.fail(called, "that it works again", "the error %q, for %v", err, p.patience)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// release calls f when the check is over, whatever has come of it. It waits no longer than the patience.
func (p *probe) release(f func(ctx context.Context) error) {
	p.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), p.patience)
		defer cancel()
		select {
		case <-p.background(func() error { return f(ctx) }): // what Close must do is a check of its own
		case <-time.After(p.patience + p.patience/2):
		}
	})
}
