package conformance_test

import (
	"context"
	"errors"
	"io"
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

var closeMutants = []mutant[conformance.Harness]{
	breaksSession("ReceiveAfterCloseIsFinal", "is at its end", func(_ *testing.T, s *session) {
		s.receive = func(ctx context.Context) (transport.Message, error) {
			m, err := s.Session.Receive(ctx)
			if errors.Is(err, transport.ErrClosed) {
				err = io.EOF
			}
			return m, err
		}
	}),
	breaksSession("ReceiveAfterCloseIsFinal", "delivers what waits after Close", func(_ *testing.T, s *session) {
		var waiting []transport.Message
		s.close = func(ctx context.Context) error {
			if m, err := s.soon(ctx); err == nil {
				waiting = append(waiting, m)
			}
			return s.Session.Close(ctx)
		}
		s.receive = func(ctx context.Context) (transport.Message, error) {
			if len(waiting) > 0 {
				m := waiting[0]
				waiting = waiting[1:]
				return m, nil
			}
			return s.Session.Receive(ctx)
		}
	}),
	breaksSession("ReceiveAfterCloseIsFinal", "lets a closed session listen", func(_ *testing.T, s *session) {
		s.listen = func(ctx context.Context, channel string) error {
			s.Session.Listen(ctx, channel)
			return nil
		}
	}),
	breaksSession("ReceiveAfterCloseIsFinal", "lets a closed session unlisten", func(_ *testing.T, s *session) {
		s.unlisten = func(ctx context.Context, channel string) error {
			s.Session.Unlisten(ctx, channel)
			return nil
		}
	}),
	breaksSession("CloseIsIdempotent", "fails to close again", func(_ *testing.T, s *session) {
		s.close = closeOnce(s.Session.Close)
	}),
	breaksSession("CloseDropsWhatWaits", "closes once all was received", func(_ *testing.T, s *session) {
		s.close = func(ctx context.Context) error {
			for {
				m, err := s.soon(ctx)
				if err != nil {
					return s.Session.Close(ctx)
				}
				if len(m.Payload) > 0 {
					<-ctx.Done() // nobody takes it
					return ctx.Err()
				}
			}
		}
	}),
	breaks("CloseEndsOnlyItsSession", "closes all sessions", func(_ *testing.T, b *bus) {
		b.session = func(s *session) {
			s.close = func(ctx context.Context) error {
				b.Hub.Sever(transport.ErrClosed)
				return s.Session.Close(ctx)
			}
		}
	}),
	breaks("CloseEndsOnlyItsSession", "closes the bus with a session", func(_ *testing.T, b *bus) {
		b.session = func(s *session) {
			s.close = func(ctx context.Context) error {
				b.Hub.Fail(transport.ErrClosed)
				return s.Session.Close(ctx)
			}
		}
	}),
	breaks("BusCloseIsIdempotent", "fails to close again", func(_ *testing.T, b *bus) {
		b.closer = true
		b.close = closeOnce(func(context.Context) error { return nil })
	}),
	breaks("BusCloseIsIdempotent", "fails oddly after Close", func(_ *testing.T, b *bus) {
		b.closesWith(errors.New("nil connection"))
	}),
	breaks("BusCloseIsIdempotent", "publishes into the void after Close", func(_ *testing.T, b *bus) {
		b.closesWith(nil)
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
	breaks("PublishAfterSever", "never publishes again after an outage", func(_ *testing.T, b *bus) {
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			if b.outages.Load() > 0 {
				return errors.New("bad connection")
			}
			return b.Hub.Publish(ctx, msgs...)
		}
	}),
	breaks("PublishAfterSever", "meets every second message with a dead connection of its pool", func(_ *testing.T, b *bus) {
		n := 0
		b.publish = func(ctx context.Context, msgs ...transport.Message) error {
			if n++; b.outages.Load() > 0 && n%2 == 0 {
				return errors.New("bad connection")
			}
			return b.Hub.Publish(ctx, msgs...)
		}
	}),
}

var leftoverMutants = []mutant[conformance.Harness]{
	breaksSession("NothingIsLeft", "leaves a goroutine behind", func(t *testing.T, s *session) {
		go func() { <-t.Context().Done() }()
	}),
	{"NothingIsLeftOutside", "leaves a connection behind", func(t *testing.T) conformance.Harness {
		h := newMutation(transport.Limits{}).harness(func(*bus) {})
		h.Leftovers = func(testing.TB) []string { return []string{"a connection: LISTEN \"a\""} }
		return h
	}},
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

func closeOnce(close func(context.Context) error) func(context.Context) error {
	closed := false
	return func(ctx context.Context) error {
		if closed {
			return errors.New("use of closed connection")
		}
		closed = true
		return close(ctx)
	}
}

// closesWith makes a mutant a transport.Closer whose Publish returns err after Close.
func (b *bus) closesWith(err error) {
	var closed atomic.Bool
	b.closer = true
	b.close = func(context.Context) error {
		closed.Store(true)
		return nil
	}
	b.publish = func(ctx context.Context, msgs ...transport.Message) error {
		if closed.Load() {
			return err
		}
		return b.Hub.Publish(ctx, msgs...)
	}
}
