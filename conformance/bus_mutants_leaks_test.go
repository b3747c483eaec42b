package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
	"github.com/backplane-go/backplane/transport/memory"
)

// leakPoints are the moments at which a mutant leaks.
var leakPoints = []struct {
	name  string
	apply func(b *bus, leak func())
}{
	{"when a session is opened", func(b *bus, leak func()) {
		b.session = func(*session) { leak() }
	}},
	{"when Open is interrupted", leakAfter("Open", interrupted)},
	{"when Publish finds its connection severed", func(b *bus, leak func()) {
		var outages atomic.Int32
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			if now := b.outages.Load(); outages.Swap(now) != now {
				leak()
			}
			return b.Hub.Publish(ctx, msgs...)
		}
	}},
	{"when Publish is interrupted", leakAfter("Publish", interruptedInBetween)},
	{"when ListenAll is interrupted", leakAfter("ListenAll", interruptedInBetween)},
	{"when a session listens to a channel again", func(b *bus, leak func()) {
		b.session = func(s *session) {
			var all []string
			s.listen = func(ctx context.Context, channel string) error {
				if slices.Contains(all, channel) {
					leak()
				}
				all = append(all, channel)
				return s.Session.Listen(ctx, channel)
			}
		}
	}},
	{"when a session with many channels is closed", func(b *bus, leak func()) {
		b.session = func(s *session) {
			n := 0
			s.listen = func(ctx context.Context, channel string) error {
				n++
				return s.Session.Listen(ctx, channel)
			}
			s.close = func(ctx context.Context) error {
				if n > 8 {
					leak()
				}
				return s.Session.Close(ctx)
			}
		}
	}},
	{"when a session that has listened is closed", func(b *bus, leak func()) {
		b.session = func(s *session) {
			listened := false
			s.listen = func(ctx context.Context, channel string) error {
				listened = true
				return s.Session.Listen(ctx, channel)
			}
			s.close = func(ctx context.Context) error {
				if listened {
					leak()
				}
				return s.Session.Close(ctx)
			}
		}
	}},
	{"when Receive has returned a message", leakAfter("Receive", func(r callResult) bool { return r.err == nil })},
	{"when Receive is interrupted", leakAfter("Receive", interrupted)},
	{"when Receive has found the session severed", leakAfter("Receive", foundSevered)},
	{"when a session is closed while Receive waits", leakAfter("Receive", func(r callResult) bool {
		return errors.Is(r.err, transport.ErrClosed)
	})},
	{"when a session that was severed is closed", func(b *bus, leak func()) {
		b.session = func(s *session) {
			opened := b.outages.Load()
			s.close = func(ctx context.Context) error {
				if b.outages.Load() > opened {
					leak()
				}
				return s.Session.Close(ctx)
			}
		}
	}},
	{"when Listen finds the session severed", leakAfter("Listen", foundSevered)},
	{"when Listen is interrupted", leakAfter("Listen", interrupted)},
	{"when Listen rejects a name over the limit", leakAfter("Listen", func(r callResult) bool {
		return r.err != nil && r.ctx.Err() == nil && !foundSevered(r)
	})},
	{"when Unlisten is interrupted", leakAfter("Unlisten", interrupted)},
	{"when a session is closed with a context that has ended", func(b *bus, leak func()) {
		b.session = func(s *session) {
			s.close = func(ctx context.Context) error {
				if ctx.Err() != nil {
					leak()
				}
				return s.Session.Close(ctx)
			}
		}
	}},
	{"when a session with a waiting message is closed", func(b *bus, leak func()) {
		b.session = func(s *session) {
			s.close = func(ctx context.Context) error {
				if _, err := s.receiveWaiting(ctx); err == nil {
					leak()
				}
				return s.Session.Close(ctx)
			}
		}
	}},
	{"when a session whose buffer is full is closed", func(b *bus, leak func()) {
		b.session = func(s *session) {
			s.close = func(ctx context.Context) error {
				for {
					if _, err := s.receiveWaiting(ctx); errors.Is(err, memory.ErrSlow) {
						leak()
					} else if err == nil {
						continue
					}
					return s.Session.Close(ctx)
				}
			}
		}
	}},
	{"when a bus is closed", func(b *bus, leak func()) {
		b.closer = true
		b.close = func(context.Context) error {
			leak()
			return nil
		}
	}},
	{"when a session is closed after its bus", func(b *bus, leak func()) {
		var closed atomic.Bool
		b.closer = true
		b.close = func(context.Context) error {
			closed.Store(true)
			return nil
		}
		b.session = func(s *session) {
			s.close = func(ctx context.Context) error {
				if closed.Load() {
					leak()
				}
				return s.Session.Close(ctx)
			}
		}
	}},
}

// callResult is the result of a call.
type callResult struct {
	ctx   context.Context
	begun bool // before ctx ended
	err   error
}

func interrupted(r callResult) bool          { return r.err != nil && r.ctx.Err() != nil }
func interruptedInBetween(r callResult) bool { return r.begun && interrupted(r) }
func foundSevered(r callResult) bool         { return errors.Is(r.err, memory.ErrOutage) }

// leakAfter returns a leak after calls of a method with certain results.
func leakAfter(method string, leaks func(r callResult) bool) func(b *bus, leak func()) {
	return func(b *bus, leak func()) {
		methodNamed(method).wrap(b, func(ctx context.Context, call func(context.Context) error) error {
			begun := ctx.Err() == nil
			err := call(ctx)
			if leaks(callResult{ctx, begun, err}) {
				leak()
			}
			return err
		})
	}
}

// leakMutants leak a goroutine, or something outside the process, every time or one time in ten.
func leakMutants() (mutants []mutant[conformance.Harness]) {
	for _, l := range leakPoints {
		for _, every := range []int32{1, 10} {
			bug := fmt.Sprintf("%s, one time in %d", l.name, every)
			var now = func(n *atomic.Int32, leak func()) func() {
				return func() {
					if n.Add(1)%every == 0 {
						leak()
					}
				}
			}
			mutants = append(mutants,
				mutant[conformance.Harness]{"SessionsLeakNothing", "leaves a goroutine behind " + bug,
					func(t *testing.T) conformance.Harness {
						n := new(atomic.Int32)
						return smallBufferHarness(func(b *bus) {
							l.apply(b, now(n, func() { go func() { <-t.Context().Done() }() }))
						})
					}},
				mutant[conformance.Harness]{"SessionsLeakNothingAtTheServer", "leaves a connection behind " + bug,
					func(t *testing.T) conformance.Harness {
						n, left := new(atomic.Int32), new(atomic.Int32)
						h := smallBufferHarness(func(b *bus) { l.apply(b, now(n, func() { left.Add(1) })) })
						h.Leftovers = func(testing.TB) []string { return make([]string, left.Load()) }
						return h
					}})
		}
	}
	return mutants
}

// smallBufferHarness returns the harness of a bus with small buffers.
func smallBufferHarness(change func(b *bus)) conformance.Harness {
	m := &busMedium{hub: memory.NewHubWithConfig(memory.Config{Limits: textLimits, Buffer: 64,
		Patience: time.Millisecond})}
	return m.harness(change)
}
