package conformance_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

var contextMutants = slices.Concat(contextIgnored(), []mutant[conformance.Harness]{
	breaksReceive("EndedContextFailsFast", "breaks the session if the context has ended",
		func(ctx context.Context, s *session) (transport.Message, error) {
			if ctx.Err() != nil {
				s.Session.Close(ctx)
			}
			return s.Session.Receive(ctx)
		}),
	breaks("EndedContextFailsFast", "publishes, and then returns the context's error", func(t *testing.T, b *bus) {
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			return errors.Join(b.Hub.Publish(context.WithoutCancel(ctx), msgs...), ctx.Err())
		}
	}),
	breaks("EndedContextFailsFast", "does not look at the context of a batch", func(t *testing.T, b *bus) {
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			if len(msgs) > 1 {
				ctx = context.WithoutCancel(ctx)
			}
			return b.Hub.Publish(ctx, msgs...)
		}
	}),
	breaks("EndedContextFailsFast", "always returns DeadlineExceeded", func(t *testing.T, b *bus) {
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			if ctx.Err() != nil {
				return context.DeadlineExceeded
			}
			return b.Hub.Publish(ctx, msgs...)
		}
	}),

	breaks("ContextEndsOnlyItsCall", "ends a session with the context of Open", func(t *testing.T, b *bus) {
		b.open = func(ctx context.Context) (transport.Session, error) {
			s, err := b.Hub.Open(ctx)
			if err == nil {
				context.AfterFunc(ctx, func() { s.Close(t.Context()) })
			}
			return s, err
		}
	}),
	breaksSession("ContextEndsOnlyItsCall", "ends a session when the deadline of Listen passes",
		func(t *testing.T, s *session) {
			s.listen = func(ctx context.Context, channel string) error {
				context.AfterFunc(ctx, func() {
					if ctx.Err() == context.DeadlineExceeded {
						s.Session.Close(t.Context())
					}
				})
				return s.Session.Listen(ctx, channel)
			}
		}),
	breaks("ContextEndsOnlyItsCall", "leaves the deadline of a Publish on the connection", func(t *testing.T, b *bus) {
		b.publish = leavesDeadline(b.Hub.Publish)
	}),
	breaks("ContextEndsOnlyItsCall", "leaves the deadline of a Publish on the session's connection",
		func(t *testing.T, b *bus) {
			var deadline atomic.Pointer[time.Time]
			b.publish = func(ctx context.Context, msgs ...transport.Message) error {
				if d, ok := ctx.Deadline(); ok {
					deadline.Store(&d)
				}
				return b.Hub.Publish(ctx, msgs...)
			}
			b.session = func(s *session) {
				s.listen = func(ctx context.Context, channel string) error {
					if d := deadline.Load(); d != nil && time.Now().After(*d) {
						return errors.New("i/o timeout")
					}
					return s.Session.Listen(ctx, channel)
				}
			}
		}),
	withMorePatience(breaks("ContextEndsOnlyItsCall", "publishes concurrent calls with the context of the first",
		func(t *testing.T, b *bus) {
			var mu sync.Mutex
			var shared context.Context
			users := 0
			b.publish = func(ctx context.Context, msgs ...transport.Message) error {
				mu.Lock()
				if users++; users == 1 {
					shared = ctx
				}
				ctx = shared
				mu.Unlock()
				defer func() {
					mu.Lock()
					users--
					mu.Unlock()
				}()
				select {
				case <-time.After(100 * time.Microsecond):
					return b.Hub.Publish(ctx, msgs...)
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		})),
	withMorePatience(breaks("ContextEndsOnlyItsCall",
		"loses pending calls of Publish when another one is interrupted", func(t *testing.T, b *bus) {
			var interrupted atomic.Int32
			b.publish = func(ctx context.Context, msgs ...transport.Message) error {
				before := interrupted.Load()
				select {
				case <-time.After(100 * time.Microsecond):
				case <-ctx.Done():
					interrupted.Add(1)
					return ctx.Err()
				}
				if interrupted.Load() != before {
					return nil
				}
				return b.Hub.Publish(ctx, msgs...)
			}
		})),
	breaksSession("ContextEndsOnlyItsCall", "leaves the deadline of a Receive on the connection",
		func(_ *testing.T, s *session) {
			var deadline time.Time
			s.receive = func(ctx context.Context) (transport.Message, error) {
				if !deadline.IsZero() && time.Now().After(deadline) {
					return transport.Message{}, errors.New("i/o timeout")
				}
				deadline, _ = ctx.Deadline()
				return s.Session.Receive(ctx)
			}
		}),
}, stalledMutants(), slowCallMutants())

// leavesDeadline returns a Publish that leaves its deadline on the connection, for a call without one.
func leavesDeadline(publish publishFunc) publishFunc {
	var mu sync.Mutex
	var deadline time.Time
	return func(ctx context.Context, msgs ...transport.Message) error {
		mu.Lock()
		defer mu.Unlock()
		if d, ok := ctx.Deadline(); ok {
			deadline = d
		} else if !deadline.IsZero() && time.Now().After(deadline) {
			return errors.New("i/o timeout")
		}
		return publish(ctx, msgs...)
	}
}

// contextIgnored returns a mutant for each method that does not look at its context.
func contextIgnored() (all []mutant[conformance.Harness]) {
	for _, method := range busMethods {
		if method.name == "Publish of a batch" {
			continue
		}
		all = append(all, breaks("EndedContextFailsFast", method.name+" does not look at its context",
			func(t *testing.T, b *bus) {
				method.wrap(b, func(_ context.Context, call func(context.Context) error) error {
					return call(t.Context())
				})
			}))
	}
	return all
}
