package logbus

import (
	"bytes"
	"context"
	"sync"

	"github.com/backplane-go/backplane/transport"
)

// session reads the entries of a bus.
type session struct {
	bus      *Bus
	channels map[string]bool
	next     int                // the number of the entry to look at next
	pending  []transport.Record // looked at, and to be received
	err      error              // final
	closing  sync.Once
	closed   chan struct{}
}

// Open starts a session.
func (b *Bus) Open(ctx context.Context) (transport.Session, error) { return b.OpenLog(ctx) }

// OpenLog starts a session.
func (b *Bus) OpenLog(ctx context.Context) (transport.LogSession, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return &session{
		bus: b, channels: make(map[string]bool), next: b.removed + len(b.entries), closed: make(chan struct{}),
	}, nil
}

// look collects the entries that are new to the session. It returns a channel that is closed when there are more.
func (s *session) look() (grown <-chan struct{}) {
	b := s.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.next < b.removed {
		s.err = ErrSlow
		return nil
	}
	for _, r := range b.entries[s.next-b.removed:] {
		if s.channels[r.Channel] {
			s.pending = append(s.pending, r)
		}
	}
	s.next = b.removed + len(b.entries)
	return b.grown
}

func (s *session) Listen(ctx context.Context, channel string) error { return s.set(ctx, channel, true) }

func (s *session) Unlisten(ctx context.Context, channel string) error {
	return s.set(ctx, channel, false)
}

// set changes what the session listens to, from the next entry on.
func (s *session) set(ctx context.Context, channel string, listen bool) error {
	if s.isClosed() {
		return transport.ErrClosed
	}
	if s.err == nil {
		s.look()
	}
	if s.err == nil {
		s.err = ctx.Err()
	}
	s.channels[channel] = listen
	return s.err
}

func (s *session) ReceiveRecord(ctx context.Context) (transport.Record, error) {
	for {
		if s.isClosed() {
			return transport.Record{}, transport.ErrClosed
		}
		if err := ctx.Err(); err != nil {
			return transport.Record{}, err
		}
		if len(s.pending) > 0 {
			r := s.pending[0]
			s.pending = s.pending[1:]
			r.Payload = bytes.Clone(r.Payload)
			return r, nil
		}
		if s.err != nil {
			return transport.Record{}, s.err
		}
		grown := s.look()
		if len(s.pending) > 0 || s.err != nil {
			continue
		}
		select {
		case <-grown:
		case <-s.closed:
		case <-ctx.Done():
		}
	}
}

func (s *session) Receive(ctx context.Context) (transport.Message, error) {
	r, err := s.ReceiveRecord(ctx)
	return r.Message, err
}

func (s *session) Close(context.Context) error {
	s.closing.Do(func() { close(s.closed) })
	return nil
}

func (s *session) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}
