package conformance

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// interruption is a context that ends, and the error that it causes.
type interruption struct {
	c      *busChecker
	ctx    context.Context
	cancel func()
	want   error
}

// alreadyCancelled returns a cancelled context.
func (c *busChecker) alreadyCancelled() *interruption {
	in := c.cancelledAfter(0)
	in.cancel()
	return in
}

// deadlinePassed returns a context whose deadline has passed.
func (c *busChecker) deadlinePassed() *interruption { return c.deadlineAfter(-time.Second) }

// deadlineAfter returns a context with a deadline.
func (c *busChecker) deadlineAfter(after time.Duration) *interruption {
	ctx, cancel := context.WithTimeout(c.Context(), after)
	return &interruption{c, ctx, cancel, context.DeadlineExceeded}
}

// cancelledAfter returns a context that is cancelled after a while, for a reason that only context.Cause
// reports.
func (c *busChecker) cancelledAfter(after time.Duration) *interruption {
	ctx, cancel := context.WithCancelCause(c.Context())
	end := func() { cancel(errors.New("the caller is no longer interested")) }
	if after > 0 {
		time.AfterFunc(after, end)
	}
	return &interruption{c, ctx, end, context.Canceled}
}

// cancelledAfterLooks returns a context that is cancelled at the n-th call of its Done or Err. So even a bus
// that never waits is interrupted at each point where it can be.
func (c *busChecker) cancelledAfterLooks(n int) *interruption {
	ctx := &lookCountContext{done: make(chan struct{})}
	ctx.looksLeft.Store(int64(n))
	return &interruption{c, ctx, ctx.end, context.Canceled}
}

// lookCountContext is a context that counts the calls of Done and Err, and ends after some of them.
type lookCountContext struct {
	looksLeft atomic.Int64
	once      sync.Once
	done      chan struct{}
}

func (l *lookCountContext) end() { l.once.Do(func() { close(l.done) }) }

func (l *lookCountContext) countLook() {
	if l.looksLeft.Add(-1) <= 0 {
		l.end()
	}
}

func (l *lookCountContext) Deadline() (time.Time, bool) { return time.Time{}, false }
func (l *lookCountContext) Value(any) any               { return nil }
func (l *lookCountContext) Done() <-chan struct{}       { l.countLook(); return l.done }
func (l *lookCountContext) Err() error {
	l.countLook()
	select {
	case <-l.done:
		return context.Canceled
	default:
		return nil
	}
}

// interruption returns the n-th of a series of contexts that end at times spread over the usual duration of a
// call, and a little more.
func (c *busChecker) interruption(n int, usual time.Duration) *interruption {
	const golden = 0.6180339887498949 // its multiples are spread evenly, however many there are
	fraction := float64(n) * golden
	after := time.Duration(1.2 * float64(usual) * (fraction - float64(int(fraction))))
	switch n % 3 {
	case 0:
		return c.deadlineAfter(after)
	case 1:
		return c.cancelledAfter(max(after, 1))
	default:
		in := c.cancelledAfterLooks(n/3%6 + 1)
		c.Cleanup(in.cancel) // if nobody looks
		return in
	}
}

// checkError fails the check unless err is what the context allows. It ends the context.
func (in *interruption) checkError(called string, err error) {
	in.c.Helper()
	defer in.cancel()
	switch ended := in.ctx.Err() != nil; {
	case err == nil:
	case errors.Is(err, in.want):
		if in.want == context.DeadlineExceeded {
			in.c.contextErrors++
		}
	case in.isConnectionTimeout(err):
		if in.c.timeoutErrors++; in.c.timeoutErrors >= 5 && 3*in.c.timeoutErrors > in.c.contextErrors {
			in.c.fail(called, fmt.Sprintf("no error, or the error %q of its context", in.want),
				"the error %q, %d times", err, in.c.timeoutErrors)
		}
	case ended:
		in.c.fail(called, fmt.Sprintf("no error, or the error %q of its context", in.want), "the error %q", err)
	default:
		in.c.fail(called, "no error, because its context has not ended", "the error %q", err)
	}
}

// isConnectionTimeout tells whether err is the timeout of a connection with the context's deadline. A
// connection may notice the deadline a moment before the context's own timer fires: net.Dialer does. It must
// not happen every time.
func (in *interruption) isConnectionTimeout(err error) bool {
	var timeout net.Error
	return in.want == context.DeadlineExceeded && !errors.Is(err, in.want) && errors.As(err, &timeout) &&
		timeout.Timeout()
}
