package retention

import "time"

// Table keeps sessions by id. S is the type of a session. The zero Table is empty.
type Table[S any] struct {
	sessions map[string]entry[S]
	bytes    int         // of sessions
	order    fifo[saved] // in the order of Save, including sessions that have been removed since
	saves    uint64      // calls of Save
}

type entry[S any] struct {
	namespace string
	session   S
	size      int
	save      uint64 // number of the call of Save
}

// saved is a call of Save. Its session may have been removed, or saved again, since then.
type saved struct {
	id   string
	save uint64
	at   time.Time
}

// Save keeps a session of size bytes. It replaces a session with the same id.
func (t *Table[S]) Save(namespace, id string, session S, size int, now time.Time) {
	if t.sessions == nil {
		t.sessions = make(map[string]entry[S])
	}
	t.Remove(id)
	t.saves++
	t.sessions[id] = entry[S]{namespace: namespace, session: session, size: size, save: t.saves}
	t.bytes += size
	t.order.push(saved{id: id, save: t.saves, at: now})
}

// Find returns a session of a namespace.
func (t *Table[S]) Find(namespace, id string) (session S, ok bool) {
	e, ok := t.sessions[id]
	if !ok || e.namespace != namespace {
		return session, false
	}
	return e.session, true
}

// Remove removes a session, if there is one.
func (t *Table[S]) Remove(id string) {
	if e, ok := t.sessions[id]; ok {
		t.bytes -= e.size
		delete(t.sessions, id)
	}
}

// RemoveNamespace removes the sessions of a namespace.
func (t *Table[S]) RemoveNamespace(namespace string) {
	for id, e := range t.sessions {
		if e.namespace == namespace {
			t.Remove(id)
		}
	}
}

// Evict removes the oldest sessions until the others are within the limits.
func (t *Table[S]) Evict(limits Limits) {
	for t.order.len() > 0 {
		s := t.order.front()
		current := t.isCurrent(*s)
		if current && len(t.sessions) <= limits.Items && t.bytes <= limits.Bytes && s.at.After(limits.Oldest) {
			break
		}
		if current {
			t.Remove(s.id)
		}
		t.order.pop()
	}
	if t.order.len() > 2*len(t.sessions)+16 { // many were removed, behind one that was not
		t.order.keep(t.isCurrent)
	}
}

// isCurrent reports whether a session was neither removed nor saved again.
func (t *Table[S]) isCurrent(s saved) bool { return t.sessions[s.id].save == s.save }

// Len returns the number of sessions. noted is the number of entries in order, including those of removed
// sessions.
func (t *Table[S]) Len() (sessions, noted int) { return len(t.sessions), t.order.len() }
