package engine

import (
	"context"
	"errors"

	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

// maxHeld is how many bytes of notifications a session holds that arrived while it was not asked for any.
const maxHeld = 64 << 20

// Session is the transport.Session of both drivers. One goroutine at a time calls it; Bus.Close cuts its link
// from another.
type Session struct {
	bus      *Bus
	link     *Link
	listener Listener

	held      []transport.Message // what arrived and was not received yet, from head on
	head      int
	heldBytes int
	err       error // final
	closed    bool
}

// deliver is called by the listener, from within its calls.
func (s *Session) deliver(channel string, payload []byte) {
	s.heldBytes += len(channel) + len(payload)
	if s.heldBytes > maxHeld {
		if s.err == nil {
			s.err = postgres.ErrOverflow
		}
		s.link.Cut()
		return
	}
	s.held = append(s.held, transport.Message{Channel: channel, Payload: payload})
}

// Listen implements transport.Session.
func (s *Session) Listen(ctx context.Context, channel string) error {
	name, err := postgres.QuoteChannel(channel)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, "LISTEN "+name)
	return err
}

// Unlisten implements transport.Session.
func (s *Session) Unlisten(ctx context.Context, channel string) error {
	name, err := postgres.QuoteChannel(channel)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, "UNLISTEN "+name)
	return err
}

// exec runs a statement. If intact, the server refused it and the session can be used again.
func (s *Session) exec(ctx context.Context, statement string) (intact bool, err error) {
	if err := s.usable(ctx); err != nil {
		return false, err
	}
	stop := s.link.CutWhen(ctx)
	intact, err = s.listener.Exec(statement)
	err = explain(err)
	if !stop() {
		s.fail(ctx.Err())
		return false, s.err
	}
	if s.err == nil && err != nil && !intact {
		s.fail(err)
	}
	if s.err != nil {
		return false, s.err
	}
	return intact && err != nil, err
}

// Receive implements transport.Session. What arrived before the connection broke is returned before the error.
func (s *Session) Receive(ctx context.Context) (transport.Message, error) {
	if s.head < len(s.held) {
		return s.next(), nil
	}
	if err := s.usable(ctx); err != nil {
		return transport.Message{}, err
	}
	if err := s.listener.Wait(ctx); err != nil {
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return transport.Message{}, ctx.Err()
		}
		if s.err == nil {
			s.fail(err)
		}
	}
	if s.head < len(s.held) {
		return s.next(), nil
	}
	return transport.Message{}, s.err
}

func (s *Session) next() transport.Message {
	m := s.held[s.head]
	s.held[s.head] = transport.Message{}
	s.heldBytes -= len(m.Channel) + len(m.Payload)
	s.head++
	if s.head == len(s.held) {
		s.head = 0
		s.held = s.held[:0]
		if cap(s.held) > 4096 {
			s.held = nil
		}
	}
	return m
}

func (s *Session) usable(ctx context.Context) error {
	switch {
	case s.closed:
		return transport.ErrClosed
	case s.err != nil:
		return s.err
	default:
		return ctx.Err()
	}
}

func (s *Session) fail(err error) {
	s.err = err
	s.link.Cut()
}

// Close implements transport.Session. It cuts the connection, which the server takes as its end: there is
// nothing to wait for, also when the network swallows everything.
func (s *Session) Close(context.Context) error {
	if s.closed {
		return nil
	}
	s.closed = true
	s.held, s.head = nil, 0
	s.link.Cut()
	s.listener.Close()
	s.bus.forget(s)
	return nil
}
