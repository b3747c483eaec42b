package socketio

import (
	"sync"
	"time"

	"github.com/backplane-go/backplane"
	"github.com/backplane-go/backplane/socketio/internal/retention"
)

// MemorySessionsConfig sets the limits of a MemorySessions. The zero value of every field means its default. When a
// limit is exceeded, the oldest sessions or events are evicted. A client is not recovered if its session, or an
// event that it has missed, was evicted. The eviction of events that were not for the client does not matter.
type MemorySessionsConfig struct {
	// MaxDisconnection is how long sessions and events are kept. Default: 2 min.
	MaxDisconnection time.Duration
	// MaxEvents is the maximum number of events, in all namespaces together. Default: 100 000.
	MaxEvents int
	// MaxBytes is the maximum total size of the arguments of these events, in bytes. Default: 64 MiB.
	MaxBytes int
	// MaxSessions is the maximum number of sessions of disconnected clients. Default: 10 000.
	MaxSessions int
	// MaxSessionBytes is the maximum total length of the names of these sessions' rooms, in bytes. The data of
	// Socket.SetData does not count. Default: 64 MiB.
	MaxSessionBytes int
}

func (c MemorySessionsConfig) withDefaults() MemorySessionsConfig {
	if c.MaxDisconnection <= 0 {
		c.MaxDisconnection = defaultMaxDisconnection
	}
	if c.MaxEvents <= 0 {
		c.MaxEvents = 100_000
	}
	if c.MaxBytes <= 0 {
		c.MaxBytes = 64 << 20
	}
	if c.MaxSessions <= 0 {
		c.MaxSessions = 10_000
	}
	if c.MaxSessionBytes <= 0 {
		c.MaxSessionBytes = 64 << 20
	}
	return c
}

// MemorySessions stores sessions and events in the memory of this process.
type MemorySessions struct {
	config MemorySessionsConfig

	mu       sync.Mutex // guards all below
	log      *retention.Log[backplane.Args]
	sessions retention.Table[Session]
	timer    bool // a timer for the next eviction is set
}

var _ Sessions = (*MemorySessions)(nil)

// NewMemorySessions returns a MemorySessions with the limits of config.
func NewMemorySessions(config MemorySessionsConfig) *MemorySessions {
	return &MemorySessions{config: config.withDefaults(), log: retention.NewLog[backplane.Args](newID()[:4])}
}

// Append implements Sessions.
func (m *MemorySessions) Append(namespace string, e SessionEvent) string {
	size := sizeOfEvent(e)
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	offset := m.log.Append(retention.Event[backplane.Args]{Namespace: namespace, Rooms: e.Rooms, Except: e.Except,
		Payload: e.Args}, size, now)
	m.evict(now)
	return offset
}

// sizeOfEvent estimates the memory of an event.
func sizeOfEvent(e SessionEvent) int {
	const overhead = 256
	if p, err := e.Args.Value().AppendJSONBuffers(nil); err == nil {
		return overhead + len(p)
	}
	return overhead
}

// Save implements Sessions.
func (m *MemorySessions) Save(namespace string, s Session) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions.Save(namespace, s.PID, s, sizeOfSession(s), now)
	m.evict(now)
}

// sizeOfSession estimates the memory of a session.
func sizeOfSession(s Session) int {
	const overhead, room = 256, 16
	size := overhead
	for _, name := range s.Rooms {
		size += room + len(name)
	}
	return size
}

// Restore implements Sessions.
func (m *MemorySessions) Restore(namespace, pid, offset string) (Session, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.evict(time.Now())
	s, ok := m.sessions.Find(namespace, pid)
	if !ok {
		return Session{}, false
	}
	from, known := m.resumesAfter(s, offset)
	if !known || m.log.Evicted(from, namespace, s.Rooms) {
		return Session{}, false
	}
	m.sessions.Remove(pid)
	s.Offset, s.Replayed, s.Sent, s.Until = m.log.Offset(from), false, "", ""
	return s, true
}

// resumesAfter returns the number of the event after which a client may have missed events. offset is the offset of
// the last event that the client has received. The caller holds mu.
func (m *MemorySessions) resumesAfter(s Session, offset string) (n uint64, known bool) {
	if offset == "" && s.Offset == "" {
		return 0, false
	}
	received, known := m.log.Number(offset)
	began, _ := m.log.Number(s.Offset)
	sent, _ := m.log.Number(s.Sent)
	until, _ := m.log.Number(s.Until)
	switch {
	case !known, s.Replayed && received <= began:
		return 0, false
	case received < sent:
		return max(received, began), true // an offset before began is from an earlier session
	}
	return max(received, began, until), true
}

// Missed implements Sessions.
func (m *MemorySessions) Missed(namespace, offset string, rooms []string) ([]SessionEvent, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, known := m.log.Number(offset)
	if !known || m.log.Evicted(n, namespace, rooms) {
		return nil, false
	}
	var missed []SessionEvent
	for e := range m.log.After(n, namespace, rooms) {
		missed = append(missed, SessionEvent{Args: e.Payload, Rooms: e.Rooms, Except: e.Except, Offset: e.Offset})
	}
	return missed, true
}

// Forget removes the sessions of a namespace. The server calls it when the namespace is closed.
func (m *MemorySessions) Forget(namespace string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions.RemoveNamespace(namespace)
}

// evict removes sessions and events that are too old or exceed a limit. The caller holds mu.
func (m *MemorySessions) evict(now time.Time) {
	oldest := now.Add(-m.config.MaxDisconnection)
	m.log.Evict(retention.Limits{Items: m.config.MaxEvents, Bytes: m.config.MaxBytes, Oldest: oldest})
	m.sessions.Evict(retention.Limits{Items: m.config.MaxSessions, Bytes: m.config.MaxSessionBytes, Oldest: oldest})
	if _, noted := m.sessions.Len(); !m.timer && m.log.Len()+noted > 0 {
		m.timer = true
		time.AfterFunc(m.config.MaxDisconnection, func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.timer = false
			m.evict(time.Now())
		})
	}
}
