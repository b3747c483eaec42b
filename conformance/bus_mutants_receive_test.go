package conformance_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

var receiveMutants = []mutant[conformance.Harness]{
	breaksReceive("ReceiveEndsWithItsContext", "calls it a timeout", func(ctx context.Context, s *session) (transport.Message, error) {
		m, err := s.Session.Receive(ctx)
		if err != nil && ctx.Err() != nil {
			err = errors.New("i/o timeout")
		}
		return m, err
	}),
	breaksReceive("ReceiveEndsWithItsContext", "says cancelled when the deadline has passed", func(ctx context.Context, s *session) (transport.Message, error) {
		m, err := s.Session.Receive(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			err = context.Canceled
		}
		return m, err
	}),
	breaksReceive("ReceiveEndsWithItsContext", "returns an empty message at the deadline", func(ctx context.Context, s *session) (transport.Message, error) {
		m, err := s.Session.Receive(ctx)
		if ctx.Err() != nil {
			err = nil
		}
		return m, err
	}),
	breaksReceive("ReceiveEndsWithItsContext", "loses its connection when interrupted", func(ctx context.Context, s *session) (transport.Message, error) {
		m, err := s.Session.Receive(ctx)
		if ctx.Err() != nil {
			s.Session.Close(ctx)
		}
		return m, err
	}),
	breaksSession("ReceiveEndsWithItsContext", "does not watch its context", func(t *testing.T, s *session) {
		s.receive = func(context.Context) (transport.Message, error) { return s.Session.Receive(t.Context()) }
	}),
	breaksSession("CancelledReceiveLosesNothing", "leaves a reader behind that takes the next message", func(_ *testing.T, s *session) {
		interrupted := false
		s.receive = func(ctx context.Context) (transport.Message, error) {
			if interrupted {
				interrupted = false
				s.Session.Receive(ctx)
			}
			m, err := s.Session.Receive(ctx)
			interrupted = ctx.Err() != nil
			return m, err
		}
	}),
	breaksReceive("CancelledReceiveLosesNothing", "drops what arrives as the context ends", func(ctx context.Context, s *session) (transport.Message, error) {
		m, err := s.Session.Receive(ctx)
		if err == nil {
			time.Sleep(200 * time.Microsecond) // is in the middle of reading
			err = ctx.Err()
		}
		return m, err
	}),
}

// breaksSession returns a mutant each of whose sessions is changed.
func breaksSession(check, bug string, change func(t *testing.T, s *session)) mutant[conformance.Harness] {
	return breaks(check, bug, func(t *testing.T, b *bus) {
		b.session = func(s *session) { change(t, s) }
	})
}

// breaksReceive returns a mutant with another Receive.
func breaksReceive(check, bug string, receive func(ctx context.Context, s *session) (transport.Message, error)) mutant[conformance.Harness] {
	return breaksSession(check, bug, func(_ *testing.T, s *session) {
		s.receive = func(ctx context.Context) (transport.Message, error) { return receive(ctx, s) }
	})
}

// drop receives and forgets what waits.
func (s *session) drop(ctx context.Context) {
	for {
		if _, err := s.soon(ctx); err != nil {
			return
		}
	}
}

// soon receives what is there already, whatever the machine does meanwhile.
func (s *session) soon(ctx context.Context) (transport.Message, error) {
	return s.Session.Receive(&glance{Context: ctx})
}

// glance is a context that ends when somebody wants to wait for its end.
type glance struct {
	context.Context
	waited bool
}

func (g *glance) Done() <-chan struct{} {
	g.waited = true
	done := make(chan struct{})
	close(done)
	return done
}

func (g *glance) Err() error {
	if g.waited {
		return context.DeadlineExceeded
	}
	return g.Context.Err()
}
