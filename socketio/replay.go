package socketio

import (
	"context"
	"slices"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/socketio/internal/client"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/retention"
	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// missed collects what a client has missed.
type missed struct {
	after   backplane.Position // the client has received all events up to it
	changed backplane.Position // rooms has the changes up to it
	upTo    backplane.Position // everything up to it was collected

	rooms  []string // that the socket is in at upTo
	events []*keptEntry
	ended  bool // the socket was disconnected deliberately
}

// newMissed returns what a client has missed after a position, of which nothing was collected yet.
func newMissed(after backplane.Position, s *sessionState) *missed {
	m := &missed{after: after, changed: s.changed, upTo: after, rooms: s.rooms}
	if m.changed.IsZero() {
		m.changed = after // no changes are kept
	}
	if m.changed.Before(after) {
		m.upTo = m.changed
	}
	return m
}

// collect collects what a stream has after upTo. It returns false if something is missing there.
func (m *missed) collect(stream *retention.Stream[*keptEntry], fits func(rooms, more []string) bool) bool {
	if !stream.Complete(m.upTo.Offset, m.rooms) {
		return false
	}
	in := make(map[string]struct{}, len(m.rooms))
	for _, room := range m.rooms {
		in[room] = struct{}{}
	}
	stream.Walk(m.upTo.Offset, in, func(e *retention.Entry[*keptEntry]) (joined []string) {
		k := e.Payload
		switch {
		case k.kind == codec.Broadcast:
			if !includes(m.after, k.position) && !fault.Reserved(k.args.Event()) {
				m.events = append(m.events, k)
			}
		case includes(m.changed, k.position):
		case k.kind == codec.SocketsLeave:
			m.rooms = without(m.rooms, k.rooms)
			for _, room := range k.rooms {
				delete(in, room)
			}
		case k.kind == codec.DisconnectSockets:
			m.ended = true
		case fits(m.rooms, k.rooms):
			m.rooms = append(without(m.rooms, k.rooms), k.rooms...)
			return k.rooms
		}
		return nil
	})
	return true
}

// collect collects what a client has missed up to now. It returns false if not everything is kept, or if the socket was
// disconnected. It may wait for the log of the cluster.
func (l *recoveryLog) collect(ctx context.Context, m *missed) bool {
	try := func() bool {
		return l.collectDelivered(m) || l.cluster != nil && l.cluster.readOlder(ctx, m) && l.collectDelivered(m)
	}
	complete := try()
	if !complete && m.upTo.Before(m.after) { // changes that are so old were saved
		m.upTo = m.after
		complete = try()
	}
	return complete && !m.ended
}

// collectDelivered collects what was delivered on this node up to now.
func (l *recoveryLog) collectDelivered(m *missed) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.collectLocked(m)
}

// collectLocked is like collectDelivered. The caller holds mu.
func (l *recoveryLog) collectLocked(m *missed) bool {
	switch {
	case l.stream == nil || m.upTo.Epoch != l.last.Epoch:
		return false
	case !m.upTo.Before(l.last): // this node is behind
		return true
	}
	l.memory.mu.Lock()
	defer l.memory.mu.Unlock()
	if !m.collect(l.stream, l.env.config.roomsFit) {
		return false
	}
	m.upTo = l.last
	return true
}

// parts returns the events, encoded. It returns false if together they are too large to be sent.
func (s *Socket) parts(events []*keptEntry) (parts []wsframe.Part, fit bool) {
	bytes := 0
	for _, e := range events {
		encoded, size, err := e.encode(s.roster.log)
		if err != nil {
			s.report("recovery", err) // no other client has received it either
			continue
		}
		bytes += size
		parts = append(parts, encoded...)
	}
	return parts, bytes <= s.client.Conn().MaxQueued()
}

// enter makes the socket a member of its namespace. It returns the events that the client has missed, and the position
// up to which it has them. Later ones are in the backlog. It returns false if the client cannot be recovered.
func (s *Socket) enter(rooms []string) (events []*keptEntry, upTo backplane.Position, ok bool) {
	log, own := s.roster.log, s.session
	if log == nil {
		s.roster.registry.Add((*member)(s), rooms...)
		return nil, upTo, true
	}
	// While mu is held, nothing is delivered. So the events up to upTo are the missed ones, and all others reach the
	// socket.
	log.mu.Lock()
	own.registered = true
	if m := own.missed; m == nil {
		if own.began.IsZero() { // else an event waits in the backlog
			own.began = log.last
		}
		own.changed = log.applied
	} else {
		m.rooms = slices.Clone(rooms)
		if !log.collectLocked(m) || m.ended {
			log.mu.Unlock()
			return nil, upTo, false
		}
		rooms, events, upTo, own.missed = m.rooms, m.events, later(m.upTo, m.after), nil
		own.began, own.changed, own.ahead = m.after, m.upTo, upTo
		if len(events) > 0 {
			own.replayed = true
			own.sent = later(own.sent, events[len(events)-1].position) // or a later event waits in the backlog
		}
	}
	own.held = log.isShared()
	announce := s.roster.registry.Enter((*member)(s), rooms...)
	log.mu.Unlock()
	announce()
	if own.restored != nil && log.cluster != nil {
		log.cluster.saveNow(s) // so that it can be recovered on any node as soon as it knows that it is connected
		log.cluster.await(s)
	}
	return events, upTo, true
}

// greet sends hello, the packet that says that the client is connected, and then the backlog. Missed events are
// sent before hello, in the same frame, as with Node.js: official clients keep the events that arrive before hello
// and pass them to the application before their "connect" event. The client has the events up to a position. It returns
// false, and sends nothing, if the client would be told that it was recovered although more is missing since then.
func (s *Socket) greet(hello []byte, missed []wsframe.Part, upTo backplane.Position) bool {
	frame := wsframe.NewTextFrame(hello)
	if len(missed) > 0 {
		frame = wsframe.NewFrame(append(missed, wsframe.Part{Data: hello[encoder:]})...)
	}
	if !s.sendHello(frame, len(missed) > 0) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.backlog {
		if !includes(upTo, e.position) {
			s.client.Send(e.frame, e.options)
		}
	}
	s.backlog = nil
	s.state.CompareAndSwap(client.Registered, client.Connected)
	return true
}

// sendHello sends the frame with which a client is connected, unless the client would be recovered untruly.
func (s *Socket) sendHello(frame *wsframe.Frame, missed bool) bool {
	if s.session == nil || s.session.restored == nil {
		s.client.Send(frame, engineio.SendOptions{})
		return true
	}
	s.roster.log.mu.Lock()
	defer s.roster.log.mu.Unlock()
	if s.session.incomplete {
		return false
	}
	if !s.client.Send(frame, engineio.SendOptions{}) && missed {
		s.session.replayed = false // the connection has ended, so the client has got none of them
	}
	return true
}
