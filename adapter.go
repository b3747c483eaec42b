// Package backplane connects the servers of a realtime cluster. What one node broadcasts reaches the clients of all
// nodes, and every node can ask the others who is connected, move sockets between rooms, or call their servers. It
// speaks the protocol of Node.js's @socket.io/postgres-adapter, so a Go node can join a cluster of Node.js servers.
//
// A process opens one [Cluster] on a bus, and a [Namespace] for each audience:
//
//	cluster, err := backplane.Open(ctx, backplane.Config{Bus: pgxdriver.New(pool)})
//	…
//	chat, err := cluster.Namespace(ctx, "/chat", registry)
//	…
//	err = chat.To("room1").Except("room2").Emit(ctx, "news", map[string]any{"id": 1})
//
// The bus is postgres/pgxdriver, postgres/pqdriver, transport/memory, or one of your own: see package transport. The
// server side is package socketio, or a server of your own with a [Registry]. This package imports no database
// driver.
//
// # Delivery
//
// Messages of one node reach another in the order in which they were sent, at most once. They are lost for a node
// that does not listen, or is too slow, when they are published; such a node reports it with a [GapError] or a
// [DropError].
//
// # Deadlines
//
// A call returns when its context ends, or when the timeout of its request passes, and at most 100 ms later, whatever
// the bus and the store do. Calls of [LocalSockets] do not count: they run on the caller's goroutine.
//
// # Panics
//
// A panic of code that the cluster calls, such as a LocalSockets, a function of [Trace] or the MarshalJSON of a
// value, does not end the process. It becomes a [PanicError]: an error of the call that led to it, or one for
// Config.ErrorHandler.
//
// # Files
//
//   - adapter.go: Open
//   - cluster.go, config.go, trace.go: one process's membership, its options, hooks and counters
//   - namespace.go, target.go, remote_socket.go: the operations on all nodes
//   - registry.go, local_sockets.go: the sockets of this process
//   - values.go: events and values that stay encoded
//   - errors.go: the errors
//
// Package core has the implementation.
package backplane

import (
	"context"

	"github.com/backplane-go/backplane/core"
)

// Open connects this process to a cluster. It returns a *ConfigError if config cannot work, and an error if the store
// cannot be used, if the bus cannot be reached, or if the node does not receive its own messages (ErrNoLoopback). ctx
// bounds Open and not the cluster; so does Config.PublishTimeout. Close the cluster at the end.
func Open(ctx context.Context, config Config) (*Cluster, error) {
	c, err := core.Open(ctx, config.core())
	if err != nil {
		return nil, err
	}
	return &Cluster{core: c}, nil
}
