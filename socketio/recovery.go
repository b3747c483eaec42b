package socketio

import (
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/backplane-go/backplane"
)

// Recovery configures connection state recovery. A client that lost its connection, and comes back to this node in time,
// is the socket that it was: its id, rooms and data are restored, and it gets the events that it has missed, before the packet
// that tells it that it is connected, as with Node.js. With recovery, every event that wants no acknowledgement has an
// offset, a string, as its last argument; a client that comes back sends the last one that it got.
//
// Volatile events and those with an acknowledgement are not kept. A socket that was disconnected by either side does not
// come back. A client may come back before the server has noticed that its connection is broken, or while a handler of the
// old socket still runs: the new connection takes over, and the old one is closed with "transport close". What the old
// socket emits, joins, leaves and attaches from then on acts on the new one; its acknowledgements fail. The funcs of the
// new socket are called after those of OnDisconnect of the old one, unless a handler of the old one still runs.
//
// Whoever knows a client's private session id (pid) and comes back with it is taken for that client.
type Recovery struct {
	// MaxDisconnection is for how long a client may be away (Node.js: maxDisconnectionDuration). A dynamic namespace stays
	// open for that long after its last client was lost. Default: 2 min.
	MaxDisconnection time.Duration
	// RunMiddlewares has the namespace's middlewares decide about a client that comes back too (Node.js:
	// skipMiddlewares: false). A client that they refuse may try again. Default: they are skipped, as with Node.js.
	RunMiddlewares bool
	// Sessions keeps what clients come back to. Default: NewMemorySessions with MaxDisconnection.
	Sessions Sessions
}

// Sessions keeps the sessions of clients that are away, and the events that they may miss meanwhile. It is safe for
// concurrent use. NewMemorySessions returns one; a transport that keeps a log of its messages could be another. If it has a
// method Forget(namespace string), that is called when a namespace is closed: its sessions have missed what comes then.
type Sessions interface {
	// Append keeps an event that is about to be sent in a namespace and returns its offset: a short string that no
	// other event has. It must not block.
	Append(namespace string, e SessionEvent) (offset string)
	// Save keeps the session of a client that was lost just now.
	Save(namespace string, s Session)
	// Restore returns a session and forgets it. offset is that of the last event that the client has got, "" if it has
	// got none. The Offset of the session that is returned is that after which the client may have missed events. The result is
	// false when there is no such session, when it is too old, when an event that the client has missed is not kept any more, or
	// when it is not known which events it has missed.
	Restore(namespace, pid, offset string) (Session, bool)
	// Missed returns the events after offset that were sent to one of rooms, or to all, and to none of them
	// as an exception, in their order. It is false when some of them are not there any more.
	Missed(namespace, offset string, rooms []string) ([]SessionEvent, bool)
}

// Session is what is restored of a client.
type Session struct {
	PID   string // known to the client alone
	ID    string
	Rooms []string // its id among them
	Data  any      // Socket.Data

	// The following fields say which events the client has got.

	// Offset is that of the last event before the session began or was restored: the client has missed nothing up to it.
	Offset string
	// Replayed is whether events after Offset were sent ahead of the packet that tells the client that it is connected. If
	// that packet has not arrived, it is not known which of these events the client has got.
	Replayed bool
	// Sent is the offset of the last event after Offset that was sent to the client, whether it has got that or not. "": none was.
	Sent string
	// Until is where the session was saved: what came between Sent and Until was not for the client.
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

// recoveryLog is the part of a namespace that recovery needs.
type recoveryLog struct {
	*Recovery
	namespace string
	saved     atomic.Int64 // when a session was saved last, in Unix nanoseconds; 0: none was

	// moving guards owners, away and sweep. It is held while a session goes from a socket to Sessions, and from there to another socket, so
	// that a client never comes in between. It is locked before mu.
	moving sync.Mutex
	owners map[string]*Socket              // by pid. Its hash is seeded, so that the time that a look-up takes tells nothing about pids.
	away   map[string]weak.Pointer[Socket] // by pid: sockets whose sessions were saved
	sweep  int                             // at how many those that nobody has any more are removed from away

	// mu makes the order of the log that in which every client gets the events: the offset of the last one says what
	// it has got. Sending, which is done while mu is held, does not block.
	mu     sync.Mutex
	last   string // the offset of the last event, "" if there was none yet
	before string // the one before that
}

func newRecoveryLog(r *Recovery, namespace string) *recoveryLog {
	return &recoveryLog{Recovery: r, namespace: namespace, owners: make(map[string]*Socket), away: make(map[string]weak.Pointer[Socket])}
}

// stamp returns the offset for an event, which is kept unless it is volatile. A volatile event has the offset of the one before:
// official clients take any string that is the last argument of an event for an offset, so that none may be without. The
// caller holds mu.
func (l *recoveryLog) stamp(args backplane.Args, to backplane.Selector, volatile bool) (offset string) {
	l.before = l.position()
	if volatile {
		return l.last
	}
	l.last = l.Sessions.Append(l.namespace, SessionEvent{Args: args, Rooms: to.Rooms, Except: to.Except})
	return l.last
}

// position returns the offset of the last event. Before the first one, an event for nobody makes it. The caller holds mu.
func (l *recoveryLog) position() string {
	if l.last == "" {
		l.last = l.Sessions.Append(l.namespace, SessionEvent{Rooms: []string{newID()}})
	}
	return l.last
}

// forget has the sessions of a namespace that is closed forgotten.
func (l *recoveryLog) forget() {
	if s, ok := l.Sessions.(interface{ Forget(namespace string) }); ok {
		s.Forget(l.namespace)
	}
}

// expected returns for how long a client of the namespace may still come back.
func (l *recoveryLog) expected() time.Duration {
	saved := l.saved.Load()
	if saved == 0 {
		return 0
	}
	return l.MaxDisconnection - time.Since(time.Unix(0, saved))
}
