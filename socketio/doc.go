// Package socketio is a Socket.IO server whose namespaces live in a backplane cluster: clients connect with
// socket.io-client 4, in browsers, Node.js and elsewhere, and what one node sends reaches the clients of all
// nodes, be they written in Go or run Socket.IO in Node.js.
//
// It speaks Engine.IO protocol 4, over HTTP long-polling and WebSocket, and Socket.IO protocol 5
// (https://socket.io/docs/v4/engine-io-protocol/ and https://socket.io/docs/v4/socket-io-protocol/). A [Server]
// is an http.Handler, and can serve a listener by itself.
//
// # Delivery
//
// Events are delivered at most once, in the order in which they were sent. An event is lost when the client's
// connection breaks before the client has got it, when it is volatile and the client is not ready, and when the
// client's queue is full: then the client is disconnected. With [Config.Recovery] a client that comes back to its
// node in time gets what it has missed. Between nodes the promises are those of the cluster.
//
// No client holds up another one, nor the sender: each has a queue, bounded by [Config.SendQueue] and
// [Config.SendQueueBytes], and what is queued together is written together. Events of a client are handled one at
// a time; while [Config.MaxEvents] of them wait, nothing more is read from it.
//
// # Reasons of disconnection
//
// OnDisconnecting and OnDisconnect tell them as Socket.IO names them:
//
//   - "client namespace disconnect": the client has left the namespace
//   - "server namespace disconnect": Socket.Disconnect, or the namespace was closed
//   - "transport close": the client has gone, or its connection was lost
//   - "transport error": the client broke the rules of its transport, or gave up a poll
//   - "ping timeout": the client gave no sign of life for PingInterval and PingTimeout together
//   - "parse error": the client sent what is no packet
//   - "forced close", "forced server close": the server closed the connection, because of packets in a forbidden order among others
//   - "server shutting down": Server.Shutdown or Close
//   - "send queue full": the client is slower than what it is sent. Socket.IO has no such limit.
//   - "too many events per second" and the like: the client has reached a limit of [Config], which a [Quota] names
//   - "reauthentication failed": the client may not stay; see [Config.Reauthenticate]
//
// # Serving
//
// A server that has a port for itself serves it by [Server.Serve]. As the handler of an http.Server it shares one
// with other pages; that should have a ReadHeaderTimeout, against clients that never end their request; bodies
// and connections are bounded by the Server itself. Its ReadTimeout and WriteTimeout would cut polls off, which
// last for up to PingInterval. At the end call Server.Shutdown before that of the http.Server.
package socketio
