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
	{"when Open is interrupted", func(b *bus, leak func()) {
		b.open = func(ctx context.Context) (transport.Session, error) {
			s, err := b.Hub.Open(ctx)
			if err != nil && ctx.Err() != nil {
				leak()
			}
			return s, err
		}
	}},
	{"when Publish finds its connection severed", func(b *bus, leak func()) {
		var outages atomic.Int32
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			if now := b.outages.Load(); outages.Swap(now) != now {
				leak()
			}
			return b.Hub.Publish(ctx, msgs...)
		}
	}},
	{"when Publish is interrupted", func(b *bus, leak func()) {
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			begun := ctx.Err() == nil
			err := b.Hub.Publish(ctx, msgs...)
			if begun && err != nil && ctx.Err() != nil {
				leak()
			}
			return err
		}
	}},
	{"when ListenAll is interrupted", func(b *bus, leak func()) {
		b.session = func(s *session) {
			s.listenAll = func(ctx context.Context, channels []string) error {
				begun := ctx.Err() == nil
				err := s.Session.(transport.MultiListener).ListenAll(ctx, channels...)
				if begun && err != nil && ctx.Err() != nil {
					leak()
				}
				return err
			}
		}
	}},
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
	{"when Receive has returned a message", leakOnReceive(func(_ context.Context,
		err error) bool {
		return err == nil
	})},
	{"when Receive is interrupted", leakOnReceive(func(ctx context.Context,
		err error) bool {
		return err != nil && ctx.Err() != nil
	})},
	{"when Receive has found the session severed", leakOnReceive(func(ctx context.Context, err error) bool {
		return errors.Is(err, memory.ErrOutage)
	})},
	{"when a session is closed while Receive waits", leakOnReceive(func(ctx context.Context, err error) bool {
		return errors.Is(err, transport.ErrClosed)
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
	{"when Listen finds the session severed", leakOnListen(func(_ context.Context,
		err error) bool {
		return errors.Is(err, memory.ErrOutage)
	})},
	{"when Listen is interrupted", leakOnListen(func(ctx context.Context,
		err error) bool {
		return err != nil && ctx.Err() != nil
	})},
	{"when Listen rejects a name over the limit", leakOnListen(func(ctx context.Context, err error) bool {
		return err != nil && ctx.Err() == nil && !errors.Is(err, memory.ErrOutage)
	})},
	{"when Unlisten is interrupted", func(b *bus, leak func()) {
		b.session = func(s *session) {
			s.unlisten = func(ctx context.Context, channel string) error {
				err := s.Session.Unlisten(ctx, channel)
				if err != nil && ctx.Err() != nil {
					leak()
				}
				return err
			}
		}
	}},
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

func leakOnReceive(leaks func(ctx context.Context, err error) bool) func(b *bus, leak func()) {
	return func(b *bus, leak func()) {
		b.session = func(s *session) {
			s.receive = func(ctx context.Context) (transport.Message, error) {
				m, err := s.Session.Receive(ctx)
				if leaks(ctx, err) {
					leak()
				}
				return m, err
			}
		}
	}
}

func leakOnListen(leaks func(ctx context.Context, err error) bool) func(b *bus, leak func()) {
	return func(b *bus, leak func()) {
		b.session = func(s *session) {
			s.listen = func(ctx context.Context, channel string) error {
				err := s.Session.Listen(ctx, channel)
				if leaks(ctx, err) {
					leak()
				}
				return err
			}
		}
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
