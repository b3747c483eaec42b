package backplane

import (
	"context"

	"github.com/backplane-go/backplane/core"
)

// RegistryConfig has functions that a Registry calls for its server. Nil functions are not called.
type RegistryConfig struct {
	// CreateRoom, JoinRoom, LeaveRoom and DeleteRoom are the events of Socket.IO's adapter: CreateRoom comes before
	// the first JoinRoom of a room, DeleteRoom after its last LeaveRoom. They are called one at a time, in order, and
	// may call the Registry. If one panics, the method of the Registry that has called it panics too, after it has
	// made the change and called the functions of all other events.
	CreateRoom func(room string)
	// JoinRoom is called when a socket has joined a room. See CreateRoom.
	JoinRoom func(room, id string)
	// LeaveRoom is called when a socket has left a room. See CreateRoom.
	LeaveRoom func(room, id string)
	// DeleteRoom is called when a room is empty. See CreateRoom.
	DeleteRoom func(room string)
	// ServerSideEmit handles events that other nodes send to the servers. See LocalSockets.ServerSideEmit.
	ServerSideEmit func(args Args, reply func(Value))
}

// Registry knows the sockets of this process in a namespace and their rooms. It is a LocalSockets, the counterpart of
// Socket.IO's in-memory adapter. It is safe for concurrent use, and holds no lock while it delivers.
type Registry struct{ core *core.Registry }

var _ RoomSockets = (*Registry)(nil)

// NewRegistry returns an empty registry.
func NewRegistry(config RegistryConfig) *Registry {
	return &Registry{core: core.NewRegistry(core.RegistryConfig(config))}
}

// Configure changes the functions that the registry calls, from the next event on. It calls change at once; change
// must not call the registry.
func (r *Registry) Configure(change func(*RegistryConfig)) {
	r.core.Configure(func(c *core.RegistryConfig) { change((*RegistryConfig)(c)) })
}

// Add adds a socket, in the room of its id and in rooms. It replaces a socket with the same id, which leaves its rooms.
func (r *Registry) Add(socket Socket, rooms ...string) { r.core.Add(socket, rooms...) }

// Enter is Add, except that the functions of RegistryConfig are called by the function that it returns, or meanwhile on
// another goroutine. A server can so add a socket while it holds a lock.
func (r *Registry) Enter(socket Socket, rooms ...string) (events func()) {
	return r.core.Enter(socket, rooms...)
}

// WatchRooms implements RoomSockets. Cluster.Namespace calls it if the dialect needs it. Then Add, JoinID and the other
// methods with which sockets join rooms return when events that other nodes send to these rooms from now on arrive.
func (r *Registry) WatchRooms(w RoomWatcher) (stop func()) { return r.core.WatchRooms(w) }

// Remove removes this socket, which leaves all its rooms. It reports whether the socket was there. Another socket
// that has replaced it under the same id stays.
func (r *Registry) Remove(socket Socket) bool { return r.core.Remove(socket) }

// RemoveID removes the socket with this id, which leaves all its rooms. It reports whether there was such a socket.
// (Socket.IO's adapter: delAll.) Servers in which a new socket can replace an old one under the same id call Remove.
func (r *Registry) RemoveID(id string) bool { return r.core.RemoveID(id) }

// JoinID makes the socket with this id join rooms. It reports whether there is such a socket. (Socket.IO's adapter:
// addAll.)
func (r *Registry) JoinID(id string, rooms ...string) bool { return r.core.JoinID(id, rooms...) }

// JoinIDWithin is JoinID with limits. If the socket would then be in more than maxRooms rooms, or in rooms whose
// names have more than maxBytes bytes together, it joins none of rooms, and JoinIDWithin returns false. The room of
// the socket's own id does not count. A negative limit means no limit. JoinIDWithin returns true if there is no such
// socket.
func (r *Registry) JoinIDWithin(id string, maxRooms, maxBytes int, rooms ...string) bool {
	return r.core.JoinIDWithin(id, maxRooms, maxBytes, rooms...)
}

// LeaveID makes the socket with this id leave rooms. It reports whether the socket was in at least one of them.
// (Socket.IO's adapter: del.)
func (r *Registry) LeaveID(id string, rooms ...string) bool { return r.core.LeaveID(id, rooms...) }

// Len returns the number of sockets.
func (r *Registry) Len() int { return r.core.Len() }

// IDs returns the ids of the selected sockets, in the order of Each. (Socket.IO's adapter: sockets.)
func (r *Registry) IDs(to Selector) []string { return r.core.IDs(to) }

// SocketRooms returns the rooms of the socket with this id, in the order in which it joined them; nil if there is no
// such socket.
func (r *Registry) SocketRooms(id string) []string { return r.core.SocketRooms(id) }

// Rooms returns the names of all rooms, including those of single sockets, in alphabetical order.
func (r *Registry) Rooms() []string { return r.core.Rooms() }

// Each calls f once for every selected socket. The sockets of a single room, or all sockets, come in the order in
// which they were added. Each holds no lock meanwhile: f may use the Registry. A socket that leaves during the call
// may still be visited, and one that comes may not be. If f panics, or ends its goroutine, for some sockets, the
// others are still visited, and then Each panics with the first panic, as a *PanicError.
func (r *Registry) Each(to Selector, f func(Socket)) { r.core.Each(to, f) }

// Broadcast implements LocalSockets: it calls Send of the selected sockets.
func (r *Registry) Broadcast(p *Packet, to Selector) { r.core.Broadcast(p, to) }

// BroadcastAck implements LocalSockets: it calls SendAck of the selected sockets that are an AckSocket, and Send of the
// others.
func (r *Registry) BroadcastAck(
	ctx context.Context, p *Packet, to Selector, asked func(clients int), answer func(Value),
) {
	r.core.BroadcastAck(ctx, p, to, asked, answer)
}

// Sockets implements LocalSockets: it describes the selected sockets, with Describe of those that are a
// DescribedSocket.
func (r *Registry) Sockets(to Selector) []SocketInfo { return r.core.Sockets(to) }

// Join implements LocalSockets: the selected sockets join rooms.
func (r *Registry) Join(to Selector, rooms []string) { r.core.Join(to, rooms) }

// Leave implements LocalSockets: the selected sockets leave rooms.
func (r *Registry) Leave(to Selector, rooms []string) { r.core.Leave(to, rooms) }

// Disconnect implements LocalSockets: it calls Disconnect of the selected sockets.
func (r *Registry) Disconnect(to Selector, close bool) { r.core.Disconnect(to, close) }

// ServerSideEmit implements LocalSockets: it calls RegistryConfig.ServerSideEmit.
func (r *Registry) ServerSideEmit(args Args, reply func(Value)) { r.core.ServerSideEmit(args, reply) }
