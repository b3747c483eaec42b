package core

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/backplane-go/backplane/codec"
)

// Socket is one connected client. Its methods may be called from any goroutine and must not block: the server queues
// what it sends, and drops or disconnects a client that does not keep up.
type Socket = interface {
	// ID returns the socket's id, which never changes, is unique in the cluster, and cannot be guessed.
	ID() string
	// Send sends an event to the client. p is shared with other sockets and must not be changed.
	Send(p *Packet)
	// Disconnect disconnects the client from the namespace. close: it closes the connection too. The server then calls
	// Registry.Remove.
	Disconnect(close bool)
}

// AckSocket is a Socket that can ask its client for an acknowledgement. Broadcasts with acknowledgement reach other
// sockets too, but do not wait for them.
type AckSocket interface {
	Socket
	// SendAck sends an event to the client and calls answer, from any goroutine, when the client acknowledges it. It
	// does not call answer after ctx has ended.
	SendAck(ctx context.Context, p *Packet, answer func(codec.Value))
}

// DescribedSocket is a Socket that FetchSockets describes with more than its id and rooms.
type DescribedSocket interface {
	Socket
	// Describe returns how the client connected and the data that the application has attached to it.
	Describe() (Handshake, codec.Value)
}

// RegistryConfig has functions that a Registry calls. Nil functions are not called.
type RegistryConfig struct {
	// CreateRoom, JoinRoom, LeaveRoom and DeleteRoom are the events of Socket.IO's adapter. CreateRoom is called
	// before the first JoinRoom of a room, DeleteRoom after its last LeaveRoom. They are called one at a time, in the
	// order of the changes, and may call the Registry. If one panics, the method of the Registry that called it
	// panics too, after it has made its change and called the functions for all other events.
	CreateRoom func(room string)
	JoinRoom   func(room, id string)
	LeaveRoom  func(room, id string)
	DeleteRoom func(room string)
	// ServerSideEmit handles events that other nodes send to the servers. See LocalSockets.ServerSideEmit.
	ServerSideEmit func(args codec.Args, reply func(codec.Value))
}

// Registry has this process's sockets of one namespace and the rooms they are in. It is a LocalSockets and the
// counterpart of Socket.IO's in-memory adapter. It is safe for concurrent use and holds no lock while it delivers.
//
// Join, Leave and Disconnect select their sockets with a Selector. JoinID, LeaveID and RemoveID change one socket,
// given by its id.
type Registry struct {
	events eventQueue

	mu      sync.RWMutex // guards all below and the members' rooms
	config  RegistryConfig
	members map[string]*member
	rooms   map[string]*room
	all     room
	count   uint64 // numbers members and their joins

	watchers []RoomWatcher // the slice is replaced, never changed
}

var _ RoomSockets = (*Registry)(nil)

// member is a socket and its rooms. The numbers say in which order sockets were added and rooms joined.
type member struct {
	socket Socket
	number uint64
	rooms  map[string]uint64
	bytes  int // of the rooms' names
}

// NewRegistry returns an empty registry.
func NewRegistry(config RegistryConfig) *Registry {
	return &Registry{config: config, members: make(map[string]*member), rooms: make(map[string]*room),
		all: room{members: make(map[*member]struct{})}}
}

// Configure changes the functions that the Registry calls, from the next event on. change is called before Configure
// returns, and must not call the Registry.
func (r *Registry) Configure(change func(*RegistryConfig)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.config)
}

// Add adds a socket to the room named after its id and to rooms. A socket with the same id is replaced and leaves its
// rooms.
func (r *Registry) Add(socket Socket, rooms ...string) { r.Enter(socket, rooms...)() }

// Enter is Add, except that the functions of RegistryConfig are called by the function that it returns, or meanwhile on
// another goroutine. A server can so add a socket while it holds a lock.
func (r *Registry) Enter(socket Socket, rooms ...string) (events func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old := r.members[socket.ID()]; old != nil {
		r.remove(old)
	}
	r.count++
	m := &member{socket: socket, number: r.count, rooms: make(map[string]uint64, 1+len(rooms))}
	r.members[socket.ID()] = m
	r.all.add(m)
	r.join(m, socket.ID())
	for _, name := range rooms {
		r.join(m, name)
	}
	watchers := r.watchers
	if watchers == nil {
		return r.events.deliver
	}
	joined := append([]string{socket.ID()}, rooms...)
	return func() {
		r.events.deliver()
		await(watchers, joined)
	}
}

// JoinID makes the socket with this id join rooms. It reports whether there is such a socket. (Socket.IO's adapter:
// addAll.)
func (r *Registry) JoinID(id string, rooms ...string) bool {
	r.mu.Lock()
	m := r.members[id]
	if m != nil {
		for _, name := range rooms {
			r.join(m, name)
		}
	}
	watchers := r.watchers
	r.mu.Unlock()
	r.events.deliver()
	await(watchers, rooms)
	return m != nil
}

// LeaveID makes the socket with this id leave rooms. It reports whether the socket was in at least one of them.
// (Socket.IO's adapter: del.)
func (r *Registry) LeaveID(id string, rooms ...string) bool {
	r.mu.Lock()
	left := false
	if m := r.members[id]; m != nil {
		for _, name := range rooms {
			left = r.leave(m, name) || left
		}
	}
	watchers := r.watchers
	r.mu.Unlock()
	r.events.deliver()
	await(watchers, nil)
	return left
}

// RemoveID removes the socket with this id, which leaves all its rooms. It reports whether there was such a socket.
// (Socket.IO's adapter: delAll.) Servers in which a new socket can take over the id of an old one call Remove.
func (r *Registry) RemoveID(id string) bool {
	return r.removeIf(id, func(Socket) bool { return true })
}

// Remove removes this socket, which leaves all its rooms. It reports whether the socket was there. Another socket
// that has replaced it under the same id stays.
func (r *Registry) Remove(socket Socket) bool {
	return r.removeIf(socket.ID(), func(s Socket) bool { return s == socket })
}

func (r *Registry) removeIf(id string, matches func(Socket) bool) bool {
	r.mu.Lock()
	m := r.members[id]
	found := m != nil && matches(m.socket)
	if found {
		r.remove(m)
	}
	watchers := r.watchers
	r.mu.Unlock()
	r.events.deliver()
	await(watchers, nil)
	return found
}

// remove removes m, which leaves all rooms. The caller holds mu.
func (r *Registry) remove(m *member) {
	for _, name := range m.names() {
		r.leave(m, name)
	}
	r.all.remove(m)
	delete(r.members, m.socket.ID())
}

// IDs returns the ids of the selected sockets, in the order of Each. (Socket.IO's adapter: sockets.)
func (r *Registry) IDs(to Selector) []string {
	var ids []string
	r.Each(to, func(s Socket) { ids = append(ids, s.ID()) })
	return ids
}

// SocketRooms returns the rooms of the socket with this id, in the order in which it joined them. It returns nil if
// there is no such socket.
func (r *Registry) SocketRooms(id string) []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if m := r.members[id]; m != nil {
		return m.names()
	}
	return nil
}

// Rooms returns the names of all rooms in alphabetical order, among them the rooms named after single sockets.
func (r *Registry) Rooms() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Sorted(maps.Keys(r.rooms))
}

// Len returns the number of sockets.
func (r *Registry) Len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.members)
}

// names returns the member's rooms in the order in which it joined them. The caller holds the registry's mu.
func (m *member) names() []string {
	names := slices.Collect(maps.Keys(m.rooms))
	slices.SortFunc(names, func(a, b string) int {
		if m.rooms[a] < m.rooms[b] {
			return -1
		}
		return 1
	})
	return names
}

// join adds m to a room. The caller holds mu.
func (r *Registry) join(m *member, name string) {
	if _, in := m.rooms[name]; in {
		return
	}
	rm := r.rooms[name]
	if rm == nil {
		rm = &room{members: make(map[*member]struct{})}
		r.rooms[name] = rm
		if f := r.config.CreateRoom; f != nil {
			r.events.add(func() { f(name) })
		}
		for _, w := range r.watchers {
			w.RoomCreated(name)
		}
	}
	r.count++
	m.rooms[name] = r.count
	m.bytes += len(name)
	rm.add(m)
	if f, id := r.config.JoinRoom, m.socket.ID(); f != nil {
		r.events.add(func() { f(name, id) })
	}
}

// leave removes m from a room. The caller holds mu.
func (r *Registry) leave(m *member, name string) bool {
	if _, in := m.rooms[name]; !in {
		return false
	}
	delete(m.rooms, name)
	m.bytes -= len(name)
	rm := r.rooms[name]
	rm.remove(m)
	if f, id := r.config.LeaveRoom, m.socket.ID(); f != nil {
		r.events.add(func() { f(name, id) })
	}
	if len(rm.members) == 0 {
		delete(r.rooms, name)
		if f := r.config.DeleteRoom; f != nil {
			r.events.add(func() { f(name) })
		}
		for _, w := range r.watchers {
			w.RoomDeleted(name)
		}
	}
	return true
}
