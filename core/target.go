package core

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/fault"
	"github.com/backplane-go/backplane/internal/wire"
)

// Target says for whom an operation is: sockets of a namespace, on this node and on all others. A Target is
// immutable. To, Except and the like return another one, so that a Target can be kept and shared. Targets come from a
// Namespace. The methods of the zero Target do nothing and return a *ConfigError.
type Target struct {
	ns     *Namespace
	rooms  []string
	nobody bool // To was called, but with no rooms
	except []string
	flags  codec.Flags
	local  bool
	timed  bool // Timeout was called
}

// To targets the sockets in at least one of rooms, in addition to the rooms that are targeted already. A socket is in
// the room named after its id. If no room is targeted, To without rooms, such as an empty list, targets nobody:
// nothing is sent. (In Node.js it targets everybody.)
func (t Target) To(rooms ...string) Target {
	t.rooms = wire.Union(t.rooms, rooms)
	t.nobody = len(t.rooms) == 0
	return t
}

// In is the same as To.
func (t Target) In(rooms ...string) Target { return t.To(rooms...) }

// Except excludes the sockets in one of rooms. Without rooms it excludes nobody.
func (t Target) Except(rooms ...string) Target {
	t.except = wire.Union(t.except, rooms)
	return t
}

// Local excludes all other nodes: only sockets of this process are targeted.
func (t Target) Local() Target {
	t.local = true
	return t
}

// Volatile allows the event to be dropped for a client that is not ready to receive.
func (t Target) Volatile() Target {
	t.flags.Volatile = true
	return t
}

// Compress says whether the event is compressed for the clients, if their server supports the choice.
func (t Target) Compress(compress bool) Target {
	t.flags.Compress = &compress
	return t
}

// Relayed marks events as coming from another cluster, so that bridges do not pass them on again. Nodes treat
// them like any others.
func (t Target) Relayed() Target {
	t.flags.Relayed = true
	return t
}

// Timeout bounds how long EmitWithAck, Acks, FetchSockets and ServerSideEmitWithAck wait for answers, in place of
// Config.RequestTimeout. Other nodes get it in whole milliseconds. 0 means that no time is left: nothing is sent, and
// the error is ErrTimeout. With a negative duration, all operations on the Target do nothing and return a
// *ConfigError.
func (t Target) Timeout(d time.Duration) Target {
	t.flags.Timeout, t.timed = d, true
	return t
}

// check returns an error if t cannot be used.
func (t Target) check() error {
	switch {
	case t.ns == nil:
		return &ConfigError{Reason: "a zero Target has no namespace: use a Target that a Namespace has returned"}
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

// Emit sends an event to the sockets of the target, on all nodes. It returns once the bus has accepted the event for
// all nodes that listen. A node whose connection is broken at that moment misses the event, and the sender does not
// learn of it.
//
// This process's sockets get the event without waiting for the bus. If publishing fails, they have got it all the
// same, and Emit returns the error. When ctx ends first, Emit returns at once: a message that is still queued is not
// sent, one that is being published may be (ErrUnconfirmed). An event that cannot be encoded reaches nobody.
//
// A node that knows that it has no peers does not wait: Emit returns once the event is queued for the bus. If
// publishing then fails, Config.ErrorHandler is called, and from then on Emit waits and returns errors itself, until
// the bus accepts an event again. A node knows that it has no peers if none answered its announcement within a
// second, or within HeartbeatInterval if that is shorter. The same holds for all methods of a Target that take a
// context. Programs that only read the bus are no peers. Package emitter always waits.
//
// Arguments are whatever JSON can express. []byte, at any depth, is sent as binary.
func (t Target) Emit(ctx context.Context, name string, args ...any) error {
	data, err := t.event(name, args)
	if err != nil {
		return err
	}
	return t.carryOut(ctx, &codec.Envelope{Type: codec.Broadcast, Args: data})
}

// EmitAsync is Emit without waiting for the bus. Config.ErrorHandler is called with errors that occur later.
// EmitAsync returns ErrQueueFull if the publishing queue is full. The events of one goroutine keep their order,
// whether they are sent with Emit or EmitAsync.
func (t Target) EmitAsync(name string, args ...any) error {
	data, err := t.event(name, args)
	if err != nil {
		return err
	}
	return t.operation(&codec.Envelope{Type: codec.Broadcast, Args: data}).carryOutAsync(t.local || t.nobody)
}

// Forward sends a packet that came from another cluster: its event and its flags as they are, with the mark of
// Relayed. The flags of the target have no effect. It does not wait, and its errors are those of EmitAsync. The event
// is not decoded.
func (t Target) Forward(p *Packet) error {
	if err := t.check(); err != nil {
		return err
	}
	if fault.Reserved(p.Args.Event()) {
		return &ReservedEventError{Event: p.Args.Event()}
	}
	t.flags = p.Flags
	t.flags.Relayed = true
	return t.operation(&codec.Envelope{Type: codec.Broadcast, Args: p.Args}).carryOutAsync(t.local || t.nobody)
}

// carryOutAsync carries out an operation without waiting for the bus, and releases it.
func (o *outgoing) carryOutAsync(onlyHere bool) error {
	defer o.release()
	if onlyHere {
		return o.applyOnlyHere()
	}
	err := o.publishAsync()
	if !tooLate(err) && (err != nil || !o.returnsFirst) {
		o.applyHere()
	}
	return o.withFault(err)
}

// tooLate reports whether err says that the namespace is closed. Nothing is applied to the local sockets then.
func tooLate(err error) bool { return errors.Is(err, ErrClosed) }

// refused reports whether err says that an operation cannot be done at all. Nothing is applied to the local sockets
// then.
func refused(err error) bool {
	if err == nil || tooLate(err) {
		return err != nil
	}
	var unsupported *UnsupportedError // allocated on the heap
	return errors.As(err, &unsupported)
}

// SocketsJoin makes the sockets of the target join rooms. If publishing fails, this process's sockets join all the
// same, and SocketsJoin returns the error.
func (t Target) SocketsJoin(ctx context.Context, rooms ...string) error {
	return t.carryOut(ctx, &codec.Envelope{Type: codec.SocketsJoin, Rooms: rooms})
}

// SocketsLeave makes the sockets of the target leave rooms. Errors are those of SocketsJoin.
func (t Target) SocketsLeave(ctx context.Context, rooms ...string) error {
	return t.carryOut(ctx, &codec.Envelope{Type: codec.SocketsLeave, Rooms: rooms})
}

// DisconnectSockets disconnects the sockets of the target from the namespace. close: it closes their connections too.
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

// operation returns the operation of env on the sockets of the target, on all nodes.
func (t Target) operation(env *codec.Envelope) *outgoing {
	env.Opts = t.opts()
	o := t.ns.operation(env)
	o.applies, o.forPeers = true, true
	return o
}

// carryOut applies env here and, unless the target is local, on the other nodes.
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
