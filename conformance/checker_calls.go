package conformance

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"
)

// panicError is the error of a call that panicked.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("the panic %v\n%s", p.value, p.stack) }

// runInBackground calls f on a new goroutine. The channel returns its error, or a panic as an error.
func (c *checker) runInBackground(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() {
		err := fmt.Errorf("the goroutine was ended by runtime.Goexit, or by a method of testing.TB that ends tests")
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

// runAlongside calls f in the background. Wait returns its error, which is also added to the text of every
// failure.
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

// call calls f with a context that ends after the patience. It fails the check if f does not return then.
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

// guard calls f. It fails the check if f panics, or takes clearly longer than the patience.
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
		c.Cleanup(func() { // the next cleanup, such as closing its session, must not run concurrently with f
			select {
			case <-done:
			case <-time.After(patience):
			}
		})
		c.fail(called, "a return, at the latest when its context ends", "it still waits after %v", patience+patience/2)
		return nil
	}
}

// mustGuard calls f like guard, and fails the check if f returns an error.
func (c *checker) mustGuard(called string, f func() error) {
	c.Helper()
	if err := c.guard(called, f); err != nil {
		c.fail(called, "no error", "the error %q", err)
	}
}

// must calls f like call, and fails the check if f returns an error.
func (c *checker) must(called string, f func(ctx context.Context) error) {
	c.Helper()
	if err := c.call(called, f); err != nil {
		c.fail(called, "no error", "the error %q", err)
	}
}

// eventually calls f until it succeeds. It fails the check if that takes longer than the patience.
func (c *checker) eventually(called string, f func(ctx context.Context) error) {
	c.Helper()
	start := time.Now()
	for {
		err := c.call(called, f)
		if err == nil {
			return
		}
		if time.Since(start) > c.patience {
			c.fail(called, "success within the patience", "the error %q for %v", err, c.patience)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// closeAtEnd calls f at the end of the check, whatever its result. It waits no longer than the patience.
func (c *checker) closeAtEnd(f func(ctx context.Context) error) {
	c.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), c.patience)
		defer cancel()
		select {
		case <-c.runInBackground(func() error { return f(ctx) }): // the checks of Close look at its error
		case <-time.After(c.patience + c.patience/2):
		}
	})
}
