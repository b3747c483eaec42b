package socketio

// Noted returns how many entries are kept of sessions, of those that were restored too.
func (m *MemorySessions) Noted() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.sessions) + m.order.len()
}
