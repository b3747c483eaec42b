package socketio

import (
	"github.com/backplane-go/backplane/socketio/internal/engineio"
)

// replay is what a client has missed.
type replay struct {
	parts   []engineio.Part
	offsets map[string]bool
}

// begin notes the offset at which the session begins or goes on, before the socket is in the registry.
func (s *Socket) begin() {
	log, r := s.ns.log, s.resume
	if log == nil {
		return
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	r.joined = true
	switch {
	case r.restored != nil:
		r.offset = r.restored.Offset
	case r.offset == "": // no event waits for it
		r.offset = log.position()
	}
}

// missed returns the events that the client has missed. It is false when some are not kept any more, or when they are too many to be sent.
func (s *Socket) missed() (replay, bool) {
	if !s.Recovered() {
		return replay{}, true
	}
	log, r := s.ns.log, s.resume
	rooms := s.ns.registry.SocketRooms(s.id)
	// While mu is held no event is kept but not delivered yet: such an event would be delivered twice.
	log.mu.Lock()
	events, ok := log.Sessions.Missed(log.namespace, r.offset, rooms)
	if ok && len(events) > 0 {
		r.replayed = true
		if r.sent == "" { // else a later one waits for the greeting
			r.sent = events[len(events)-1].Offset
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
			s.report("recovery", err) // nobody has got it
			continue
		}
		for _, p := range parts {
			bytes += len(p.Data)
		}
		missed.offsets[e.Offset] = true
		missed.parts = append(missed.parts, parts...)
	}
	return missed, bytes <= s.client.conn.MaxQueued()
}

// greet sends hello, the packet that tells the client that it is connected, and what has waited for that. Events that the client has missed
// come before hello, in the same frame, as with Node.js: official clients keep what comes before hello, and hand it to the
// application before their "connect" event.
func (s *Socket) greet(hello []byte, missed replay) {
	frame := engineio.NewTextFrame(hello)
	if len(missed.parts) > 0 {
		frame = engineio.NewFrame(append(missed.parts, engineio.Part{Data: hello[encoder:]})...)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.client.send(frame, engineio.SendOptions{})
	for _, m := range s.backlog {
		if m.offset == "" || !missed.offsets[m.offset] {
			s.client.send(m.frame, m.options)
		}
	}
	s.backlog = nil
	s.state.CompareAndSwap(held, open)
}
