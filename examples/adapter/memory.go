// Package adapter connects another Socket.IO server to a cluster, through the server's adapter interface.
// Memory, in this file, represents the adapter that such a server already has. docs/howto/socketio-adapter.md
// lists the names of its methods in other servers.
package adapter

import (
	"slices"
	"sync"
	"time"
)

// Options select sockets and say how to send to them: Socket.IO's BroadcastOptions with their flags.
type Options struct {
	Rooms, Except   []string
	Local, Volatile bool
	Compress        *bool
	Timeout         time.Duration
}

// Details describe a socket.
type Details struct {
	ID        string
	Rooms     []string
	Handshake map[string]any
	Data      any
}

// Socket is a client of the server.
type Socket struct {
	Details
	Send       func(data []any, ack func(answer any)) // data is the event and its arguments; ack may be nil
	Disconnect func(close bool)
}

// Memory is the adapter of a single server: it knows the server's sockets and their rooms.
type Memory struct {
	OnServerSideEmit func(data []any, ack func(answer any)) // ack is nil if no answer is wanted

	mu      sync.Mutex // guards sockets and their rooms
	sockets map[string]*Socket
}

// Connect adds a socket, in the room of its id.
func (m *Memory) Connect(s *Socket) {
	m.mu.Lock()
	if m.sockets == nil {
		m.sockets = make(map[string]*Socket)
	}
	m.sockets[s.ID] = s
	m.mu.Unlock()
	m.AddAll(s.ID, []string{s.ID})
}

// AddAll makes a socket join rooms.
func (m *Memory) AddAll(id string, rooms []string) {
	m.change(id, func(s *Socket) {
		for _, room := range rooms {
			if !slices.Contains(s.Rooms, room) {
				s.Rooms = append(slices.Clip(s.Rooms), room)
			}
		}
	})
}

// Del makes a socket leave a room.
func (m *Memory) Del(id, room string) {
	m.change(id, func(s *Socket) {
		s.Rooms = slices.DeleteFunc(slices.Clone(s.Rooms), func(r string) bool { return r == room })
	})
}

// DelAll removes a socket.
func (m *Memory) DelAll(id string) {
	m.change(id, func(*Socket) { delete(m.sockets, id) })
}

func (m *Memory) change(id string, f func(*Socket)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.sockets[id]; s != nil {
		f(s)
	}
}

// Broadcast sends data to the sockets.
func (m *Memory) Broadcast(data []any, o Options) {
	for _, s := range m.selected(o) {
		s.Send(data, nil)
	}
}

// BroadcastWithAck sends data to the sockets. It calls count with their number, and ack for each answer.
func (m *Memory) BroadcastWithAck(data []any, o Options, count func(clients int), ack func(answer any)) {
	all := m.selected(o)
	count(len(all))
	for _, s := range all {
		s.Send(data, ack)
	}
}

// FetchSockets describes the sockets.
func (m *Memory) FetchSockets(o Options, found func([]Details, error)) {
	var all []Details
	for _, s := range m.selected(o) {
		m.change(s.ID, func(s *Socket) { all = append(all, s.Details) })
	}
	found(all, nil)
}

// AddSockets makes the sockets join rooms.
func (m *Memory) AddSockets(o Options, rooms []string) {
	for _, s := range m.selected(o) {
		m.AddAll(s.ID, rooms)
	}
}

// DelSockets makes the sockets leave rooms.
func (m *Memory) DelSockets(o Options, rooms []string) {
	for _, s := range m.selected(o) {
		for _, room := range rooms {
			m.Del(s.ID, room)
		}
	}
}

// DisconnectSockets disconnects the sockets.
func (m *Memory) DisconnectSockets(o Options, close bool) {
	for _, s := range m.selected(o) {
		m.DelAll(s.ID)
		s.Disconnect(close)
	}
}

// selected returns the sockets that o selects.
func (m *Memory) selected(o Options) (all []*Socket) {
	m.mu.Lock()
	defer m.mu.Unlock()
	inOne := func(s *Socket, rooms []string) bool {
		return slices.ContainsFunc(rooms, func(room string) bool { return slices.Contains(s.Rooms, room) })
	}
	for _, s := range m.sockets {
		if (len(o.Rooms) == 0 || inOne(s, o.Rooms)) && !inOne(s, o.Except) {
			all = append(all, s)
		}
	}
	return all
}
