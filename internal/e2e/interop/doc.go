// Package interop drives real Node.js peers in tests: Socket.IO servers with the Postgres adapters 0.3, 0.4 and 0.5,
// workers behind 0.5's setupPrimary, and the Postgres emitter, with real Socket.IO clients connected to them. Its own
// tests are the matrix that holds what this module and the Node.js packages say to each other.
//
// A Peer is one Node.js process; a Namespace is a namespace in it; a Client is connected to it. A Recorder shows what
// goes over a channel. Nothing here sleeps: whatever takes time is waited for, within a context.
package interop
