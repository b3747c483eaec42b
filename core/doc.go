// Package core connects the realtime servers of several processes over a transport.Bus: a broadcast, a request or a
// change of rooms that is made on one of them happens on all of them.
//
// A Cluster connects one process. A Namespace is one audience of the cluster, such as "/chat". It has a LocalSockets,
// which delivers to the clients of this process; Registry is an implementation that most servers can use.
//
// # Delivery
//
// Messages of one node reach another node in the order in which they were sent, small and large ones alike, at most
// once. Messages are lost to a node while its listening session is broken, or when its receive queue is full. The
// node then reports for how long it was deaf (GapError), or which message it dropped (DropError). With Config.Log the
// bus keeps most messages, and the node reads from there what it has missed, in order and once.
//
// An error of publishing is returned to the caller that waits (Emit), or reported (EmitAsync, and Emit of a node
// without peers). It never stops the delivery to this process's own clients. If publishing fails with an error that
// does not say what was sent, the messages may have arrived, or may still arrive: the error wraps ErrUnconfirmed.
// They are not sent again, because nothing may arrive twice. Any other error means that the message was not sent.
//
// # Deadlines
//
// A call returns when its context ends, or when the timeout of its request passes, and at most 100 ms later, whatever
// the bus and the store do. This does not include calls of LocalSockets: they run on the caller's goroutine, and a
// LocalSockets that blocks holds up its own caller. If the caller sets no deadline, Config.PublishTimeout bounds the
// wait for a message that has left the queue.
//
// # When your code panics
//
// A panic of code that the cluster calls does not end the process. This holds for LocalSockets, the functions of
// Trace and OnCustomRequest, ErrorHandler, the handler of Logger, methods of values and of errors (such as
// MarshalJSON and Error), a bus, a store and a codec.
//
// The panic becomes a *PanicError, which has the stack. The method that led to the call returns it. If there is none,
// as for messages of peers, ErrorHandler is called with it. A panic of LocalSockets, Trace or OnCustomRequest is
// wrapped in a *CallError, which names the function. A panic of a value, a bus or a store is wrapped like their other
// errors. A node that panics while it answers a request refuses the request, so the peer finds it in
// PartialError.Refused. A panic of ErrorHandler or Logger is written to the standard error.
//
// Code may also end its goroutine with runtime.Goexit, as testing.T.FailNow does. If the goroutine is one of the
// cluster's, another one takes over, and ErrorHandler is called with ErrExited. If it is the application's, the
// operation that it began goes on without it. Only Publish and Receive of a bus, and Get of a store, must not call
// Goexit.
//
// # Files
//
// The cluster and its parts:
//
//   - cluster.go, cluster_start.go: Cluster, New, Open, Start; close.go: Close; config.go: Config and its defaults
//   - namespace.go: Namespace, opening and closing it; namespace_async.go: opening without waiting
//   - target.go: Target, Emit and changes of rooms
//   - errors.go, trace.go: the errors, Trace and Stats; calls.go: CallError, for failures of the application's code
//   - journal.go: what is logged and reported; ready.go: whether clients should be sent to this node
//   - guarded.go: calls of a bus and a store, whose panics become errors
//
// Publishing:
//
//   - outgoing.go: one operation, its message and its local part
//   - publisher.go: the queue for the bus, with the group commit of internal/groupcommit
//   - offload.go: messages that wait for the store; solo.go: why a node without peers does not wait for the bus
//
// Receiving:
//
//   - listener.go: the goroutine that receives; session.go: opening and closing sessions
//   - health.go: whether the session works
//   - subscriptions.go: the channels of the session and changes to them; subscribe.go: making the changes
//   - inbound.go: from the bus to the receive queues; receive_queue.go: the queue of a namespace
//   - receive_attachments.go, prefetch.go, attachment_reader.go: messages with attachments, reading ahead, reading
//   - serve.go: what the messages of peers do here, and the answers to their requests; limits.go: how many of them
//
// Peers:
//
//   - peer.go: the states of a peer and all changes between them; membership.go: the peers of a namespace;
//     membership_view.go: what the rest of the package asks about them
//   - tombstones.go: nodes that have left, and the proof of a leave message; expiry.go: silent peers
//   - budget.go: what the requests of a peer may cost
//   - presence.go: heartbeats and announcements; ticks.go: the ticker; own_process.go: the heartbeats of this process;
//     remote_process.go: those of the others
//
// Requests:
//
//   - request.go: one request and its answers; requests.go: those of a namespace
//   - emit_acks.go: EmitWithAck and Acks; server_side_emit.go: ServerSideEmit
//   - fetch_sockets.go: FetchSockets and RemoteSocket
//   - adapter_requests.go: the requests of Socket.IO's old adapters
//
// The log, which keeps messages:
//
//   - log_config.go: LogConfig; position.go: Position; log_errors.go: its errors
//   - log.go: which messages are kept, trimming, and moving the outbox
//   - log_reader.go: passing on kept messages in the order of the log; log_catchup.go: reading what was missed
//   - log_history.go: History and ReadLog; log_peers.go: what nodes tell each other
//
// Sockets of this process:
//
//   - local_sockets.go: LocalSockets, Packet, Selector
//   - room_channels.go: listens to the channels of rooms; registry_watch.go: which rooms there are
//   - registry.go: Registry; registry_local.go: Registry as LocalSockets; rooms.go: rooms and the selection of sockets
package core
