package socketio

import (
	"time"

	"github.com/backplane-go/backplane"
)

// Recovery configures connection state recovery. A client that has lost its connection, and comes back to this
// node in time, is the same socket again. Its id, rooms and data are restored. It gets the events that it has
// missed before the packet that says that it is connected, as with Node.js. With recovery, every event that wants
// no acknowledgement has an offset, a string, as an additional last argument; a client that comes back sends the
// last offset that it has received.
//
// Volatile events and events with an acknowledgement are not kept. A socket that was disconnected by either side
// is not recovered.
//
// A client may come back before the server has noticed that its connection is broken, or while a handler of the
// old socket still runs. The new connection takes over, and the old one is closed with "transport close". When
// the old socket emits, joins or leaves rooms, or attaches data from then on, the new socket does so. The
// acknowledgements of the old socket fail. The functions of the new socket are called after those of OnDisconnect
// of the old one, unless a handler of the old one still runs.
//
// A client that knows another client's private session id (pid) is taken for that client.
type Recovery struct {
	// MaxDisconnection is how long a client may be disconnected (Node.js: maxDisconnectionDuration). A dynamic
	// namespace stays open for that long after it has lost its last client. Default: 2 min.
	MaxDisconnection time.Duration
	// RunMiddlewares makes the namespace's middlewares decide about clients that come back, too (Node.js:
	// skipMiddlewares: false). A client that they refuse may try again. Default: they are skipped, as with
	// Node.js.
	RunMiddlewares bool
	// Sessions keeps sessions and events. Default: NewMemorySessions with MaxDisconnection.
	Sessions Sessions
}

// Sessions keeps the sessions of clients that are disconnected, and the events that they may miss. It is safe for
// concurrent use. NewMemorySessions returns one. Another implementation could use a transport that keeps a log of
// its messages. If it has a method Forget(namespace string), the server calls it when a namespace is closed: its
// sessions cannot be recovered any more, because they miss what comes then.
type Sessions interface {
	// Append keeps an event that is about to be sent in a namespace. It returns the event's offset: a short
	// string that no other event has. It must not block.
	Append(namespace string, e SessionEvent) (offset string)
	// Save keeps the session of a client that has just been lost.
	Save(namespace string, s Session)
	// Restore returns a session and forgets it. offset is that of the last event that the client has received, ""
	// if it has received none. The Offset of the returned session is the one after which the client may have
	// missed events. Restore returns false if there is no such session, if it is too old, if a missed event is
	// not kept any more, or if it is unknown which events the client has missed.
	Restore(namespace, pid, offset string) (Session, bool)
	// Missed returns the events after offset that were sent to one of rooms, or to all sockets, unless one of
	// rooms was excepted. They are in the order of Append. Missed returns false if some of them are not kept any
	// more.
	Missed(namespace, offset string, rooms []string) ([]SessionEvent, bool)
}

// Session is what is restored of a client.
type Session struct {
	PID   string // private: only the client knows it
	ID    string
	Rooms []string // with the socket's id
	Data  any      // of Socket.Data

	// The following fields say which events the client has received.

	// Offset is that of the last event before the session began or was restored. The client has missed nothing up
	// to it.
	Offset string
	// Replayed says whether events after Offset were sent ahead of the packet that says that the client is
	// connected. If that packet has not arrived, it is unknown which of these events the client has received.
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
	Rooms  []string // none: all sockets
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
