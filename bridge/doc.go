// Package bridge joins two clusters: what is broadcast in one reaches the clients of the other too. The clusters may
// have different wire formats, so that servers of Socket.IO 2 and of Socket.IO 4, or Go servers, serve the same clients
// while a system moves from one to the other.
//
//	old, err := backplane.Open(ctx, backplane.Config{Bus: pgxdriver.New(pool), Dialect: legacy.Dialect{}})
//	…
//	new, err := backplane.Open(ctx, backplane.Config{Bus: pgxdriver.New(pool)})
//	…
//	b, err := bridge.Open(ctx, bridge.Config{A: old, B: new, Namespaces: []string{"/", "/chat"}})
//
// A bridge is a node without clients in both clusters. It makes one trust the other: whoever can send in one of them
// can send to the clients of both. Config.Secret protects what is on the bus of a cluster; the bridge signs with it.
//
// # What is passed on
//
// Broadcasts, in both directions: events for all clients, for rooms, or for all but some rooms, with their flags
// (volatile, compress), and binary data as binary data. A room is selected in both clusters, so an event for the id of
// a socket reaches the socket in whichever cluster it is.
//
// What a bridge sends is marked (codec.Flags.Relayed), and a bridge does not pass on what is marked. So an event
// crosses one bridge at most. Three clusters need a bridge between each two of them. Node.js nodes ignore the mark.
//
// # What is not passed on
//
//   - Events that ask for acknowledgements. They reach only the clients of the sender's cluster, because the sender
//     would not get the answers of the others. Stats counts them.
//   - Requests, such as FetchSockets, and custom requests: they see the nodes and the clients of their own cluster.
//   - Changes of rooms and disconnections of other nodes' sockets.
//   - Server-side events.
//
// The bridge answers requests as a node without clients does. It answers server-side events that ask for an answer, and
// custom requests, with null, so that the nodes that ask do not wait for it in vain.
//
// # Delivery
//
// The messages of one node keep their order. They cross at most once, and the bridge does not wait: a message for
// which the queue of the other cluster has no room (backplane.Config.PublishQueue), or that the other cluster cannot
// carry, is lost, counted and reported with a LostError. What is lost before or after that is reported by the cluster
// where it happens, to the ErrorHandler of its Config: with a GapError or a DropError if the bridge did not receive
// it, and with an OpError if the bus did not accept it.
//
// # More than one bridge
//
// Several bridges may run between the same clusters, so that one can fail. With Config.Roster only one of them passes
// on at a time. The others stand by, and one of them takes over about a second after the active one has closed or its
// process has ended. What is broadcast in between is not passed on. If the machine of the active bridge disappears
// from the network, the server has to notice that first. See Config.Roster.
//
// Without Config.Roster each bridge passes everything on, and two of them between the same clusters deliver it twice.
//
// # Files
//
//   - config.go: Config
//   - bridge.go: Bridge, Open, Close and Stats
//   - forwarder.go: passes on what is received in a namespace of one cluster
//   - election.go: only one of several bridges is active
//   - errors.go: LostError
package bridge
