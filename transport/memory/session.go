package memory

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/backplane-go/backplane/transport"
)

// session is one receiver of a hub.
type session struct {
	hub      *Hub
	queue    chan transport.Message
	bytes    atomic.Int64  // of the payloads in queue
	room     chan struct{} // holds one element after a message was received
	ended    chan struct{} // closed when err is set
	finished atomic.Bool   // Receive returned a final error, or Close was called: no more messages

	// The state of remainingPatience: how long publishers have waited since the session had received
	// messagesAtReset messages with bytesAtReset bytes. sent and sentBytes count what was put into the buffer.
	// Guarded by hub.slot.
	waited                        time.Duration
	sent, sentBytes               int64
	messagesAtReset, bytesAtReset int64

	err      error               // why the session ended; guarded by hub.mu
	channels map[string]struct{} // guarded by hub.mu
}

// deliver puts a copy of m into the buffer. It fails only if ctx ends while it waits for room.
func (s *session) deliver(ctx context.Context, m transport.Message) error {
	m.Payload = bytes.Clone(m.Payload)
	if s.tryPut(m) {
		return nil
	}
	timer := time.NewTimer(s.remainingPatience())
	defer timer.Stop()
	defer func(start time.Time) { s.waited += time.Since(start) }(time.Now())
	for !s.tryPut(m) {
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

// remainingPatience returns how long Publish may still wait for s. The time starts anew only when s has
// received half of what its buffer holds: otherwise a session that is read occasionally, but slowly, would
// delay all others forever.
func (s *session) remainingPatience() time.Duration {
	config := s.hub.config
	messages, bytes := s.sent-int64(len(s.queue)), s.sentBytes-s.bytes.Load()
	if 2*(messages-s.messagesAtReset) >= int64(config.Buffer) || 2*(bytes-s.bytesAtReset) >= int64(config.BufferBytes) {
		s.waited, s.messagesAtReset, s.bytesAtReset = 0, messages, bytes
	}
	return config.Patience - s.waited
}

// tryPut puts m into the buffer if there is room. Only one publisher at a time calls it.
func (s *session) tryPut(m transport.Message) bool {
	size := int64(len(m.Payload))
	if used := s.bytes.Load(); used > 0 && used+size > int64(s.hub.config.BufferBytes) {
		return false
	}
	s.bytes.Add(size)
	select {
	case s.queue <- m:
		s.sent++
		s.sentBytes += size
		return true
	default:
		s.bytes.Add(-size)
		return false
	}
}

// release frees the room that m took up in the buffer.
func (s *session) release(m transport.Message) transport.Message {
	s.bytes.Add(-int64(len(m.Payload)))
	select {
	case s.room <- struct{}{}:
	default:
	}
	return m
}

var _ transport.MultiListener = (*session)(nil)

// errInterrupted is the final error of a session after the context of Listen or Unlisten has ended. It differs
// from the error of that call, so that it is not mistaken for the end of the context of a Receive.
var errInterrupted = errors.New("memory: the session has ended because Listen or Unlisten was interrupted")

// Listen subscribes the session to channel.
func (s *session) Listen(ctx context.Context, channel string) error { return s.ListenAll(ctx, channel) }

// ListenAll implements transport.MultiListener.
func (s *session) ListenAll(ctx context.Context, channels ...string) error {
	return s.hub.listen(ctx, s, channels)
}

// Unlisten unsubscribes the session from channel. Messages in its buffer stay there.
func (s *session) Unlisten(ctx context.Context, channel string) error {
	return s.hub.unlisten(ctx, s, channel)
}

// Receive waits for the next message. Messages that arrived before the session ended are received before the
// final error.
func (s *session) Receive(ctx context.Context) (transport.Message, error) {
	if err := ctx.Err(); err != nil {
		return transport.Message{}, err
	}
	if s.finished.Load() {
		return transport.Message{}, s.hub.endError(s)
	}
	select {
	case m := <-s.queue:
		return s.release(m), nil
	default:
	}
	select {
	case m := <-s.queue:
		return s.release(m), nil
	case <-ctx.Done():
		return transport.Message{}, ctx.Err()
	case <-s.ended:
	}
	if s.finished.Load() {
		return transport.Message{}, s.hub.endError(s)
	}
	select {
	case m := <-s.queue:
		return s.release(m), nil
	default:
		s.finished.Store(true)
		return transport.Message{}, s.hub.endError(s)
	}
}

// Close ends the session and drops the messages in its buffer.
func (s *session) Close(context.Context) error {
	s.hub.end(s, transport.ErrClosed)
	s.finished.Store(true) // after the error is set, which Receive returns then
	return nil
}

func (h *Hub) listen(ctx context.Context, s *session, channels []string) error {
	_ = h.waitForHeal(ctx, s.ended) // usableLocked checks ctx
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.usableLocked(ctx, s, channels...); err != nil {
		return err
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

func (h *Hub) unlisten(ctx context.Context, s *session, channel string) error {
	_ = h.waitForHeal(ctx, s.ended)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.usableLocked(ctx, s); err != nil {
		return err
	}
	if _, ok := s.channels[channel]; ok {
		h.removeListener(s, channel)
	}
	return nil
}

// usableLocked returns an error if Listen or Unlisten cannot be carried out, and then ends the session.
func (h *Hub) usableLocked(ctx context.Context, s *session, channels ...string) error {
	if s.err != nil {
		return s.err
	}
	if err := ctx.Err(); err != nil {
		h.endLocked(s, errInterrupted)
		return err
	}
	for _, channel := range channels {
		if err := h.checkChannel(channel); err != nil {
			h.endLocked(s, err)
			return err
		}
	}
	return nil
}

// removeListener removes s from the listeners of channel. The caller holds h.mu.
func (h *Hub) removeListener(s *session, channel string) {
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

// end ends s with err. If s has ended already, only Close changes its error.
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
		h.removeListener(s, channel)
	}
	delete(h.sessions, s)
	close(s.ended)
}

func (h *Hub) endError(s *session) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return s.err
}
