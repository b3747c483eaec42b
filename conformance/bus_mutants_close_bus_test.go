package conformance_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

// closing makes a mutant that is a transport.Closer. Its Close sets closed, unless change replaces it.
func closing(check, bug string, change func(t *testing.T, b *bus, closed *atomic.Bool)) mutant[conformance.Harness] {
	return breaks(check, bug, func(t *testing.T, b *bus) {
		closed := new(atomic.Bool)
		b.closer = true
		b.close = func(context.Context) error {
			closed.Store(true)
			return nil
		}
		change(t, b, closed)
	})
}

func busCloseMutants() []mutant[conformance.Harness] {
	return []mutant[conformance.Harness]{
		closing("BusCloseIsIdempotent", "returns an odd error from Open after Close",
			func(_ *testing.T, b *bus, closed *atomic.Bool) {
				b.open = func(ctx context.Context) (transport.Session, error) {
					if closed.Load() {
						return nil, errors.New("nil pool")
					}
					return b.Hub.Open(ctx)
				}
			}),
		closing("BusCloseIsIdempotent", "opens sessions that receive nothing after Close",
			func(_ *testing.T, b *bus, closed *atomic.Bool) {
				b.session = func(s *session) {
					if closed.Load() {
						s.listen = func(context.Context, string) error { return nil }
					}
				}
			}),
		closing("BusCloseIsIdempotent", "hangs in Publish after Close",
			func(_ *testing.T, b *bus, closed *atomic.Bool) {
				b.publish = func(ctx context.Context, msgs ...transport.Message) error {
					if closed.Load() {
						<-ctx.Done()
						return ctx.Err()
					}
					return b.Hub.Publish(ctx, msgs...)
				}
			}),
		closing("BusCloseIsIdempotent", "fails to close if the context has ended",
			func(_ *testing.T, b *bus, _ *atomic.Bool) {
				b.close = func(ctx context.Context) error {
					if ctx.Err() != nil {
						return errors.New("broken pipe")
					}
					return nil
				}
			}),
		closing("BusCloseIsIdempotent", "panics if it was never used", func(_ *testing.T, b *bus, _ *atomic.Bool) {
			var used atomic.Bool
			b.publish = func(ctx context.Context, msgs ...transport.Message) error {
				used.Store(true)
				return b.Hub.Publish(ctx, msgs...)
			}
			b.close = func(ctx context.Context) error {
				if !used.Load() {
					panic("nil pointer dereference")
				}
				return nil
			}
		}),
		closing("BusCloseIsIdempotent", "fails if two goroutines close it at the same time",
			func(_ *testing.T, b *bus, _ *atomic.Bool) {
				var busy atomic.Int32
				b.close = func(context.Context) error {
					defer busy.Add(-1)
					if busy.Add(1) > 1 {
						return errors.New("already closing")
					}
					time.Sleep(2 * time.Millisecond)
					return nil
				}
			}),
		closing("BusCloseIsIdempotent", "waits forever if it was closed before",
			func(_ *testing.T, b *bus, closed *atomic.Bool) {
				b.close = func(ctx context.Context) error {
					if closed.Swap(true) {
						<-ctx.Done()
						return ctx.Err()
					}
					return nil
				}
			}),
		closing("BusCloseSilencesNoSession", "leaves its sessions open but silent",
			func(_ *testing.T, b *bus, closed *atomic.Bool) {
				b.filterReceived(func(*transport.Message) bool { return !closed.Load() })
			}),
		closing("BusCloseSilencesNoSession", "leaves its sessions open but silent while they wait",
			func(_ *testing.T, b *bus, closed *atomic.Bool) {
				b.session = func(s *session) {
					s.receive = func(ctx context.Context) (transport.Message, error) {
						before := closed.Load()
						m, err := s.Session.Receive(ctx)
						for err == nil && !before && closed.Load() {
							m, err = s.Session.Receive(ctx)
						}
						return m, err
					}
				}
			}),
		closing("BusCloseSilencesNoSession", "loses a message of its sessions",
			func(_ *testing.T, b *bus, closed *atomic.Bool) {
				b.session = func(s *session) {
					cost := false
					s.receive = func(ctx context.Context) (transport.Message, error) {
						if closed.Load() && !cost {
							cost = true
							s.Session.Receive(ctx)
						}
						return s.Session.Receive(ctx)
					}
				}
			}),
		closing("BusCloseSilencesNoSession", "fails once and then waits",
			func(_ *testing.T, b *bus, closed *atomic.Bool) {
				b.session = func(s *session) {
					failed := false
					s.receive = func(ctx context.Context) (transport.Message, error) {
						if !closed.Load() {
							return s.Session.Receive(ctx)
						}
						if !failed {
							failed = true
							return transport.Message{}, errors.New("the bus was closed")
						}
						<-ctx.Done()
						return transport.Message{}, ctx.Err()
					}
				}
			}),
		closing("BusCloseSilencesNoSession", "ends the sessions of other buses",
			func(_ *testing.T, b *bus, _ *atomic.Bool) {
				b.close = func(context.Context) error {
					b.Hub.Sever(nil)
					return nil
				}
			}),
		closing("BusCloseSilencesNoSession", "ends its sessions so that they cannot be closed",
			func(_ *testing.T, b *bus, closed *atomic.Bool) {
				b.session = func(s *session) {
					s.close = func(ctx context.Context) error {
						if closed.Load() {
							return errors.New("use of closed network connection")
						}
						return s.Session.Close(ctx)
					}
				}
			}),
		closing("BusCloseEndsPublish", "leaves a pending Publish waiting",
			func(_ *testing.T, b *bus, closed *atomic.Bool) {
				b.publish = func(ctx context.Context, msgs ...transport.Message) error {
					before := closed.Load()
					err := b.Hub.Publish(ctx, msgs...)
					time.Sleep(time.Millisecond)
					if !before && closed.Load() {
						<-ctx.Done()
					}
					return err
				}
			}),
		pendingPublish("loses a pending Publish without an error",
			func(b *bus, ctx context.Context, msgs []transport.Message) error {
				return nil
			}),
		pendingPublish("loses the end of a pending batch without an error",
			func(b *bus, ctx context.Context, msgs []transport.Message) error {
				msgs = msgs[:len(msgs)-1]
				return b.Hub.Publish(ctx, msgs...)
			}),
		pendingPublish("sends a pending Publish twice", func(b *bus, ctx context.Context,
			msgs []transport.Message) error {
			b.Hub.Publish(ctx, msgs...)
			return b.Hub.Publish(ctx, msgs...)
		}),
		pendingPublish("panics in a pending Publish", func(b *bus, ctx context.Context,
			msgs []transport.Message) error {
			panic("send on closed channel")
		}),
		closing("BusCloseEndsPublish", "returns an odd error from Publish after Close",
			func(_ *testing.T, b *bus, closed *atomic.Bool) {
				b.publish = func(ctx context.Context, msgs ...transport.Message) error {
					if closed.Load() {
						return errors.New("nil connection")
					}
					return b.Hub.Publish(ctx, msgs...)
				}
			}),
	}
}

// pendingPublish returns a mutant with a bug in a Publish that is in progress when the bus is closed.
func pendingPublish(bug string, publish func(b *bus, ctx context.Context,
	msgs []transport.Message) error) mutant[conformance.Harness] {
	return closing("BusCloseEndsPublish", bug, func(_ *testing.T, b *bus, closed *atomic.Bool) {
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			before := closed.Load()
			time.Sleep(time.Millisecond)
			if !before && closed.Load() {
				return publish(b, ctx, msgs)
			}
			return b.Hub.Publish(ctx, msgs...)
		}
	})
}
