package conformance_test

import (
	"context"
	"testing"

	"github.com/backplane-go/backplane/conformance"
	"github.com/backplane-go/backplane/transport"
)

// breaksSession returns a mutant whose sessions are changed.
func breaksSession(check, bug string, change func(t *testing.T, s *session)) mutant[conformance.Harness] {
	return breaks(check, bug, func(t *testing.T, b *bus) {
		b.session = func(s *session) { change(t, s) }
	})
}

// breaksReceive returns a mutant with another Receive.
func breaksReceive(check, bug string, receive func(ctx context.Context, s *session) (transport.Message,
	error)) mutant[conformance.Harness] {
	return breaksSession(check, bug, func(_ *testing.T, s *session) {
		s.receive = func(ctx context.Context) (transport.Message, error) { return receive(ctx, s) }
	})
}

// discardWaiting receives and discards the waiting messages.
func (s *session) discardWaiting(ctx context.Context) {
	for {
		if _, err := s.receiveWaiting(ctx); err != nil {
			return
		}
	}
}

// receiveWaiting receives a message that has already arrived, however busy the machine is.
func (s *session) receiveWaiting(ctx context.Context) (transport.Message, error) {
	return s.Session.Receive(&noWaitContext{Context: ctx})
}

// noWaitContext is a context that ends when a caller starts to wait for its end.
type noWaitContext struct {
	context.Context
	waited bool
}

func (g *noWaitContext) Done() <-chan struct{} {
	g.waited = true
	done := make(chan struct{})
	close(done)
	return done
}

func (g *noWaitContext) Err() error {
	if g.waited {
		return context.DeadlineExceeded
	}
	return g.Context.Err()
}

// mapReceived makes Receive return the result of the func for each message.
func (s *session) mapReceived(of func(m transport.Message) []transport.Message) {
	receive := s.receive
	if receive == nil {
		receive = s.Session.Receive
	}
	var ready []transport.Message
	s.receive = func(ctx context.Context) (transport.Message, error) {
		for len(ready) == 0 {
			m, err := receive(ctx)
			if err != nil {
				return m, err
			}
			ready = of(m)
		}
		m := ready[0]
		ready = ready[1:]
		return m, nil
	}
}

// receiveFirst makes Receive return msgs before anything else.
func (s *session) receiveFirst(msgs ...transport.Message) {
	receive := s.receive
	if receive == nil {
		receive = s.Session.Receive
	}
	s.receive = func(ctx context.Context) (transport.Message, error) {
		if len(msgs) == 0 {
			return receive(ctx)
		}
		m := msgs[0]
		msgs = msgs[1:]
		return m, nil
	}
}
