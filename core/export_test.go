package core

// CaughtUp returns a channel that is closed when the latest time is over that the reader of the namespace's log was
// behind.
func CaughtUp(ns *Namespace) <-chan struct{} {
	ns.log.mu.Lock()
	defer ns.log.mu.Unlock()
	return ns.log.run.done
}
