package backplane

import (
	"context"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
)

// LocalSockets is this process's part of a namespace: the cluster calls it to reach the sockets of this node.
// Registry implements it.
//
// The cluster calls the methods for messages of other nodes one at a time, in the order in which each sender sent
// them. For operations of this process it calls them on the goroutines of the callers, at the same time. A method
// that blocks delays the messages of its namespace, and in the end they are dropped (DropSlow). A method that panics
// loses only the message for which it was called: the caller in this process gets a *CallError, or else
// Config.ErrorHandler receives it.
type LocalSockets interface {
	// Broadcast sends p to the selected sockets. p is shared and must not be changed.
	Broadcast(p *Packet, to Selector)
	// BroadcastAck sends p to the selected sockets and asks each for an acknowledgement. It calls asked once, with the
	// number of sockets, and then answer once for each socket that answers, from any goroutine, until ctx ends.
	BroadcastAck(ctx context.Context, p *Packet, to Selector, asked func(clients int), answer func(Value))
	// Sockets describes the selected sockets.
	Sockets(to Selector) []SocketInfo
	// Join makes the selected sockets join rooms.
	Join(to Selector, rooms []string)
	// Leave makes the selected sockets leave rooms.
	Leave(to Selector, rooms []string)
	// Disconnect disconnects the selected sockets from the namespace. With close it also closes their underlying
	// connections.
	Disconnect(to Selector, close bool)
	// ServerSideEmit handles an event that another node has sent to the servers. reply is nil if no answer is wanted;
	// otherwise its first call answers, from any goroutine.
	ServerSideEmit(args Args, reply func(Value))
}

// RoomSockets is a LocalSockets that says which rooms have sockets, such as Registry. In a dialect whose rooms have
// channels of their own (redissharded.Dynamic), Cluster.Namespace needs one.
type RoomSockets interface {
	LocalSockets
	// WatchRooms calls w.RoomCreated for each room that has a socket, and then, until stop is called, for each that
	// gets its first one; and w.RoomDeleted for each that loses its last one, all in the order of the changes. A method
	// that makes sockets join rooms calls w.Await with these rooms before it returns, without a lock; one that makes
	// sockets leave rooms calls it with none.
	WatchRooms(w RoomWatcher) (stop func())
}

// RoomWatcher gets to know which rooms of a RoomSockets have sockets. It is safe for concurrent use.
type RoomWatcher = interface {
	// RoomCreated says that a room has got its first socket. It calls nothing and does not block: the caller may hold a
	// lock.
	RoomCreated(room string)
	// RoomDeleted says that a room has lost its last socket. See RoomCreated.
	RoomDeleted(room string)
	// Await returns when what other nodes send to each of rooms from now on arrives, for a room that has sockets. While
	// the node has no session, Await returns at once: what is lost then is reported as a gap. Errors go to
	// Config.ErrorHandler.
	Await(rooms ...string)
}

// Socket is one connected client of a Registry. Its methods are called from any goroutine and must not block: a server
// queues what it sends, and drops events of a client that does not keep up, or disconnects it.
type Socket = interface {
	// ID returns the socket's id, which is unique in the cluster and cannot be guessed. It never changes.
	ID() string
	// Send sends the client an event. p is shared with other sockets.
	Send(p *Packet)
	// Disconnect ends the client's membership of the namespace. With close it also closes its connection. The server
	// calls Registry.Remove then.
	Disconnect(close bool)
}

// AckSocket is a Socket that can ask its client for an acknowledgement. A broadcast with acknowledgements reaches other
// sockets too, but does not wait for them.
type AckSocket interface {
	Socket
	// SendAck sends the client an event and calls answer, from any goroutine, when the client acknowledges it; not
	// after ctx has ended.
	SendAck(ctx context.Context, p *Packet, answer func(Value))
}

// DescribedSocket is a Socket for which FetchSockets returns more than its id and rooms.
type DescribedSocket interface {
	Socket
	// Describe returns how the client has connected and what the application has attached to it.
	Describe() (Handshake, Value)
}

// Packet is an event on its way to sockets. Its fields:
//
//	Args  Args  // the event's name and its arguments: AppendJSON returns JSON, Decode the arguments
//	Flags Flags // how to send it
//	Position Position // its place in the log of the namespace, or zero
type Packet = core.Packet

// Selector selects sockets: those in at least one of Rooms (all sockets if there are none), but not those in one of
// Except. A socket is in the room of its own id, so an id selects one socket. Its fields:
//
//	Rooms  []string
//	Except []string
//	Position Position // of the change in the log of the namespace, for LocalSockets; it selects nothing
type Selector = core.Selector

// SocketInfo is what a node tells others about one of its sockets. Its fields:
//
//	ID        string
//	Handshake Value    // an object with the fields of Handshake
//	Rooms     []string
//	Data      Value    // what the application has attached
type SocketInfo = codec.Socket

// Handshake is how a socket has connected, as Socket.IO describes it. IssuedAt returns Issued as a time. Its fields:
//
//	Headers map[string]any
//	Time    string         // a date, in words
//	Address string         // of the client
//	XDomain bool
//	Secure  bool
//	Issued  int64          // milliseconds since 1970
//	URL     string
//	Query   map[string]any
//	Auth    any
type Handshake = core.Handshake
