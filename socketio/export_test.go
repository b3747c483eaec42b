package socketio

// Owners returns the number of sockets that own a session of the namespace.
func Owners(ns *Namespace) int {
	ns.log.owning.Lock()
	defer ns.log.owning.Unlock()
	return len(ns.log.owners)
}

// MaxSetUp is for how long functions of OnConnection may keep a client from being recovered.
const MaxSetUp = maxSetUp

// Recoverable reports whether the client of a socket can be recovered, on any node if there is a log: what is to be
// stored was stored, or the store fails.
func Recoverable(s *Socket) bool {
	switch {
	case s.session == nil:
		return true
	case !s.isSetUp():
		return false
	case !s.isStored():
		return true
	}
	store, id := s.roster.log.cluster.store, sessionID{s.roster.log.cluster.scope, s.session.key}
	store.mu.Lock()
	defer store.mu.Unlock()
	return store.fails.Load() || store.waiting[id] == nil && store.writing[id] == nil
}
