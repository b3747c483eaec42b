// Package redissharded is the dialect of clusters of Socket.IO whose servers use the npm package
// @socket.io/redis-adapter, version 8, with createShardedAdapter. docs/reference/redis-sharded-protocol.md describes
// its messages. Servers with createAdapter speak another dialect, package redisclassic.
//
// The bus has to carry bytes and count who listens to a channel (transport.Counter), and must leave the names of
// channels as they are. Package redisdriver does that with Config.RawNames and Config.Sharded.
//
// # Messages
//
// They are those of dialect/standard: JSON, or MessagePack if they hold bytes, in the form of notepack.io. The dialect
// has everything that clusters have, except for requests about the rooms of one socket and custom requests:
// ClientRooms and CustomRequest use FetchSockets and server-side events.
//
// # Rooms
//
// In the modes Dynamic and DynamicPrivate, rooms have channels of their own (dialect.RoomRoute), so that a node gets
// only what its sockets need. All servers of a cluster must have the same mode.
//
// # Nodes
//
// The nodes of a namespace are the listeners of its channel. So a request waits for as many answers, also for that of a
// node that has just died. Node.js's servers wait in the same way: this node answers each of their requests once.
//
// # Files
//
//   - redissharded.go: Dialect and its options
//   - channels.go: the names of channels
//   - message.go: writes and reads messages
package redissharded

import (
	"fmt"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/classic"
)

// Mode is the option subscriptionMode of the npm package: which rooms have channels of their own. All servers of a
// cluster must have the same.
type Mode int

const (
	// Dynamic gives channels to all rooms except those whose names have 20 characters (UTF-16 units), which Node.js
	// takes for the ids of sockets. It is the default of the npm package.
	Dynamic Mode = 0
	// DynamicPrivate gives channels to all rooms, also to those of single sockets.
	DynamicPrivate Mode = 1
	// Static gives channels to no rooms: every node of a namespace gets all its messages.
	Static Mode = 2
)

// String returns the name of the mode in Node.js.
func (m Mode) String() string {
	switch m {
	case Dynamic:
		return "dynamic"
	case DynamicPrivate:
		return "dynamic-private"
	case Static:
		return "static"
	}
	return fmt.Sprintf("mode %d", int(m))
}

// Dialect is the dialect of createShardedAdapter. The zero value has the defaults.
type Dialect struct {
	// Mode is that of all servers of the cluster. Default: Dynamic.
	Mode Mode
}

var (
	_ dialect.Dialect   = Dialect{}
	_ dialect.Wire      = (*wire)(nil)
	_ dialect.Peeker    = (*wire)(nil)
	_ dialect.Counted   = (*wire)(nil)
	_ dialect.RoomRoute = (*roomRoute)(nil)
)

// name is the name of the dialect in errors.
const name = "redissharded"

// Name implements dialect.Dialect.
func (Dialect) Name() string { return name }

// Open implements dialect.Dialect.
func (d Dialect) Open(o dialect.Options) (dialect.Wire, error) {
	if err := classic.CheckOptions(o, name); err != nil {
		return nil, err
	}
	if d.Mode != Dynamic && d.Mode != DynamicPrivate && d.Mode != Static {
		return nil, &fault.ConfigError{Field: "Dialect", Reason: fmt.Sprintf("there is no %v", d.Mode)}
	}
	w := &wire{names: names{prefix: o.Prefix, longest: o.Limits.Channel, mode: d.Mode}}
	if err := w.names.check(); err != nil {
		return nil, err
	}
	return w, nil
}

type wire struct{ names }

// messages is the codec of all messages. The first byte says which of the two forms a message has.
var messages = jsonmsgpack.Codec{Notepack: true}

// Carries implements dialect.Wire. A codec.Heartbeat exists only in the process's own namespace.
func (w *wire) Carries(t codec.Type) bool {
	switch t {
	case codec.Heartbeat, codec.Broadcast, codec.SocketsJoin, codec.SocketsLeave, codec.DisconnectSockets,
		codec.FetchSockets, codec.FetchSocketsResponse, codec.ServerSideEmit, codec.ServerSideEmitResponse,
		codec.BroadcastClientCount, codec.BroadcastAck, codec.RequestRefused:
		return true
	}
	return false
}

// CountedChannel implements dialect.Counted.
func (w *wire) CountedChannel(nsp string) string { return w.channel(nsp) }
