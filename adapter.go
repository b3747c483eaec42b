// Package backplane connects the servers of a realtime cluster: what one node broadcasts reaches the clients of all,
// and every node can ask the others who is connected, move sockets between rooms, or call their servers. It speaks the
// wire of Node.js's @socket.io/postgres-adapter, so that a Go node joins a running Node.js cluster.
//
// A process opens one Cluster on a bus, and a Namespace for each audience:
//
//	cluster, err := backplane.Open(ctx, backplane.Config{Bus: pgxdriver.New(pool)})
//	…
//	chat, err := cluster.Namespace(ctx, "/chat", registry)
//	…
//	err = chat.To("room1").Except("room2").Emit(ctx, "news", map[string]any{"id": 1})
//
// The bus is postgres/pgxdriver, postgres/pqdriver, transport/memory, or one of your own: see package transport. This
// package imports no database driver; it gives names to what package core does.
//
// # Delivery
//
// Messages of one node reach another in the order they were sent, at most once. They are lost to a node that does
// not listen, or is too slow, when they are published; such a node reports it. See package core.
package backplane

import (
	"context"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/core"
)

// Open connects to a cluster. See core.Open.
func Open(ctx context.Context, config Config) (*Cluster, error) { return core.Open(ctx, config) }

// NewRegistry returns an empty registry. See core.Registry.
func NewRegistry(config RegistryConfig) *Registry { return core.NewRegistry(config) }

// NewValue encodes one value, such as what DescribedSocket tells. See codec.NewValue.
func NewValue(v any) (Value, error) { return codec.NewValue(v) }

// NewArgs encodes an event and its arguments, to make a Packet. See codec.NewArgs.
func NewArgs(event string, args ...any) (Args, error) { return codec.NewArgs(event, args...) }

// The cluster and what it is made of.
type (
	Cluster      = core.Cluster
	Config       = core.Config
	Namespace    = core.Namespace
	Target       = core.Target
	RemoteSocket = core.RemoteSocket
	Handshake    = core.Handshake
	Trace        = core.Trace
	Stats        = core.Stats
)

// What a server brings along, or takes from here.
type (
	LocalSockets    = core.LocalSockets
	Packet          = core.Packet
	Selector        = core.Selector
	Registry        = core.Registry
	RegistryConfig  = core.RegistryConfig
	Socket          = core.Socket
	AckSocket       = core.AckSocket
	DescribedSocket = core.DescribedSocket
	SocketInfo      = codec.Socket
	Args            = codec.Args
	Value           = codec.Value
	Flags           = codec.Flags
)

// What goes wrong.
type (
	PartialError       = core.PartialError
	CallError          = core.CallError
	PanicError         = core.PanicError
	GapError           = core.GapError
	DropError          = core.DropError
	OpError            = core.OpError
	ConfigError        = core.ConfigError
	NameError          = core.NameError
	TooLargeError      = core.TooLargeError
	ReservedEventError = core.ReservedEventError
)

// Errors to compare with errors.Is. Each is documented in package core.
var (
	ErrClosed             = core.ErrClosed
	ErrQueueFull          = core.ErrQueueFull
	ErrUnconfirmed        = core.ErrUnconfirmed
	ErrTimeout            = core.ErrTimeout
	ErrRefused            = core.ErrRefused
	ErrDeaf               = core.ErrDeaf
	ErrAnswersTooLarge    = core.ErrAnswersTooLarge
	ErrUnsigned           = core.ErrUnsigned
	ErrNamespaceExists    = core.ErrNamespaceExists
	ErrSocketNotFound     = core.ErrSocketNotFound
	ErrNoLoopback         = core.ErrNoLoopback
	ErrAttachmentReplaced = core.ErrAttachmentReplaced
	ErrSilent             = core.ErrSilent
	ErrExited             = core.ErrExited
)
