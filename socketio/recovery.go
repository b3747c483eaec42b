package socketio

import (
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/storage"
)

// Recovery configures connection state recovery. It applies to a client that loses its connection and reconnects in
// time. The id, rooms and data of its socket are restored. The client receives the events that it has missed before
// the packet that says that it is connected, as with Node.js. With recovery, every event without an acknowledgement
// has an offset, a string, as an additional last argument; a client that reconnects sends the last offset that it has
// received.
//
// # Nodes
//
// In a namespace whose messages are kept by the log of the cluster in backplane.OrderCluster, a client is recovered on
// any node, also if its own node was killed. Its session is stored in Sessions: at once when it is set up, is recovered
// and disconnects; 50 ms after its rooms or data have changed, so such a change may be lost if the node is killed; and
// again every quarter of MaxDisconnection, if there were messages since then. Socket.Emit sends the event through the
// log to the room of the socket's id, so it arrives in the same order as broadcasts do. Changes by SocketsJoin and
// SocketsLeave apply to clients that are away, too. A client for which DisconnectSockets was called while it was away
// is not recovered.
//
// In all other namespaces a client is recovered on its own node only.
//
// # New clients
//
// A new client is set up, and can be recovered, once the functions of OnConnection have returned while it was
// connected. If it is lost before that, or a function has panicked, then it is a new one when it comes back, because
// the socket may not be in the rooms that it belongs to. A function that has not returned after 5 s counts as one that
// has. For clients that were recovered, OnConnection is called, too, and changes a session that is complete.
//
// # Limits
//
// Volatile events and events with an acknowledgement are not kept, nor are events of Node.js nodes if there is a log.
// A socket is not recovered if the client or the server has disconnected it deliberately, or if it is not known
// whether all that it has missed is still kept. The client then is a new one.
//
// A client may reconnect before the server has noticed that its connection is broken, or while a handler of the old
// socket still runs. The new connection takes over, and the old one is closed with "transport close", on whatever node
// it is. If it was on the same node, then from then on Emit, Join, Leave and SetData of the old socket act on the new
// socket. Waits of the old socket for acknowledgements fail. The functions of the new socket are called after the
// OnDisconnect functions of the old one, unless a handler of the old one still runs, or it is on another node.
//
// Whether a client is the same as before is decided by its private session id (pid): a client that knows another
// client's pid can take over its session.
type Recovery struct {
	// MaxDisconnection is how long a client may be disconnected (Node.js: maxDisconnectionDuration). A dynamic
	// namespace stays open for that long after it has lost its last client. With a log, backplane.LogConfig.MaxAge
	// should be longer by a minute, because the last event that a client has received may be older than the loss of
	// its connection. Default: 2 min.
	MaxDisconnection time.Duration
	// RunMiddlewares calls the middlewares of the namespace for clients that are recovered, too (Node.js:
	// skipMiddlewares: false). A client that they refuse may try again. Default: they are skipped, as with Node.js.
	RunMiddlewares bool
	// Memory limits what this node keeps in memory for recovery.
	Memory RecoveryMemory
	// Sessions stores the sessions of clients for other nodes, for namespaces whose clients are recovered on any node.
	// Sessions of other clients stay in memory. Default: the Sessions of the Cluster.
	Sessions storage.Sessions
	// DecodeData restores the data of a socket that comes from another node. It gets what JSON can express of the
	// value of Socket.SetData. On the same node, the value itself is kept. If DecodeData returns an error, the client
	// is not recovered. Default: the value is decoded into an any.
	DecodeData func(data backplane.Value) (any, error)
}

// RecoveryMemory limits what a server keeps in memory for recovery: the latest events, and the sessions of clients that
// have disconnected. The zero value of every field means its default. When a limit is exceeded, the oldest sessions or
// events are evicted. A client is then not recovered if its session, or an event that it has missed, was evicted,
// unless the log and the Sessions of the cluster have them. The eviction of events that were not for the client does
// not matter.
type RecoveryMemory struct {
	// MaxEvents is the maximum number of events, in all namespaces together. Default: 100 000.
	MaxEvents int
	// MaxBytes is the maximum total size of the arguments of these events, in bytes. It also limits what is read from
	// the log at once. Default: 64 MiB.
	MaxBytes int
	// MaxSessions is the maximum number of sessions of disconnected clients. Default: 10 000.
	MaxSessions int
	// MaxSessionBytes is the maximum total length of the names of these sessions' rooms, in bytes. The data of
	// Socket.SetData does not count. Default: 64 MiB.
	MaxSessionBytes int
}

const defaultMaxDisconnection = 2 * time.Minute

func (r Recovery) withDefaults() Recovery {
	defaultTo(&r.MaxDisconnection, defaultMaxDisconnection)
	m := &r.Memory
	defaultTo(&m.MaxEvents, 100_000)
	defaultTo(&m.MaxBytes, 64<<20)
	defaultTo(&m.MaxSessions, 10_000)
	defaultTo(&m.MaxSessionBytes, 64<<20)
	return r
}
