package backplane

import (
	"context"
	"iter"
	"time"

	"github.com/backplane-go/backplane/core"
)

// Target selects sockets of a namespace, on this node and on all others, for an operation. It is immutable: To,
// Except and similar methods return another Target, so you can keep and share one. It comes from a Namespace. The
// methods of a zero Target do nothing and return a *ConfigError.
type Target struct{ core core.Target }

// To selects the sockets in at least one of rooms, in addition to the rooms that are already selected. A socket is in
// the room of its own id. Without rooms, for example with an empty list, To selects nobody unless rooms were selected
// before: nothing is sent. In Node.js it selects everybody.
func (t Target) To(rooms ...string) Target { return Target{t.core.To(rooms...)} }

// In is the same as To.
func (t Target) In(rooms ...string) Target { return Target{t.core.To(rooms...)} }

// Except excludes the sockets in one of rooms. Without rooms it excludes nobody.
func (t Target) Except(rooms ...string) Target { return Target{t.core.Except(rooms...)} }

// Local excludes all other nodes.
func (t Target) Local() Target { return Target{t.core.Local()} }

// Volatile allows the event to be dropped for a client that is not ready to receive.
func (t Target) Volatile() Target { return Target{t.core.Volatile()} }

// Compress sets whether the event is compressed on its way to the clients, if the server can choose that.
func (t Target) Compress(compress bool) Target { return Target{t.core.Compress(compress)} }

// Relayed marks events as coming from another cluster, so that bridges do not pass them on again. Nodes treat them like
// any others.
func (t Target) Relayed() Target { return Target{t.core.Relayed()} }

// Timeout limits how long EmitWithAck, Acks, FetchSockets and ServerSideEmitWithAck wait for answers, instead of
// Config.RequestTimeout. Other nodes get it in whole milliseconds. 0 means that no time is left: nothing is sent, and
// the error is ErrTimeout. With a negative duration all methods of the Target do nothing and return a *ConfigError.
func (t Target) Timeout(d time.Duration) Target { return Target{t.core.Timeout(d)} }

// Emit sends an event to the selected sockets, on all nodes. It returns when the bus has accepted the event for all
// nodes that listen; a node whose connection is broken at that moment misses it, and the sender does not learn that.
// The sockets of this process get the event without waiting for the bus. An error of publishing is returned, and the
// sockets of this process have received the event anyway. If ctx ends first, Emit returns at once: a message that was
// still queued is not sent, and one that the bus already has may be (ErrUnconfirmed). An event that cannot be encoded
// reaches nobody.
//
// A node that knows that it has no peers does not wait: Emit returns when the event is queued for the bus. If
// publishing then fails, Config.ErrorHandler receives the error, and from then on Emit waits and returns errors
// again, until the bus has accepted an event. The node knows that it has no peers if none has answered its
// announcement within a second, or within HeartbeatInterval if that is shorter. The same applies to all methods of a
// Target that take a context. The node does not wait for programs that are not nodes, such as one that reads the bus;
// package emitter always waits.
//
// With Config.Log, Emit returns when the event is kept, also without peers. No node misses it then. The sockets of this
// process get it when it comes back from the log, or at once if it is known not to be kept: see OrderCluster. Volatile
// events, and those of a Local target, are not kept.
//
// Arguments are values that JSON can express; []byte, at any depth, is sent as binary.
func (t Target) Emit(ctx context.Context, event string, args ...any) error {
	return t.core.Emit(ctx, event, args...)
}

// EmitAsync is Emit without waiting for the bus. Config.ErrorHandler receives later errors. EmitAsync returns
// ErrQueueFull if too many messages already wait. Events of one goroutine keep their order, whether they are sent
// with Emit or with EmitAsync.
func (t Target) EmitAsync(event string, args ...any) error { return t.core.EmitAsync(event, args...) }

// Forward sends a packet that a LocalSockets of another cluster has received: its event and its flags as they are, and
// marked with Relayed. The flags of the Target have no effect. Forward does not wait, and returns the errors of
// EmitAsync. It does not decode the event. Package bridge uses it.
func (t Target) Forward(p *Packet) error { return t.core.Forward(p) }

// EmitWithAck sends an event to the selected sockets and returns their acknowledgements in the order in which they
// arrive, one value for each socket: the first argument of its acknowledgement. Value.All has all arguments; of a
// client of a Node.js node there is only the first, because its adapter sends no more. EmitWithAck returns when all
// sockets on all nodes have answered. If it returns earlier, at the timeout or with ctx, the answers so far come with
// a *PartialError. Acks yields them as they arrive.
func (t Target) EmitWithAck(ctx context.Context, event string, args ...any) ([]Value, error) {
	return t.core.EmitWithAck(ctx, event, args...)
}

// Acks is EmitWithAck for callers that cannot wait for the slowest client. It yields each acknowledgement as it
// arrives, one value for each socket. If not all sockets answer, the last element is a *PartialError with a null
// value. The event is sent when the iteration begins. Leaving the loop early is no error; later acknowledgements are
// dropped.
//
//	for answer, err := range chat.To("room").Acks(ctx, "ready?") {
//		…
//	}
func (t Target) Acks(ctx context.Context, event string, args ...any) iter.Seq2[Value, error] {
	return t.core.Acks(ctx, event, args...)
}

// FetchSockets returns the selected sockets, on all nodes. If not all nodes answer in time, the sockets found so far,
// those of this process included, come with a *PartialError.
func (t Target) FetchSockets(ctx context.Context) ([]*RemoteSocket, error) {
	found, err := t.core.FetchSockets(ctx)
	return remoteSockets(found), err
}

// SocketsJoin makes the selected sockets join rooms. Like Emit, it returns an error of publishing, and has done its
// local part anyway.
func (t Target) SocketsJoin(ctx context.Context, rooms ...string) error {
	return t.core.SocketsJoin(ctx, rooms...)
}

// SocketsLeave makes the selected sockets leave rooms. Like Emit, it returns an error of publishing, and has done its
// local part anyway.
func (t Target) SocketsLeave(ctx context.Context, rooms ...string) error {
	return t.core.SocketsLeave(ctx, rooms...)
}

// DisconnectSockets disconnects the selected sockets from the namespace. With close it also closes their underlying
// connections. Like Emit, it returns an error of publishing, and has done its local part anyway.
func (t Target) DisconnectSockets(ctx context.Context, close bool) error {
	return t.core.DisconnectSockets(ctx, close)
}

// ServerSideEmit sends an event to the servers of the other nodes, not to this one and not to clients. It returns
// when the bus has accepted it for all nodes that listen, as Emit does. The rooms of the Target have no effect.
func (t Target) ServerSideEmit(ctx context.Context, event string, args ...any) error {
	return t.core.ServerSideEmit(ctx, event, args...)
}

// ServerSideEmitWithAck sends an event to the servers of the other nodes and returns their answers, one for each, in
// the order in which they arrive. Without peers it returns none at once. Value.All has all arguments of an answer; of
// a Node.js node there is only the first. If not all nodes answer in time, the answers so far come with a
// *PartialError.
func (t Target) ServerSideEmitWithAck(ctx context.Context, event string, args ...any) ([]Value, error) {
	return t.core.ServerSideEmitWithAck(ctx, event, args...)
}
