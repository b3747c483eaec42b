// Package redisstreams is the dialect of clusters of Socket.IO whose servers use the npm package
// @socket.io/redis-streams-adapter, version 0.3. docs/reference/redis-streams-protocol.md describes its messages.
//
// The bus has to carry bytes, count who listens to a channel (transport.Counter), leave the names of channels as they
// are, and turn the messages of channels whose names begin with "stream:" into entries of a stream. Package
// redis/streamsdriver does all that.
//
// # Messages
//
// Broadcasts without acknowledgements, and changes of rooms, are entries of a stream. Everything else is published. The
// dialect has everything that clusters have, except for requests about the rooms of one socket and custom requests:
// ClientRooms and CustomRequest use FetchSockets and server-side events. There is no order between what is in the
// stream and what is published.
//
// # Log
//
// The stream is a log (backplane.Config.Log): its entries are kept, those of Node.js's servers too. Clients know the
// ids of entries as offsets, and sessions of clients have the form of Node.js (dialect.Shared), so that a client that
// comes back is recovered on any server.
//
// # Nodes
//
// The nodes of a namespace are the listeners of its channel. So a request waits for as many answers, also for that of a
// node that has just died. Node.js's servers wait in the same way: this node answers each of their requests once.
//
// # Files
//
//   - redisstreams.go: Dialect
//   - channels.go: the names of channels
//   - message.go: writes and reads messages
//   - entry.go: the entries of streams
//   - session.go: offsets, and sessions of clients
package redisstreams

import (
	"cmp"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/codec/jsonmsgpack"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/internal/classic"
)

// Dialect is the dialect of @socket.io/redis-streams-adapter 0.3. The zero value has the defaults. The option
// channelPrefix of the npm package is backplane.Config.ChannelPrefix.
type Dialect struct {
	// Stream is the name of the stream, the option streamName. With several streams, their names are Stream, "-" and a
	// number. Default: the ChannelPrefix, which is "socket.io" by default, as both are in Node.js.
	Stream string
	// Streams is the number of streams, the option streamCount. A hash of its name says which one a namespace has.
	// Default: 1.
	Streams int
}

var (
	_ dialect.Dialect = Dialect{}
	_ dialect.Wire    = (*wire)(nil)
	_ dialect.Peeker  = (*wire)(nil)
	_ dialect.Counted = (*wire)(nil)
	_ dialect.Shared  = (*wire)(nil)
)

// name is the name of the dialect in errors.
const name = "redisstreams"

// Name implements dialect.Dialect.
func (Dialect) Name() string { return name }

// Open implements dialect.Dialect.
func (d Dialect) Open(o dialect.Options) (dialect.Wire, error) {
	if err := classic.CheckOptions(o, name); err != nil {
		return nil, err
	}
	w := &wire{names{prefix: o.Prefix, stream: cmp.Or(d.Stream, o.Prefix), streams: d.Streams,
		longest: o.Limits.Channel}}
	if err := w.names.check(); err != nil {
		return nil, err
	}
	return w, nil
}

type wire struct{ names }

// messages is the codec of what is published, and of the data of entries.
var messages jsonmsgpack.Codec

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

// inStream reports whether a message is an entry of a stream.
func inStream(env *codec.Envelope) bool {
	switch env.Type {
	case codec.Broadcast:
		return env.RequestID == ""
	case codec.SocketsJoin, codec.SocketsLeave, codec.DisconnectSockets:
		return true
	}
	return false
}
