// Package legacy is the dialect of clusters of Socket.IO 2 whose servers use the npm package
// socket.io-adapter-postgres 1.2. docs/reference/legacy-protocol.md describes its messages.
//
// # Channels
//
// All clusters of a database share one channel of PostgreSQL, "socketio". Inside of it, each message names a channel
// of its own, which begins with the prefix of its cluster: the key of the Node.js package, Config.ChannelPrefix here.
// The process's own namespace has a channel that Node.js does not listen to.
//
// # Messages
//
// The dialect has broadcasts without acknowledgements, and the requests of the Node.js package: the sockets of rooms,
// the rooms of a socket, all rooms, joining, leaving and disconnecting one socket, and custom requests. All other
// operations return a *fault.UnsupportedError. Large messages are sent in pieces, without a store.
//
// Clients of Node.js's servers are excluded from a broadcast by the ids of their sockets only: Socket.IO 2 does not
// exclude the sockets of other rooms.
//
// # Nodes
//
// Nodes are counted by the names of their connections, so the dialect needs a bus that is a transport.Roster, as those
// of PostgreSQL are. Emitters need none.
//
// # Files
//
//   - legacy.go: Dialect and its options
//   - channels.go: the names of channels, and which namespaces a message concerns
//   - message.go: writes and reads the pair of a channel and a payload
//   - broadcast.go: writes and reads broadcasts
//   - request.go: writes requests and answers
//   - parserequest.go: reads requests and answers
//   - split.go: cuts large messages into pieces
//   - pieces.go: puts pieces together
//   - peek.go: recognises a node's own messages
//   - census.go: counts nodes
//   - shown.go: the names of connections as PostgreSQL shows them
package legacy

import (
	"sync/atomic"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/transport"
)

// Dialect is the dialect of socket.io-adapter-postgres 1.2. The zero value has the defaults.
type Dialect struct {
	// MaxCounted is how many namespaces of a cluster show Node.js's servers that this process has opened them. Each
	// takes a connection to the database. The other namespaces work, but the requests of other servers do not wait for
	// this one's answers in them. 0 means 16; a negative number means none.
	MaxCounted int
	// MaxPartial is how many messages may be incomplete, because pieces of them are missing. If there are more, the
	// oldest are dropped. 0 means 1024.
	MaxPartial int
	// MaxPartialBytes is how much memory the pieces of incomplete messages may take, in bytes. If they need more, the
	// oldest messages are dropped. It is also the limit of one message. 0 means 64 MiB.
	MaxPartialBytes int
}

// The defaults of the options.
const (
	defaultCounted      = 16
	defaultPartial      = 1024
	defaultPartialBytes = 64 << 20
)

var (
	_ dialect.Dialect    = Dialect{}
	_ dialect.Wire       = (*wire)(nil)
	_ dialect.Splitter   = (*wire)(nil)
	_ dialect.Peeker     = (*wire)(nil)
	_ dialect.Overlapper = (*wire)(nil)
	_ dialect.Census     = (*wire)(nil)
)

// name is the name of the dialect in errors.
const name = "legacy"

// Name implements dialect.Dialect.
func (Dialect) Name() string { return name }

// Open implements dialect.Dialect.
func (d Dialect) Open(o dialect.Options) (dialect.Wire, error) {
	switch {
	case o.Codec != nil:
		return nil, &fault.ConfigError{Field: "Codec", Reason: "the legacy dialect has its own: leave it unset"}
	case o.Signed:
		return nil, &fault.ConfigError{Field: "Secret",
			Reason: "Node.js's servers cannot read signed messages, so the legacy dialect has none: leave it unset"}
	}
	n := newNames(o.Prefix, o.Limits)
	if err := n.check(); err != nil {
		return nil, err
	}
	w := &wire{
		names:  n,
		limits: o.Limits,
		pieces: newPieces(orDefault(d.MaxPartial, defaultPartial), orDefault(d.MaxPartialBytes, defaultPartialBytes),
			o.MaxMessageBytes),
	}
	if _, err := w.Namespace("/", ""); err != nil {
		return nil, &fault.NameError{Kind: "channel prefix", Name: o.Prefix,
			Reason: "it leaves no room for messages: shorten it"}
	}
	roster, _ := o.Bus.(transport.Roster)
	w.census = newCensus(roster, o.Prefix, max(0, orDefault(d.MaxCounted, defaultCounted)))
	return w, nil
}

func orDefault(n, def int) int {
	if n == 0 {
		return def
	}
	return n
}

type wire struct {
	names
	*census
	limits transport.Limits
	pieces pieces        // of incomplete messages; only Parse uses it
	sets   atomic.Uint64 // how many messages were split
}

// Carries implements dialect.Wire. A codec.Heartbeat exists only in the process's own namespace.
func (w *wire) Carries(t codec.Type) bool {
	switch t {
	case codec.Heartbeat, codec.Broadcast, codec.SocketsJoin, codec.SocketsLeave, codec.DisconnectSockets,
		codec.ListSockets, codec.ListSocketsResponse, codec.ListRooms, codec.ListRoomsResponse, codec.SocketRooms,
		codec.SocketRoomsResponse, codec.CustomRequest, codec.CustomRequestResponse, codec.SocketChanged:
		return true
	}
	return false
}

// unsupported returns the error of a message that the dialect does not have.
func unsupported(t codec.Type, hint string) error {
	return &fault.UnsupportedError{Op: t.String(), Dialect: name, Hint: hint}
}
