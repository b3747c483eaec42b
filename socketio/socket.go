package socketio

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio/internal/acks"
	"github.com/backplane-go/backplane/socketio/internal/client"
)

// Socket is one client in one namespace. It is safe for concurrent use.
//
// The handlers of a socket are called one at a time, in the order of the events. This holds for all sockets of a
// connection together: the next event of the client waits until the handler returns. A handler that takes long, or
// that waits for another event of the same client, has to start a goroutine. A handler may wait for an
// acknowledgement.
type Socket struct {
	client  *client.Client
	env     *environment
	roster  *roster // of the namespace; nil until the server has found the namespace
	name    string  // of the namespace
	id      string
	auth    backplane.Value
	issued  int64    // time of the handshake, in milliseconds since 1970
	session *session // nil: no recovery

	state atomic.Int32 // client.Connecting, …
	lost  atomic.Bool  // nothing reaches the client any more
	acks  acks.Table

	mu           sync.Mutex // guards all below
	ended        bool       // see claimEnd
	data         any
	rooms        []string       // while the socket is not in the registry: before it is added, and after it was removed
	backlog      []waitingEvent // until the client has been greeted
	backlogBytes int
	listeners    *listeners // nil: none
	ctx          context.Context
	cancel       context.CancelCauseFunc
}

// ID returns the socket's id. The socket is in a room with this name. It is not the id of the connection, which is
// secret, except for clients of version 2: see Config.AllowEIO3.
func (s *Socket) ID() string { return s.id }

// Namespace returns the namespace that the socket has joined, or wants to join.
func (s *Socket) Namespace() *Namespace { return s.roster.namespace }

// Server returns the server.
func (s *Socket) Server() *Server { return s.roster.namespace.server }

// Connected reports whether the client is connected, as far as the server knows.
func (s *Socket) Connected() bool {
	state := s.state.Load()
	return (state == client.Registered || state == client.Connected) && !s.lost.Load()
}

// Recovered reports whether the client has reconnected and its id, rooms and data were restored. It then receives
// all events that it has missed. See Config.Recovery.
func (s *Socket) Recovered() bool { return s.session != nil && s.session.restored != nil }

// Transport returns the transport that the client uses now: "polling" or "websocket".
func (s *Socket) Transport() string { return s.client.Conn().Transport() }

// Context returns a context that is canceled as soon as the server knows that the client is disconnected, even
// while a handler runs. Its cause is ErrDisconnected. Handlers get this context. Use context.WithoutCancel for work
// that has to be finished even if the client disconnects.
func (s *Socket) Context() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil {
		s.ctx, s.cancel = context.WithCancelCause(context.Background())
		if s.lost.Load() {
			s.cancel(ErrDisconnected)
		}
	}
	return s.ctx
}

// Data returns the value that SetData has attached to the socket, or nil if there is none.
func (s *Socket) Data() any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data
}

// SetData attaches data to the socket. FetchSockets returns it on all nodes, so JSON must be able to represent it.
// Do not modify data afterwards.
func (s *Socket) SetData(data any) {
	s.mu.Lock()
	s.data = data
	s.mu.Unlock()
	if successor := s.latest(); successor != s {
		successor.SetData(data)
		return
	}
	s.sessionChanged()
}

// Join makes the socket join rooms. On this node it takes effect at once. If a middleware (see Namespace.Use) calls
// Join, the socket joins the rooms when it is connected; events that are broadcast to the rooms in the meantime
// reach the client after that. Join does nothing once the socket is disconnected. If the socket would be in more
// rooms than Config.MaxRooms and MaxRoomBytes allow, it joins none of them, and Join returns a *QuotaError.
func (s *Socket) Join(rooms ...string) error {
	err := s.joinRooms(rooms)
	switch successor, fits := s.noteRooms(rooms, true); {
	case successor != nil:
		return successor.Join(rooms...)
	case !fits:
		return s.quotaReached(QuotaRooms)
	}
	return err
}

func (s *Socket) joinRooms(rooms []string) error {
	config := &s.env.config
	s.mu.Lock()
	if s.state.Load() == client.Connecting {
		fits := config.roomsFit(s.rooms, rooms)
		if fits {
			s.rooms = append(s.rooms, rooms...)
		}
		s.mu.Unlock()
		if !fits {
			return s.quotaReached(QuotaRooms)
		}
		s.roster.pending.add(s)
		return nil
	}
	s.mu.Unlock()
	if s.state.Load() == client.Disconnected {
		return nil
	}
	if !s.roster.registry.JoinIDWithin(s.id, config.MaxRooms, config.MaxRoomBytes, rooms...) {
		return s.quotaReached(QuotaRooms)
	}
	s.sessionChanged()
	return nil
}

// Leave makes the socket leave rooms.
func (s *Socket) Leave(rooms ...string) {
	s.leaveRooms(rooms)
	if successor, _ := s.noteRooms(rooms, false); successor != nil {
		successor.Leave(rooms...)
	}
}

func (s *Socket) leaveRooms(rooms []string) {
	s.mu.Lock()
	if s.state.Load() == client.Connecting {
		s.rooms = without(s.rooms, rooms)
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	if s.state.Load() != client.Disconnected {
		s.roster.registry.LeaveID(s.id, rooms...)
		s.sessionChanged()
	}
}

// Rooms returns the rooms that the socket is in, including the room named after its id. The socket is still in its
// rooms when OnDisconnecting functions are called, but not when OnDisconnect functions are called.
func (s *Socket) Rooms() []string {
	s.mu.Lock()
	if state := s.state.Load(); state == client.Connecting || state == client.Disconnected {
		defer s.mu.Unlock()
		return append([]string(nil), s.rooms...)
	}
	s.mu.Unlock()
	return s.roster.registry.SocketRooms(s.id)
}

func without(rooms, left []string) []string {
	return slices.DeleteFunc(slices.Clone(rooms), func(room string) bool { return slices.Contains(left, room) })
}
