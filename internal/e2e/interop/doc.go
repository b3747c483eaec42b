// Package interop runs real Node.js peers in tests, with real Socket.IO clients: Socket.IO servers with the Postgres
// adapters 0.3, 0.4 and 0.5, workers behind 0.5's setupPrimary, the Postgres emitter, Socket.IO 2 servers with
// socket.io-adapter-postgres, and servers with the Redis adapters 7 and 8 and their emitter. Its own tests are the
// matrix of interoperability: each message type in both directions, with each version of the Node.js packages.
//
// A Peer is a Node.js process, a Namespace is a namespace in it, and a Client is connected to it. A Recorder records
// the messages on a channel. Nothing here sleeps: all waits end with an event or a context.
//
// # Files
//
//   - peer.go: processes; namespace.go: their namespaces; client.go: clients; socket.go: what fetchSockets returns
//   - legacy.go: what only peers with socket.io-adapter-postgres have; redis.go: the same for peers on Redis
//   - events.go: the events that peers report; nodejs.go: names from package nodejs
//   - recorder.go: the messages on a channel
//   - node: the scripts
//   - legacy_test.go: the peers with socket.io-adapter-postgres work
//   - legacyfacts_test.go: what that package does with foreign messages, sizes, namespaces and lost connections
//   - legacyvectors_test.go, legacycases_test.go: the messages of that package, recorded for dialect/legacy/testdata
//   - logged_test.go: Go nodes with a log beside those of Node.js
//   - bridge_test.go: a bridge between servers of Socket.IO 2 and those of Socket.IO 4 and Go
//   - legacymatrix_test.go: the matrix of legacy clusters; legacyside_test.go: what its sides have besides those of the
//     other; legacybroadcasts_test.go, legacysizes_test.go: broadcasts; legacyrequests_test.go: requests
//   - legacynodes_test.go: several nodes and namespaces; legacylost_test.go: nodes that are lost
//   - legacybad_test.go: pieces, malformed messages and lost connections in a legacy cluster
//   - legacyemitter_test.go: emitters of legacy clusters, and what the dialect does not have
//   - redis_test.go: the matrix of classic Redis clusters; redisonly_test.go: scenarios that only they have
//   - redisworld_test.go: their nodes; rediscluster_test.go: nodes on a Redis Cluster; redisemitter_test.go: emitters
//   - redisrequests_test.go: older requests, nodes that hang, several nodes
//   - redisvectors_test.go, rediscases_test.go: their messages, recorded for dialect/redisclassic/testdata
//   - world_test.go, side_test.go, scenario_test.go, fixture_test.go: how the matrix is built; start reading here
package interop
