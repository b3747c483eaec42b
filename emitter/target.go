package emitter

import (
	"context"
	"reflect"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/wire"
)

// Target selects sockets of a namespace, on all nodes, and has the options for sending to them. A Target is
// immutable: To, Except and similar methods return a new Target, so a Target can be kept and shared.
type Target struct {
	sink sink
	nsp  string
	opts codec.Opts
}

// Of targets another namespace, with the rooms and options of t. It adds a slash in front if it is missing.
func (t Target) Of(nsp string) Target {
	t.nsp = namespace(nsp)
	return t
}

// To targets the sockets in at least one of rooms, in addition to the rooms that are targeted already. A socket
// is in the room named after its id. If no room is targeted, To without rooms, such as an empty list, targets
// no sockets, and nothing is sent. (In Node.js it targets all sockets.)
func (t Target) To(rooms ...string) Target {
	t.opts.Rooms = wire.Union(t.opts.Rooms, rooms)
	t.opts.Nobody = len(t.opts.Rooms) == 0
	return t
}

// In is the same as To.
func (t Target) In(rooms ...string) Target { return t.To(rooms...) }

// Except excludes the sockets in at least one of rooms. Without rooms it excludes no sockets.
func (t Target) Except(rooms ...string) Target {
	t.opts.Except = wire.Union(t.opts.Except, rooms)
	return t
}

// Volatile allows the event to be dropped for a client that is not ready to receive.
func (t Target) Volatile() Target {
	t.opts.Flags.Volatile = true
	return t
}

// Compress sets whether the event is compressed for the clients, if their server supports the choice.
func (t Target) Compress(compress bool) Target {
	t.opts.Flags.Compress = &compress
	return t
}

// Emit sends an event to the sockets of the target. It returns once the bus has accepted the event for all nodes that
// listen. A node whose connection is broken at that moment misses the event, and the sender does not learn of it. In
// a transaction, the event is sent when the transaction commits.
//
// When ctx ends first, Emit returns at once: a message that is still queued is not sent, one that is being published
// may be (ErrUnconfirmed). In a transaction the caller's database handle decides when a call returns.
//
// Arguments are whatever JSON can express. []byte, at any depth, is sent as binary.
func (t Target) Emit(ctx context.Context, name string, args ...any) error {
	data, err := event(name, args)
	if err != nil {
		return err
	}
	return t.send(ctx, &codec.Envelope{Type: codec.Broadcast, Args: data, Opts: t.opts})
}

// SocketsJoin makes the sockets of the target join rooms.
func (t Target) SocketsJoin(ctx context.Context, rooms ...string) error {
	return t.send(ctx, &codec.Envelope{Type: codec.SocketsJoin, Rooms: rooms, Opts: t.opts})
}

// SocketsLeave makes the sockets of the target leave rooms.
func (t Target) SocketsLeave(ctx context.Context, rooms ...string) error {
	return t.send(ctx, &codec.Envelope{Type: codec.SocketsLeave, Rooms: rooms, Opts: t.opts})
}

// DisconnectSockets disconnects the sockets of the target from the namespace. If close is true, it closes their
// connections too.
func (t Target) DisconnectSockets(ctx context.Context, close bool) error {
	return t.send(ctx, &codec.Envelope{Type: codec.DisconnectSockets, Close: close, Opts: t.opts})
}

// ServerSideEmit sends an event to the servers of all nodes, not to clients. It ignores the rooms of the target.
func (t Target) ServerSideEmit(ctx context.Context, name string, args ...any) error {
	data, err := event(name, args)
	if err != nil {
		return err
	}
	return t.send(ctx, &codec.Envelope{Type: codec.ServerSideEmit, Args: data})
}

// ServerSideEmitWithAck sends nothing and returns ErrNoAnswers.
func (t Target) ServerSideEmitWithAck(ctx context.Context, name string, args ...any) ([]codec.Value, error) {
	return nil, ErrNoAnswers
}

// EmitWithAck sends nothing and returns ErrNoAnswers.
func (t Target) EmitWithAck(ctx context.Context, name string, args ...any) ([]codec.Value, error) {
	return nil, ErrNoAnswers
}

func (t Target) send(ctx context.Context, env *codec.Envelope) error {
	if t.sink == nil {
		return &ConfigError{Reason: "a zero Target has no bus: use an Emitter that New returned"}
	}
	return t.sink.send(ctx, t.nsp, env)
}

// event encodes an event. It refuses a function as the last argument, with which Socket.IO asks for an acknowledgement.
func event(name string, args []any) (codec.Args, error) {
	if n := len(args); n > 0 && reflect.ValueOf(args[n-1]).Kind() == reflect.Func {
		return codec.Args{}, ErrNoAnswers
	}
	return wire.Event(name, args)
}
