package socketio

import (
	"time"

	"github.com/backplane-go/backplane"
)

// Recovery configures connection state recovery. It applies to a client that loses its connection and reconnects to
// this node in time. The id, rooms and data of its socket are restored. The client receives the events that it has
// missed before the packet that says that it is connected, as with Node.js. With recovery, every event without an
// acknowledgement has an offset, a string, as an additional last argument; a client that reconnects sends the last
// offset that it has received.
//
// Volatile events and events with an acknowledgement are not kept. A socket is not recovered if the client or the
// server has disconnected it deliberately.
//
// A client may reconnect before the server has noticed that its connection is broken, or while a handler of the old
// socket still runs. The new connection takes over, and the old one is closed with "transport close". From then on,
// Emit, Join, Leave and SetData of the old socket act on the new socket. Waits of the old socket for
// acknowledgements fail. The functions of the new socket are called after the OnDisconnect functions of the old
// one, unless a handler of the old one still runs.
//
// Whether a client is the same as before is decided by its private session id (pid): a client that knows another
// client's pid can take over its session.
type Recovery struct {
	// MaxDisconnection is how long a client may be disconnected (Node.js: maxDisconnectionDuration). A dynamic
	// namespace stays open for that long after it has lost its last client. Default: 2 min.
	MaxDisconnection time.Duration
	// RunMiddlewares calls the middlewares of the namespace for clients that are recovered, too (Node.js:
	// skipMiddlewares: false). A client that they refuse may try again. Default: they are skipped, as with Node.js.
	RunMiddlewares bool
	// Sessions stores sessions and events. Default: NewMemorySessions with MaxDisconnection.
	Sessions Sessions
}

// Sessions stores the sessions of disconnected clients, and the events that they may miss. Implementations must be
// safe for concurrent use. NewMemorySessions returns an implementation. Another implementation could use a
// transport that keeps a log of its messages. If an implementation has a method Forget(namespace string), the
// server calls it when a namespace is closed: the sessions of the namespace cannot be recovered any more, because
// events that follow are not stored for them.
type Sessions interface {
	// Append stores an event that is about to be sent in a namespace. It returns the event's offset: a short string
	// that no other event has. It must not block.
	Append(namespace string, e SessionEvent) (offset string)
	// Save stores the session of a client that has just lost its connection.
	Save(namespace string, s Session)
	// Restore returns a session and removes it. offset is the offset of the last event that the client has
	// received, or "" if it has received none. The Offset of the returned session is the offset after which the
	// client may have missed events. Restore returns false if there is no such session, if it is too old, if a
	// missed event is no longer stored, or if it is unknown which events the client has missed.
	Restore(namespace, pid, offset string) (Session, bool)
	// Missed returns the events after offset that were sent to one of rooms, or to all sockets, unless the event
	// excludes one of rooms. They are in the order of Append. Missed returns false if some of them are no longer
	// stored.
	Missed(namespace, offset string, rooms []string) ([]SessionEvent, bool)
}

// Session is the state of a client that is restored when it reconnects.
type Session struct {
	PID   string // private: only the client knows it
	ID    string
	Rooms []string // including the room named after ID
	Data  any      // of Socket.Data

	// The following fields say which events the client has received.

	// Offset is the offset of the last event before the session began or was restored. The client has missed no
	// event up to it.
	Offset string
	// Replayed says whether events after Offset were sent before the packet that says that the client is connected.
	// If that packet has not arrived, it is unknown which of these events the client has received.
	Replayed bool
	// Sent is the offset of the last event after Offset that was sent to the client, whether it has arrived or
	// not. It is "" if none was sent.
	Sent string
	// Until is the offset at which the session was saved. No event between Sent and Until was for the client.
	Until string
}

// SessionEvent is an event that a client may have missed.
type SessionEvent struct {
	Args   backplane.Args
	Rooms  []string // empty: all sockets
	Except []string
	Offset string
}

const defaultMaxDisconnection = 2 * time.Minute

func (r Recovery) withDefaults() Recovery {
	if r.MaxDisconnection <= 0 {
		r.MaxDisconnection = defaultMaxDisconnection
	}
	if r.Sessions == nil {
		r.Sessions = NewMemorySessions(MemorySessionsConfig{MaxDisconnection: r.MaxDisconnection})
	}
	return r
}
