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

// interruption is a context that ends, and the error of it.
type interruption struct {
	c      *busCase
	ctx    context.Context
	cancel func()
	want   error
}

func (c *busCase) canceled() *interruption {
	in := c.cancelled(0)
	in.cancel()
	return in
}

func (c *busCase) passed() *interruption { return c.deadline(-time.Second) }

// deadline passes after a while.
func (c *busCase) deadline(after time.Duration) *interruption {
	ctx, cancel := context.WithTimeout(c.Context(), after)
	return &interruption{c, ctx, cancel, context.DeadlineExceeded}
}

// cancelled ends after a while, for a reason that only context.Cause tells.
func (c *busCase) cancelled(after time.Duration) *interruption {
	ctx, cancel := context.WithCancelCause(c.Context())
	end := func() { cancel(errors.New("somebody has lost interest")) }
	if after > 0 {
		time.AfterFunc(after, end)
	}
	return &interruption{c, ctx, end, context.Canceled}
}

// lookedAt ends when somebody looks at it for the n-th time, so that also a bus that waits for nothing is interrupted at each
// point where it can be.
func (c *busCase) lookedAt(n int) *interruption {
	ctx := &lookedAt{done: make(chan struct{})}
	ctx.left.Store(int64(n))
	return &interruption{c, ctx, ctx.end, context.Canceled}
}

type lookedAt struct {
	left atomic.Int64
	once sync.Once
	done chan struct{}
}

func (l *lookedAt) end() { l.once.Do(func() { close(l.done) }) }

func (l *lookedAt) look() {
	if l.left.Add(-1) <= 0 {
		l.end()
	}
}

func (l *lookedAt) Deadline() (time.Time, bool) { return time.Time{}, false }
func (l *lookedAt) Value(any) any               { return nil }
func (l *lookedAt) Done() <-chan struct{}       { l.look(); return l.done }
func (l *lookedAt) Err() error {
	l.look()
	select {
	case <-l.done:
		return context.Canceled
	default:
		return nil
	}
}

// interruption returns the n-th of a series of contexts that end at moments spread over what a call usually takes, and a little more.
func (c *busCase) interruption(n int, usual time.Duration) *interruption {
	const golden = 0.6180339887498949 // its multiples are spread evenly, however many there are
	turn := float64(n) * golden
	after := time.Duration(1.2 * float64(usual) * (turn - float64(int(turn))))
	switch n % 3 {
	case 0:
		return c.deadline(after)
	case 1:
		return c.cancelled(max(after, 1))
	default:
		in := c.lookedAt(n/3%6 + 1)
		c.Cleanup(in.cancel) // if nobody looks
		return in
	}
}

// judge fails unless err is what the context allows. It ends the context.
func (in *interruption) judge(called string, err error) {
	in.c.Helper()
	defer in.cancel()
	switch ended := in.ctx.Err() != nil; {
	case err == nil:
	case errors.Is(err, in.want):
		if in.want == context.DeadlineExceeded {
			in.c.clear++
		}
	case in.blurred(err):
		if in.c.blurred++; in.c.blurred >= 5 && 3*in.c.blurred > in.c.clear {
			in.c.fail(called, fmt.Sprintf("no error, or %q, which is that of its context", in.want), "the error %q, %d times", err, in.c.blurred)
		}
	case ended:
		in.c.fail(called, fmt.Sprintf("no error, or %q, which is that of its context", in.want), "the error %q", err)
	default:
		in.c.fail(called, "no error: its context has not ended", "the error %q", err)
	}
}

// blurred tells whether err is the end of a deadline as a connection reports it. That has the deadline too, and may notice it a moment before
// the context's own timer has run: net.Dialer is an example. It must not happen each time.
func (in *interruption) blurred(err error) bool {
	var timeout net.Error
	return in.want == context.DeadlineExceeded && !errors.Is(err, in.want) && errors.As(err, &timeout) && timeout.Timeout()
}
