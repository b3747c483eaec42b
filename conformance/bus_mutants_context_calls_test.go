package conformance_test

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

// contextBug calls call in the wrong way.
type contextBug func(t *testing.T, ctx context.Context, call func(context.Context) error) error

// contextBugs are bugs of a call that is interrupted while it is in progress.
var contextBugs = map[string]contextBug{
	"looks at its context only before it starts": func(t *testing.T, ctx context.Context,
		call func(context.Context) error) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return call(t.Context())
	},
	"has its own timeout": func(t *testing.T, ctx context.Context, call func(context.Context) error) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(t.Context(), mutantPatience/15)
		defer cancel()
		if err := call(ctx); err != nil {
			return errors.New("i/o timeout")
		}
		return nil
	},
	"returns the cause of the context": func(t *testing.T, ctx context.Context,
		call func(context.Context) error) error {
		err := call(ctx)
		if err != nil && context.Cause(ctx) != nil {
			return context.Cause(ctx)
		}
		return err
	},
	"returns the error of a connection with the same deadline": func(t *testing.T, ctx context.Context,
		call func(context.Context) error) error {
		err := call(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			return os.ErrDeadlineExceeded
		}
		return err
	},
	"returns ErrClosed when its context ends": func(t *testing.T, ctx context.Context,
		call func(context.Context) error) error {
		err := call(ctx)
		if err != nil && ctx.Err() != nil {
			return transport.ErrClosed
		}
		return err
	},
	"always returns Canceled": func(t *testing.T, ctx context.Context, call func(context.Context) error) error {
		err := call(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			return context.Canceled
		}
		return err
	},
}

// stalledMutants returns mutants whose bugs appear while the medium is stalled.
func stalledMutants() (all []mutant[conformance.Harness]) {
	const check = "CallsEndWithTheirContext"
	all = append(all, breaks(check, "Close of a bus waits for a pending Publish", func(_ *testing.T, b *bus) {
		var under sync.RWMutex
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			under.RLock()
			defer under.RUnlock()
			return b.Hub.Publish(ctx, msgs...)
		}
		b.closer = true
		b.close = func(context.Context) error {
			under.Lock()
			defer under.Unlock()
			return nil
		}
	}))
	for bug, wrong := range contextBugs {
		for _, method := range busMethods {
			all = append(all, breaks(check, method.name+" "+bug, func(t *testing.T, b *bus) {
				method.wrap(b, func(ctx context.Context, call func(context.Context) error) error {
					return wrong(t, ctx, call)
				})
			}))
		}
	}
	return append(all,
		breaks(check, "Publish waits for another one without looking at its context", func(t *testing.T, b *bus) {
			var mu sync.Mutex
			b.publish = func(ctx context.Context, msgs ...transport.Message) error {
				mu.Lock()
				defer mu.Unlock()
				return b.Hub.Publish(ctx, msgs...)
			}
		}),
		breaks(check, "keeps its lock when it is interrupted", func(t *testing.T, b *bus) {
			turn := make(chan struct{}, 1)
			b.publish = func(ctx context.Context, msgs ...transport.Message) error {
				select {
				case turn <- struct{}{}:
				case <-ctx.Done():
					return ctx.Err()
				}
				if err := b.Hub.Publish(ctx, msgs...); err != nil {
					return err
				}
				<-turn
				return nil
			}
		}),
		breaks(check, "cannot open a session after an interrupted Open", func(t *testing.T, b *bus) {
			var broken atomic.Bool
			b.open = func(ctx context.Context) (transport.Session, error) {
				if broken.Load() {
					return nil, errors.New("the pool is exhausted")
				}
				s, err := b.Hub.Open(ctx)
				if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
					broken.Store(true)
				}
				return s, err
			}
		}),
		breaksSession(check, "sends a last command before it closes, without looking at the context",
			func(t *testing.T, s *session) {
				s.close = func(ctx context.Context) error {
					s.Session.Unlisten(t.Context(), "last")
					return s.Session.Close(ctx)
				}
			}),
		breaksEntry(check, "tells the server before it closes an entry, without looking at the context",
			func(t *testing.T, b *bus, e *entry) {
				e.close = func(ctx context.Context) error {
					_, _ = b.Hub.Entries(t.Context(), "")
					return e.Entry.Close(ctx)
				}
			}),
		breaks(check, "the bus sends a last message before it closes, without looking at the context",
			func(t *testing.T, b *bus) {
				b.closer = true
				b.close = func(ctx context.Context) error {
					b.Hub.Publish(t.Context(), transport.Message{Channel: "last"})
					return nil
				}
			}))
}

// slowCallMutants returns mutants whose harness cannot stall the medium, and whose calls are slow enough to
// interrupt.
func slowCallMutants() (all []mutant[conformance.Harness]) {
	const check, long = "CallsEndWithTheirContext", 60 * time.Millisecond
	unstalled := func(bug string, change func(t *testing.T, b *bus)) {
		all = append(all, mutant[conformance.Harness]{check, bug, func(t *testing.T) conformance.Harness {
			h := newBusMedium(transport.Limits{}).harness(func(b *bus) { change(t, b) })
			h.Stall, h.Patience = nil, time.Second
			return h
		}})
	}
	for _, name := range []string{"Publish", "Open", "Listen", "Unlisten", "Enter", "Entries"} {
		unstalled(name+" takes 60 ms without looking at its context", func(_ *testing.T, b *bus) {
			methodNamed(name).wrap(b, func(ctx context.Context, call func(context.Context) error) error {
				time.Sleep(long)
				return call(ctx)
			})
		})
	}
	unstalled("takes 200 µs for each message of a batch, without looking at its context", func(t *testing.T, b *bus) {
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			time.Sleep(time.Duration(len(msgs)) * 200 * time.Microsecond)
			return b.Hub.Publish(ctx, msgs...)
		}
	})
	return all
}
