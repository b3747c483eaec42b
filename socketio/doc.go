// Package socketio is a Socket.IO server whose namespaces live in a backplane cluster: clients connect with
// socket.io-client 4, in browsers, Node.js and elsewhere, and what one node sends reaches the clients of all nodes, be they
// written in Go or run Socket.IO in Node.js.
package socketio
