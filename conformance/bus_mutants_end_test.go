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

var concurrencyMutants = []mutant[conformance.Harness]{
	breaks("ConcurrentPublishIsSafe", "loses what is published while it is busy", func(t *testing.T, b *bus) {
		var busy atomic.Int32
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			defer busy.Add(-1)
			if busy.Add(1) > 1 {
				return nil
			}
			time.Sleep(100 * time.Microsecond)
			return b.Hub.Publish(ctx, msgs...)
		}
	}),
	breaks("ConcurrentPublishIsSafe", "fails while it is busy", func(t *testing.T, b *bus) {
		var busy atomic.Int32
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			defer busy.Add(-1)
			if busy.Add(1) > 1 {
				b.Hub.Publish(ctx, msgs...)
				return errors.New("conn busy")
			}
			time.Sleep(100 * time.Microsecond)
			return b.Hub.Publish(ctx, msgs...)
		}
	}),
	breaks("ConcurrentPublishIsSafe", "uses two connections in turn and waits for neither", func(t *testing.T, b *bus) {
		var turn atomic.Int32
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			if turn.Add(1)%2 == 0 {
				return b.Hub.Publish(ctx, msgs...)
			}
			go func() {
				time.Sleep(time.Millisecond)
				b.Hub.Publish(ctx, msgs...)
			}()
			return nil
		}
	}),
	breaks("ConcurrentSessions", "has one session: the last that was opened", func(t *testing.T, b *bus) {
		b.open = func(ctx context.Context) (transport.Session, error) {
			b.Hub.Sever(nil)
			return b.Hub.Open(ctx)
		}
	}),
}

var severMutants = []mutant[conformance.Harness]{
	severed("SeveredReceiveFails", "takes it for a cancellation", func(*testing.T, context.Context) error { return context.Canceled }),
	severed("SeveredReceiveFails", "does not notice", func(t *testing.T, ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}),
	breaksSession("SeveredReceiveFails", "fails once and then waits", func(t *testing.T, s *session) {
		failed := false
		s.receive = func(ctx context.Context) (transport.Message, error) {
			if failed {
				<-ctx.Done()
				return transport.Message{}, ctx.Err()
			}
			m, err := s.Session.Receive(ctx)
			failed = err != nil && ctx.Err() == nil
			return m, err
		}
	}),
	breaks("SeveredReceiveFails", "reconnects behind the cluster's back", func(t *testing.T, b *bus) {
		b.session = func(s *session) {
			var all []string
			failed := false
			s.listen = func(ctx context.Context, channel string) error {
				all = append(all, channel)
				return s.Session.Listen(ctx, channel)
			}
			s.receive = func(ctx context.Context) (transport.Message, error) {
				m, err := s.Session.Receive(ctx)
				if err != nil && ctx.Err() == nil && !failed {
					failed = true
					s.Session, _ = b.Hub.Open(ctx)
					for _, channel := range all {
						s.Session.Listen(ctx, channel)
					}
				}
				return m, err
			}
			t.Cleanup(func() { s.Session.Close(context.Background()) })
		}
	}),
	breaksSession("SeveredListenFails", "promises to listen without a connection", func(_ *testing.T, s *session) {
		s.listen = func(ctx context.Context, channel string) error {
			s.Session.Listen(ctx, channel)
			return nil
		}
	}),
	breaksSession("CloseAfterSever", "cannot be closed after an error", func(_ *testing.T, s *session) {
		s.close = func(ctx context.Context) error {
			err := s.Session.Listen(ctx, "x") // is it still alive?
			s.Session.Close(ctx)
			return err
		}
	}),
	breaksSession("CloseAfterSever", "stays at its first error", func(_ *testing.T, s *session) {
		var first error
		s.receive = func(ctx context.Context) (transport.Message, error) {
			if first != nil {
				return transport.Message{}, first
			}
			m, err := s.Session.Receive(ctx)
			if err != nil && ctx.Err() == nil {
				first = err
			}
			return m, err
		}
	}),
	breaks("OpenAfterSever", "fails once after an outage", func(_ *testing.T, b *bus) {
		var seen int32
		b.open = func(ctx context.Context) (transport.Session, error) {
			if now := b.outages.Load(); now != seen {
				seen = now
				return nil, errors.New("bad connection")
			}
			return b.Hub.Open(ctx)
		}
	}),
}

// severed returns a mutant whose Receive reports a broken connection in its own way.
func severed(check, bug string, report func(t *testing.T, ctx context.Context) error) mutant[conformance.Harness] {
	return breaksSession(check, bug, func(t *testing.T, s *session) {
		s.receive = func(ctx context.Context) (transport.Message, error) {
			m, err := s.Session.Receive(ctx)
			if err != nil && ctx.Err() == nil && !errors.Is(err, transport.ErrClosed) {
				err = report(t, ctx)
			}
			return m, err
		}
	})
}
