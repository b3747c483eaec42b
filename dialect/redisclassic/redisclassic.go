// Package redisclassic is the dialect of clusters of Socket.IO whose servers use the npm package
// @socket.io/redis-adapter, version 7 or 8, with createAdapter, and of programs with @socket.io/redis-emitter.
// docs/reference/redis-protocol.md describes its messages. Sharded adapters (createShardedAdapter) speak another one.
//
// The bus has to carry bytes, listen to prefixes of names (transport.PrefixListener) and count who listens to a channel
// (transport.Counter), and must leave the names of channels as they are. Package redisdriver does all that with
// Config.RawNames.
//
// # Messages
//
// The dialect has everything that clusters have, except for requests about the rooms of one socket and custom requests:
// ClientRooms and CustomRequest use FetchSockets and server-side events. Requests and answers are JSON. Those that hold
// bytes, which JSON does not have, are MessagePack; Node.js's servers understand that, but never send it.
//
// # Nodes
//
// The nodes of a namespace are the listeners of the channel for its requests. So a request waits for as many answers,
// whoever they come from, also for one of a node that has just died. Node.js's servers wait in the same way: this
// node answers each of their requests once.
//
// # Files
//
//   - redisclassic.go: Dialect and its options
//   - channels.go: the names of channels
//   - message.go: writes and reads messages
//   - request.go: the fields of requests and answers
//   - form.go: writes these as JSON or MessagePack
//   - parserequest.go: reads requests
//   - parseanswer.go: reads answers
//   - peek.go: recognises a node's own messages
package redisclassic

import (
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/dialect"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/classic"
)

// Dialect is the dialect of @socket.io/redis-adapter. The zero value has the defaults.
type Dialect struct {
	// SharedResponses sends all answers to the channel of all nodes, as the npm package does unless its option
	// publishOnSpecificResponseChannel is set. Without it, an answer goes to the channel of the node that has asked, so
	// that the other nodes need not receive it. Every node hears both channels, so servers with and without the option
	// understand each other. Answers to server-side events, and to a request that does not say who asks, go to all
	// nodes in any case.
	SharedResponses bool
}

var (
	_ dialect.Dialect      = Dialect{}
	_ dialect.Wire         = (*wire)(nil)
	_ dialect.Peeker       = (*wire)(nil)
	_ dialect.AnswerPeeker = (*wire)(nil)
	_ dialect.Counted      = (*wire)(nil)
)

// name is the name of the dialect in errors.
const name = "redisclassic"

// Name implements dialect.Dialect.
func (Dialect) Name() string { return name }

// Open implements dialect.Dialect.
func (d Dialect) Open(o dialect.Options) (dialect.Wire, error) {
	switch {
	case o.Codec != nil:
		return nil, &fault.ConfigError{Field: "Codec", Reason: "the redisclassic dialect has its own: leave it unset"}
	case o.Signed:
		return nil, &fault.ConfigError{Field: "Secret",
			Reason: "Node.js's servers cannot read signed messages, so this dialect has none: leave it unset"}
	case o.Limits.Text:
		return nil, &fault.ConfigError{Field: "Bus", Reason: "the redisclassic dialect needs one that carries bytes"}
	}
	w := &wire{names{prefix: o.Prefix, longest: o.Limits.Channel, shared: d.SharedResponses}}
	if err := w.check(); err != nil {
		return nil, err
	}
	return w, nil
}

type wire struct{ names }

// Carries implements dialect.Wire. A codec.Heartbeat exists only in the process's own namespace.
func (w *wire) Carries(t codec.Type) bool {
	switch t {
	case codec.Heartbeat, codec.Broadcast, codec.BroadcastClientCount, codec.BroadcastAck, codec.SocketsJoin,
		codec.SocketsLeave, codec.DisconnectSockets, codec.SocketChanged, codec.FetchSockets,
		codec.FetchSocketsResponse, codec.ServerSideEmit, codec.ServerSideEmitResponse, codec.ListSockets,
		codec.ListSocketsResponse, codec.ListRooms, codec.ListRoomsResponse:
		return true
	}
	return false
}

// CountedChannel implements dialect.Counted.
func (w *wire) CountedChannel(nsp string) string { return classic.Request.Channel(w.prefix, nsp) }

// unsupported returns the error of a message that the dialect does not have.
func unsupported(t codec.Type, hint string) error {
	return &fault.UnsupportedError{Op: t.String(), Dialect: name, Hint: hint}
}

func newReader() *classic.Reader { return &classic.Reader{Dialect: name, Acks: true} }
