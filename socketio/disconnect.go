package socketio

import (
	"fmt"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/excerpt"
	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/parser"
)

// The reasons that are not Engine.IO's.
const (
	reasonServerDisconnect  = "server namespace disconnect"
	reasonClientDisconnect  = "client namespace disconnect"
	reasonForcedServerClose = engineio.Reason("forced server close")
)

// recoverable are the reasons after which a client may come back as the one it was.
var recoverable = map[string]bool{
	string(engineio.TransportError): true,
	string(engineio.TransportClose): true,
	string(engineio.ForcedClose):    true,
	string(engineio.PingTimeout):    true,
	string(engineio.ServerShutdown): true,
	string(reasonForcedServerClose): true,
}

// stateError says which packet came when it must not.
type stateError struct{ p *parser.Packet }

func (e *stateError) Error() string {
	return fmt.Sprintf("%v packet for namespace %q out of turn", e.p.Type, excerpt.Of(e.p.Namespace))
}

// Disconnect disconnects the client from the namespace, and close from all others too, whose connection is then closed.
// The reason is "server namespace disconnect"; clients do not come back from it by themselves. What is emitted before
// still arrives. The socket leaves its rooms at once, and the funcs of OnDisconnecting and OnDisconnect are called after
// the one that runs. It does nothing while the socket is not connected.
func (s *Socket) Disconnect(close bool) {
	if !close {
		s.kick()
		return
	}
	if s.state.Load() == connecting {
		return
	}
	c := s.client
	c.mu.Lock()
	sockets := c.sockets.all()
	c.mu.Unlock()
	for _, s := range sockets {
		s.kick()
	}
	c.close(reasonForcedServerClose)
}

// kick ends the socket from the server's side.
func (s *Socket) kick() {
	if s.state.Load() == connecting || !s.begun() {
		return
	}
	s.forfeit()
	rooms := s.ns.registry.SocketRooms(s.id)
	s.leave(rooms)
	s.cut()
	s.client.packet(&parser.Packet{Type: parser.Disconnect, Namespace: s.name, ID: parser.NoID})
	s.client.append(work{kind: toFarewell, socket: s, reason: reasonServerDisconnect})
}

// begun claims the end of the socket. It is false if somebody else has.
func (s *Socket) begun() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	s.ended = true
	if s.funcs != nil && len(s.funcs.outgoing) > 0 {
		s.ns.curious.Add(-1)
	}
	return true
}

// end ends the socket because the client has gone. Its worker calls it.
func (s *Socket) end(reason string) {
	if s.state.CompareAndSwap(connecting, gone) || !s.begun() {
		return
	}
	s.farewell(reason)
}

// farewell calls what is to be called when a socket ends.
func (s *Socket) farewell(reason string) {
	s.client.audit(AuditEvent{Kind: AuditDisconnect, Namespace: s.name, SID: s.id, Reason: reason})
	fs := s.current()
	tell := func(event string, all []*func(string)) {
		guard.All(all, func(f *func(string)) { (*f)(reason) }, func(err error) { s.report(event, err) })
	}
	// Deferred, so that it is all done even if a func ends the goroutine.
	defer s.client.release()
	defer s.ns.release()
	defer tell("disconnect", fs.disconnect)
	defer func() {
		if recoverable[reason] {
			s.save()
		} else {
			s.forfeit()
		}
		s.leave(nil)
		s.cut()
	}()
	tell("disconnecting", fs.disconnecting)
}

// leave takes the socket out of its namespace. rooms are those that it shows from then on.
func (s *Socket) leave(rooms []string) {
	s.ns.registry.Remove((*member)(s))
	s.mu.Lock()
	before := s.state.Swap(gone)
	s.rooms, s.backlog = rooms, nil
	s.mu.Unlock()
	if before == held || before == open {
		s.client.leave()
	}
}

var nothing backplane.Value

// cut notes that nothing reaches the client any more.
func (s *Socket) cut() {
	s.mu.Lock()
	s.lost.Store(true)
	acks := s.acks
	s.acks = nil
	cancel := s.cancel
	s.mu.Unlock()
	s.client.awaiting.Add(int32(-len(acks)))
	if cancel != nil {
		cancel(ErrDisconnected)
	}
	for _, f := range acks {
		f(nothing, ErrDisconnected)
	}
}
