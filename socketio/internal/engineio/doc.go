// Package engineio serves versions 4 and 3 of the Engine.IO protocol: sessions of clients over HTTP long-polling and
// WebSocket, with upgrades from the first to the second, heartbeats and limits. It does not interpret messages
// but passes them to a Receiver.
//
// The packages below it do the rest: wsframe encodes and decodes WebSocket frames, netpoll reads and writes
// connections, accept serves the handshakes of WebSockets without net/http, sched decides which goroutine
// handles a message, and timers provides timeouts.
//
// # Files
//
// What a session is:
//
//   - conn.go: Conn, a session as its user sees it, and Receiver
//   - session.go: the life of a session: who calls the receiver, and how the session ends
//   - heartbeat.go: pings, and sessions whose client does not answer
//   - pause.go: sessions whose receiver has no room for messages
//   - packet.go: packets
//   - protocol.go: what the versions of the protocol differ in
//   - packets4.go, packets3.go: how the versions encode packets, and bodies of several packets
//
// The transports:
//
//   - polling.go: HTTP long-polling
//   - answer.go: the responses to polls
//   - socket.go: a WebSocket: from its frames to packets
//   - closing.go: close frames
//   - flush.go: from a session's queue to its WebSocket
//   - upgrade.go: sessions that begin as a WebSocket, and those that change to one
//
// Requests:
//
//   - server.go: Server, which routes requests and owns the sessions
//   - serve.go: Serve, which accepts connections
//   - drain.go: ends sessions one after the other
//   - config.go: Config
//   - request.go: which requests are served
//   - refuse.go: responses to those that are not
//   - wshandshake.go: the handshake of a WebSocket
//   - handshake.go: what a session keeps of its first request, and the open packet
//   - body.go: time limits for bodies and responses
//   - encoding.go: compression of polls
//   - origin.go, hosts.go: which pages may connect, and to which host
//   - proxies.go, forwarded.go: what trusted proxies say about a request
package engineio
