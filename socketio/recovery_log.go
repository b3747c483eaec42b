package socketio

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio/internal/client"
)

// recoveryLog is the state that recovery needs for each namespace: the order of its events, and which socket owns
// which session.
type recoveryLog struct {
	*Recovery
	namespace string
	lastSaved atomic.Int64 // time of the last Save of a session, in Unix nanoseconds; 0: none yet

	// owning guards owners, away and sweepAt. It is held while a session moves from a socket to Sessions, and from
	// there to another socket, so that a client never finds it in between. If both are needed, it is locked before
	// mu.
	owning sync.Mutex
	// by pid. The hash is seeded, so the time of a look-up reveals nothing about pids.
	owners  map[string]*Socket
	away    map[string]weak.Pointer[Socket] // by pid: sockets whose sessions were saved
	sweepAt int                             // the size of away at which dead pointers are removed

	// mu makes the order of the log the order in which every client receives the events, so that the offset of
	// the last event says which ones a client has received. Events are sent while mu is held; sending does not
	// block.
	mu     sync.Mutex
	last   string // the offset of the last event, "" if there was none
	before string // the offset of the event before
}

func newRecoveryLog(r *Recovery, namespace string) *recoveryLog {
	return &recoveryLog{Recovery: r, namespace: namespace, owners: make(map[string]*Socket),
		away: make(map[string]weak.Pointer[Socket])}
}

// assignOffset returns the offset of an event, and keeps the event unless it is volatile. A volatile event gets
// the offset of the event before it: no event may be without one, because official clients take any string that
// is the last argument of an event for an offset. The caller holds mu.
func (l *recoveryLog) assignOffset(args backplane.Args, to backplane.Selector, volatile bool) (offset string) {
	l.before = l.position()
	if volatile {
		return l.last
	}
	l.last = l.Sessions.Append(l.namespace, SessionEvent{Args: args, Rooms: to.Rooms, Except: to.Except})
	return l.last
}

// position returns the offset of the last event. If there was none, it appends an event for no socket. The caller
// holds mu.
func (l *recoveryLog) position() string {
	if l.last == "" {
		l.last = l.Sessions.Append(l.namespace, SessionEvent{Rooms: []string{newID()}})
	}
	return l.last
}

// forget makes Sessions forget the sessions of the namespace. It is called when the namespace is closed.
func (l *recoveryLog) forget() {
	if s, ok := l.Sessions.(interface{ Forget(namespace string) }); ok {
		s.Forget(l.namespace)
	}
}

// recoverable returns for how long a client of the namespace can still be recovered.
func (l *recoveryLog) recoverable() time.Duration {
	saved := l.lastSaved.Load()
	if saved == 0 {
		return 0
	}
	return l.MaxDisconnection - time.Since(time.Unix(0, saved))
}

// takeOver takes the session of a pid from the socket that owns it. It returns that socket, or nil if there is
// none. It waits while the socket joins its namespace. When it returns, owning is locked.
func (l *recoveryLog) takeOver(pid string) *Socket {
	for {
		l.owning.Lock()
		old := l.owners[pid]
		if old == nil || old.state.CompareAndSwap(client.Connecting, client.Disconnected) ||
			old.state.Load() != client.Registered {
			delete(l.owners, pid)
			return old
		}
		l.owning.Unlock() // an OnJoinRoom function of the application may need it
		old.session.joining.Lock()
		old.session.joining.Unlock() //lint:ignore SA2001 only waits for the join
	}
}

// disown takes the session from a socket. It returns false if the socket does not own it any more. The caller
// holds owning.
func (l *recoveryLog) disown(s *Socket) bool {
	if s.session == nil || l.owners[s.session.pid] != s {
		return false
	}
	delete(l.owners, s.session.pid)
	return true
}

// remember keeps a weak pointer to a socket whose session was saved. If the socket is still in use when the client
// reconnects, for example in a handler that runs, it gets a successor. The caller holds owning.
func (l *recoveryLog) remember(s *Socket) {
	l.away[s.session.pid] = weak.Make(s)
	if len(l.away) < l.sweepAt {
		return
	}
	maps.DeleteFunc(l.away, func(_ string, p weak.Pointer[Socket]) bool { return p.Value() == nil })
	l.sweepAt = max(64, 2*len(l.away))
}
