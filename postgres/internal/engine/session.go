package engine

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

// maxHeld is how many bytes of notifications a session holds that arrived while it was not asked for any.
const maxHeld = 64 << 20

// errInterrupted is the final error of a session after the context of Listen or Unlisten has ended: unlike the error of that call, it
// is not taken for the end of the context of a Receive.
var errInterrupted = errors.New("postgres: Listen or Unlisten was interrupted, which ends the session")

// Session is the transport.Session of both drivers. One goroutine at a time calls it, except for Close; Bus.Close cuts its link
// from another.
type Session struct {
	bus      *Bus
	link     *Link
	listener Listener
	closed   atomic.Bool

	// turn guards what follows, and the listener. It is held while a call waits for the server: Close cuts the link first, which
	// ends that call, and frees the connection after it.
	turn      sync.Mutex
	held      []transport.Message // what arrived and was not received yet, from head on
	head      int
	heldBytes int
	err       error // final
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
	return s.change(ctx, "LISTEN ", channel)
}

// Unlisten implements transport.Session.
func (s *Session) Unlisten(ctx context.Context, channel string) error {
	return s.change(ctx, "UNLISTEN ", channel)
}

func (s *Session) change(ctx context.Context, command, channel string) error {
	return s.final(ctx, func() error {
		name, err := postgres.QuoteChannel(channel)
		if err == nil {
			_, err = s.exec(ctx, command+name)
		}
		return err
	})
}

// final runs f, whose error ends the session: what the server listens to then is not known.
func (s *Session) final(ctx context.Context, f func() error) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	if s.err == nil && ctx.Err() != nil {
		s.fail(errInterrupted)
		return s.orClosed(ctx.Err())
	}
	err := s.usable(ctx)
	if err == nil {
		err = f()
	}
	if err != nil && s.err == nil {
		s.fail(err)
	}
	return s.orClosed(err)
}

// orClosed returns ErrClosed instead of the error that Close has caused.
func (s *Session) orClosed(err error) error {
	if err != nil && s.closed.Load() {
		return transport.ErrClosed
	}
	return err
}

// exec runs a statement. If intact, the server refused it and the session can be used again. The caller holds turn.
func (s *Session) exec(ctx context.Context, statement string) (intact bool, err error) {
	stop := s.link.CutWhen(ctx)
	intact, err = s.listener.Exec(statement)
	err = explain(err)
	if !stop() {
		s.fail(errInterrupted)
		return false, ctx.Err()
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
	s.turn.Lock()
	defer s.turn.Unlock()
	if s.head < len(s.held) {
		return s.next(), nil
	}
	if err := s.usable(ctx); err != nil {
		return transport.Message{}, err
	}
	if err := s.listener.Wait(ctx); err != nil {
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return transport.Message{}, s.orClosed(ctx.Err())
		}
		if s.err == nil {
			s.fail(err)
		}
	}
	if s.head < len(s.held) {
		return s.next(), nil
	}
	return transport.Message{}, s.orClosed(s.err)
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
	case s.closed.Load():
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
	if s.closed.Swap(true) {
		return nil
	}
	s.link.Cut()
	s.turn.Lock()
	defer s.turn.Unlock()
	s.held, s.head = nil, 0
	s.listener.Close()
	s.bus.forget(s)
	return nil
}
