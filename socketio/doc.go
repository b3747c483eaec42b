// Package socketio is a Socket.IO server whose namespaces are in a backplane cluster. Clients connect with
// socket.io-client 4, in browsers, Node.js and elsewhere. What one node sends reaches the clients of all nodes,
// whether these are written in Go or run Socket.IO in Node.js.
//
// The package speaks Engine.IO protocol 4 (https://socket.io/docs/v4/engine-io-protocol/), over HTTP long-polling
// and WebSocket, and Socket.IO protocol 5 (https://socket.io/docs/v4/socket-io-protocol/). A [Server] has
// namespaces, a [Namespace] has sockets, and a [Socket] is one client in one namespace.
//
// # Delivery
//
// Events are delivered at most once, in the order in which they were sent. An event is lost if the client's
// connection breaks before it has arrived, if it is volatile and the client cannot receive it at once, and if the
// client's send queue is full; the client is then disconnected. With [Config.Recovery] a client that comes back
// to its node in time gets the events that it has missed. Between nodes the guarantees of the cluster apply: see
// package backplane.
//
// A slow client delays neither other clients nor the sender. Each client has a send queue, which
// [Config.SendQueue] and [Config.SendQueueBytes] limit; everything in the queue is written together. The events
// of a client are handled one at a time. While [Config.MaxEvents] of them wait, the server does not read from the
// client.
//
// # Reasons of disconnection
//
// OnDisconnecting and OnDisconnect get a reason. Most reasons are Socket.IO's:
//
//   - "client namespace disconnect": the client has left the namespace
//   - "server namespace disconnect": Socket.Disconnect was called, or the namespace was closed
//   - "transport close": the client has closed the connection, or the connection was lost
//   - "transport error": the client broke the rules of its transport, or gave up a poll
//   - "ping timeout": the server received nothing from the client for PingInterval and PingTimeout together
//   - "parse error": the client sent an invalid packet
//   - "forced close", "forced server close": the server closed the connection, for example after an
//     unexpected packet
//   - "server shutting down": Server.Shutdown or Server.Close was called
//   - "send queue full": the client receives more slowly than the server sends. Socket.IO has no such limit.
//   - "too many events per second" and the like: the client has reached a limit of [Config]; see [Quota]
//   - "reauthentication failed": the client may not stay; see [Config.Reauthenticate]
//
// # Serving
//
// A server with a port of its own uses [Server.Serve]. To share a port with other pages, use the Server as the
// handler of an http.Server, such as the one that [HTTPServer] returns. Set the ReadHeaderTimeout of another
// http.Server, against clients that never finish their request; the Server bounds bodies and connections itself.
// Do not set its ReadTimeout and WriteTimeout: they would end polls, which last for up to PingInterval. At the
// end, call Server.Shutdown before that of the http.Server.
//
// # Files
//
// The files are in four layers. A file knows its own layer and those below it, which a test checks.
//
// What all parts share:
//
//   - config.go: Config; quotas.go: its limits; hooks.go: protection against panics of Config's functions
//   - environment.go: the configuration and the ways to report; audit.go, errors.go: what is reported
//   - recovery.go: the configuration of recovery, and the interface Sessions; sessions.go: Sessions in memory
//   - listener_list.go: a list of functions of the application; id.go: random ids
//
// Sockets, each of which has a client of package internal/client:
//
//   - socket.go: Socket; handshake.go: how it has connected; endpoint.go: the Socket as its client knows it
//   - roster.go: what the sockets of a namespace share; member.go: the Socket as the registry knows it
//   - join.go: a socket joins its namespace or is refused; disconnect.go: the end of a socket
//   - pending.go: sockets, and events for them, that wait until the client is greeted
//   - listeners.go, any.go: the functions of a socket; events.go: calls them
//   - emit.go: Sender; frames.go: encodes events; acks.go: acknowledgements in both directions
//   - recovery_log.go: the order of a namespace's events, and the owners of sessions
//   - recovery_socket.go: the session of a socket; replay.go: what a client has missed
//
// Namespaces:
//
//   - namespace.go: Namespace; room_events.go: OnJoinRoom and the like
//   - local_sockets.go: what the cluster does with this node's sockets
//   - server_side.go: events from other nodes' servers
//   - parent.go, parent_target.go: namespaces that clients open
//
// The server:
//
//   - server.go: Server and NewServer; shutdown.go: Shutdown and Close; serve.go: Serve and HTTPServer; stats.go: Stats
//   - namespaces.go: opens and closes namespaces; connect.go: clients join them
//   - connection.go: a client as the server knows it; unjoined.go: clients without a namespace
//   - reauthenticate.go: decides again and again which clients may stay
package socketio
