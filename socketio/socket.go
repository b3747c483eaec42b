package socketio

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"sync"
	"sync/atomic"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio/internal/engineio"
)

// Socket is one client in one namespace. It is safe for concurrent use.
//
// The funcs that a socket is given are called one after the other, in the order in which things happened, by a goroutine that
// all sockets of the client's connection share; the client's next event waits for them. A func that takes long, or waits
// for another event of the client, starts a goroutine. Waiting for an acknowledgement is fine.
type Socket struct {
	client *client
	ns     *Namespace
	name   string // the namespace's
	id     string
	auth   backplane.Value
	issued int64 // when it was made, milliseconds since 1970
	resume *resume

	state atomic.Int32 // connecting, …
	lost  atomic.Bool  // nothing reaches the client any more

	mu           sync.Mutex // guards all below
	ended        bool       // somebody takes care of its end
	data         any
	rooms        []string   // before it is in the registry, and after that
	backlog      []backward // what was sent before it was open
	backlogBytes int
	acks         map[int64]func(backplane.Value, error)
	funcs        *funcs
	ctx          context.Context
	cancel       context.CancelCauseFunc
}

// The states of a socket, in their order.
const (
	connecting int32 = 0 // the middlewares decide; what is sent to it has to wait for the packet that greets the client
	held       int32 = 1 // in the registry; what is sent to it has to wait as before
	open       int32 = 2
	gone       int32 = 3 // not in the registry any more, or it never was
)

// backward is an event that has to wait.
type backward struct {
	frame   *engineio.Frame
	options engineio.SendOptions
	offset  string
}

// newID returns 20 random characters of base64url.
func newID() string {
	var b [15]byte
	rand.Read(b[:]) // never fails, see its documentation
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// ID returns the socket's id, which is a room of its own. It is not the id of the connection, which is nobody else's
// business.
func (s *Socket) ID() string { return s.id }

// Namespace returns the namespace that the socket has joined, or wants to join.
func (s *Socket) Namespace() *Namespace { return s.ns }

// Server returns the server.
func (s *Socket) Server() *Server { return s.client.server }

// Connected reports whether the client is there, as far as is known.
func (s *Socket) Connected() bool {
	state := s.state.Load()
	return (state == held || state == open) && !s.lost.Load()
}

// Recovered reports whether the client has come back with the id, rooms and data that it had, and gets all that it has missed.
// See Config.Recovery.
func (s *Socket) Recovered() bool { return s.resume != nil && s.resume.restored != nil }

// Transport returns what the client uses now: "polling" or "websocket".
func (s *Socket) Transport() string { return s.client.conn.Transport() }

// Context returns a context that ends with ErrDisconnected as its cause as soon as the client is known to be gone, also
// while a func of the socket's runs. Handlers get it. What has to be finished all the same uses context.WithoutCancel.
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

// Data returns what SetData has attached to the socket, nil at first.
func (s *Socket) Data() any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data
}

// SetData attaches data to the socket, which FetchSockets shows on all nodes: it should be what JSON can express, and not be
// changed afterwards.
func (s *Socket) SetData(data any) {
	s.mu.Lock()
	s.data = data
	s.mu.Unlock()
	if heir := s.successor(); heir != s {
		heir.SetData(data)
	}
}

// Join makes the socket join rooms, on this node at once. In a middleware (Namespace.Use) the socket joins them when it is connected;
// what is broadcast to the rooms meanwhile reaches the client after that. Once the socket is disconnected, Join does nothing. If the
// socket would be in more rooms than Config.MaxRooms and MaxRoomBytes allow, it joins none of them, and Join returns a *QuotaError.
func (s *Socket) Join(rooms ...string) error {
	err := s.joinRooms(rooms)
	switch heir, fits := s.moved(rooms, true); {
	case heir != nil:
		return heir.Join(rooms...)
	case !fits:
		return s.client.reached(QuotaRooms, s)
	}
	return err
}

func (s *Socket) joinRooms(rooms []string) error {
	config := &s.client.server.config
	s.mu.Lock()
	if s.state.Load() == connecting {
		fits := config.roomsFit(s.rooms, rooms)
		if fits {
			s.rooms = append(s.rooms, rooms...)
		}
		s.mu.Unlock()
		if !fits {
			return s.client.reached(QuotaRooms, s)
		}
		s.ns.arrivals.add(s)
		return nil
	}
	s.mu.Unlock()
	if s.state.Load() != gone && !s.ns.registry.JoinIDWithin(s.id, config.MaxRooms, config.MaxRoomBytes, rooms...) {
		return s.client.reached(QuotaRooms, s)
	}
	return nil
}

// roomsFit reports whether a socket that is to join rooms may join more.
func (c *Config) roomsFit(rooms, more []string) bool {
	bytes := 0
	for _, list := range [][]string{rooms, more} {
		for _, name := range list {
			bytes += len(name)
		}
	}
	return (c.MaxRooms < 0 || len(rooms)+len(more) <= c.MaxRooms) && (c.MaxRoomBytes < 0 || bytes <= c.MaxRoomBytes)
}

// Leave makes the socket leave rooms.
func (s *Socket) Leave(rooms ...string) {
	s.leaveRooms(rooms)
	if heir, _ := s.moved(rooms, false); heir != nil {
		heir.Leave(rooms...)
	}
}

func (s *Socket) leaveRooms(rooms []string) {
	s.mu.Lock()
	if s.state.Load() == connecting {
		s.rooms = without(s.rooms, rooms)
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	if s.state.Load() == gone {
		return
	}
	for _, room := range rooms {
		s.ns.registry.LeaveID(s.id, room)
	}
}

// Rooms returns the rooms that the socket is in, its own id among them. OnDisconnecting still finds them, OnDisconnect does
// not.
func (s *Socket) Rooms() []string {
	s.mu.Lock()
	if state := s.state.Load(); state == connecting || state == gone {
		defer s.mu.Unlock()
		return append([]string(nil), s.rooms...)
	}
	s.mu.Unlock()
	return s.ns.registry.SocketRooms(s.id)
}

func without(rooms, left []string) []string {
	var kept []string
	for _, room := range rooms {
		out := false
		for _, l := range left {
			out = out || l == room
		}
		if !out {
			kept = append(kept, room)
		}
	}
	return kept
}
