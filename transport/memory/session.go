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
	number   int
	queue    chan transport.Message // nil in a session of OpenLog
	records  chan transport.Record  // the same for a session of OpenLog, with positions; else nil
	bytes    atomic.Int64           // of the payloads in queue or records
	room     chan struct{}          // holds one element after a message was received
	ended    chan struct{}          // closed when err is set
	finished atomic.Bool            // Receive returned a final error, or Close was called: no more messages

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
	if s.tryPut(m, nil) {
		return nil
	}
	return s.wait(ctx, func() bool { return s.tryPut(m, nil) })
}

// waitForRoom waits until there is room for a payload, or the session has ended. It fails only if ctx ends first.
func (s *session) waitForRoom(ctx context.Context, size int) error {
	if s.hasRoom(size) {
		return nil
	}
	return s.wait(ctx, func() bool { return s.hasRoom(size) })
}

// wait calls try until it returns true or the session has ended, whenever a message was received. It ends the session
// when there is no patience left.
func (s *session) wait(ctx context.Context, try func() bool) error {
	timer := time.NewTimer(s.remainingPatience())
	defer timer.Stop()
	defer func(start time.Time) { s.waited += time.Since(start) }(time.Now())
	for !try() {
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
	messages, bytes := s.sent-int64(len(s.queue)+len(s.records)), s.sentBytes-s.bytes.Load()
	if 2*(messages-s.messagesAtReset) >= int64(config.Buffer) || 2*(bytes-s.bytesAtReset) >= int64(config.BufferBytes) {
		s.waited, s.messagesAtReset, s.bytesAtReset = 0, messages, bytes
	}
	return config.Patience - s.waited
}

// hasRoom reports whether there is room for a payload. Only one publisher at a time calls it.
func (s *session) hasRoom(size int) bool {
	used := s.bytes.Load()
	if used > 0 && used+int64(size) > int64(s.hub.config.BufferBytes) {
		return false
	}
	return len(s.queue)+len(s.records) < s.hub.config.Buffer
}

// tryPut puts m into the buffer if there is room. A kept message has a place in the log. Only one publisher at a time
// calls it.
func (s *session) tryPut(m transport.Message, at *place) bool {
	size := int64(len(m.Payload))
	if !s.hasRoom(len(m.Payload)) {
		return false
	}
	s.bytes.Add(size)
	s.sent++
	s.sentBytes += size
	if s.records == nil {
		s.queue <- m // never waits: there is room, and nobody else sends
		return true
	}
	r := transport.Record{Message: m}
	if at != nil {
		r.Keep, r.Epoch, r.Offset, r.Previous = true, at.epoch, at.offset, at.previous
	}
	s.records <- r
	return true
}

// release frees the room that m took up in the buffer.
func (s *session) release(m transport.Message) {
	s.bytes.Add(-int64(len(m.Payload)))
	select {
	case s.room <- struct{}{}:
	default:
	}
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
	return s.UnlistenAll(ctx, channel)
}

// UnlistenAll implements transport.MultiUnlistener.
func (s *session) UnlistenAll(ctx context.Context, channels ...string) error {
	return s.hub.unlisten(ctx, s, channels)
}

// Receive waits for the next message. Messages that arrived before the session ended are received before the
// final error.
func (s *session) Receive(ctx context.Context) (transport.Message, error) {
	m, err := receive(ctx, s, s.queue)
	if err == nil {
		s.release(m)
	}
	return m, err
}

// logSession is a session of OpenLog.
type logSession struct{ *session }

// ReceiveRecord implements transport.LogSession.
func (s *logSession) ReceiveRecord(ctx context.Context) (transport.Record, error) {
	r, err := receive(ctx, s.session, s.records)
	if err == nil {
		s.release(r.Message)
	}
	return r, err
}

// Receive returns the message without its position.
func (s *logSession) Receive(ctx context.Context) (transport.Message, error) {
	r, err := s.ReceiveRecord(ctx)
	return r.Message, err
}

func receive[T any](ctx context.Context, s *session, queue chan T) (none T, err error) {
	if err := ctx.Err(); err != nil {
		return none, err
	}
	if s.finished.Load() {
		return none, s.hub.endError(s)
	}
	select {
	case m := <-queue:
		return m, nil
	default:
	}
	select {
	case m := <-queue:
		return m, nil
	case <-ctx.Done():
		return none, ctx.Err()
	case <-s.ended:
	}
	if s.finished.Load() {
		return none, s.hub.endError(s)
	}
	select {
	case m := <-queue:
		return m, nil
	default:
		s.finished.Store(true)
		return none, s.hub.endError(s)
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
		if prefix, ok := transport.CutPrefixName(channel); ok {
			h.prefixes[channel] = prefix
		}
	}
	return nil
}

func (h *Hub) unlisten(ctx context.Context, s *session, channels []string) error {
	_ = h.waitForHeal(ctx, s.ended)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.usableLocked(ctx, s); err != nil {
		return err
	}
	for _, channel := range channels {
		if _, ok := s.channels[channel]; ok {
			h.removeListener(s, channel)
		}
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
		name, _ := transport.CutPrefixName(channel)
		if err := h.checkChannel(name); err != nil {
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
		delete(h.prefixes, channel)
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
