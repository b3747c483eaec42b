package emitter

import (
	"context"
	"reflect"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/wire"
)

// Target is who a message is for: sockets of a namespace, on all nodes. It is immutable: To, Except and the like return
// another one, so that a Target can be kept and shared.
type Target struct {
	sink sink
	nsp  string
	opts codec.Opts
}

// Of targets another namespace, with the rooms and options of t. A slash in front is added where it is missing.
func (t Target) Of(nsp string) Target {
	t.nsp = namespace(nsp)
	return t
}

// To targets the sockets in at least one of rooms, in addition to the rooms targeted already. A socket is in the room
// of its own id. To with no rooms, such as an empty list, targets nobody unless rooms were targeted already: nothing
// is sent. In Node.js it targets everybody.
func (t Target) To(rooms ...string) Target {
	t.opts.Rooms = wire.Union(t.opts.Rooms, rooms)
	t.opts.Nobody = len(t.opts.Rooms) == 0
	return t
}

// In is To.
func (t Target) In(rooms ...string) Target { return t.To(rooms...) }

// Except leaves out the sockets in one of rooms. Without rooms it leaves out nobody.
func (t Target) Except(rooms ...string) Target {
	t.opts.Except = wire.Union(t.opts.Except, rooms)
	return t
}

// Volatile allows the event to be dropped for a client that is not ready to receive.
func (t Target) Volatile() Target {
	t.opts.Flags.Volatile = true
	return t
}

// Compress says whether the event is compressed on its way to the clients, where that can be chosen.
func (t Target) Compress(compress bool) Target {
	t.opts.Flags.Compress = &compress
	return t
}

// Emit sends an event to the sockets of the target. It returns once the bus has it for all nodes that listen: a node
// whose connection is broken just then misses it, and nobody tells the sender. In a transaction, that is when it
// commits. When ctx ends before that, Emit returns at once: a message that still waits behind those of other callers
// is not sent; the error of one that is on its way is ErrUnconfirmed too. In a transaction the caller's database
// handle decides when a call returns.
//
// Arguments are whatever JSON can express; []byte, at any depth, is sent as binary.
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

// DisconnectSockets disconnects the sockets of the target from the namespace; close: their underlying connections too.
func (t Target) DisconnectSockets(ctx context.Context, close bool) error {
	return t.send(ctx, &codec.Envelope{Type: codec.DisconnectSockets, Close: close, Opts: t.opts})
}

// ServerSideEmit sends an event to the nodes' servers, not to clients. The rooms of the target mean nothing to it.
func (t Target) ServerSideEmit(ctx context.Context, name string, args ...any) error {
	data, err := event(name, args)
	if err != nil {
		return err
	}
	return t.send(ctx, &codec.Envelope{Type: codec.ServerSideEmit, Args: data})
}

// ServerSideEmitWithAck returns ErrNoAnswers and sends nothing. It is here to say so.
func (t Target) ServerSideEmitWithAck(ctx context.Context, name string, args ...any) ([]codec.Value, error) {
	return nil, ErrNoAnswers
}

// EmitWithAck returns ErrNoAnswers and sends nothing. It is here to say so.
func (t Target) EmitWithAck(ctx context.Context, name string, args ...any) ([]codec.Value, error) {
	return nil, ErrNoAnswers
}

func (t Target) send(ctx context.Context, env *codec.Envelope) error {
	if t.sink == nil {
		return &ConfigError{Reason: "a zero Target has no bus: use an Emitter that New has returned"}
	}
	return t.sink.take(ctx, t.nsp, env)
}

// event encodes an event. A func as its last argument is how Socket.IO asks for an acknowledgement.
func event(name string, args []any) (codec.Args, error) {
	if n := len(args); n > 0 && reflect.ValueOf(args[n-1]).Kind() == reflect.Func {
		return codec.Args{}, ErrNoAnswers
	}
	return wire.Event(name, args)
}
