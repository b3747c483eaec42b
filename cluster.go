package backplane

import (
	"context"

	"github.com/backplane-go/backplane/core"
)

// Cluster is one process's membership of a cluster. It has one receiving session and one publisher, for any number of
// namespaces. It is safe for concurrent use. Make one with Open.
type Cluster struct{ core *core.Cluster }

// Namespace opens a namespace, such as "/" or "/chat", for the clients of local. It returns when the node receives what
// others send there and has announced itself. It returns ErrNamespaceExists for a name that is open in this cluster, a
// *NameError for one that the bus cannot carry, and ErrClosed if the cluster is closed, also if that happens meanwhile.
func (c *Cluster) Namespace(ctx context.Context, name string, local LocalSockets) (*Namespace, error) {
	ns, err := c.core.Namespace(ctx, name, local)
	return namespaceOf(ns), err
}

// NamespaceAsync is Namespace without waiting for the bus. The namespace can be used at once, and learns about its
// peers as soon as the bus lets it listen; Namespace.WaitReady waits for that. Errors of listening go to
// Config.ErrorHandler, and the cluster tries again. If the cluster is closed, NamespaceAsync returns ErrClosed and a
// closed namespace.
func (c *Cluster) NamespaceAsync(name string, local LocalSockets) (*Namespace, error) {
	ns, err := c.core.NamespaceAsync(name, local)
	return namespaceOf(ns), err
}

// SetTrace replaces Config.Trace. Use it for a Trace that calls something that is created after the cluster, such as a
// Socket.IO server:
//
//	cluster, err := backplane.Open(ctx, config)
//	// …
//	io, err := socketio.NewServer(socketio.Config{Cluster: cluster})
//	// …
//	cluster.SetTrace(backplane.Trace{
//		SessionRecovered: func(*backplane.GapError) { _ = io.Local().EmitAsync("reload") },
//	})
//
// A function of the previous Trace may still run when SetTrace returns.
func (c *Cluster) SetTrace(t Trace) { c.core.SetTrace(core.Trace(t)) }

// Stats returns the counters and the state of this moment. It does no I/O.
func (c *Cluster) Stats() Stats { return Stats(c.core.Stats()) }

// Unready returns why this node should get no clients at the moment, one sentence per reason. It returns nothing if the
// node is ready:
//
//   - The cluster is open, and its listening session works: it has proved that by something that has arrived.
//   - No receive queue is more than half full (Config.ReceiveQueue, Config.ReceiveQueueBytes).
//   - With a log, the node does not read messages that it has missed.
//
// Unready does no I/O. Package health serves it over HTTP. While the database is down, no node is ready: a balancer
// that shall send clients to the nodes then uses another check.
func (c *Cluster) Unready() []string { return c.core.Unready() }

// Close leaves all namespaces, publishes what is queued, and returns when all goroutines of the cluster have ended
// and its connections are closed. If ctx ends earlier, Close drops the rest and returns ctx's error. Large messages
// that the store has not accepted when nine tenths of the time until ctx's deadline have passed fail and are
// reported, so that the leave messages can still be sent. A second call waits for the first to finish. A LocalSockets
// that waits for Close makes it wait until ctx ends.
func (c *Cluster) Close(ctx context.Context) error { return c.core.Close(ctx) }
