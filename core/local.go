package core

import (
	"context"

	"github.com/backplane-go/backplane/codec"
)

// LocalSockets is what the cluster asks of this process's part of a namespace. Registry is one.
//
// The cluster calls Broadcast to ServerSideEmit for messages of other nodes one at a time, in the order in which each
// sender sent them; calls made in this process come from their callers' goroutines, at the same time. A method that
// blocks holds up the messages of its namespace, and in the end they are dropped (DropSlow). One that panics loses only the message
// that it was called for: a *CallError is returned to who has caused the call in this process, or else given to
// Config.ErrorHandler.
type LocalSockets interface {
	// Broadcast sends p to the selected sockets. p is shared and must not be changed.
	Broadcast(p *Packet, to Selector)
	// BroadcastAck sends p to the selected sockets and asks each for an acknowledgement. It calls asked once, with
	// the number of sockets, and then answer once for each socket that answers, from any goroutine, until ctx ends.
	BroadcastAck(ctx context.Context, p *Packet, to Selector, asked func(clients int), answer func(codec.Value))
	// Sockets describes the selected sockets.
	Sockets(to Selector) []codec.Socket
	// Join makes the selected sockets join rooms.
	Join(to Selector, rooms []string)
	// Leave makes the selected sockets leave rooms.
	Leave(to Selector, rooms []string)
	// Disconnect disconnects the selected sockets from the namespace; close: their underlying connection too.
	Disconnect(to Selector, close bool)
	// ServerSideEmit handles an event that another node sent to the servers. reply is nil when no answer is wanted;
	// else its first call answers, from any goroutine.
	ServerSideEmit(args codec.Args, reply func(codec.Value))
}

// Packet is an event on its way to sockets.
type Packet struct {
	// Args is the event's name and its arguments, as they came: Args.AppendJSON gives JSON without decoding it when it
	// came as JSON, Args.Decode the arguments.
	Args codec.Args
	// Flags say how to send it.
	Flags codec.Flags
}

// Selector selects sockets: those in at least one of Rooms (none: all), but not those in one of Except. A socket is in
// the room of its own id, so an id selects one socket.
type Selector struct {
	Rooms  []string
	Except []string
}
