// Package interop runs real Node.js peers in tests: Socket.IO servers with the Postgres adapters 0.3, 0.4 and 0.5,
// workers behind 0.5's setupPrimary, and the Postgres emitter, with real Socket.IO clients. Its own tests are the
// matrix of interoperability: each message type in both directions, with each version of the Node.js packages.
//
// A Peer is a Node.js process, a Namespace is a namespace in it, and a Client is connected to it. A Recorder records
// the messages on a channel. Nothing here sleeps: all waits end with an event or a context.
//
// # Files
//
//   - peer.go: processes; namespace.go: their namespaces; client.go: clients; socket.go: what fetchSockets returns
//   - events.go: the events that peers report; nodejs.go: names from package nodejs
//   - recorder.go: the messages on a channel
//   - node: the scripts
//   - world_test.go, side_test.go, scenario_test.go, fixture_test.go: how the matrix is built; start reading here
package interop
