package socketio

import (
	"context"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio/internal/parser"
)

// member is a Socket as the registry sees it.
type member Socket

var (
	_ backplane.AckSocket       = (*member)(nil)
	_ backplane.DescribedSocket = (*member)(nil)
)

// ID implements backplane.Socket.
func (m *member) ID() string { return m.id }

// Disconnect implements backplane.Socket.
func (m *member) Disconnect(close bool) { (*Socket)(m).Disconnect(close) }

// Describe implements backplane.DescribedSocket.
func (m *member) Describe() (backplane.Handshake, backplane.Value) {
	s := (*Socket)(m)
	var v backplane.Value
	if data := s.Data(); data != nil {
		var err error
		s.env.isolate(s.name, s.id, "data", func() { v, err = backplane.NewValue(data) })
		if err != nil {
			s.report("data", err)
		}
	}
	return s.Handshake(), v
}

// Send implements backplane.Socket.
func (m *member) Send(p *backplane.Packet) {
	if m.roster.log != nil {
		// the client is disconnected, or the event cannot be encoded
		_ = (*Socket)(m).emitStamped(p.Args, sendOptions(p.Flags))
		return
	}
	if frame, err := eventFrame(m.roster.name, parser.NoID, p.Args, ""); err == nil {
		(*Socket)(m).deliverCounted(frame, sendOptions(p.Flags))
	}
}

// SendAck implements backplane.AckSocket.
func (m *member) SendAck(ctx context.Context, p *backplane.Packet, answer func(backplane.Value)) {
	s, id := (*Socket)(m), m.roster.nextAckID()
	frame, err := eventFrame(m.roster.name, id, p.Args, "")
	if err != nil {
		return
	}
	if s.awaitAck(id, func(v backplane.Value, err error) {
		if err == nil {
			answer(v)
		}
	}) == ErrDisconnected {
		return
	}
	s.deliverCounted(frame, sendOptions(p.Flags))
	context.AfterFunc(ctx, func() { s.removeAck(id) })
}
