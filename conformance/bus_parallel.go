package conformance

import (
	"context"
	"sync"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// interruptInParallel calls f on n goroutines with a context that ends shortly after all have started.
func (c *busChecker) interruptInParallel(called string, n int, f func(ctx context.Context, i int)) {
	c.Helper()
	ctx, cancel := context.WithCancel(c.Context())
	defer cancel()
	var calls sync.WaitGroup
	calls.Add(n)
	go func() {
		calls.Wait()
		time.Sleep(2 * time.Millisecond)
		cancel()
	}()
	c.inParallel(called, n, func(_ context.Context, i int) error {
		calls.Done()
		f(ctx, i)
		return nil
	})
}

// endInParallel opens n sessions and ends them at the same time.
func (c *busChecker) endInParallel(bus transport.Bus, called string, n int, before func(),
	end func(ctx context.Context, s transport.Session, i int) error) {
	c.Helper()
	sessions := make([]transport.Session, n)
	c.inParallel("Open, Listen", n, func(_ context.Context, i int) (err error) {
		ctx := c.Context() // does not end here: nothing may wait for its end
		if sessions[i], err = bus.Open(ctx); err != nil {
			return err
		}
		return sessions[i].Listen(ctx, c.channel("a"))
	})
	if before != nil {
		before()
	}
	c.inParallel(called, n, func(ctx context.Context, i int) error { return end(ctx, sessions[i], i) })
}

// inParallel calls f on n goroutines and fails the check if a call returns an error.
func (c *busChecker) inParallel(called string, n int, f func(ctx context.Context, i int) error) {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), c.patience)
	defer cancel()
	var waits []<-chan error
	for i := range n {
		waits = append(waits, c.runInBackground(func() error { return f(ctx, i) }))
	}
	for _, wait := range waits {
		c.mustGuard(called, func() error { return <-wait })
	}
}
