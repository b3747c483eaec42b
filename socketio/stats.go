package socketio

// Stats is a snapshot of the metrics of a Server.
type Stats struct {
	// Clients is the number of connected clients, the result of ClientsCount.
	Clients int
	// Unjoined is the number of clients that have not joined a namespace yet.
	Unjoined int
	// Namespaces is the number of open namespaces. DynamicNamespaces is the number of those that clients have
	// opened.
	Namespaces, DynamicNamespaces int
	// Addresses is the number of addresses that clients come from. Addresses without limits do not count.
	Addresses int
	// QueuedBytes is the number of bytes in all queues and in incomplete messages, which Config.MaxMemory limits.
	// Up to 16 KiB of each queue do not count.
	QueuedBytes int64
	// Reached is how often each quota was reached since the server was created. It contains all quotas.
	Reached map[Quota]uint64
}

// Stats returns the current metrics of the server.
func (s *Server) Stats() Stats {
	stats := Stats{Clients: s.ClientsCount(), Unjoined: s.unjoined.len(), Addresses: s.engine.Addresses(),
		QueuedBytes: s.env.memory.Used(), Reached: make(map[Quota]uint64, len(s.env.reached))}
	for q, n := range s.env.reached {
		stats.Reached[q] = n.Load()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	stats.Namespaces, stats.DynamicNamespaces = len(s.namespaces), s.dynamic
	return stats
}
