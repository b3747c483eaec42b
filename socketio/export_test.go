package socketio

// Owners returns how many sockets have a session of the namespace.
func Owners(ns *Namespace) int {
	ns.log.owning.Lock()
	defer ns.log.owning.Unlock()
	return len(ns.log.owners)
}

// Noted returns how many entries are kept of sessions, of those that were restored too.
func (m *MemorySessions) Noted() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.sessions) + m.order.len()
}
