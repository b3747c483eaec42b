// Package socketio is a Socket.IO server whose namespaces are in a backplane cluster. Clients connect with
// socket.io-client 4 or 3, in browsers, Node.js and elsewhere. An event that one node sends reaches the clients of all
// nodes, whether a node is written in Go or runs Socket.IO on Node.js.
//
// The package speaks Engine.IO protocol 4 (https://socket.io/docs/v4/engine-io-protocol/), over HTTP long-polling
// and WebSocket, and Socket.IO protocol 5 (https://socket.io/docs/v4/socket-io-protocol/). With
// [Config.AllowEIO3] it also serves socket.io-client 2, which speaks Engine.IO protocol 3 and Socket.IO protocol 4. A
// [Server] has namespaces, a [Namespace] has sockets, and a [Socket] is one client in one namespace.
//
// # Delivery
//
// Events are delivered at most once, in the order in which they were sent. An event is lost if the client's
// connection breaks before the event arrives, or if the event is volatile and the client cannot receive it at once.
// It is also lost if the client's send queue is full; the client is then disconnected. With [Config.Recovery], a
// client that reconnects in time receives the events that it has missed: on its node, or on any node if the cluster has
// a log. Between nodes the guarantees of the cluster apply: see package backplane.
//
// A slow client delays neither other clients nor the sender. Each client has a send queue, which is limited by
// [Config.SendQueue] and [Config.SendQueueBytes]; all queued packets are written together. The events that a client
// sends are handled one at a time. While [Config.MaxEvents] of them wait, the server does not read from the client.
//
// # Disconnect reasons
//
// The functions of [Socket.OnDisconnecting] and [Socket.OnDisconnect] get a reason. Most reasons are those of
// Socket.IO:
//
//   - "client namespace disconnect": the client has left the namespace
//   - "server namespace disconnect": Socket.Disconnect was called, or the namespace was closed
//   - "transport close": the client has closed the connection, or the connection was lost
//   - "transport error": the client violated the protocol of its transport, or aborted a poll
//   - "ping timeout": the server received nothing from the client for PingInterval and PingTimeout together
//   - "parse error": the client sent an invalid packet
//   - "forced close", "forced server close": the server closed the connection, for example after an
//     unexpected packet
//   - "server shutting down": Server.Shutdown or Server.Close was called
//   - "send queue full": the client receives more slowly than the server sends. Socket.IO has no such limit.
//   - "too many events per second" and the like: the client has reached a limit of [Config]; see [Quota]
//   - "reauthentication failed": the application no longer admits the client; see [Config.Reauthenticate]
//
// # Serving
//
// If the server has a port to itself, use [Server.Serve]. To share a port with other handlers, use the Server as a
// handler of an http.Server, for example of the one that [HTTPServer] returns. If you create the http.Server
// yourself, set its ReadHeaderTimeout, as protection against clients that never finish a request; the Server itself
// limits bodies and connections. Do not set ReadTimeout and WriteTimeout: they would end polls, which last for up
// to PingInterval. At the end of the program, call [Server.Shutdown] before http.Server.Shutdown.
//
// # Files
//
// The files form four layers. A file uses only its own layer and the layers below it. A test checks this.
//
// Shared by all layers:
//
//   - config.go: Config; config_parts.go: what other packages get of it; quotas.go: its limits; hooks.go: protection
//     against panics in the functions of Config
//   - environment.go: the configuration, and how errors are reported; audit.go, errors.go: what is reported;
//     journal.go: how it is logged
//   - recovery.go: the configuration of recovery; session_state.go: the state of a client that is restored
//   - listener_list.go: a list of the application's functions; id.go: random ids
//
// Sockets, each of which has a client of package internal/client:
//
//   - socket.go: Socket; handshake.go: the handshake that it connected with; endpoint.go: the Socket as package
//     internal/client sees it
//   - roster.go: what the sockets of a namespace share; member.go: the Socket as the registry sees it
//   - join.go: a socket joins its namespace or is refused; disconnect.go: the end of a socket
//   - pending.go: sockets whose client has not been greeted yet, and the events that wait for them
//   - listeners.go, any.go: the functions of a socket; events.go: calls them
//   - emit.go: Sender; frames.go: encodes events; acks.go: acknowledgements in both directions
//   - recovery_log.go: the order of a namespace's events, and which socket owns which session; recovery_memory.go:
//     events and sessions in memory
//   - recovery_socket.go: the session of a socket; recovery_setup.go: from when on its client can be recovered;
//     recovery_restore.go: a socket gets the session of its client; recovery_emit.go: sends events with offsets;
//     replay.go: the events that a client has missed
//   - recovery_cluster.go: recovery on any node; recovery_check.go: whether the log of the cluster has what this node
//     has not delivered yet; recovery_older.go: reads that log; session_store.go, session_writes.go: store sessions;
//     recovery_upkeep.go: sessions of nodes that have gone; recovery_shared.go: sessions that other programs take, too
//
// Namespaces:
//
//   - namespace.go: Namespace; room_events.go: OnCreateRoom, OnJoinRoom, OnLeaveRoom and OnDeleteRoom
//   - local_sockets.go: what the cluster can do with this node's sockets
//   - server_side.go: events from other nodes' servers
//   - parent.go, parent_target.go: namespaces that clients open
//
// The server:
//
//   - server.go: Server and NewServer; shutdown.go: Shutdown and Close; drain.go: Drain and
//     Unready; serve.go: Serve and HTTPServer; stats.go: Stats
//   - namespaces.go: opens namespaces; namespaces_close.go: closes them; connect.go: clients join them
//   - connection.go: a client as the server sees it; unjoined.go: clients that have not joined a namespace
//   - reauthenticate.go: checks at intervals which clients may stay
package socketio
