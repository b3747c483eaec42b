package socketio

import (
	"sync/atomic"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/parser"
)

// await has f called once with the client's acknowledgement of this id, or with ErrDisconnected when it goes; by the
// goroutine that reads, so f must not block. It returns ErrDisconnected when the client has gone already, and a *QuotaError
// when too many acknowledgements of it are awaited.
func (s *Socket) await(id int64, f func(backplane.Value, error)) error {
	if s.client.server.config.over(QuotaAcks, int(s.client.awaiting.Load())) {
		return s.client.reached(QuotaAcks, s)
	}
	s.mu.Lock()
	if s.lost.Load() {
		s.mu.Unlock()
		return ErrDisconnected
	}
	if s.acks == nil {
		s.acks = make(map[int64]func(backplane.Value, error), 1)
	}
	s.acks[id] = f
	s.mu.Unlock()
	if c := s.client; c.awaiting.Add(1) == 1 {
		c.mu.Lock()
		c.resume(c.paused && !c.full()) // the acknowledgement may be behind events that are not read yet
	}
	return nil
}

// forget waits no more for the acknowledgement of this id.
func (s *Socket) forget(id int64) { s.claim(id) }

// claim takes what waits for the acknowledgement of this id, nil if nothing does.
func (s *Socket) claim(id int64) func(backplane.Value, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.acks[id]
	if f == nil {
		return nil
	}
	delete(s.acks, id)
	if len(s.acks) == 0 {
		s.acks = nil
	}
	s.client.awaiting.Add(-1)
	return f
}

// acknowledged hands an acknowledgement to who waits for it. As in Node.js, one that nobody waits for means nothing.
func (s *Socket) acknowledged(p *parser.Packet) {
	f := s.claim(p.ID)
	if f == nil {
		return
	}
	v, _ := codec.Acked(p.Data) // the decoder has looked at it
	f(v, nil)
}

// acknowledgement answers one event of the client's, once.
type acknowledgement struct {
	s    *Socket
	id   int64
	sent atomic.Bool
}

func (a *acknowledgement) send(values ...any) {
	if !a.sent.CompareAndSwap(false, true) {
		return
	}
	guard.Do(func() {
		if err := a.try(values...); err != nil {
			a.sorry(values, err)
		}
	}, func(err error) { a.sorry(values, err) })
}

// try sends values if they can be encoded.
func (a *acknowledgement) try(values ...any) error {
	frame, err := newFrame(encoder.EncodeAck(a.s.name, a.id, values...))
	if err == nil && a.s.state.Load() != gone {
		a.s.client.send(frame, engineio.SendOptions{})
	}
	return err
}

// sorry reports that values cannot be encoded, and sends what the client can be told of them.
func (a *acknowledgement) sorry(values []any, err error) {
	a.s.report("acknowledgement", err)
	text := told{Error: errPanicked.Error()}
	if t, is := values[0].(told); is && len(values) == 1 {
		text.Error = t.Error
	}
	_ = a.try(text) // a text can be encoded
}
