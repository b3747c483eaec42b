package core

import (
	"context"

	"github.com/backplane-go/backplane/codec"
)

// LocalSockets has the sockets of this process in one namespace. A server implements it; Registry is an
// implementation that most servers can use.
//
// For messages of other nodes, the cluster calls one method at a time, in the order in which each sender sent its
// messages. For operations of this process, it calls the methods on the goroutines of their callers, at the same
// time. A method that blocks holds up the messages of its namespace, and in the end they are dropped (DropSlow). If a
// method panics, only the message that it was called for is lost. The error is a *CallError. The caller in this
// process gets it; if there is none, Config.ErrorHandler does.
type LocalSockets interface {
	// Broadcast sends p to the selected sockets. p is shared and must not be changed.
	Broadcast(p *Packet, to Selector)
	// BroadcastAck sends p to the selected sockets and asks each for an acknowledgement. It calls asked once, with
	// the number of sockets, and then answer once for each socket that answers. It may call answer from any
	// goroutine, until ctx ends.
	BroadcastAck(ctx context.Context, p *Packet, to Selector, asked func(clients int), answer func(codec.Value))
	// Sockets describes the selected sockets.
	Sockets(to Selector) []codec.Socket
	// Join makes the selected sockets join rooms.
	Join(to Selector, rooms []string)
	// Leave makes the selected sockets leave rooms.
	Leave(to Selector, rooms []string)
	// Disconnect disconnects the selected sockets from the namespace. close: it closes their connections too.
	Disconnect(to Selector, close bool)
	// ServerSideEmit handles an event that another node sent to the servers. reply is nil if no answer is wanted.
	// Otherwise its first call answers; it may be called from any goroutine.
	ServerSideEmit(args codec.Args, reply func(codec.Value))
}

// RoomSockets is implemented by LocalSockets that say which rooms have sockets. In a dialect whose rooms have channels
// of their own (dialect.RoomRoute), a namespace needs one, because nothing else says which channels to listen to.
type RoomSockets interface {
	LocalSockets
	// WatchRooms calls w.RoomCreated for each room that has a socket, and then, until stop is called, for each room
	// that gets its first socket, and w.RoomDeleted for each that loses its last one. It does so in the order of the
	// changes. A method that makes sockets join rooms calls w.Await with these rooms before it returns, without a lock.
	// One that makes sockets leave rooms calls it with no rooms.
	WatchRooms(w RoomWatcher) (stop func())
}

// RoomWatcher gets to know which rooms have sockets. It is safe for concurrent use.
type RoomWatcher = interface {
	// RoomCreated and RoomDeleted do not block, and call nothing: the caller may hold a lock.
	RoomCreated(room string)
	RoomDeleted(room string)
	// Await returns when what other nodes send to each of rooms from now on arrives, for a room that has sockets. If
	// the node has lost its session, Await returns at once: what is lost until the node listens again is reported as a
	// gap. An error of listening is reported too.
	Await(rooms ...string)
}

// Packet is an event on its way to sockets.
type Packet struct {
	// Args is the event's name and its arguments as they arrived. Args.AppendJSON returns them as JSON, without
	// decoding them if they arrived as JSON. Args.Decode returns the arguments.
	Args codec.Args
	// Flags say how to send the event.
	Flags codec.Flags
	// Position is the place of the event in the log of the namespace. It is zero if the event is not kept.
	Position Position
}

// Selector selects the sockets that are in at least one of Rooms and in none of Except. Without Rooms it selects all
// sockets that are in none of Except. A socket is in the room named after its id, so an id selects one socket.
type Selector struct {
	Rooms  []string
	Except []string
	// Position is the place in the log of the namespace of the change that Join, Leave or Disconnect applies. It
	// selects nothing: it is for LocalSockets whose sockets come with the changes up to a later position. It is zero if
	// the change is not kept.
	Position Position
}
