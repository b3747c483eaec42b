package memory

import (
	"bytes"
	"context"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// session is one receiver of a hub.
type session struct {
	hub   *Hub
	queue chan transport.Message
	bytes atomic.Int64  // of the payloads in queue
	room  chan struct{} // has an element when something was received
	ended chan struct{} // closed when err is set
	over  bool          // Receive has returned a final error; its caller's alone

	err      error               // why the session ended; guarded by hub.mu
	channels map[string]struct{} // guarded by hub.mu
}

// deliver puts a copy of m into the buffer. It fails only when ctx ends while it waits for room.
func (s *session) deliver(ctx context.Context, m transport.Message) error {
	m.Payload = bytes.Clone(m.Payload)
	if s.offer(m) {
		return nil
	}
	timer := time.NewTimer(s.hub.config.Patience)
	defer timer.Stop()
	for !s.offer(m) {
		select {
		case <-s.room:
		case <-s.ended:
			return nil
		case <-timer.C:
			s.hub.end(s, ErrSlow)
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// offer puts m into the buffer if there is room for it. One publisher at a time calls it.
func (s *session) offer(m transport.Message) bool {
	size := int64(len(m.Payload))
	if used := s.bytes.Load(); used > 0 && used+size > int64(s.hub.config.BufferBytes) {
		return false
	}
	s.bytes.Add(size)
	select {
	case s.queue <- m:
		return true
	default:
		s.bytes.Add(-size)
		return false
	}
}

// received makes room where m was.
func (s *session) received(m transport.Message) transport.Message {
	s.bytes.Add(-int64(len(m.Payload)))
	select {
	case s.room <- struct{}{}:
	default:
	}
	return m
}

var _ transport.MultiListener = (*session)(nil)

// Listen makes the session hear what is published on channel from now on.
func (s *session) Listen(ctx context.Context, channel string) error { return s.ListenAll(ctx, channel) }

// ListenAll implements transport.MultiListener.
func (s *session) ListenAll(ctx context.Context, channels ...string) error {
	if err := s.hub.stalled(ctx, s.ended); err != nil {
		return err
	}
	for _, channel := range channels {
		if err := s.hub.checkChannel(channel); err != nil {
			return err
		}
	}
	return s.hub.listen(s, channels)
}

// Unlisten makes the session hear nothing more of channel. What is in its buffer stays there.
func (s *session) Unlisten(ctx context.Context, channel string) error {
	if err := s.hub.stalled(ctx, s.ended); err != nil {
		return err
	}
	return s.hub.unlisten(s, channel)
}

// Receive waits for the next message. What arrived before the session ended is received before the final error.
func (s *session) Receive(ctx context.Context) (transport.Message, error) {
	if err := ctx.Err(); err != nil {
		return transport.Message{}, err
	}
	if s.over {
		return transport.Message{}, s.hub.reason(s)
	}
	select {
	case m := <-s.queue:
		return s.received(m), nil
	default:
	}
	select {
	case m := <-s.queue:
		return s.received(m), nil
	case <-ctx.Done():
		return transport.Message{}, ctx.Err()
	case <-s.ended:
	}
	select {
	case m := <-s.queue:
		return s.received(m), nil
	default:
		s.over = true
		return transport.Message{}, s.hub.reason(s)
	}
}

// Close ends the session and drops what it has not received.
func (s *session) Close(context.Context) error {
	s.over = true
	s.hub.end(s, transport.ErrClosed)
	return nil
}

func (h *Hub) listen(s *session, channels []string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	for _, channel := range channels {
		if _, ok := s.channels[channel]; ok {
			continue
		}
		s.channels[channel] = struct{}{}
		old := h.listeners[channel]
		h.listeners[channel] = append(old[:len(old):len(old)], s)
	}
	return nil
}

func (h *Hub) unlisten(s *session, channel string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	if _, ok := s.channels[channel]; ok {
		h.forget(s, channel)
	}
	return nil
}

// forget takes s out of channel's listeners. The caller holds h.mu.
func (h *Hub) forget(s *session, channel string) {
	delete(s.channels, channel)
	var rest []*session
	for _, other := range h.listeners[channel] {
		if other != s {
			rest = append(rest, other)
		}
	}
	if len(rest) == 0 {
		delete(h.listeners, channel)
		return
	}
	h.listeners[channel] = rest
}

// end ends s with err, unless it has ended before: then only Close changes its error.
func (h *Hub) end(s *session, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.endLocked(s, err)
}

func (h *Hub) endLocked(s *session, err error) {
	if s.err != nil {
		if err == transport.ErrClosed {
			s.err = err
		}
		return
	}
	s.err = err
	for channel := range s.channels {
		h.forget(s, channel)
	}
	delete(h.sessions, s)
	close(s.ended)
}

func (h *Hub) reason(s *session) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return s.err
}
