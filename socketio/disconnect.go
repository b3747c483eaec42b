package socketio

import (
	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/internal/guard"
	"github.com/backplane-go/backplane/socketio/internal/client"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
	"github.com/backplane-go/backplane/socketio/internal/parser"
)

const reasonServerDisconnect = "server namespace disconnect"

// recoverableReasons are the reasons after which a client can be recovered.
var recoverableReasons = map[string]bool{
	string(engineio.TransportError):  true,
	string(engineio.TransportClose):  true,
	string(engineio.ForcedClose):     true,
	string(engineio.PingTimeout):     true,
	string(engineio.ServerShutdown):  true,
	string(client.ForcedServerClose): true,
}

// Disconnect disconnects the client from the namespace. With close, it disconnects the client from all namespaces
// and closes the connection. The reason is "server namespace disconnect"; official clients do not reconnect after
// it by themselves. Events that were emitted before are still sent. The socket leaves its rooms at once. The
// functions of OnDisconnecting and OnDisconnect are called when the handler that runs at the moment has returned.
// Disconnect does nothing while the socket is not connected.
func (s *Socket) Disconnect(close bool) {
	if !close {
		s.kick()
		return
	}
	if s.state.Load() == client.Connecting {
		return
	}
	for _, member := range s.client.Sockets() {
		(*Socket)(member.(*endpoint)).kick()
	}
	s.client.Close(client.ForcedServerClose)
}

// kick disconnects the socket on the initiative of the server.
func (s *Socket) kick() {
	if s.state.Load() == client.Connecting || !s.claimEnd() {
		return
	}
	s.dropSession()
	rooms := s.roster.registry.SocketRooms(s.id)
	s.leaveNamespace(rooms)
	s.disconnected()
	s.env.sendPacket(s.client, &parser.Packet{Type: parser.Disconnect, Namespace: s.name, ID: parser.NoID})
	s.client.Finish((*endpoint)(s), reasonServerDisconnect)
}

// claimEnd returns true to its first caller, which then has to end the socket.
func (s *Socket) claimEnd() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	s.ended = true
	if s.listeners != nil && len(s.listeners.outgoing) > 0 {
		s.roster.outgoingListeners.Add(-1)
	}
	return true
}

// finish calls the functions of OnDisconnecting and OnDisconnect, and removes the socket from its namespace.
func (s *Socket) finish(reason string) {
	s.env.auditClient(s.client, AuditEvent{Kind: AuditDisconnect, Namespace: s.name, SID: s.id, Reason: reason})
	listeners := s.currentListeners()
	call := func(event string, all []*func(string)) {
		guard.All(all, func(f *func(string)) { (*f)(reason) }, func(err error) { s.report(event, err) })
	}
	// Deferred, so that all steps are done even if a function ends the goroutine.
	defer s.client.Release()
	defer s.roster.release()
	defer call("disconnect", listeners.disconnect)
	defer func() {
		if recoverableReasons[reason] {
			s.saveSession()
		} else {
			s.dropSession()
		}
		s.leaveNamespace(nil)
		s.disconnected()
	}()
	call("disconnecting", listeners.disconnecting)
}

// leaveNamespace removes the socket from its namespace. From then on Socket.Rooms returns rooms.
func (s *Socket) leaveNamespace(rooms []string) {
	s.roster.registry.Remove((*member)(s))
	s.mu.Lock()
	before := s.state.Swap(client.Disconnected)
	s.rooms, s.backlog = rooms, nil
	s.mu.Unlock()
	if before == client.Registered || before == client.Connected {
		s.client.LeaveNamespace()
	}
}

var noValue backplane.Value

// disconnected records that nothing can reach the client any more. It ends the socket's context, and makes all
// waits for acknowledgements fail.
func (s *Socket) disconnected() {
	s.mu.Lock()
	s.lost.Store(true)
	waiting := s.acks.Close()
	cancel := s.cancel
	s.mu.Unlock()
	s.client.Await(-len(waiting))
	if cancel != nil {
		cancel(ErrDisconnected)
	}
	for _, f := range waiting {
		f(noValue, ErrDisconnected)
	}
}
