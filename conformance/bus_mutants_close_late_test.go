package conformance_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

// pendingCallMutants have bugs in closing while another method is in progress.
func pendingCallMutants() (mutants []mutant[conformance.Harness]) {
	for name, final := range map[string]error{
		"an end of file":                  io.EOF,
		"a closed connection":             net.ErrClosed,
		"a cancellation":                  context.Canceled,
		"a timeout":                       context.DeadlineExceeded,
		"its own error":                   errors.New("shutting down"),
		"no error, with an empty message": nil,
	} {
		mutants = append(mutants, breaksSession("CloseEndsPendingCalls", "reports Close as "+name+" in Receive", func(_ *testing.T, s *session) {
			s.receive = func(ctx context.Context) (transport.Message, error) {
				m, err := s.Session.Receive(ctx)
				if errors.Is(err, transport.ErrClosed) {
					err = final
				}
				return m, err
			}
		}))
		if final == nil {
			continue
		}
		for _, call := range []string{"Listen", "Unlisten", "ListenAll"} {
			mutants = append(mutants, breaksCall("CloseEndsPendingCalls", call, "reports Close as "+name, transport.Limits{},
				func(ctx context.Context, _ *session, _ []string, right func(context.Context) error) error {
					err := right(ctx)
					if errors.Is(err, transport.ErrClosed) {
						err = final
					}
					return err
				}))
		}
	}
	for _, call := range []string{"Listen", "Unlisten", "ListenAll"} {
		mutants = append(mutants, breaksCall("CloseEndsPendingCalls", call, "does not end when Close is called and the server does not answer", transport.Limits{},
			func(ctx context.Context, s *session, _ []string, right func(context.Context) error) error {
				err := right(ctx)
				if errors.Is(err, transport.ErrClosed) {
					<-ctx.Done()
				}
				return err
			}))
	}
	return append(mutants,
		breaksSession("CloseEndsPendingCalls", "holds a lock while it receives", func(_ *testing.T, s *session) {
			var mu sync.Mutex
			s.receive = func(ctx context.Context) (transport.Message, error) {
				mu.Lock()
				defer mu.Unlock()
				return s.Session.Receive(ctx)
			}
			s.close = func(ctx context.Context) error {
				mu.Lock()
				defer mu.Unlock()
				return s.Session.Close(ctx)
			}
		}),
		breaksSession("CloseEndsPendingCalls", "does not wake Receive", func(t *testing.T, s *session) { s.doesNotWake(t, func(context.Context) bool { return true }) }),
		breaksSession("CloseEndsPendingCalls", "does not wake Receive if its context has ended", func(t *testing.T, s *session) {
			s.doesNotWake(t, func(ctx context.Context) bool { return ctx.Err() != nil })
		}),
		breaksSession("CloseEndsPendingCalls", "waits for Receive", func(_ *testing.T, s *session) {
			var busy atomic.Int32
			s.receive = func(ctx context.Context) (transport.Message, error) {
				busy.Add(1)
				defer busy.Add(-1)
				return s.Session.Receive(ctx)
			}
			s.close = func(ctx context.Context) error {
				for busy.Load() > 0 && ctx.Err() == nil {
					time.Sleep(time.Millisecond)
				}
				if err := ctx.Err(); err != nil && busy.Load() > 0 {
					return err
				}
				return s.Session.Close(ctx)
			}
		}))
}

// doesNotWake makes a mutant whose Close does not wake Receive, in the cases that sleeps selects.
func (s *session) doesNotWake(t *testing.T, sleeps func(ctx context.Context) bool) {
	var closed atomic.Bool
	s.receive = func(ctx context.Context) (transport.Message, error) {
		if closed.Load() {
			return transport.Message{}, transport.ErrClosed
		}
		return s.Session.Receive(ctx)
	}
	s.close = func(ctx context.Context) error {
		closed.Store(true)
		if !sleeps(ctx) {
			return s.Session.Close(ctx)
		}
		return nil
	}
	t.Cleanup(func() { s.Session.Close(context.Background()) })
}

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
		closing("BusCloseIsIdempotent", "returns an odd error from Open after Close", func(_ *testing.T, b *bus, closed *atomic.Bool) {
			b.open = func(ctx context.Context) (transport.Session, error) {
				if closed.Load() {
					return nil, errors.New("nil pool")
				}
				return b.Hub.Open(ctx)
			}
		}),
		closing("BusCloseIsIdempotent", "opens sessions that receive nothing after Close", func(_ *testing.T, b *bus, closed *atomic.Bool) {
			b.session = func(s *session) {
				if closed.Load() {
					s.listen = func(context.Context, string) error { return nil }
				}
			}
		}),
		closing("BusCloseIsIdempotent", "hangs in Publish after Close", func(_ *testing.T, b *bus, closed *atomic.Bool) {
			b.publish = func(ctx context.Context, msgs ...transport.Message) error {
				if closed.Load() {
					<-ctx.Done()
					return ctx.Err()
				}
				return b.Hub.Publish(ctx, msgs...)
			}
		}),
		closing("BusCloseIsIdempotent", "fails to close if the context has ended", func(_ *testing.T, b *bus, _ *atomic.Bool) {
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
		closing("BusCloseIsIdempotent", "fails if two goroutines close it at the same time", func(_ *testing.T, b *bus, _ *atomic.Bool) {
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
		closing("BusCloseIsIdempotent", "waits forever if it was closed before", func(_ *testing.T, b *bus, closed *atomic.Bool) {
			b.close = func(ctx context.Context) error {
				if closed.Swap(true) {
					<-ctx.Done()
					return ctx.Err()
				}
				return nil
			}
		}),
		closing("BusCloseSilencesNoSession", "leaves its sessions open but silent", func(_ *testing.T, b *bus, closed *atomic.Bool) {
			b.filterReceived(func(*transport.Message) bool { return !closed.Load() })
		}),
		closing("BusCloseSilencesNoSession", "leaves its sessions open but silent while they wait", func(_ *testing.T, b *bus, closed *atomic.Bool) {
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
		closing("BusCloseSilencesNoSession", "loses a message of its sessions", func(_ *testing.T, b *bus, closed *atomic.Bool) {
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
		closing("BusCloseSilencesNoSession", "fails once and then waits", func(_ *testing.T, b *bus, closed *atomic.Bool) {
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
		closing("BusCloseSilencesNoSession", "ends the sessions of other buses", func(_ *testing.T, b *bus, _ *atomic.Bool) {
			b.close = func(context.Context) error {
				b.Hub.Sever(nil)
				return nil
			}
		}),
		closing("BusCloseSilencesNoSession", "ends its sessions so that they cannot be closed", func(_ *testing.T, b *bus, closed *atomic.Bool) {
			b.session = func(s *session) {
				s.close = func(ctx context.Context) error {
					if closed.Load() {
						return errors.New("use of closed network connection")
					}
					return s.Session.Close(ctx)
				}
			}
		}),
		closing("BusCloseEndsPublish", "leaves a pending Publish waiting", func(_ *testing.T, b *bus, closed *atomic.Bool) {
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
		closing("BusCloseEndsPublish", "loses a pending Publish without an error", func(_ *testing.T, b *bus, closed *atomic.Bool) {
			b.publish = func(ctx context.Context, msgs ...transport.Message) error {
				before := closed.Load()
				time.Sleep(time.Millisecond)
				if !before && closed.Load() {
					return nil
				}
				return b.Hub.Publish(ctx, msgs...)
			}
		}),
		closing("BusCloseEndsPublish", "loses the end of a pending batch without an error", func(_ *testing.T, b *bus, closed *atomic.Bool) {
			b.publish = func(ctx context.Context, msgs ...transport.Message) error {
				before := closed.Load()
				time.Sleep(time.Millisecond)
				if !before && closed.Load() {
					msgs = msgs[:len(msgs)-1]
				}
				return b.Hub.Publish(ctx, msgs...)
			}
		}),
		closing("BusCloseEndsPublish", "sends a pending Publish twice", func(_ *testing.T, b *bus, closed *atomic.Bool) {
			b.publish = func(ctx context.Context, msgs ...transport.Message) error {
				before := closed.Load()
				time.Sleep(time.Millisecond)
				if !before && closed.Load() {
					b.Hub.Publish(ctx, msgs...)
				}
				return b.Hub.Publish(ctx, msgs...)
			}
		}),
		closing("BusCloseEndsPublish", "panics in a pending Publish", func(_ *testing.T, b *bus, closed *atomic.Bool) {
			b.publish = func(ctx context.Context, msgs ...transport.Message) error {
				before := closed.Load()
				time.Sleep(time.Millisecond)
				if !before && closed.Load() {
					panic("send on closed channel")
				}
				return b.Hub.Publish(ctx, msgs...)
			}
		}),
		closing("BusCloseEndsPublish", "returns an odd error from Publish after Close", func(_ *testing.T, b *bus, closed *atomic.Bool) {
			b.publish = func(ctx context.Context, msgs ...transport.Message) error {
				if closed.Load() {
					return errors.New("nil connection")
				}
				return b.Hub.Publish(ctx, msgs...)
			}
		}),
	}
}
