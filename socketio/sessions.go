package socketio

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// MemorySessionsConfig bounds what a MemorySessions keeps. The zero value of every field is its default. What exceeds a
// limit pushes out the oldest. A client comes back as a new one if its session, or an event that it has missed, was pushed out;
// events that were not for it may come and go.
type MemorySessionsConfig struct {
	// MaxDisconnection is for how long sessions and events are kept. Default: 2 min.
	MaxDisconnection time.Duration
	// MaxEvents is the most events, of all namespaces. Default: 100 000.
	MaxEvents int
	// MaxBytes is the same in bytes of their arguments. Default: 64 MiB.
	MaxBytes int
	// MaxSessions is the most sessions of clients that are away. Default: 10 000.
	MaxSessions int
	// MaxSessionBytes is the same in bytes of their rooms' names. What Socket.SetData has attached does not count. Default:
	// 64 MiB.
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

// MemorySessions keeps sessions in the memory of this process.
type MemorySessions struct {
	config MemorySessionsConfig
	prefix string // begins the offsets, so that those of an earlier process mean nothing

	mu       sync.Mutex // guards all below
	events   fifo[keptEvent]
	first    uint64 // the number of the first of events, from 1 on
	out      pushedOut
	bytes    int
	sessions map[string]keptSession // by pid
	held     int                    // bytes of sessions
	order    fifo[savedSession]     // as they were saved; some were restored since
	saved    uint64                 // how many were
	timer    bool                   // one is set, which will remove what is too old
}

var _ Sessions = (*MemorySessions)(nil)

type keptEvent struct {
	namespace string
	event     SessionEvent
	size      int
	at        time.Time
}

type keptSession struct {
	namespace string
	session   Session
	size      int
	number    uint64 // of the saving
}

// savedSession is a session that was saved, and may have been restored since.
type savedSession struct {
	pid    string
	number uint64
	at     time.Time
}

// NewMemorySessions returns sessions in memory.
func NewMemorySessions(config MemorySessionsConfig) *MemorySessions {
	return &MemorySessions{config: config.withDefaults(), prefix: newID()[:4], first: 1, sessions: make(map[string]keptSession)}
}

// Append implements Sessions.
func (m *MemorySessions) Append(namespace string, e SessionEvent) string {
	size := sizeOf(e)
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	e.Offset = m.offset(m.first + uint64(m.events.len()))
	e.Rooms, e.Except = slices.Clone(e.Rooms), slices.Clone(e.Except)
	m.events.push(keptEvent{namespace: namespace, event: e, size: size, at: now})
	m.bytes += size
	m.clean(now)
	return e.Offset
}

// sizeOf estimates what an event takes.
func sizeOf(e SessionEvent) int {
	const overhead = 256
	if p, err := e.Args.Value().AppendJSONBuffers(nil); err == nil {
		return overhead + len(p)
	}
	return overhead
}

func (m *MemorySessions) offset(n uint64) string { return m.prefix + strconv.FormatUint(n, 36) }

// number returns the number of the event that has this offset, 0 for "". It is false when no event has it.
func (m *MemorySessions) number(offset string) (uint64, bool) {
	if offset == "" {
		return 0, true
	}
	digits, ours := strings.CutPrefix(offset, m.prefix)
	n, err := strconv.ParseUint(digits, 36, 64)
	return n, ours && err == nil && n > 0 && n < m.first+uint64(m.events.len())
}

// Save implements Sessions.
func (m *MemorySessions) Save(namespace string, s Session) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(s.PID)
	m.saved++
	kept := keptSession{namespace: namespace, session: s, size: sizeOfSession(s), number: m.saved}
	m.sessions[s.PID] = kept
	m.held += kept.size
	m.order.push(savedSession{pid: s.PID, number: m.saved, at: now})
	m.clean(now)
}

// sizeOfSession estimates what a session takes.
func sizeOfSession(s Session) int {
	const overhead, room = 256, 16
	size := overhead
	for _, name := range s.Rooms {
		size += room + len(name)
	}
	return size
}

// forget removes a session, if there is one. The caller holds mu.
func (m *MemorySessions) forget(pid string) {
	if kept, ok := m.sessions[pid]; ok {
		m.held -= kept.size
		delete(m.sessions, pid)
	}
}

// Restore implements Sessions.
func (m *MemorySessions) Restore(namespace, pid, offset string) (Session, bool) {
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clean(now)
	kept, ok := m.sessions[pid]
	if !ok || kept.namespace != namespace {
		return Session{}, false
	}
	s := kept.session
	from, known := m.goesOn(s, offset)
	if !known || m.out.after(from, namespace, s.Rooms) {
		return Session{}, false
	}
	m.forget(pid)
	s.Offset, s.Replayed, s.Sent, s.Until = m.offset(from), false, "", ""
	return s, true
}

// goesOn returns the number of the event after which a client goes on that has got the one with this offset. The caller
// holds mu.
func (m *MemorySessions) goesOn(s Session, offset string) (n uint64, known bool) {
	if offset == "" && s.Offset == "" {
		return 0, false
	}
	got, known := m.number(offset)
	began, _ := m.number(s.Offset)
	sent, _ := m.number(s.Sent)
	until, _ := m.number(s.Until)
	switch {
	case !known, s.Replayed && got <= began:
		return 0, false
	case got < sent:
		return max(got, began), true // an offset from before is that of an earlier session
	}
	return max(got, began, until), true
}

// Missed implements Sessions.
func (m *MemorySessions) Missed(namespace, offset string, rooms []string) ([]SessionEvent, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, known := m.number(offset)
	if !known || m.out.after(n, namespace, rooms) {
		return nil, false
	}
	var missed []SessionEvent
	for _, kept := range m.events.all()[max(n+1, m.first)-m.first:] {
		if kept.namespace == namespace && kept.event.reaches(rooms) {
			missed = append(missed, kept.event)
		}
	}
	return missed, true
}

// Forget forgets the sessions of a namespace. The server calls it when the namespace is closed.
func (m *MemorySessions) Forget(namespace string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for pid, kept := range m.sessions {
		if kept.namespace == namespace {
			m.forget(pid)
		}
	}
}

// reaches reports whether the event was sent to a socket in rooms.
func (e SessionEvent) reaches(rooms []string) bool {
	in := len(e.Rooms) == 0
	for _, room := range rooms {
		if slices.Contains(e.Except, room) {
			return false
		}
		in = in || slices.Contains(e.Rooms, room)
	}
	return in
}

// clean removes what is too old or too much. The caller holds mu.
func (m *MemorySessions) clean(now time.Time) {
	limit := now.Add(-m.config.MaxDisconnection)
	for m.events.len() > 0 {
		if e := m.events.front(); m.events.len() <= m.config.MaxEvents && m.bytes <= m.config.MaxBytes && e.at.After(limit) {
			break
		}
		e := m.events.pop()
		m.out.add(m.first, e)
		m.bytes -= e.size
		m.first++
	}
	for m.order.len() > 0 {
		s := m.order.front()
		current := m.current(*s)
		if current && len(m.sessions) <= m.config.MaxSessions && m.held <= m.config.MaxSessionBytes && s.at.After(limit) {
			break
		}
		if current {
			m.forget(s.pid)
		}
		m.order.pop()
	}
	if m.order.len() > 2*len(m.sessions)+16 { // most of them were restored, behind one that was not
		m.order.keep(m.current)
	}
	if !m.timer && m.events.len()+m.order.len() > 0 {
		m.timer = true
		time.AfterFunc(m.config.MaxDisconnection, func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			m.timer = false
			m.clean(time.Now())
		})
	}
}

// current reports whether a session is there as it was saved. The caller holds mu.
func (m *MemorySessions) current(s savedSession) bool { return m.sessions[s.pid].number == s.number }
