package socketio

// Owners returns the number of sockets that own a session of the namespace.
func Owners(ns *Namespace) int {
	ns.log.owning.Lock()
	defer ns.log.owning.Unlock()
	return len(ns.log.owners)
}

// Noted returns the number of entries that are kept for sessions, including sessions that were restored.
func (m *MemorySessions) Noted() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	sessions, noted := m.sessions.Len()
	return sessions + noted
}
