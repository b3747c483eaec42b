package socketio

import (
	"github.com/backplane-go/backplane/socketio/internal/client"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// replay holds the events that a client has missed, encoded, and their offsets.
type replay struct {
	parts   []wsframe.Part
	offsets map[string]bool
}

// startOffsets records the offset at which the session begins or continues. It is called before the socket is in
// the registry.
func (s *Socket) startOffsets() {
	log, own := s.roster.log, s.session
	if log == nil {
		return
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	own.registered = true
	switch {
	case own.restored != nil:
		own.offset = own.restored.Offset
	case own.offset == "": // no event waits in the backlog
		own.offset = log.position()
	}
}

// missed returns the events that the client has missed. It returns false if some of them are no longer stored, or
// if together they are too large to be sent.
func (s *Socket) missed() (replay, bool) {
	if !s.Recovered() {
		return replay{}, true
	}
	log, own := s.roster.log, s.session
	rooms := s.roster.registry.SocketRooms(s.id)
	// While mu is held, no event is kept but not delivered yet: such an event would be delivered twice.
	log.mu.Lock()
	events, ok := log.Sessions.Missed(log.namespace, own.offset, rooms)
	if ok && len(events) > 0 {
		own.replayed = true
		if own.sent == "" { // else a later event waits in the backlog
			own.sent = events[len(events)-1].Offset
		}
	}
	log.mu.Unlock()
	if !ok {
		return replay{}, false
	}
	missed := replay{offsets: make(map[string]bool, len(events))}
	bytes := 0
	for _, e := range events {
		parts, err := eventParts(s.name, e.Args, e.Offset)
		if err != nil {
			s.report("recovery", err) // no other client has received it either
			continue
		}
		for _, p := range parts {
			bytes += len(p.Data)
		}
		missed.offsets[e.Offset] = true
		missed.parts = append(missed.parts, parts...)
	}
	return missed, bytes <= s.client.Conn().MaxQueued()
}

// greet sends hello, the packet that says that the client is connected, and then the backlog. Missed events are
// sent before hello, in the same frame, as with Node.js: official clients keep the events that arrive before hello
// and pass them to the application before their "connect" event.
func (s *Socket) greet(hello []byte, missed replay) {
	frame := wsframe.NewTextFrame(hello)
	if len(missed.parts) > 0 {
		frame = wsframe.NewFrame(append(missed.parts, wsframe.Part{Data: hello[encoder:]})...)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.client.Send(frame, engineio.SendOptions{})
	for _, m := range s.backlog {
		if m.offset == "" || !missed.offsets[m.offset] {
			s.client.Send(m.frame, m.options)
		}
	}
	s.backlog = nil
	s.state.CompareAndSwap(client.Registered, client.Connected)
}
