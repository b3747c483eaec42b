package backplane

import (
	"context"
	"time"

	"github.com/backplane-go/backplane/core"
)

// RemoteSocket is a socket of any node of the namespace, as it was when FetchSockets found it.
type RemoteSocket struct{ core *core.RemoteSocket }

// remoteSockets wraps the sockets that core has found, with one allocation for all of them.
func remoteSockets(found []*core.RemoteSocket) []*RemoteSocket {
	if found == nil {
		return nil
	}
	wrapped, all := make([]RemoteSocket, len(found)), make([]*RemoteSocket, len(found))
	for i, s := range found {
		wrapped[i].core = s
		all[i] = &wrapped[i]
	}
	return all
}

// ID returns the socket's id.
func (s *RemoteSocket) ID() string { return s.core.ID() }

// Node returns the uid of the node to which the socket is connected.
func (s *RemoteSocket) Node() string { return s.core.Node() }

// Rooms returns the rooms in which the socket was, including that of its own id.
func (s *RemoteSocket) Rooms() []string { return s.core.Rooms() }

// Data returns what the application has attached to the socket.
func (s *RemoteSocket) Data() Value { return s.core.Data() }

// Handshake returns how the socket has connected. Fields that its node has sent in another form are left out. The error
// wraps codec.ErrMalformed if the node has sent no handshake at all.
func (s *RemoteSocket) Handshake() (Handshake, error) { return s.core.Handshake() }

// Emit sends an event to the socket, whichever node it is on. See Target.Emit.
func (s *RemoteSocket) Emit(ctx context.Context, event string, args ...any) error {
	return s.core.Emit(ctx, event, args...)
}

// EmitWithAck sends an event to the socket and returns its acknowledgement. It returns ErrSocketNotFound if the
// socket has disconnected meanwhile. See Target.EmitWithAck.
func (s *RemoteSocket) EmitWithAck(ctx context.Context, event string, args ...any) (Value, error) {
	return s.core.EmitWithAck(ctx, event, args...)
}

// Timeout returns the same socket with a limit for how long EmitWithAck waits. See Target.Timeout.
func (s *RemoteSocket) Timeout(d time.Duration) *RemoteSocket {
	return &RemoteSocket{core: s.core.Timeout(d)}
}

// Join makes the socket join rooms. See Target.SocketsJoin.
func (s *RemoteSocket) Join(ctx context.Context, rooms ...string) error {
	return s.core.Join(ctx, rooms...)
}

// Leave makes the socket leave rooms. See Target.SocketsLeave.
func (s *RemoteSocket) Leave(ctx context.Context, rooms ...string) error {
	return s.core.Leave(ctx, rooms...)
}

// Disconnect disconnects the socket from the namespace. With close it also closes the underlying connection.
func (s *RemoteSocket) Disconnect(ctx context.Context, close bool) error {
	return s.core.Disconnect(ctx, close)
}
