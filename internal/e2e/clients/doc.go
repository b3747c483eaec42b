// Package clients holds the tests that prove package socketio with clients that others wrote: socket.io-client 4, 3 and 2
// from npm, in a Node.js process, over polling, over WebSocket and from the one to the other, against one Go node, against
// clusters of Go nodes on each bus, and against clusters of Go and Node.js nodes. What clients must not do comes from raw
// connections.
//
// TestProtocol is a table of transcripts, raw requests and frames, that states what the test suites of the Engine.IO 4 and
// Socket.IO 5 protocols state, and more.
//
// Each scenario also runs against Socket.IO's own server, which holds the scenario to what Socket.IO does. To that end the
// same small application is there twice: in node/app.js and in goapp_test.go.
package clients
