package conformance_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

var closeMutants = slices.Concat(pendingCallMutants(), busCloseMutants(), []mutant[conformance.Harness]{
	breaksSession("CloseIsFinal", "returns io.EOF after Close", func(_ *testing.T, s *session) {
		s.receive = func(ctx context.Context) (transport.Message, error) {
			m, err := s.Session.Receive(ctx)
			if errors.Is(err, transport.ErrClosed) {
				err = io.EOF
			}
			return m, err
		}
	}),
	breaksSession("CloseIsFinal", "delivers waiting messages after Close", func(_ *testing.T, s *session) {
		var waiting []transport.Message
		s.close = func(ctx context.Context) error {
			if m, err := s.receiveWaiting(ctx); err == nil {
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
	breaksSession("CloseIsFinal", "lets a closed session listen", func(_ *testing.T, s *session) {
		s.listen = func(ctx context.Context, channel string) error {
			s.Session.Listen(ctx, channel)
			return nil
		}
	}),
	breaksSession("CloseIsFinal", "lets a closed session unlisten", func(_ *testing.T, s *session) {
		s.unlisten = func(ctx context.Context, channel string) error {
			s.Session.Unlisten(ctx, channel)
			return nil
		}
	}),
	breaksSession("CloseIsFinal", "cannot be closed after an error", func(_ *testing.T, s *session) {
		s.close = func(ctx context.Context) error {
			err := s.Session.Listen(ctx, "x") // tests whether the session is still alive
			s.Session.Close(ctx)
			return err
		}
	}),
	breaksSession("CloseIsFinal", "keeps returning its first error", func(_ *testing.T, s *session) {
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
	breaksSession("CloseIsFinal", "fails when it is closed again", func(_ *testing.T, s *session) {
		s.close = closeOnce(s.Session.Close)
	}),
	breaksSession("CloseDropsQueuedMessages", "closes only when all messages have been received",
		func(_ *testing.T, s *session) {
			s.close = func(ctx context.Context) error {
				for {
					m, err := s.receiveWaiting(ctx)
					if err != nil {
						return s.Session.Close(ctx)
					}
					if len(m.Payload) > 0 {
						<-ctx.Done() // nobody receives it
						return ctx.Err()
					}
				}
			}
		}),
	breaksSession("CloseDropsQueuedMessages", "closes only after 200 ms without messages",
		func(_ *testing.T, s *session) {
			s.close = func(ctx context.Context) error {
				for {
					soon, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
					_, err := s.Session.Receive(soon)
					cancel()
					if err != nil {
						return s.Session.Close(ctx)
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
	breaks("BusCloseIsIdempotent", "fails when it is closed again", func(_ *testing.T, b *bus) {
		b.closer = true
		b.close = closeOnce(func(context.Context) error { return nil })
	}),
	breaks("BusCloseIsIdempotent", "returns an odd error from Publish after Close", func(_ *testing.T, b *bus) {
		b.closesWith(errors.New("nil connection"))
	}),
	breaks("BusCloseIsIdempotent", "loses what is published after Close", func(_ *testing.T, b *bus) {
		b.closesWith(nil)
	}),
	breaksSession("CloseIsFinal", "lets a closed session listen to many", func(_ *testing.T, s *session) {
		s.listenAll = func(ctx context.Context, channels []string) error {
			s.Session.(transport.MultiListener).ListenAll(ctx, channels...)
			return nil
		}
	}),
	breaksSession("CloseIsFinal", "does not close if its context has ended", func(_ *testing.T, s *session) {
		s.close = func(ctx context.Context) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return s.Session.Close(ctx)
		}
	}),
	breaksSession("CloseIsFinal", "returns a network error if the context has ended", func(_ *testing.T, s *session) {
		s.close = func(ctx context.Context) error {
			s.Session.Close(ctx)
			if ctx.Err() != nil {
				return errors.New("broken pipe")
			}
			return nil
		}
	}),
	breaksSession("CloseIsFinal", "waits if the session is already closed", func(_ *testing.T, s *session) {
		var closed atomic.Bool
		s.close = func(ctx context.Context) error {
			if closed.Swap(true) {
				<-ctx.Done()
				return ctx.Err()
			}
			return s.Session.Close(ctx)
		}
	}),
	breaksSession("CloseIsFinal", "panics if two goroutines close it at the same time", func(t *testing.T, s *session) {
		var closing, closed atomic.Int32
		s.close = func(ctx context.Context) error {
			if closed.Load() > 0 {
				return nil
			}
			if closing.Add(1) > 1 {
				panic("close of closed channel")
			}
			time.Sleep(time.Millisecond)
			closed.Add(1)
			return s.Session.Close(ctx)
		}
	}),
	breaksSession("CloseIsFinal", "does not close after an interrupted Receive", func(_ *testing.T, s *session) {
		interrupted := false
		s.receive = func(ctx context.Context) (transport.Message, error) {
			m, err := s.Session.Receive(ctx)
			interrupted = interrupted || ctx.Err() != nil
			return m, err
		}
		s.close = func(ctx context.Context) error {
			if interrupted {
				return nil
			}
			return s.Session.Close(ctx)
		}
	}),
	breaks("CloseEndsOnlyItsSession", "loses a message of the other sessions", func(_ *testing.T, b *bus) {
		var closed atomic.Int32
		b.session = func(s *session) {
			seen := int32(0)
			s.close = func(ctx context.Context) error {
				closed.Add(1)
				return s.Session.Close(ctx)
			}
			s.receive = func(ctx context.Context) (transport.Message, error) {
				if n := closed.Load(); n != seen {
					seen = n
					s.receiveWaiting(ctx)
				}
				return s.Session.Receive(ctx)
			}
		}
	}),
	breaks("CloseEndsOnlyItsSession", "ends its channels in all sessions", func(_ *testing.T, b *bus) {
		var mu sync.Mutex
		var all []*session
		b.session = func(s *session) {
			var channels []string
			mu.Lock()
			all = append(all, s)
			mu.Unlock()
			s.listen = func(ctx context.Context, channel string) error {
				channels = append(channels, channel)
				return s.Session.Listen(ctx, channel)
			}
			s.close = func(ctx context.Context) error {
				mu.Lock()
				defer mu.Unlock()
				for _, other := range all {
					for _, channel := range channels {
						other.Session.Unlisten(ctx, channel)
					}
				}
				return s.Session.Close(ctx)
			}
		}
	}),
})

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

// closesWith makes a mutant that is a transport.Closer and whose Publish returns err after Close.
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
