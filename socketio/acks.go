package socketio

import (
	"sync/atomic"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/socketio/internal/acks"
	"github.com/backplane-go/backplane/socketio/internal/client"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/parser"
)

// awaitAck makes f wait for the client's acknowledgement with this id. f gets ErrDisconnected if the client
// disconnects first. awaitAck returns ErrDisconnected if the client has disconnected already, and a *QuotaError if
// the server already awaits too many acknowledgements from the client.
func (s *Socket) awaitAck(id int64, f acks.Func) error {
	if s.env.config.over(QuotaAcks, s.client.Awaited()) {
		return s.quotaReached(QuotaAcks)
	}
	if !s.acks.Add(id, f) {
		return ErrDisconnected
	}
	s.client.Await(1)
	return nil
}

// removeAck stops waiting for the acknowledgement with this id. It returns the function that was waiting for it, or
// nil.
func (s *Socket) removeAck(id int64) acks.Func {
	f := s.acks.Remove(id)
	if f != nil {
		s.client.Await(-1)
	}
	return f
}

// acknowledged passes an acknowledgement from the client to the function that waits for it. As in Node.js, an
// acknowledgement that nothing waits for is ignored.
func (s *Socket) acknowledged(p *parser.Packet) {
	if f := s.removeAck(p.ID); f != nil {
		v, _ := codec.Acked(p.Data) // the decoder has checked it
		f(v, nil)
	}
}

// reply acknowledges one event of the client, once.
type reply struct {
	s    *Socket
	id   int64
	sent atomic.Bool
}

// send acknowledges the event with values. Only the first call has an effect.
func (r *reply) send(values ...any) {
	if !r.sent.CompareAndSwap(false, true) {
		return
	}
	guard.Do(func() {
		if err := r.encodeAndSend(values...); err != nil {
			r.fail(values, err)
		}
	}, func(err error) { r.fail(values, err) })
}

func (r *reply) encodeAndSend(values ...any) error {
	frame, err := newFrame(encoder.EncodeAck(r.s.name, r.id, values...))
	if err == nil && r.s.state.Load() != client.Disconnected {
		r.s.client.Send(frame, engineio.SendOptions{})
		r.s.env.counts.sentAcks.Add(1)
	}
	return err
}

// fail reports that values cannot be encoded, and acknowledges with an error instead.
func (r *reply) fail(values []any, err error) {
	r.s.report("acknowledgement", err)
	text := ackError{Error: errInternal.Error()}
	if e, is := values[0].(ackError); is && len(values) == 1 {
		text.Error = e.Error // without its data
	}
	_ = r.encodeAndSend(text) // a string can be encoded
}
