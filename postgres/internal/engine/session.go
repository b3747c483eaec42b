package engine

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/backplane-go/backplane/postgres"
	"github.com/backplane-go/backplane/transport"
)

// maxQueuedBytes limits the total size of the notifications that arrive while Receive is not waiting.
const maxQueuedBytes = 64 << 20

// errInterrupted is the final error of a session after the context of Listen or Unlisten has ended. It differs
// from the error of that call, so that it is not mistaken for the end of the context of a Receive.
var errInterrupted = errors.New("postgres: the session has ended because Listen or Unlisten was interrupted")

// Session is the transport.Session of both drivers. Only one goroutine at a time calls it, except for Close.
// Bus.Close cuts its handle from another goroutine.
type Session struct {
	bus    *Bus
	handle *Handle
	conn   ListenConn
	closed atomic.Bool

	// callMu guards conn and the fields below. A call holds it while it waits for the server. Close cuts the
	// handle first, which ends that call, and releases the connection after it.
	callMu      sync.Mutex
	queue       []transport.Message // not received yet, from head on
	head        int
	queuedBytes int
	err         error // final

	places *places // of a session of the log, else nil
}

// deliver queues a notification. The connection calls it from within its methods.
func (s *Session) deliver(channel string, payload []byte) {
	if s.places != nil && !s.places.accept(channel, payload) {
		return
	}
	s.queuedBytes += len(channel) + len(payload)
	if s.queuedBytes > maxQueuedBytes {
		if s.err == nil {
			s.err = postgres.ErrOverflow
		}
		s.handle.Cut()
		return
	}
	s.queue = append(s.queue, transport.Message{Channel: channel, Payload: payload})
	if s.places != nil {
		s.places.push()
	}
}

// Listen implements transport.Session.
func (s *Session) Listen(ctx context.Context, channel string) error {
	return s.execOnChannel(ctx, "LISTEN ", channel)
}

// Unlisten implements transport.Session.
func (s *Session) Unlisten(ctx context.Context, channel string) error {
	return s.execOnChannel(ctx, "UNLISTEN ", channel)
}

func (s *Session) execOnChannel(ctx context.Context, command, channel string) error {
	return s.endOnError(ctx, func() error {
		name, err := postgres.QuoteChannel(channel)
		if err == nil {
			_, err = s.exec(ctx, command+name)
		}
		return err
	})
}

// endOnError calls f and ends the session if f fails: it is then unknown which channels the server has.
func (s *Session) endOnError(ctx context.Context, f func() error) error {
	s.callMu.Lock()
	defer s.callMu.Unlock()
	if s.err == nil && ctx.Err() != nil {
		s.end(errInterrupted)
		return s.orClosed(ctx.Err())
	}
	err := s.checkUsable(ctx)
	if err == nil {
		err = f()
	}
	if err != nil && s.err == nil {
		s.end(err)
	}
	return s.orClosed(err)
}

// orClosed replaces an error with ErrClosed if Close was called, because Close has then caused the error.
func (s *Session) orClosed(err error) error {
	if err != nil && s.closed.Load() {
		return transport.ErrClosed
	}
	return err
}

// exec runs a statement. refused reports that the server refused it and that the session is still usable. The
// caller holds callMu.
func (s *Session) exec(ctx context.Context, statement string) (refused bool, err error) {
	stop := s.handle.CutOnDone(ctx)
	refused, err = s.conn.Exec(statement)
	err = explain(err)
	if !stop() {
		s.end(errInterrupted)
		return false, ctx.Err()
	}
	if s.err == nil && err != nil && !refused {
		s.end(err)
	}
	if s.err != nil {
		return false, s.err
	}
	return refused && err != nil, err
}

// Receive implements transport.Session. Messages that arrived before the connection broke are returned before
// the error.
func (s *Session) Receive(ctx context.Context) (transport.Message, error) {
	s.callMu.Lock()
	defer s.callMu.Unlock()
	return s.receive(ctx)
}

// receive is Receive for callers that hold callMu.
func (s *Session) receive(ctx context.Context) (transport.Message, error) {
	if s.head < len(s.queue) {
		return s.next(), nil
	}
	if err := s.checkUsable(ctx); err != nil {
		return transport.Message{}, err
	}
	for s.head == len(s.queue) && s.err == nil { // what arrives may be something else than a message
		if err := s.conn.Wait(ctx); err != nil {
			if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
				return transport.Message{}, s.orClosed(ctx.Err())
			}
			if s.err == nil {
				s.end(err)
			}
		}
	}
	if s.head < len(s.queue) {
		return s.next(), nil
	}
	return transport.Message{}, s.orClosed(s.err)
}

func (s *Session) next() transport.Message {
	m := s.queue[s.head]
	s.queue[s.head] = transport.Message{}
	s.queuedBytes -= len(m.Channel) + len(m.Payload)
	s.head++
	if s.places != nil {
		s.places.pop()
	}
	if s.head == len(s.queue) {
		s.head = 0
		s.queue = s.queue[:0]
		if cap(s.queue) > 4096 {
			s.queue = nil
		}
	}
	return m
}

func (s *Session) checkUsable(ctx context.Context) error {
	switch {
	case s.closed.Load():
		return transport.ErrClosed
	case s.err != nil:
		return s.err
	default:
		return ctx.Err()
	}
}

func (s *Session) end(err error) {
	s.err = err
	s.handle.Cut()
}

// Close implements transport.Session. It cuts the connection, which ends the session on the server. There is no
// answer to wait for, even if the network drops all packets.
func (s *Session) Close(context.Context) error {
	if s.closed.Swap(true) {
		return nil
	}
	s.handle.Cut()
	s.callMu.Lock()
	defer s.callMu.Unlock()
	s.queue, s.head = nil, 0
	if s.places != nil {
		s.bus.log.noteReceived(s.places.received)
	}
	s.conn.Close()
	s.bus.forget(s)
	return nil
}
