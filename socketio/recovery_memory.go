package socketio

import (
	"sync"
	"time"
	"weak"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/codec"
	"github.com/backplane-go/backplane/socketio/internal/retention"
	"github.com/backplane-go/backplane/socketio/internal/wsframe"
)

// recoveryMemory is what a server keeps in memory for recovery, in all of its namespaces.
type recoveryMemory struct {
	limits RecoveryMemory
	maxAge time.Duration

	mu       sync.Mutex // guards all below, and the streams
	log      retention.Log[*keptEntry]
	sessions retention.Table[awaySession]
	timer    bool // a timer for the next eviction is set
}

// keptEntry is an event that clients may miss, or a change of their sockets.
type keptEntry struct {
	kind     codec.Type // Broadcast, SocketsJoin, SocketsLeave or DisconnectSockets
	position backplane.Position
	args     backplane.Args // of a Broadcast
	rooms    []string       // to join or to leave

	encoding sync.Once
	parts    []wsframe.Part
	bytes    int // of parts
	err      error
}

// encode returns the event as parts of a frame, with the offset of its position as the last argument.
func (e *keptEntry) encode(log *recoveryLog) ([]wsframe.Part, int, error) {
	e.encoding.Do(func() {
		e.parts, e.err = eventParts(log.namespace, e.args, log.textOf(e.position))
		for _, p := range e.parts {
			e.bytes += len(p.Data)
		}
	})
	return e.parts, e.bytes, e.err
}

// awaySession is the session of a client that has lost its connection.
type awaySession struct {
	state sessionState
	// If the socket is still in use when the client reconnects, for example in a handler that runs, it gets a
	// successor.
	socket weak.Pointer[Socket]
}

func newRecoveryMemory(r *Recovery) *recoveryMemory {
	return &recoveryMemory{limits: r.Memory, maxAge: r.MaxDisconnection}
}

// open returns a stream for what follows a position.
func (m *recoveryMemory) open(start backplane.Position) *retention.Stream[*keptEntry] {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.log.Open(start.Offset)
}

// close closes a stream.
func (m *recoveryMemory) close(s *retention.Stream[*keptEntry]) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s.Close()
}

// append appends an entry for the selected sockets to a stream.
func (m *recoveryMemory) append(s *retention.Stream[*keptEntry], e *keptEntry, to backplane.Selector) {
	size, now := e.size(), time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	s.Append(retention.Entry[*keptEntry]{Position: e.position.Offset, Rooms: to.Rooms, Except: to.Except, Payload: e},
		size, now)
	m.evict(now)
}

// size estimates the memory of an entry.
func (e *keptEntry) size() int {
	const overhead = 256
	if p, ok := e.args.Value().Bytes(codec.JSON); ok {
		return overhead + len(p)
	}
	if p, err := e.args.Value().AppendJSONBuffers(nil); err == nil {
		return overhead + len(p)
	}
	return overhead
}

// save keeps the session of a socket whose client has lost its connection.
func (m *recoveryMemory) save(namespace, pid string, state sessionState, s *Socket) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions.Save(namespace, pid, awaySession{state, weak.Make(s)}, state.size(), now)
	m.evict(now)
}

// take returns a session and removes it.
func (m *recoveryMemory) take(namespace, pid string) (awaySession, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.evict(time.Now())
	s, ok := m.sessions.Find(namespace, pid)
	if ok {
		m.sessions.Remove(pid)
	}
	return s, ok
}

// forget removes the sessions of a namespace.
func (m *recoveryMemory) forget(namespace string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions.RemoveNamespace(namespace)
}

// evict removes sessions and entries that are too old or exceed a limit. The caller holds mu.
func (m *recoveryMemory) evict(now time.Time) {
	oldest := now.Add(-m.maxAge)
	m.log.Evict(retention.Limits{Items: m.limits.MaxEvents, Bytes: m.limits.MaxBytes, Oldest: oldest})
	m.sessions.Evict(retention.Limits{Items: m.limits.MaxSessions, Bytes: m.limits.MaxSessionBytes, Oldest: oldest})
	if _, noted := m.sessions.Len(); !m.timer && m.log.Len()+noted > 0 {
		m.timer = true
		time.AfterFunc(m.maxAge, func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.timer = false
			m.evict(time.Now())
		})
	}
}
