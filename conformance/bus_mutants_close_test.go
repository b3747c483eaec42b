package conformance_test

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

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
