// Package logged injects faults into a cluster with a log and follows every event from its sender to every client.
//
// Run starts the server of an Engine, PostgreSQL or Redis, three Go nodes with Socket.IO servers, each in a process
// with its own proxy to the server, and a Node.js process with official clients. The clients connect to the nodes
// through a balancer, so a client that has lost its connection comes back to any node. Nodes and clients send numbered
// events to rooms. Every second a fault of a Plan is injected, which is derived from a seed.
//
// The nodes and clients report which events they sent and whether that was acknowledged. The clients follow the
// numbers themselves and report what does not fit. At the end Judge decides what of that is a violation: an
// acknowledged event that a client has missed, a doubled one, one out of order, two clients with different orders, and
// a client that was not recovered although the log and its session existed. When the server begins a new epoch, because
// it may have lost events, clients may miss some if a node has reported that, but are not recovered then.
//
// # Files
//
//   - engine.go: what engines have in common; postgres.go, redis.go: the engines; stored.go: what Redis has stored
//   - plan.go, faults.go, inject.go: which faults are injected and when, and how
//   - run.go, members.go, clients.go, settle.go: the run, its processes and its end
//   - balancer.go: the balancer between the clients and the nodes; clock.go: the clock of PostgreSQL
//   - node.go, open.go, stream.go: what a node does in its process
//   - clients.js: the clients
//   - event.go, history.go: what is reported
//   - judge.go, recovered.go, epoch.go, print.go: the verdict
package logged
