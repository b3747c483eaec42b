package core

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/internal/wire"
)

// Target is who an operation is for: sockets of a namespace, on this node and on all others. It is immutable: To,
// Except and the like return another one, so that a Target can be kept and shared. A Target comes from a Namespace:
// what is asked of the zero Target does nothing and returns a *ConfigError.
type Target struct {
	ns     *Namespace
	rooms  []string
	nobody bool // To was called, but with no rooms
	except []string
	flags  codec.Flags
	local  bool
	timed  bool // Timeout was called
}

// To targets the sockets in at least one of rooms, in addition to the rooms targeted already. A socket is in the room
// of its own id. To with no rooms, such as an empty list, targets nobody unless rooms were targeted already: nothing
// is sent. In Node.js it targets everybody.
func (t Target) To(rooms ...string) Target {
	t.rooms = wire.Union(t.rooms, rooms)
	t.nobody = len(t.rooms) == 0
	return t
}

// In is To.
func (t Target) In(rooms ...string) Target { return t.To(rooms...) }

// Except leaves out the sockets in one of rooms. Without rooms it leaves out nobody.
func (t Target) Except(rooms ...string) Target {
	t.except = wire.Union(t.except, rooms)
	return t
}

// Local leaves out all other nodes.
func (t Target) Local() Target {
	t.local = true
	return t
}

// Volatile allows the event to be dropped for a client that is not ready to receive.
func (t Target) Volatile() Target {
	t.flags.Volatile = true
	return t
}

// Compress says whether the event is compressed on its way to the clients, where that can be chosen.
func (t Target) Compress(compress bool) Target {
	t.flags.Compress = &compress
	return t
}

// Timeout bounds how long EmitWithAck, Acks, FetchSockets and ServerSideEmitWithAck wait for answers, instead of
// Config.RequestTimeout. Other nodes learn of it in whole milliseconds. 0 means that no time is left: nothing is
// sent, and the error is ErrTimeout. With a negative duration all operations on the Target do nothing and return a
// *ConfigError.
func (t Target) Timeout(d time.Duration) Target {
	t.flags.Timeout, t.timed = d, true
	return t
}

// check returns why nothing can be asked of t.
func (t Target) check() error {
	switch {
	case t.ns == nil:
		return &ConfigError{Reason: "a zero Target has no namespace: use one that a Namespace has returned"}
	case t.flags.Timeout < 0:
		return &ConfigError{Reason: fmt.Sprintf("a timeout of %v is negative", t.flags.Timeout)}
	}
	return nil
}

func (t Target) opts() codec.Opts {
	return codec.Opts{Rooms: t.rooms, Nobody: t.nobody, Except: t.except, Flags: t.flags}
}

func (t Target) timeout() time.Duration {
	if t.timed {
		return t.flags.Timeout
	}
	return t.ns.cluster.config.RequestTimeout
}

// Emit sends an event to the sockets of the target, on all nodes. It returns once the bus has the event for all nodes
// that listen: a node whose connection is broken just then misses it, and nobody tells the sender. This process's
// sockets are given the event without waiting for the bus. An error of publishing is returned, and the event has
// reached this process's sockets all the same. When ctx ends first, Emit returns at once: a message that was still
// queued is not sent, and one that is on its way may be (ErrUnconfirmed). An event that cannot be encoded reaches
// nobody.
//
// A node that knows that it has no peers does not wait: Emit returns once the event is queued for the bus. If
// publishing then fails, Config.ErrorHandler is told, and from then on Emit waits and returns errors again, until the
// bus has taken an event. The node knows that it has no peers when none has answered its announcement within a
// second, or within HeartbeatInterval if that is shorter. The same holds for all methods of a Target that take a
// context. Programs that are not nodes, such as one that reads the bus, are not waited for; package emitter always
// waits.
//
// Arguments are whatever JSON can express; []byte, at any depth, is sent as binary.
func (t Target) Emit(ctx context.Context, name string, args ...any) error {
	data, err := t.event(name, args)
	if err != nil {
		return err
	}
	return t.carryOut(ctx, &codec.Envelope{Type: codec.Broadcast, Args: data})
}

// EmitAsync is Emit without waiting for the bus: what goes wrong later is told to Config.ErrorHandler. It returns
// ErrQueueFull when too many messages wait already. Events of one goroutine keep their order, whichever way they are
// emitted.
func (t Target) EmitAsync(name string, args ...any) error {
	data, err := t.event(name, args)
	if err != nil {
		return err
	}
	o := t.operation(&codec.Envelope{Type: codec.Broadcast, Args: data})
	defer o.release()
	if t.local || t.nobody {
		return o.applyOnlyHere()
	}
	err = o.publishAsync()
	if !tooLate(err) {
		o.applyHere()
	}
	return o.withFault(err)
}

// tooLate reports whether err means that the namespace is closed, and so its local part too.
func tooLate(err error) bool { return errors.Is(err, ErrClosed) }

// SocketsJoin makes the sockets of the target join rooms. Like Emit, it returns an error of publishing and does its
// local part all the same.
func (t Target) SocketsJoin(ctx context.Context, rooms ...string) error {
	return t.carryOut(ctx, &codec.Envelope{Type: codec.SocketsJoin, Rooms: rooms})
}

// SocketsLeave makes the sockets of the target leave rooms, as SocketsJoin makes them join.
func (t Target) SocketsLeave(ctx context.Context, rooms ...string) error {
	return t.carryOut(ctx, &codec.Envelope{Type: codec.SocketsLeave, Rooms: rooms})
}

// DisconnectSockets disconnects the sockets of the target from the namespace; close: their underlying connections too.
func (t Target) DisconnectSockets(ctx context.Context, close bool) error {
	return t.carryOut(ctx, &codec.Envelope{Type: codec.DisconnectSockets, Close: close})
}

// event encodes an event for the target.
func (t Target) event(name string, args []any) (codec.Args, error) {
	if err := t.check(); err != nil {
		return codec.Args{}, err
	}
	return wire.Event(name, args)
}

// operation is what env does to the sockets of the target, on all nodes.
func (t Target) operation(env *codec.Envelope) *outgoing {
	env.Opts = t.opts()
	o := t.ns.operation(env)
	o.applies, o.forPeers = true, true
	return o
}

// carryOut does what env says here and, unless the target is local, on the other nodes.
func (t Target) carryOut(ctx context.Context, env *codec.Envelope) error {
	if err := t.check(); err != nil {
		return err
	}
	o := t.operation(env)
	defer o.release()
	if t.local || t.nobody {
		return o.applyOnlyHere()
	}
	return o.publish(ctx)
}
