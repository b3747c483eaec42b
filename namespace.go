package backplane

import (
	"context"
	"iter"
	"time"

	"github.com/backplane-go/backplane/core"
)

// Namespace is one audience of a cluster: the clients of this process, which belong to its LocalSockets, and those of
// its peers. Its operations reach every socket of the namespace; To, Except and similar methods return a Target that
// reaches some of them. It is safe for concurrent use. Cluster.Namespace opens one.
type Namespace struct {
	Target // every socket of the namespace, on all nodes
	core   *core.Namespace
}

// namespaceOf returns the namespace of this package, nil for nil.
func namespaceOf(ns *core.Namespace) *Namespace {
	if ns == nil {
		return nil
	}
	return &Namespace{Target: Target{ns.Target}, core: ns}
}

// Name returns the namespace's name, such as "/chat".
func (ns *Namespace) Name() string { return ns.core.Name() }

// Channel returns the name of the namespace's channel on the bus, "<prefix>#<namespace>". It is the same on all nodes.
func (ns *Namespace) Channel() string { return ns.core.Channel() }

// UID returns the id by which the peers know this node in this namespace.
func (ns *Namespace) UID() string { return ns.core.UID() }

// Peers returns the uids of the other nodes that are alive, in alphabetical order. While the node is deaf, from
// Trace.SessionLost to Trace.SessionRecovered, these are the last known ones. It is empty before WaitReady.
func (ns *Namespace) Peers() []string { return ns.core.Peers() }

// ServerCount returns the number of known nodes: those that Peers returns, and this one.
func (ns *Namespace) ServerCount() int { return ns.core.ServerCount() }

// WaitForPeers returns when at least n other nodes are known, or with ctx's error, or with ErrClosed.
func (ns *Namespace) WaitForPeers(ctx context.Context, n int) error {
	return ns.core.WaitForPeers(ctx, n)
}

// WaitReady returns when the node receives what others send to the namespace, or with ctx's error, or with ErrClosed.
// Only a namespace of Cluster.NamespaceAsync needs it.
func (ns *Namespace) WaitReady(ctx context.Context) error { return ns.core.WaitReady(ctx) }

// Close announces to the peers that this node leaves the namespace, and stops receiving: LocalSockets is not called
// any more, except for a call that is already running. Pending requests end with ErrClosed. Close does not disconnect
// the clients of this process. It returns an error if the leave message could not be published. If ctx ends before
// everything is done, the rest continues in the background. A second call waits for the first to finish.
func (ns *Namespace) Close(ctx context.Context) error { return ns.core.Close(ctx) }

// To selects the sockets in at least one of rooms. A socket is in the room of its own id. Without rooms, for example
// with an empty list, To selects nobody: nothing is sent. In Node.js it selects everybody. See Target.To.
func (ns *Namespace) To(rooms ...string) Target { return ns.Target.To(rooms...) }

// In is the same as To.
func (ns *Namespace) In(rooms ...string) Target { return ns.Target.To(rooms...) }

// Except selects all sockets but those in one of rooms. Without rooms it selects all sockets.
func (ns *Namespace) Except(rooms ...string) Target { return ns.Target.Except(rooms...) }

// Local selects the sockets of this node.
func (ns *Namespace) Local() Target { return ns.Target.Local() }

// Volatile selects all sockets, and allows the event to be dropped for a client that is not ready to receive.
func (ns *Namespace) Volatile() Target { return ns.Target.Volatile() }

// Compress selects all sockets, and sets whether the event is compressed on its way to the clients.
func (ns *Namespace) Compress(compress bool) Target { return ns.Target.Compress(compress) }

// Relayed selects all sockets, and marks events as coming from another cluster. See Target.Relayed.
func (ns *Namespace) Relayed() Target { return ns.Target.Relayed() }

// Timeout selects all sockets, and limits how long requests wait for answers. See Target.Timeout.
func (ns *Namespace) Timeout(d time.Duration) Target { return ns.Target.Timeout(d) }

// Emit sends an event to all sockets, on all nodes. It returns when the bus has accepted the event, or with an error of
// publishing; the sockets of this process have received the event anyway. See Target.Emit.
func (ns *Namespace) Emit(ctx context.Context, event string, args ...any) error {
	return ns.Target.Emit(ctx, event, args...)
}

// EmitAsync sends an event to all sockets without waiting for the bus. It returns ErrQueueFull if too many messages
// already wait. See Target.EmitAsync.
func (ns *Namespace) EmitAsync(event string, args ...any) error {
	return ns.Target.EmitAsync(event, args...)
}

// Forward sends a packet of another cluster to all sockets, marked with Relayed. See Target.Forward.
func (ns *Namespace) Forward(p *Packet) error { return ns.Target.Forward(p) }

// EmitWithAck sends an event to all sockets and returns their acknowledgements, one value for each socket. If not all
// answer in time, it returns those that came and a *PartialError. See Target.EmitWithAck.
func (ns *Namespace) EmitWithAck(ctx context.Context, event string, args ...any) ([]Value, error) {
	return ns.Target.EmitWithAck(ctx, event, args...)
}

// Acks sends an event to all sockets and yields each acknowledgement as it arrives. See Target.Acks.
func (ns *Namespace) Acks(ctx context.Context, event string, args ...any) iter.Seq2[Value, error] {
	return ns.Target.Acks(ctx, event, args...)
}

// FetchSockets returns all sockets, on all nodes. If not all nodes answer in time, it returns those found so far and a
// *PartialError.
func (ns *Namespace) FetchSockets(ctx context.Context) ([]*RemoteSocket, error) {
	return ns.Target.FetchSockets(ctx)
}

// SocketsJoin makes all sockets join rooms, on all nodes.
func (ns *Namespace) SocketsJoin(ctx context.Context, rooms ...string) error {
	return ns.Target.SocketsJoin(ctx, rooms...)
}

// SocketsLeave makes all sockets leave rooms, on all nodes.
func (ns *Namespace) SocketsLeave(ctx context.Context, rooms ...string) error {
	return ns.Target.SocketsLeave(ctx, rooms...)
}

// DisconnectSockets disconnects all sockets from the namespace, on all nodes. With close it also closes their
// underlying connections.
func (ns *Namespace) DisconnectSockets(ctx context.Context, close bool) error {
	return ns.Target.DisconnectSockets(ctx, close)
}

// ServerSideEmit sends an event to the servers of the other nodes, not to this one and not to clients.
func (ns *Namespace) ServerSideEmit(ctx context.Context, event string, args ...any) error {
	return ns.Target.ServerSideEmit(ctx, event, args...)
}

// ServerSideEmitWithAck sends an event to the servers of the other nodes and returns their answers, one for each. If
// not all answer in time, it returns those that came and a *PartialError. Without peers it returns none at once;
// WaitForPeers waits for them.
func (ns *Namespace) ServerSideEmitWithAck(ctx context.Context, event string, args ...any) ([]Value, error) {
	return ns.Target.ServerSideEmitWithAck(ctx, event, args...)
}

// Clients returns the ids of the sockets that are in at least one of rooms, or of all sockets without rooms, on all
// nodes, in alphabetical order. With a *PartialError it returns those found so far.
func (ns *Namespace) Clients(ctx context.Context, rooms ...string) ([]string, error) {
	return ns.core.Clients(ctx, rooms...)
}

// AllRooms returns the names of all rooms of all nodes, including those of single sockets, in alphabetical order. It
// asks for every socket of the cluster. With a *PartialError it returns those found so far.
func (ns *Namespace) AllRooms(ctx context.Context) ([]string, error) { return ns.core.AllRooms(ctx) }

// ClientRooms returns the rooms of a socket of any node, or ErrSocketNotFound. If not all nodes have answered, and
// none of those that did has the socket, the error is the *PartialError.
func (ns *Namespace) ClientRooms(ctx context.Context, id string) ([]string, error) {
	return ns.core.ClientRooms(ctx, id)
}

// RemoteJoin makes a socket of any node join a room, and returns when it has. It returns ErrSocketNotFound if no node
// has the socket. If not all nodes have answered, and none of those that did has it, the error is the *PartialError.
func (ns *Namespace) RemoteJoin(ctx context.Context, id, room string) error {
	return ns.core.RemoteJoin(ctx, id, room)
}

// RemoteLeave makes a socket of any node leave a room, and returns when it has. Its errors are those of RemoteJoin.
func (ns *Namespace) RemoteLeave(ctx context.Context, id, room string) error {
	return ns.core.RemoteLeave(ctx, id, room)
}

// RemoteDisconnect disconnects a socket of any node from the namespace. With close it also closes the underlying
// connection. Its errors are those of RemoteJoin.
func (ns *Namespace) RemoteDisconnect(ctx context.Context, id string, close bool) error {
	return ns.core.RemoteDisconnect(ctx, id, close)
}

// CustomRequestEvent is the name of the server-side event that carries a CustomRequest.
const CustomRequestEvent = core.CustomRequestEvent

// CustomRequest sends data to every node, including this one, and returns the answers of their OnCustomRequest, this
// node's answer first. A node without OnCustomRequest does not answer: it is Missing in the *PartialError that comes
// with the other answers. This node without one answers nothing, and is not waited for.
func (ns *Namespace) CustomRequest(ctx context.Context, data any) ([]Value, error) {
	return ns.core.CustomRequest(ctx, data)
}

// OnCustomRequest sets the function that answers CustomRequest on this node; nil removes it. f is called like
// LocalSockets.ServerSideEmit and must not block. It may call answer later and from any goroutine; only the first call
// counts.
func (ns *Namespace) OnCustomRequest(f func(data Value, answer func(any))) {
	ns.core.OnCustomRequest(f)
}
