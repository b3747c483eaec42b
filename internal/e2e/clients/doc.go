// Package clients tests package socketio with the official clients: socket.io-client 4, 3 and 2 from npm, in a
// Node.js process, over polling, over WebSocket, and with upgrades. They connect to a single Go node, to clusters of
// Go nodes on each bus, and to clusters of Go and Node.js nodes. Invalid input comes from raw connections.
//
// TestProtocol is a table of transcripts of raw requests and frames. It covers the test suites of the Engine.IO 4 and
// Socket.IO 5 protocols. Transcripts of Engine.IO 3 and Socket.IO 4 are in the same table.
//
// Each scenario also runs against Socket.IO's own server, which shows that it describes the behavior of Socket.IO.
// For that purpose the same small application exists twice: in node/app.js and in goapp_test.go.
//
// # Files
//
//   - scenario_test.go: how scenarios run; start reading here
//   - connect, events, size, disconnect, reconnect, recovery, application, older, version2: the scenarios, each
//     in its _test.go file
//   - badhttp, badframe, badpacket, badload: invalid input
//   - protocol, protocolengine, protocolpackets, protocol3, transcript: the transcripts
//   - sheet, sheetlines, sheetsteps, sheetmoves, topology: the emit cheat sheet on clusters
//   - server, goserver, goapp, goop, nodeserver, op: the servers and the application
//   - client, host, raw, rawpoll, text: the clients
//   - proxy: nginx and haproxy; apidocs: the table of the API
//   - node: the scripts
package clients
